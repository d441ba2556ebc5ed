# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commit statuses: whoever pushed sees which version production really runs, at the commit itself.

What is to be told follows from an entry's state, and what was told stands in the entry: a kill, a reboot and an interface that is away for
hours change nothing but when it is told. Nothing waits for it.

Sources: GitHub REST "Commit statuses", GitLab REST "Commits" (post the pipeline status), Gitea and Forgejo "Create a commit status".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..contracts.delivery import GITEA, GITHUB, GITLAB, DeliverySettings, Report
from ..core.journal import Level, log
from ..core.masking import line
from .entry import Entry, State
from .queue import Queue

TIMEOUT = 10.0  # seconds for one answer
FIRST, SLOWEST = 10.0, 3600.0  # seconds between two tries
GIVEN_UP = 3 * 86400.0  # seconds after which nobody looks at the commit any more
LONGEST = {GITHUB: 140, GITEA: 250, GITLAB: 250}  # characters of a description
_PENDING = (State.APPROVAL, State.WAITING, State.RUNNING)
# By provider: of what is under way, what went well, what did not, and what was never tried.
_WORDS = {
    GITHUB: ("pending", "success", "failure", "error"),
    GITEA: ("pending", "success", "failure", "error"),
    GITLAB: ("pending", "success", "failed", "canceled"),
}
Send = Callable[[str, Mapping[str, str], bytes], int]


class ReportFailed(Exception):
    """An interface that did not take a status; the message has no secret."""


@dataclass(frozen=True)
class Status:
    """What is told of an entry."""

    word: str
    description: str


def status_of(entry: Entry, report: Report, environment: str) -> Status:
    """What an interface is told of an entry, in its words."""
    pending, success, failure, never = _WORDS[report.provider]
    if entry.state in _PENDING:
        sentence = {State.APPROVAL: "waits for approval", State.RUNNING: "is being deployed"}.get(entry.state, entry.reason or "waits")
        return Status(pending, _short(sentence, report))
    if entry.state is State.SUCCEEDED:
        return Status(success, _short(f"{environment} runs {entry.live or entry.release}", report))
    if entry.state in (State.ROLLED_BACK, State.FAILED):
        runs = f"{entry.state.value}, {environment} runs {entry.live or 'nothing'}"
        return Status(failure, _short(f"{runs}: {entry.reason}" if entry.reason else runs, report))
    word = failure if entry.state is State.REFUSED else never
    runs = f"; {environment} runs {entry.live}" if entry.live else ""
    return Status(word, _short(f"{entry.state.value}: {entry.reason}{runs}", report))


def _short(text: str, report: Report) -> str:
    return line(text, LONGEST[report.provider])


def due(entry: Entry, settings: DeliverySettings, now: float) -> list[tuple[Report, Status]]:
    """The reports of an entry that were not told yet, or told otherwise, and that it is time for."""
    found: list[tuple[Report, Status]] = []
    if not entry.request.commit or entry.state is State.IGNORED:
        return found
    for report in settings.report:
        status, told = status_of(entry, report, settings.environment), entry.reported.get(report.name, {})
        if entry.request.repository not in report.repositories or told.get("told") == [status.word, status.description]:
            continue
        if told.get("next", 0.0) <= now and now - entry.changed < GIVEN_UP:
            found.append((report, status))
    return found


class Reporter:
    """Tells what is due.

    :param token: the value of a secret of a stack; None where there is none.
    :param send: a request; its status.
    """

    def __init__(
        self,
        queue: Queue,
        settings: Callable[[str], DeliverySettings | None],
        token: Callable[[str, str], str | None],
        send: Send | None = None,
    ) -> None:
        self.queue, self.settings, self.token, self.send = queue, settings, token, send or post

    def look(self, now: float) -> int:
        """Tell all that is due; how often somebody was told."""
        told = 0
        for stack in self.queue.stacks():
            settings = self.settings(stack)
            for entry in self.queue.entries(stack) if settings and settings.report else ():
                for report, status in due(entry, settings, now) if settings else ():
                    told += self._tell(entry, settings, report, status, now) if settings else 0
        return told

    def _tell(self, entry: Entry, settings: DeliverySettings, report: Report, status: Status, now: float) -> bool:
        try:
            token = self.token(entry.stack, report.token)
            if not token:
                raise ReportFailed(f"the secret {report.token} is not on this host")
            address = f"{settings.address}/status/{entry.id}" if settings.address else ""
            call = request_of(entry, report, status, token.strip(), address)
            code = self.send(*call)
            if not 200 <= code < 300 and not _already(report, code, status):
                raise ReportFailed(f"it answers {code}")
        except (ReportFailed, OSError, HTTPException, ValueError) as error:
            self._failed(entry.id, report, line(error, 200), now)
            return False
        self._note(entry.id, report, {"told": [status.word, status.description]})
        return True

    def _failed(self, identity: str, report: Report, reason: str, now: float) -> None:
        before = self.queue.find(identity).reported.get(report.name, {})
        tries = int(before.get("tries", 0)) + 1
        wait = min(SLOWEST, FIRST * 2 ** min(tries - 1, 12))
        log(f"delivery: report {report.name} of {identity[:8]} is tried again in {wait:.0f} s: {reason}", Level.WARNING)
        self._note(identity, report, {"tries": tries, "next": now + wait, "told": before.get("told"), "reason": reason})

    def _note(self, identity: str, report: Report, told: dict[str, object]) -> None:
        """Beside whatever has become of the entry meanwhile; when it changed is about the entry, and stays."""
        with self.queue.locked():
            entry = self.queue.find(identity)
            entry.reported[report.name] = told
            self.queue.save(entry, entry.changed)


def _already(report: Report, code: int, status: Status) -> bool:
    """GitLab refuses a status that the commit has already (400, "Cannot transition status")."""
    return report.provider == GITLAB and code == 400 and status.word == _WORDS[GITLAB][0]


def request_of(entry: Entry, report: Report, status: Status, token: str, address: str) -> tuple[str, dict[str, str], bytes]:
    """Address, headers and body of a call."""
    repository, commit = entry.request.repository, entry.request.commit
    body = {"state": status.word, "description": status.description}
    if report.provider == GITLAB:
        url = f"{report.api}/projects/{quote(repository, safe='')}/statuses/{commit}"
        headers = {"PRIVATE-TOKEN": token}
        body |= {"name": report.context}
    else:
        url = f"{report.api}/repos/{quote(repository)}/{'statuses'}/{commit}"
        headers = {"Authorization": f"Bearer {token}" if report.provider == GITHUB else f"token {token}"}
        headers |= {"Accept": "application/vnd.github+json"} if report.provider == GITHUB else {}
        body |= {"context": report.context}
    if address:
        body |= {"target_url": address}
    return url, {**headers, "Content-Type": "application/json", "User-Agent": "latentum.ops"}, json.dumps(body).encode()


class _NoRedirect(HTTPRedirectHandler):
    """A token goes to the host that was declared, and to no other one."""

    def redirect_request(self, *_given: object) -> None:
        return None


def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """The status of the answer.

    :raises OSError: there is none.
    """
    request = Request(url, data=body, headers=dict(headers), method="POST")  # noqa: S310  # https, as the declaration requires it
    try:
        with build_opener(_NoRedirect()).open(request, timeout=TIMEOUT) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code
