# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Queue of deliveries on disk: one file an entry, each change one rename, so a kill at any point leaves the state before or the one after.

Folders below /var/lib/latentum-ops/delivery: C(inbox), into which the receiver may write and nothing else; C(queue/STACK), root's;
C(status), what whoever asks is told, made from the queue. Whoever changes an entry holds the lock of the queue and reads it anew.
"""

from __future__ import annotations

import grp
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.atomic_files import read_text, sync_directory, write_atomic
from ..core.locks import file_lock, is_held
from ..core.masking import clean
from ..core.versioned_json import read_state, write_state
from .entry import Approval, Entry, State, entry_from, superseded
from .request import Request

GROUP = "latentum-delivery"  # of the receiver
KEPT, MOST = 90 * 86400.0, 500  # seconds for which what has ended is kept, and how many of a stack
REMEMBERED = 200_000  # calls that are known again after that
MOST_WAITING = 20  # of a stack; more at once are a mistake, or an attack
ANSWERS = 86400.0  # seconds for which an answer that belongs to no entry is kept
ID = re.compile(r"[0-9a-f]{32}")
REPLAYED = "it came before: a call is carried out once"


class UnknownEntry(ValueError):
    """There is no such entry; the message says what to write."""


class Queue:
    """All of a host."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or paths.DELIVERIES
        self.inbox, self.status, self.entries_folder = self.folder / "inbox", self.folder / "status", self.folder / "queue"
        self._seen = self.folder / "seen"

    def prepare(self) -> None:
        """Make the folders: the receiver writes into one and reads in another one, and sees none of the third."""
        for path, mode in ((self.folder, 0o750), (self.entries_folder, 0o700), (self.inbox, 0o770), (self.status, 0o750)):
            path.mkdir(mode=mode, parents=True, exist_ok=True)
            path.chmod(mode)
            if os.geteuid() == 0:
                os.chown(path, 0, group())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Only one changes entries at a time; that takes milliseconds."""
        with file_lock(self.folder / ".lock", timeout=30, mode=0o600):
            yield

    # Reading

    def stacks(self) -> list[str]:
        """The stacks that something has ever come for."""
        with suppress(FileNotFoundError):
            return sorted(path.name for path in self.entries_folder.iterdir() if path.is_dir())
        return []

    def entries(self, stack: str) -> list[Entry]:
        """All of a stack, the oldest first; one whose file is damaged is put aside."""
        found = [self._read(path) for path in (self.entries_folder / stack).glob("*.json")]
        return sorted((entry for entry in found if entry), key=lambda entry: entry.order)

    def find(self, prefix: str) -> Entry:
        """An entry by its number, or the beginning of it.

        :raises UnknownEntry: there is none, or more than one.
        """
        paths_found = [*self.entries_folder.glob(f"*/{prefix}*.json")] if re.fullmatch(r"[0-9a-f]{1,32}", prefix) else []
        if len(paths_found) != 1:
            what = "is the beginning of several" if paths_found else "is the number of no delivery"
            raise UnknownEntry(f"{clean(prefix, 40)!r} {what}: `opsctl deploys` lists them")
        entry = self._read(paths_found[0])
        if entry is None:
            raise UnknownEntry(f"the file of {prefix} was damaged, and is put aside as {paths_found[0]}.damaged")
        return entry

    def known(self, identity: str) -> bool:
        """A call of this number came before."""
        return bool(list(self.entries_folder.glob(f"*/{identity}.json"))) or identity in self._remembered()

    # Changing: under the lock

    def add(self, identity: str, request: Request, state: State, now: float, **more: Any) -> Entry:
        """A new entry, after all others of its stack."""
        last = max((entry.order for entry in self.entries(request.stack)), default=0)
        entry = Entry(identity, last + 1, request, state, created=now, changed=now, **more)
        (self.entries_folder / request.stack).mkdir(mode=0o700, parents=True, exist_ok=True)
        self.save(entry, now)
        return entry

    def save(self, entry: Entry, now: float | None = None) -> None:
        """Write an entry, then what whoever asks is told of it."""
        entry.changed = time.time() if now is None else now
        write_state(self._file(entry), entry.to_dict(), 0o600, os.geteuid(), os.getegid())
        self.publish(entry)

    def approve(self, entry: Entry, who: str, way: str, now: float) -> None:
        """Add a person's word; one that was given already stays as it is."""
        if who.casefold() not in (given.who.casefold() for given in entry.approvals):
            entry.approvals.append(Approval(who, now, way))
            self.save(entry, now)

    def settle(self, stack: str, now: float) -> list[Entry]:
        """Take out of the way what a newer one makes needless, and what nobody has approved in time; those that have ended by it."""
        entries, ended = self.entries(stack), []
        for older, newer in superseded(entries):
            older.state, older.reason = State.SUPERSEDED, f"{newer.title} came after it ({newer.id[:8]})"
            ended.append(older)
        for entry in entries:
            if entry.state is State.APPROVAL and entry.expires <= now:
                entry.state, entry.reason, entry.status = State.REFUSED, "nobody has approved it in time", 409
                ended.append(entry)
        for entry in ended:
            self.save(entry, now)
        return ended

    def forget(self, now: float) -> None:
        """Remove what has ended long ago; its number is remembered, and answers that belong to nothing are removed."""
        for stack in self.stacks():
            ended = [entry for entry in self.entries(stack) if entry.state.ended]
            old = [entry for index, entry in enumerate(reversed(ended)) if index >= MOST or now - entry.changed > KEPT]
            for entry in old:
                self._remember(entry.id)
                self._file(entry).unlink(missing_ok=True)
        alive = {path.name for path in self.entries_folder.glob("*/*.json")}
        for path in self.status.glob("*.json"):
            with suppress(FileNotFoundError):
                if path.name not in alive and now - path.stat().st_mtime > ANSWERS:
                    path.unlink()

    # What whoever asks is told

    def publish(self, entry: Entry, **progress: Any) -> None:
        """What the receiver may tell of an entry: nothing of the host but what became of it."""
        self.answer(entry.id, public(entry) | progress)

    def answer(self, name: str, content: dict[str, Any]) -> None:
        """What the receiver finds under a name. It is made again, so a power cut may take it."""
        text = json.dumps(content, sort_keys=True)
        path = self.status / f"{name}.json"
        if read_text(path) != text:
            write_atomic(path, text, 0o640, os.geteuid(), group())

    def running_lock(self, stack: str) -> Path:
        """The file whose lock whoever carries out a delivery of a stack holds."""
        return self.entries_folder / stack / ".running"

    def is_running(self, stack: str) -> bool:
        """Somebody carries one out."""
        return is_held(self.running_lock(stack))

    # Files

    def _file(self, entry: Entry) -> Path:
        return self.entries_folder / entry.stack / f"{entry.id}.json"

    def _read(self, path: Path) -> Entry | None:
        try:
            return entry_from(read_state(path, None, put_aside=True) or {})
        except (ValueError, KeyError, TypeError):
            with suppress(FileNotFoundError):
                path.replace(f"{path}.damaged")
            return None

    def _remembered(self) -> set[str]:
        return set((read_text(self._seen) or "").split())

    def _remember(self, identity: str) -> None:
        known = (read_text(self._seen) or "").split()
        if identity in known:
            return
        if len(known) >= REMEMBERED:
            write_atomic(self._seen, "\n".join([*known[-REMEMBERED // 2 :], identity, ""]), 0o600, os.geteuid(), os.getegid())
            return
        descriptor = os.open(self._seen, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            os.write(descriptor, f"{identity}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        sync_directory(self.folder)


def public(entry: Entry) -> dict[str, Any]:
    """An entry for whoever knows its number."""
    request = entry.request
    return {
        "id": entry.id,
        "stack": entry.stack,
        "state": entry.state.value,
        "ended": entry.state.ended,
        "succeeded": entry.state is State.SUCCEEDED,
        "reason": clean(entry.reason.partition("\n")[0], 500),
        "status": entry.status,
        "repository": request.repository,
        "kind": request.kind,
        "ref": request.ref,
        "commit": request.commit,
        "who": request.who,
        "images": dict(entry.images),
        "created": entry.created,
        "changed": entry.changed,
        "release": entry.release,
        "live": entry.live,
        "approvals": [asdict(given) for given in entry.approvals],
    }


def group() -> int:
    """The number of the receiver's group; root's on a host without it."""
    try:
        return grp.getgrnam(GROUP).gr_gid if os.geteuid() == 0 else os.getegid()
    except KeyError:
        return 0
