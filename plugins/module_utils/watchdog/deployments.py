# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices of deployments, read from the journals of the stacks: nobody who deploys waits for a receiver, or has to live to tell it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from ..core.journal import log
from ..core.masking import line, lines
from ..core.times import lasting
from ..core.versioned_json import read_state, write_state
from ..release.journal import (
    AS_DELIVERED,
    DELIVERY,
    DRIFTED,
    FAILED,
    LINES,
    LIVE,
    PARTLY_TAKEN_BACK,
    REFUSED,
    SUPERSEDED,
    TAKEN_BACK,
    Journal,
)
from ..release.store import Store
from ..rollout.changes import of_stored
from ..slo.gate import Exemption
from .failures import AGAIN, Failures
from .incidents import Incident
from .journal_reading import Position, end_of, moment_of, position_from, read_on

KINDS = ("deploy", "rollback", "scale")  # of entries of the journal that are about a release
ENDINGS = (LIVE, TAKEN_BACK, PARTLY_TAKEN_BACK)
RECENT = 3600.0  # seconds for which a deployment is news where nobody knows any more how far a journal was read
WORTH_SAVING = 65536  # bytes without news after which the place is saved all the same
LONGEST, TAIL = 300, 20  # characters of a fact, lines of a failure
SAVING, READING, TELLING = "saving how far journals were read", "reading the journal of", "telling of the deployments of"


class Ending(Enum):
    """How a deployment ended."""

    LIVE = "live"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"
    SCALED = "scaled"
    TAKEN_BACK = "taken back"
    PARTLY_TAKEN_BACK = "taken back in part"
    REFUSED = REFUSED
    SUPERSEDED = SUPERSEDED
    FAILED = FAILED
    DRIFTED = DRIFTED
    AS_DELIVERED = AS_DELIVERED

    @property
    def severity(self) -> str:
        """A release that is withdrawn is a warning, also where a person did it: it was not what it was meant to be."""
        if self is Ending.PARTLY_TAKEN_BACK:
            return "critical"
        unmeant = (Ending.TAKEN_BACK, Ending.ROLLED_BACK, Ending.REFUSED, Ending.FAILED, Ending.DRIFTED)
        return "warning" if self in unmeant else "info"


@dataclass(frozen=True)
class Deployment:
    """One that has ended.

    :param incident: of what it is told as; its id is the same each time.
    :param facts: name and value, for people.
    """

    ending: Ending
    incident: Incident
    facts: list[tuple[str, str]] = field(default_factory=list)


class Deployments:
    """The journals of all stacks, and how far each was read.

    The place moves on after a notice is in the spool. Killed in between, it is told again, and the spool knows that it was told.
    """

    def __init__(self, file: Path, failures: Failures) -> None:
        self.file = file
        self.failures = failures
        self.positions, self._damaged = _load(file)
        self._seen: dict[str, tuple[int, ...]] = {}
        self._saved = {stack: position.offset for stack, position in self.positions.items()}
        self._not_before: dict[str, float] = {}
        self._unsaved = False

    def look(self, stacks: Collection[str], tell: Callable[[Deployment], None], now: float) -> None:
        """Read what was added, and tell of each deployment that has ended.

        :param tell: spools the notice; may raise OSError, then it is tried again.
        :param now: monotonic seconds.
        """
        if self._damaged is None:
            self._damaged = set(stacks)
        for stack in stacks:
            if now >= self._not_before.get(stack, 0.0):
                self._not_before[stack] = now + AGAIN
                if self._look_at(stack, tell):
                    del self._not_before[stack]
        for stack in set(self.positions) - set(stacks):
            del self.positions[stack]
            self._unsaved = True
        if self._unsaved and now >= self._not_before.get(SAVING, 0.0):
            self._not_before[SAVING] = now + AGAIN
            with self.failures.tolerate(SAVING):
                self._save()
                del self._not_before[SAVING]

    def _look_at(self, stack: str, tell: Callable[[Deployment], None]) -> bool:
        """One journal; whether all of it is read and told."""
        before, news, told = self.positions.get(stack), None, False
        with self.failures.tolerate(f"{READING} {stack}"):
            news = self._read(stack, before)
        if news is None:
            return False
        with self.failures.tolerate(f"{TELLING} {stack}"):
            for entry in news:
                if deployment := _understood(stack, entry):
                    tell(deployment)
            told = True
        if told:
            grown = abs(self.positions[stack].offset - self._saved.get(stack, 0))
            self._unsaved = self._unsaved or bool(news) or grown >= WORTH_SAVING
            return True
        # Nothing counts as read before all of it is in the spool.
        self._seen.pop(stack, None)
        del self.positions[stack]
        if before:
            self.positions[stack] = before
        return False

    def _read(self, stack: str, known: Position | None) -> list[dict[str, Any]]:
        """The endings of deployments that were added to a journal; the position is behind them.

        :raises OSError: it cannot be read.
        """
        journal, wall = Journal(stack).lines, time.time()
        mark = _mark(journal)
        if known and self._seen.get(stack) == mark:
            return []
        if known is None and stack in (self._damaged or ()):
            log(f"watchdog: how far the journal of {stack} was read is damaged: deployments of the last hour count as new")
            known, self._unsaved = Position(since=wall - RECENT), True
        if known is None:
            # For the first time: what was before is no news.
            self.positions[stack], self._unsaved = end_of(journal, wall - RECENT), True
            return []
        entries, self.positions[stack] = read_on(journal, known, wall)
        self._seen[stack] = mark
        return [entry for entry in entries if _tells(entry)]

    def _save(self) -> None:
        places = {stack: position.as_dict() for stack, position in self.positions.items()}
        write_state(self.file, {"stacks": places}, 0o640, os.getuid(), os.getgid())
        self._saved = {stack: position.offset for stack, position in self.positions.items()}
        self._unsaved, self._damaged = False, (self._damaged or set()) - set(self.positions)


