# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledger of incidents: a change is noted in the journal, in memory, and then for the people who are told."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from ..core.journal import log
from ..core.masking import line
from ..core.times import moment
from ..monitoring.silences import Silence
from .alerting.notices import Alerting
from .failures import Failures
from .healing import Healer
from .incidents import Incident
from .judgement import Judgement, Transition
from .memory import Memory

RECENT = 3600.0  # seconds after its end in which an incident may not have been told to the end
NEWEST = 20  # of those that have ended, as many are looked through for it
COMMENT = 200  # characters
SAVING = "saving what is remembered"


@dataclass(frozen=True)
class Ledger:
    """The incidents of one set of settings; the memory outlives it.

    :param log: the last log lines of what fails, without secrets.
    :param failures: tolerate a memory that cannot be written.
    :param silence: of Alertmanager, that covers an incident now.
    :param settled: it is known what is silenced, so that what was not told may be.
    """

    memory: Memory
    healer: Healer
    judgement: Judgement
    alerting: Alerting
    log: Callable[[Incident], list[str]]
    failures: Failures
    silence: Callable[[Incident], Silence | None] = lambda _incident: None
    settled: Callable[[], bool] = lambda: True

    def note(self, transition: Transition) -> None:
        """Log, remember, and spool one change; killed in between, it is spooled at the next start (`tell_again`)."""
        incident = transition.incident
        if transition.what == "open":
            incident.log = self.log(incident)
        if transition.what == "end":
            self.memory.ended(incident)
            self.healer.well(incident.key)
        log(f"watchdog: {transition.what}: {incident.severity}: {incident.key}: {incident.cause}")
        silenced = transition.what != "end" and self._silenced(transition)
        self.remember(time.monotonic())
        # An end goes to those alone who were told of the beginning: they are waiting for it.
        if not silenced:
            self.alerting.tell(transition)

    def _silenced(self, transition: Transition) -> bool:
        """Whether nobody is told now, since Alertmanager has a silence of it; that is written down."""
        incident = transition.incident
        silence = self.silence(incident)
        if silence is None and not incident.untold:
            return False
        if silence is not None:
            # Without who and why: this stands on the status page.
            incident.did(f"nobody was told: silenced in Alertmanager until {moment(silence.until)}")
        # What was never told begins with its beginning.
        incident.untold = incident.untold or transition.what
        return True

    def catch_up_silences(self) -> None:
        """Bring up to date what is silenced; tell of what is not any more and still open, as bad as it is now."""
        for incident in self.judgement.open_incidents():
            silence = self.silence(incident)
            incident.silenced = _of(silence) if silence else ""
            if silence or not incident.untold or not self.settled():
                continue
            what, incident.untold = incident.untold, ""
            if what == "open":
                incident.escalated = None
            incident.did("told now: it is not silenced any more")
            self.remember(time.monotonic())
            self.alerting.tell(Transition(what, incident))

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
            if incident.untold == "open":
                continue
            self.alerting.tell(Transition("open", incident))
            if incident.escalated and not incident.untold:
                self.alerting.tell(Transition("escalate", incident))
        for incident in self.memory.history[:NEWEST]:
            if incident.ended and time.time() - incident.ended < RECENT:
                self.alerting.tell(Transition("end", incident))


def _of(silence: Silence) -> str:
    """A silence, for whoever asks why nobody was told."""
    comment = f": {line(silence.comment, COMMENT)}" if silence.comment else ""
    return f"in Alertmanager by {line(silence.who) or 'somebody'} until {moment(silence.until)}{comment}"
