# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledger of incidents: a change is noted in the journal, in memory, and then for the people who are told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..core.journal import log
from .alerting.notices import Alerting
from .failures import Failures
from .healing import Healer
from .incidents import Incident
from .judgement import Judgement, Transition
from .memory import Memory

RECENT = 3600.0  # seconds after its end in which an incident may not have been told to the end
NEWEST = 20  # of those that have ended, as many are looked through for it
SAVING = "saving what is remembered"


@dataclass(frozen=True)
class Ledger:
    """The incidents of one set of settings; the memory outlives it.

    :param log: the last log lines of what fails, without secrets.
    :param failures: tolerate a memory that cannot be written.
    """

    memory: Memory
    healer: Healer
    judgement: Judgement
    alerting: Alerting
    log: Callable[[Incident], list[str]]
    failures: Failures

    def note(self, transition: Transition) -> None:
        """Log, remember, and spool one change; killed in between, it is spooled at the next start (`tell_again`)."""
        incident = transition.incident
        if transition.what == "open":
            incident.log = self.log(incident)
        if transition.what == "end":
            self.memory.ended(incident)
            self.healer.well(incident.key)
        log(f"watchdog: {transition.what}: {incident.severity}: {incident.key}: {incident.cause}")
        self.remember(time.monotonic())
        self.alerting.tell(transition)

    def remember(self, now: float) -> None:
        """Write down what is open and what was tried, if that has changed; where that is impossible, people are told all the same."""
        with self.failures.tolerate(SAVING):
            self.memory.save(self.judgement.open_incidents(), self.healer, now)

    def catch_up(self, now: float) -> None:
        """Write down what could not be written before, as soon as there is room again."""
        if self.failures.again(SAVING, now):
            self.remember(now)

    def tell_again(self) -> None:
        """What a killed watchdog remembered and perhaps did not spool; the spool knows what was told."""
        for incident in self.memory.open:
            self.alerting.tell(Transition("open", incident))
            if incident.escalated:
                self.alerting.tell(Transition("escalate", incident))
        for incident in self.memory.history[:NEWEST]:
            if incident.ended and time.time() - incident.ended < RECENT:
                self.alerting.tell(Transition("end", incident))
