# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remediation of open incidents: remedies begin beside the loop, and it takes in how they went."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial

from ..contracts.watchdog_settings import ServiceSpec, StackSpec
from ..core.journal import log
from . import privileged_requests
from .failures import Failures
from .findings import Finding
from .healing import Action, Healer
from .incidents import Incident
from .judgement import Judgement, Transition
from .ledger import Ledger
from .remedies import Remedies, RemedyResult
from .stall import Stall


@dataclass(frozen=True)
class Acting:
    """The remedies of one set of settings; the healer, which knows what was tried, and the pool outlive it.

    :param stall: postpones what an overloaded host would make worse.
    :param suppressed: says why a key is not to be healed now, or nothing.
    :param remedy_pool: runs what may take its time.
    :param put: takes how a remedy went from the thread that carried it out; it comes back through `take`.
    :param failures: tolerate answers of the privileged helper that cannot be removed.
    """

    stacks: Sequence[StackSpec]
    judgement: Judgement
    ledger: Ledger
    healer: Healer
    remedies: Remedies
    stall: Stall
    suppressed: Callable[[str], str]
    remedy_pool: Executor
    put: Callable[[RemedyResult], None]
    failures: Failures

    def heal(self, findings: Mapping[str, Finding], now: float) -> None:
        """Begin what is to be done now about services whose incident is open; take the answers of the privileged helper."""
        for stack in self.stacks:
            for spec in stack.services:
                key = f"{stack.name}/{spec.service}"
                finding, incident = findings.get(key), self.judgement.subject(key).incident
                if finding is None or not finding.failing or incident is None or self.suppressed(key):
                    continue
                self._heal(spec, finding, incident, now)
        with self.failures.tolerate("taking the answers of the privileged helper"):
            for key, answer in privileged_requests.answers():
                if incident := self.judgement.subject(key).incident:
                    incident.did(answer)

    def _heal(self, spec: ServiceSpec, finding: Finding, incident: Incident, now: float) -> None:
        actions, gave_up = self.healer.plan(spec, self.stall.spare(finding, incident, now), now)
        if gave_up and not incident.needs_human:
            incident.needs_human, incident.severity, incident.escalated = True, "critical", time.time()
            incident.did("healing gave up: a human is needed")
            self.ledger.note(Transition("escalate", incident))
        if actions:
            # Remembered before it is begun: a watchdog that dies in it must not forget that it tried.
            self.ledger.remember(now)
        for action in actions:
            log(f"watchdog: {action.remedy} {action.container.name if action.container else action.service}: {action.reason}")
            self.remedy_pool.submit(self.remedies.carry_out, action).add_done_callback(partial(self._ended, action))

    def _ended(self, action: Action, future: Future[RemedyResult]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        self.put(RemedyResult(action, f"could not {action.remedy} {action.service}: {error!r}") if error else future.result())

    def take(self, result: RemedyResult) -> None:
        """How a remedy went."""
        now = time.monotonic()
        if result.held:
            self.healer.postponed(result.action, now)
            log(f"watchdog: {result.action.remedy} waits: {result.outcome}")
            return
        self.healer.done(result.action, now)
        log(f"watchdog: {result.outcome}")
        if incident := self.judgement.subject(result.action.key).incident:
            incident.did(result.outcome)
