# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From findings to incidents: a second look before anyone is told, one incident for one cause, an end only after a quiet time.

Pure but for what it remembers: no look is taken, nobody is told here. All times of the machine are monotonic seconds (`now`);
`wall` is epoch seconds, for people.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from .findings import Finding
from .incidents import SEVERITIES, Incident

SURE = 0.5  # seconds until the second look at what the engine itself calls bad
PATIENCE = 15.0  # seconds for the answer of what a failing subject needs: a probe that hangs takes its whole time
SUSPENSE = 60.0  # seconds for the second look at what it needs, where the first was bad
AFTERMATH = 30.0  # seconds in which what was dragged along may recover after the cause has ended
FLAP_WINDOW = 900.0  # seconds in which a third failure is flapping
FLAP_QUIET = 300.0  # seconds of being well after which flapping has ended


@dataclass(frozen=True)
class Transition:
    """A change of an incident that people are told of; `what`: open, escalate, end."""

    what: str
    incident: Incident


@dataclass
class Subject:
    """What is remembered of one subject. `phase`: ok, suspect, open, affected."""

    phase: str = "ok"
    suspected: float = 0.0
    suspected_wall: float = 0.0
    confirm_at: float = 0.0
    well_since: float | None = None
    incident: Incident | None = None
    root: str = ""
    endings: deque[float] = field(default_factory=lambda: deque(maxlen=8))


class Judgement:
    """All subjects.

    :param pace: of a key: seconds until the second look at a failed probe, seconds of being well before an incident ends.
    :param suppressed: says why a key is not to be judged now (maintenance, a deployment), or nothing.
    :param fresh: says whether a key was looked at since a monotonic time.
    """

    def __init__(
        self,
        pace: Callable[[str], tuple[float, float]] = lambda _key: (2.0, 10.0),
        suppressed: Callable[[str], str] = lambda _key: "",
        fresh: Callable[[str, float], bool] = lambda _key, _since: True,
    ) -> None:
        self.pace = pace
        self.suppressed = suppressed
        self.fresh = fresh
        self.subjects: dict[str, Subject] = {}

    def subject(self, key: str) -> Subject:
        """What is remembered of a key."""
        return self.subjects.setdefault(key, Subject())

    def open_incidents(self) -> list[Incident]:
        """Newest first."""
        incidents = [subject.incident for subject in self.subjects.values() if subject.incident]
        return sorted(incidents, key=lambda incident: incident.opened, reverse=True)

    def restore(self, incidents: Iterable[Incident], now: float) -> None:
        """Go on with incidents that were open when the watchdog ended."""
        for incident in incidents:
            self.subjects[incident.key] = Subject("open", now, incident.began, now, None, incident)

    def consider(self, findings: Iterable[Finding], now: float, wall: float) -> list[Transition]:
        """One round over everything that was looked at; what others need comes first."""
        transitions: list[Transition] = []
        for finding in findings:
            subject = self.subject(finding.key)
            if finding.failing:
                transitions += self._failing(finding, subject, now, wall)
            elif finding.state == "starting":
                subject.well_since = None
                if subject.phase == "suspect":
                    subject.phase = "ok"
            else:
                transitions += self._well(finding, subject, now, wall)
        return transitions

    def forget(self, known: Iterable[str], now: float, wall: float) -> list[Transition]:
        """End what is not declared any more."""
        transitions = []
        for key in set(self.subjects) - set(known):
            subject = self.subjects.pop(key)
            if subject.incident:
                subject.incident.did("it is not declared any more")
                transitions.append(self._end(subject, subject.incident, now, wall))
        return transitions

    def due(self, now: float) -> float:
        """Monotonic time at which the next suspicion wants its second look; far away when there is none."""
        return min(
            (max(subject.confirm_at, now + 0.2) for subject in self.subjects.values() if subject.phase == "suspect"), default=now + 3600
        )

    def suspects(self) -> set[str]:
        """Keys that want a second look."""
        return {key for key, subject in self.subjects.items() if subject.phase == "suspect"}

    def _failing(self, finding: Finding, subject: Subject, now: float, wall: float) -> list[Transition]:
        subject.well_since = None
        if subject.phase == "open" and subject.incident:
            return self._worse(finding, subject.incident, wall)
        if self.suppressed(finding.key):
            # Judged anew when it is over.
            subject.phase = "ok"
            return []
        if subject.phase == "ok":
            wait = SURE if finding.sure else self.pace(finding.key)[0]
            subject.phase, subject.suspected, subject.suspected_wall, subject.confirm_at = "suspect", now, wall, now + wait
            return []
        if subject.phase == "affected":
            root = self.subject(subject.root)
            if root.incident is None:
                subject.phase, subject.confirm_at = "suspect", now + AFTERMATH
            return []
        if now < subject.confirm_at or not (finding.sure or finding.seen > subject.suspected):
            return []
        return self._confirmed(finding, subject, now, wall)

    def _confirmed(self, finding: Finding, subject: Subject, now: float, wall: float) -> list[Transition]:
        waiting = now < subject.suspected + PATIENCE
        if waiting and not all(self.fresh(key, subject.suspected) for key in finding.needs):
            return []
        ailing = [key for key in finding.needs if self.subject(key).phase != "ok"]
        for key in ailing:
            need = self.subject(key)
            root = need.root if need.phase == "affected" else key
            incident = self.subject(root).incident
            if incident is None:
                continue
            subject.phase, subject.root = "affected", root
            if finding.subject not in incident.affected:
                incident.affected.append(finding.subject)
            # A warning that takes down what is critical is critical.
            return self._worse(replace(finding, cause=incident.cause), incident, wall)
        if ailing and now < subject.suspected + SUSPENSE:
            return []  # its cause is just being looked at again
        subject.phase = "open"
        subject.incident = Incident(
            finding.key, finding.stack, finding.subject, finding.severity, finding.cause, subject.suspected_wall, wall
        )
        recent = [at for at in subject.endings if now - at < FLAP_WINDOW]
        subject.incident.flapping = len(recent) >= 2
        return [Transition("open", subject.incident)]

    def _worse(self, finding: Finding, incident: Incident, wall: float) -> list[Transition]:
        if SEVERITIES.index(finding.severity) <= SEVERITIES.index(incident.severity):
            return []
        incident.severity, incident.cause, incident.escalated = finding.severity, finding.cause, wall
        return [Transition("escalate", incident)]

    def _well(self, finding: Finding, subject: Subject, now: float, wall: float) -> list[Transition]:
        if subject.phase != "open" or subject.incident is None:
            subject.phase = "ok"
            return []
        subject.well_since = now if subject.well_since is None else subject.well_since
        quiet = FLAP_QUIET if subject.incident.flapping else self.pace(subject.incident.key)[1]
        return [self._end(subject, subject.incident, now, wall)] if now - subject.well_since >= quiet else []

    def _end(self, subject: Subject, incident: Incident, now: float, wall: float) -> Transition:
        incident.ended = wall
        subject.phase, subject.incident, subject.well_since = "ok", None, None
        subject.endings.append(now)
        return Transition("end", incident)
