# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Begins the remedies of open incidents beside the loop, and takes in how they went."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from functools import partial

from ..contracts.watchdog_settings import ServiceSpec, StackSpec
from ..core.journal import log
from . import privileged_requests
from .findings import Finding
from .healing import Action, Healer
from .incidents import Incident
from .judgement import Judgement, Told
from .ledger import Ledger
from .remedies import Carried, Remedies
from .setbacks import Setbacks


@dataclass(frozen=True)
class Acting:
    """The remedies of one set of settings; the healer, which knows what was tried, and the hands outlive it.

    :param muted: says why a key is not to be healed now, or nothing.
    :param hands: run what may take its time.
    :param put: takes how a remedy went from the thread that carried it out; it comes back through `take`.
    :param setbacks: bear a desk of the steward that cannot be cleared.
    """

    stacks: Sequence[StackSpec]
    judgement: Judgement
    ledger: Ledger
    healer: Healer
    remedies: Remedies
    muted: Callable[[str], str]
    hands: Executor
    put: Callable[[Carried], None]
    setbacks: Setbacks

    def heal(self, findings: Mapping[str, Finding], now: float) -> None:
        """Begin what is to be done now about services whose incident is open; take the answers of the steward."""
        for stack in self.stacks:
            for spec in stack.services:
                key = f"{stack.name}/{spec.service}"
                finding, incident = findings.get(key), self.judgement.subject(key).incident
                if finding is None or not finding.failing or incident is None or self.muted(key):
                    continue
                self._heal(spec, finding, incident, now)
        with self.setbacks.borne("taking the steward's answers"):
            for key, said in privileged_requests.answers():
                if incident := self.judgement.subject(key).incident:
                    incident.did(said)

    def _heal(self, spec: ServiceSpec, finding: Finding, incident: Incident, now: float) -> None:
        actions, gave_up = self.healer.plan(spec, finding, now)
        if gave_up and not incident.needs_human:
            incident.needs_human, incident.severity, incident.escalated = True, "critical", time.time()
            incident.did("healing gave up: a human is needed")
            self.ledger.note(Told("escalate", incident))
        if actions:
            # Remembered before it is begun: a watchdog that dies in it must not forget that it tried.
            self.ledger.remember(now)
        for one in actions:
            log(f"watchdog: {one.remedy} {one.container.name if one.container else one.service}: {one.reason}")
            self.hands.submit(self.remedies.carry_out, one).add_done_callback(partial(self._ended, one))

    def _ended(self, action: Action, future: Future[Carried]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        self.put(Carried(action, f"could not {action.remedy} {action.service}: {error!r}") if error else future.result())

    def take(self, carried: Carried) -> None:
        """How a remedy went."""
        now = time.monotonic()
        if carried.held:
            self.healer.postponed(carried.action, now)
            log(f"watchdog: {carried.action.remedy} waits: {carried.said}")
            return
        self.healer.done(carried.action, now)
        log(f"watchdog: {carried.said}")
        if incident := self.judgement.subject(carried.action.key).incident:
            incident.did(carried.said)
