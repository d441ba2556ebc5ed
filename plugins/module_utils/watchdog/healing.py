# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Planning of remedies: exponential back-off with jitter, one running container of a service at a time, and a circuit breaker.

Pure but for what it remembers. Times are monotonic seconds.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from ..containers.client import Container
from ..contracts.watchdog_settings import ServiceSpec
from .findings import Fault, Finding

FIRST = 5.0  # seconds between the first and the second remedy; doubled for each further one
LONGEST = 300.0
REST = 1800.0  # seconds after which an open breaker lets one more remedy through
ESCALATION = 180.0  # seconds for an escalation to show its effect


@dataclass(frozen=True)
class Action:
    """One remedy to carry out. `container` is None for those of the whole service (replace, recreate, rollback)."""

    stack: str
    service: str
    remedy: str
    reason: str
    container: Container | None = None

    @property
    def key(self) -> str:
        """Of the service."""
        return f"{self.stack}/{self.service}"


@dataclass
class Record:
    """What was done for one service."""

    tries: deque[float] = field(default_factory=lambda: deque(maxlen=4096))  # more than a breaker counts: 100 of each replica
    next_at: dict[str, float] = field(default_factory=dict)  # by container id, or by remedy where there is no container
    in_flight: set[str] = field(default_factory=set)
    deaths: dict[str, float] = field(default_factory=dict)  # counted as a try, by the id of a container that was not started since
    heals: int = 0
    rung: int = 0
    breaker_until: float | None = None


class Healer:
    """The remedies of all services.

    :param jitter: gives a number from 0 to 1; a real random one where none is given.
    """

    def __init__(self, jitter: Callable[[], float] | None = None) -> None:
        self.jitter = jitter or random.SystemRandom().random
        self.records: dict[str, Record] = {}

    def record(self, key: str) -> Record:
        """What was done for a service."""
        return self.records.setdefault(key, Record())

    def note_death(self, key: str, identity: str, now: float) -> None:
        """The engine restarts what dies by itself: that counts as a try, or a crash loop would never open the breaker."""
        record = self.record(key)
        record.tries.append(now)
        record.deaths[identity] = now

    def note_start(self, key: str, identity: str) -> None:
        """The engine did restart it: what it died of stays a try."""
        if record := self.records.get(key):
            record.deaths.pop(identity, None)

    def well(self, key: str) -> None:
        """The incident has ended; of a host or a site nothing is kept."""
        if record := self.records.get(key):
            record.next_at.clear()
            record.rung, record.breaker_until = 0, None

    def forget(self, stack: str) -> None:
        """Somebody has worked on a stack: what was tried before says nothing about what is there now."""
        for key, record in self.records.items():
            if key.startswith(f"{stack}/"):
                record.tries.clear()
                record.next_at.clear()
                record.deaths.clear()
                record.rung, record.breaker_until = 0, None

    def done(self, action: Action, now: float) -> None:
        """A remedy was carried out, well or not."""
        record = self.record(action.key)
        record.in_flight.discard(_mark(action.remedy, action.container))

    def postponed(self, action: Action, now: float, delay: float = 5.0) -> None:
        """It could not be begun (somebody else works on the stack): no try was used up."""
        record = self.record(action.key)
        mark = _mark(action.remedy, action.container)
        record.in_flight.discard(mark)
        record.next_at[mark] = now + delay
        if record.tries:
            record.tries.pop()
        record.heals = max(0, record.heals - 1)

    def plan(self, spec: ServiceSpec, finding: Finding, now: float) -> tuple[list[Action], bool]:
        """The remedies to begin now, and whether healing gives up with this call."""
        record = self.record(finding.key)
        self._take_over(finding, record)
        if spec.heal == "none" or not any(
            fault.remedy not in ("none", "wait") or self._looping(spec, record, now) for fault in finding.faults
        ):
            return [], False
        if record.breaker_until is not None:
            if now < record.breaker_until:
                return [], False
            # It rested: one more try, after which it rests again.
            record.tries.clear()
            record.tries.extend([now] * (_limit(spec) - 1))
            record.breaker_until = None
        if self._looping(spec, record, now):
            return self._beyond(spec, finding, record, now)
        actions = []
        for fault in (fault for fault in finding.faults if fault.confirmed):
            action = self._remedy(spec, finding, fault, record, now)
            if action:
                actions.append(action)
                self._begun(record, action, now)
        return actions, False

    def _take_over(self, finding: Finding, record: Record) -> None:
        """A container that the engine leaves where it ended (`docker kill`, no restart policy): the try is ours, and was none before it."""
        left = [fault.container.id for fault in finding.faults if fault.remedy == "start" and fault.container]
        for identity in record.deaths.keys() & left:
            with suppress(ValueError):  # a rest of the breaker has cleared it away
                record.tries.remove(record.deaths.pop(identity))

    def _looping(self, spec: ServiceSpec, record: Record, now: float) -> bool:
        return sum(1 for at in record.tries if now - at < spec.heal_window) >= _limit(spec)

    def _beyond(self, spec: ServiceSpec, finding: Finding, record: Record, now: float) -> tuple[list[Action], bool]:
        """Restarts did not help: the next rung of the escalation, or a human."""
        if record.in_flight or now < max(record.next_at.values(), default=0):
            return [], False  # what was done last has its time to show its effect: as long as another try would have waited
        if record.rung < len(spec.escalate):
            remedy = spec.escalate[record.rung]
            record.rung += 1
            record.next_at["escalation"] = now + ESCALATION
            action = Action(finding.stack, finding.subject, remedy, finding.cause)
            self._begun(record, action, now)
            return [action], False
        record.breaker_until = now + REST
        return [], True

    def _remedy(self, spec: ServiceSpec, finding: Finding, fault: Fault, record: Record, now: float) -> Action | None:
        mark = _mark(fault.remedy, fault.container)
        if fault.remedy in ("none", "wait") or mark in record.in_flight or now < record.next_at.get(mark, 0):
            return None
        # What runs is restarted one after the other: it may still answer something.
        if fault.remedy == "restart" and record.in_flight:
            return None
        return Action(finding.stack, finding.subject, fault.remedy, fault.reason, fault.container)

    def _begun(self, record: Record, action: Action, now: float) -> None:
        mark = _mark(action.remedy, action.container)
        record.tries.append(now)
        record.heals += 1
        record.in_flight.add(mark)
        before = sum(1 for at in record.tries if now - at < LONGEST) - 1
        record.next_at[mark] = now + min(LONGEST, FIRST * 2**before) * (0.8 + 0.4 * self.jitter())


def _limit(spec: ServiceSpec) -> int:
    """Tries within the window from which on they do not help."""
    return spec.max_heals * max(1, spec.replicas)


def _mark(remedy: str, container: Container | None) -> str:
    return container.id if container else remedy