def _tells(entry: Mapping[str, Any]) -> bool:
    """A line that people are told of."""
    return entry.get("kind") == DELIVERY or (entry.get("kind") in KINDS and entry.get("step") in ENDINGS)


def _understood(stack: str, entry: Mapping[str, Any]) -> Deployment | None:
    """A deployment; None for a line of another form, which must not be met again and again."""
    try:
        return read(stack, entry)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        log(f"watchdog: a line of the journal of {stack} is not understood, and nobody is told of it: {error!r}")
        return None


def _load(file: Path) -> tuple[dict[str, Position], set[str] | None]:
    """The places, and the stacks whose place is damaged; None for all of them."""
    existed = file.exists()
    raw = read_state(file, None, put_aside=True)
    if not isinstance(raw, dict) or not isinstance(raw.get("stacks"), dict):
        return {}, None if existed else set()
    positions, damaged = {}, set()
    for stack, place in raw["stacks"].items():
        try:
            positions[stack] = position_from(place)
        except ValueError:
            damaged.add(stack)
    return positions, damaged


def _mark(journal: Path) -> tuple[int, ...]:
    try:
        status = journal.stat()
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return (status.st_ino, status.st_size, status.st_mtime_ns)


def read(stack: str, entry: Mapping[str, Any]) -> Deployment:
    """A deployment from the line by which it ended; what its releases hold is said as long as they are on the host."""
    at = moment_of(dict(entry)) or time.time()
    if entry.get("kind") == DELIVERY:
        return _delivery(stack, entry, at)
    release, before = str(entry.get("release") or ""), str(entry.get("before") or "")
    ending = _ending(entry)
    live = ending.value if ending in (Ending.TAKEN_BACK, Ending.PARTLY_TAKEN_BACK) else ""
    reason = _reason(stack, entry) if live else ""
    changes = _changes(stack, entry, release, before)
    seconds = entry.get("seconds")
    began = at - float(seconds) if isinstance(seconds, (int, float)) else at
    cause = f"{entry.get('kind')} of {release}: {reason.splitlines()[0]}" if reason else _sentence(ending, release, before, changes)
    key = f"{stack}/deployment:{entry.get('attempt') or release}"
    exempt = _exemption(stack, entry)
    # Whoever wants to hear of what goes wrong hears of a rule that was passed over as well.
    severity = "warning" if exempt.get("exemption") == Exemption.OVERRIDE.value and ending.severity == "info" else ending.severity
    incident = Incident(key, stack, f"deployment:{release}", severity, line(cause), began, at, at)
    incident.log = lines(reason.splitlines()[1:], TAIL, LONGEST)
    budget = [("Budget", line(f"{exempt['step']}: {exempt.get('reason')}", LONGEST))] if exempt else []
    return Deployment(ending, incident, [*_facts(entry, release, before, reason), *budget, *changes])


