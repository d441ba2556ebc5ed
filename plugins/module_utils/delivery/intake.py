# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Intake: what the receiver has put down becomes entries of the queue, once, and after the rules of this host were asked.

The receiver's user owns these files, and is believed nothing but that a call was signed: names, sizes, kinds of files and each field are
looked at again.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..contracts.delivery import DeliverySettings
from ..core.journal import Level, log
from ..core.masking import clean
from . import approvals
from .entry import Entry, State
from .queue import ID, MOST_WAITING, REPLAYED, Queue
from .request import Malformed, Request, person, request_from
from .rules import Decision, Live, Verdict, judge
from .settings import source_of

LARGEST = 1 << 18  # bytes of a file of the inbox
MOST = 1000  # files of it in one look
_NAME = re.compile(r"(?:[0-9a-f]{32}|approve-[0-9a-f]{32})\.json")
_STATES = {Decision.CARRY_OUT: State.WAITING, Decision.HOLD: State.WAITING, Decision.APPROVE: State.APPROVAL}
_ENDS = {Decision.IGNORE: State.IGNORED, Decision.REFUSE: State.REFUSED}
Judge = Callable[[DeliverySettings, Request, Live, float], Verdict]


class Intake:
    """Takes in what has come.

    :param settings: of a stack, None where it has no delivery.
    :param live: what runs of a stack.
    :param tell: called with a line for each that has come, and for each approval.
    """

    def __init__(
        self,
        queue: Queue,
        settings: Callable[[str], DeliverySettings | None],
        live: Callable[[str], Live],
        judge: Judge = judge,
        tell: Callable[[str], None] = log,
    ) -> None:
        self.tell = tell
        self.queue, self.settings, self.live, self.judge = queue, settings, live, judge
        self.links = approvals.Links(queue.folder)

    def look(self, now: float) -> int:
        """Take in all that is there; how many files that were."""
        taken = 0
        with os.scandir(self.queue.inbox) as found:
            names = sorted(entry.name for entry, _number in zip(found, range(MOST), strict=False))
        for name in names:
            path = self.queue.inbox / name
            if name.startswith("."):
                _sweep(path, now)
                continue
            try:
                self._take(path, now)
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                log(f"delivery: {clean(name, 80)} in the inbox is not what the receiver writes: {clean(error, 200)}", Level.WARNING)
            _remove(path)  # after its entries are on disk: a kill in between takes it in again, which adds nothing
            taken += 1
        return taken

    def _take(self, path: Path, now: float) -> None:
        if not _NAME.fullmatch(path.name):
            raise Malformed("its name is none")
        document = _read(path)
        if path.name.startswith("approve-"):
            self._approval(path.stem, document, now)
            return
        requests = [request_from(raw) for raw in document["requests"]]
        if not requests:
            raise Malformed("there is no request in it")
        for index, request in enumerate(requests):
            settings = self.settings(request.stack)
            if settings is None or source_of(settings, request.source) is None:
                raise Malformed(f"{request.source} is nobody who calls for {request.stack} on this host")
            self.request(_numbered(path.stem, index), request, now)

    def request(self, identity: str, request: Request, now: float) -> Entry | None:
        """One request; None where it was taken in before."""
        with self.queue.locked():
            if self.queue.known(identity):
                self._again(identity)
                return None
            settings = self.settings(request.stack)
            if settings is None:
                raise Malformed(f"{request.stack} has no delivery on this host")
            verdict = self._verdict(settings, request, now)
            entry = self.queue.add(
                identity,
                request,
                {**_STATES, **_ENDS}[verdict.decision],
                now,
                reason=verdict.reason,
                status=verdict.status,
                images=dict(verdict.images),
                not_before=verdict.until,
                expires=now + settings.approval.expires if verdict.decision is Decision.APPROVE else 0.0,
                attempt=f"delivery-{identity}",
            )
            self.queue.settle(request.stack, now)
        log(
            f"delivery: {entry.stack}: {entry.title} by {request.who}: {entry.state.value}" + (f" ({entry.reason})" if entry.reason else "")
        )
        return entry

    def _verdict(self, settings: DeliverySettings, request: Request, now: float) -> Verdict:
        waiting = [entry for entry in self.queue.entries(request.stack) if not entry.state.ended]
        if len(waiting) >= MOST_WAITING:
            return Verdict(Decision.REFUSE, f"{len(waiting)} deliveries of {request.stack} wait already", 429)
        return self.judge(settings, request, self.live(request.stack), now)

    def _again(self, identity: str) -> None:
        """A kill between an entry and the removal of its file, or a call that is so old that its entry is gone."""
        if not list(self.queue.entries_folder.glob(f"*/{identity}.json")):
            self.queue.answer(identity, {"id": identity, "state": State.REFUSED.value, "ended": True, "reason": REPLAYED, "status": 409})

    def _approval(self, name: str, document: Mapping[str, Any], now: float) -> None:
        identity, who = str(document["id"]), str(document["who"])
        try:
            if not ID.fullmatch(identity) or person(who) != who or not re.fullmatch(r"[0-9]{10}", str(document["expires"])):
                raise approvals.ApprovalRefused(401, "this link is none of this host")
            self.links.verify(identity, who, str(document["expires"]), str(document["signature"]), now)
            entry = self.approve(identity, who, approvals.LINK, now)
        except approvals.ApprovalRefused as refused:
            self.queue.answer(name, {"status": refused.status, "reason": str(refused)})
            return
        self.queue.answer(name, {"status": 200, "reason": entry.reason, "state": entry.state.value})

    def approve(self, prefix: str, who: str, way: str, now: float) -> Entry:
        """A person approves an entry.

        :raises ApprovalRefused: that does not count.
        """
        with self.queue.locked():
            try:
                entry = self.queue.find(prefix)
            except ValueError as error:
                raise approvals.ApprovalRefused(404, str(error)) from error
            settings = self.settings(entry.stack)
            if settings is None:
                raise approvals.ApprovalRefused(409, f"{entry.stack} has no delivery on this host any more")
            approvals.require(settings, entry, who, now)
            self.queue.approve(entry, who, way, now)
            left = approvals.lacking(settings, entry)
            entry.reason = f"approved by {', '.join(given.who for given in entry.approvals)}" + (f"; it takes {left} more" if left else "")
            if not left:
                entry.state = State.WAITING
            self.queue.save(entry, now)
            self.queue.settle(entry.stack, now)
        self.tell(f"delivery: {entry.stack}: {entry.title}: {entry.reason}")
        return entry


def _numbered(identity: str, index: int) -> str:
    """Several requests of one call have numbers beside each other."""
    return identity if not index else f"{identity[:30]}{index:02x}"


def _read(path: Path) -> Mapping[str, Any]:
    """A file of the receiver's user: no link, no device, not large."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            raise Malformed("it is no file of the receiver's")
        document = json.loads(file.read(LARGEST + 1))
    if not isinstance(document, dict):
        raise Malformed("it is no object")
    return document


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except (IsADirectoryError, PermissionError):
        shutil.rmtree(path, ignore_errors=True)


def _sweep(path: Path, now: float) -> None:
    """What a killed receiver has left half written."""
    try:
        if now - path.lstat().st_mtime > 3600:
            path.unlink()
    except (FileNotFoundError, IsADirectoryError):
        return