def _delivery(stack: str, entry: Mapping[str, Any], at: float) -> Deployment:
    """A release that came by itself and never began, or images that are others than were delivered."""
    ending, reason = Ending(entry["step"]), str(entry.get("reason") or "")
    what, who = str(entry.get("what") or "a release"), _person(entry.get("who"))
    cause = line(f"{what}: {reason}" if reason else what)
    incident = Incident(f"{stack}/{DELIVERY}:{entry['attempt']}", stack, f"{DELIVERY}:{what}", ending.severity, cause, at, at, at)
    facts = [("What", what), ("By", who), ("Live now", str(entry.get("live") or "")), ("Reason", reason)]
    return Deployment(ending, incident, [(name, line(value, LONGEST)) for name, value in facts if value])


def _ending(entry: Mapping[str, Any]) -> Ending:
    if entry["step"] != LIVE:
        return Ending.TAKEN_BACK if entry["step"] == TAKEN_BACK else Ending.PARTLY_TAKEN_BACK
    if entry["kind"] == "deploy":
        return Ending.PROMOTED if entry.get("promoted_from") else Ending.LIVE
    return Ending.ROLLED_BACK if entry["kind"] == "rollback" else Ending.SCALED


def _sentence(ending: Ending, release: str, before: str, changes: Iterable[tuple[str, str]]) -> str:
    """One line for those who read no further."""
    what = "; ".join(value for _name, value in changes)
    came = f"back to {release}, before {before or 'nothing'}" if ending is Ending.ROLLED_BACK else f"release {release}"
    return f"{came}: {what}" if what else came


def _facts(entry: Mapping[str, Any], release: str, before: str, reason: str) -> list[tuple[str, str]]:
    who, ended_by = _person(entry.get("who")), _person(entry.get("ended_by"))
    facts = [("Release", release), ("Before", before or "none")]
    if reason or entry["step"] != LIVE:
        facts += [("Live now", str(entry.get("live") or "none"))]
    if entry.get("promoted_from"):
        facts += [("Promoted from", str(entry["promoted_from"]))]
    if who:
        facts += [("By", f"{who}; it was interrupted, and {ended_by} ended it" if ended_by else who)]
    if isinstance(entry.get("seconds"), (int, float)):
        facts += [("Took", lasting(float(entry["seconds"])))]
    if "served" in entry:
        facts += [("Requests", f"{entry['served']} served, {entry.get('failed', 0)} failed")]
    if reason:
        facts += [("Reason", reason.splitlines()[0])]
    return [(name, line(value, LONGEST)) for name, value in facts]


def _person(who: object) -> str:
    """Without the number of a process, which is nobody's name."""
    return str(who or "").partition(" (pid")[0]


def _reason(stack: str, entry: Mapping[str, Any]) -> str:
    """Why: of the line itself, else of the failure before it in the journal."""
    failures = [
        str(earlier["reason"])
        for earlier in Journal(stack).read(2 * LINES)
        if earlier.get("attempt") == entry.get("attempt") and earlier.get("step") == "failed" and earlier.get("reason")
    ]
    own = str(entry.get("reason") or "")
    parts = [*failures[-1:], own] if entry["step"] == PARTLY_TAKEN_BACK else [own or next(iter(failures[-1:]), "")]
    return "\n".join(part for part in parts if part) or "no reason was written down"


def _exemption(stack: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """The line of the journal by which it went past the error budgets; empty where it did not."""
    attempt = entry.get("attempt")
    known = (earlier for earlier in reversed(Journal(stack).read(2 * LINES)) if attempt and isinstance(earlier, Mapping))
    return next((earlier for earlier in known if earlier.get("attempt") == attempt and earlier.get("exemption")), {})


def _changes(stack: str, entry: Mapping[str, Any], release: str, before: str) -> list[tuple[str, str]]:
    """Images and models that differ, as the line says; of one that an older engine wrote, as far as the releases may be read."""
    told = entry.get("changes")
    known = [(str(name), str(how)) for name, how in told] if isinstance(told, list) else of_stored(Store(stack), release, before)
    return [(name, line(how, LONGEST)) for name, how in known]
