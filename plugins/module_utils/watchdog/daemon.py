# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog: one loop that owns all state, fed by Docker's events and by looks that run beside it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ..core.journal import log
from ..core.systemd import notify
from ..metrics.exporter import Exporter
from ..metrics.inventory import Inventory
from ..nginx import sync as upstreams
from . import privileged_requests
from .alerting.notices import Deadman
from .alerting.spool import Spool
from .budgets import KIND as BUDGETS
from .budgets import Budgeting
from .components import Components, Runtime, assemble
from .days import Days
from .deployments import Deployments
from .failures import Failures
from .findings import Finding
from .healing import Healer
from .inbox import Inbox
from .jobs import successes
from .looks import Observation, Token
from .memory import STATE, Memory
from .picture import subject
from .publication import Planned
from .remedies import RemedyResult, Sessions
from .rotation import rotate
from .silencing import TOKEN as SILENCES
from .silencing import Silencing
from .stream import PATIENCE, Connected, Disconnected, listen
from .suppression import Suppression
from .wall_clock import WallClock

TICK = 1.0  # seconds between two rounds, unless something cannot wait


class Daemon:
    """Watches, judges, heals, tells, shows; ends by SIGTERM, reads its settings again by SIGHUP."""

    def __init__(self) -> None:
        """:raises OSError, ValueError: the settings cannot be used."""
        self.inbox = Inbox()
        self.look_pool = ThreadPoolExecutor(12, "look")
        failures = Failures()
        self.runtime = Runtime(
            host=os.uname().nodename,
            memory=Memory(),
            days=Days(STATE / "days.json"),
            healer=Healer(),
            suppression=Suppression(self._released),
            spool=Spool(STATE / "spool"),
            failures=failures,
            deployments=Deployments(STATE / "journals.json", failures),
            silencing=Silencing(STATE / "silences.json", self._begin, failures),
            budgeting=Budgeting(self._begin),
            sessions=Sessions(),
            remedy_pool=ThreadPoolExecutor(24, "remedy"),
            begin=self._begin,
            put=self.inbox.put,
        )
        self.events = 0
        self.lag = 0.0
        self.stopping = self.reloading = False
        self.began = time.monotonic()
        self.clock = WallClock()
        self.exporter = Exporter(Inventory())
        self._use(assemble(self.runtime))
        self.components.judgement.restore(self.runtime.memory.open, time.monotonic())
        self.runtime.memory.restore(self.runtime.healer, time.monotonic())
        self.components.ledger.tell_again()

    def _use(self, components: Components) -> None:
        """From here on."""
        self.components = components
        host = components.settings.host
        self.runtime.silencing.use(host.alertmanager, host.name or self.runtime.host)
        components.publication.purge()

    def run(self) -> None:
        """Until SIGTERM."""
        signal.signal(signal.SIGTERM, lambda *_arguments: self._signal(stop=True))
        signal.signal(signal.SIGHUP, lambda *_arguments: self._signal(stop=False))
        _stand_in_for_gate()
        listen(self.inbox.put)
        self._serve_metrics()
        ready = False
        due = time.monotonic()
        while not self.stopping:
            due = min(due, time.monotonic() + TICK)
            items = self.inbox.take(due, suspicious=bool(self.components.judgement.suspects()))
            self.lag = max(0.0, time.monotonic() - due)
            due = self._round(items)
            if not ready and (self.components.observer.engine or time.monotonic() - self.began > PATIENCE):
                notify("READY=1")
                ready = True
            notify("WATCHDOG=1")
        notify("STOPPING=1")
        with self.runtime.failures.tolerate("saving the days"):
            self.runtime.days.save()
        self.look_pool.shutdown(wait=False, cancel_futures=True)
        self.runtime.remedy_pool.shutdown(wait=False, cancel_futures=True)

    def _signal(self, *, stop: bool) -> None:
        self.stopping, self.reloading = self.stopping or stop, self.reloading or not stop
        self.inbox.put(None)

    def _released(self, stack: str, theirs: bool) -> None:
        """Work on a stack has ended: other replicas perhaps, and, unless it was done for the watchdog, another chance for healing."""
        self.components.looks.count_replicas()
        if theirs:
            self.runtime.healer.forget(stack)

    def _round(self, items: list[Any]) -> float:
        """One turn of the loop; returns the monotonic time of the next one."""
        if self.reloading:
            self._reload()
        self._apply(items)
        now = time.monotonic()
        components, suppression = self.components, self.runtime.suppression
        engine = components.observer.engine
        if engine and components.observer.due(now):
            components.observer.look()
        suppression.look([stack.name for stack in components.settings.stacks], now)
        self.runtime.silencing.look(now)
        self.runtime.budgeting.look([stack.name for stack in components.settings.stacks], self._known_incidents, now)
        next_look = components.looks.schedule(engine, now)
        findings = self._judge(now)
        stacks, picture, judgement = components.settings.stacks, components.picture, components.judgement
        if not components.looks.blind:
            rotate(stacks, picture, judgement, findings, self.runtime.failures)
        components.acting.heal(findings, now)
        components.ledger.catch_up_silences()
        components.ledger.catch_up(now)
        self._speak(findings, now)
        loop = {"lag": round(self.lag, 4), "uptime": round(now - self.began, 1), "events": self.events}
        healer, memory, alerts = self.runtime.healer, self.runtime.memory, components.alerting.summary
        planned = Planned(suppression.windows, self.runtime.silencing.active(now))
        components.publication.publish(components.looks, findings, judgement, healer, memory, planned, loop, alerts)
        suspected = components.judgement.due(now)
        return min(next_look if components.judgement.suspects() else now + TICK, suspected)

    # Taking in what happened

    def _apply(self, items: list[Any]) -> None:
        """Take in results and events."""
        touched: set[str] = set()
        for item in items:
            if isinstance(item, Connected):
                self.components.observer.connect(item.engine)
                self.exporter.inventory.connect(item.engine)
            elif isinstance(item, Disconnected):
                self.components.observer.lose(item.reason)
                self.exporter.inventory.connect(None)
            elif isinstance(item, Observation) and item.token == SILENCES:
                self.runtime.silencing.take(item, time.monotonic())
            elif isinstance(item, Observation) and item.token[0] == BUDGETS:
                self.runtime.budgeting.take(item)
            elif isinstance(item, Observation):
                self.components.looks.take(item)
            elif isinstance(item, RemedyResult):
                self.components.acting.take(item)
            elif isinstance(item, Mapping):
                self.events += 1
                touched.add(subject(item))
                self.components.observer.hear(item)
                self.exporter.inventory.hear(item)
        if touched:
            self.components.observer.look_at(touched - {""})

    def _known_incidents(self) -> list[dict[str, Any]]:
        known = [*self.components.judgement.open_incidents(), *self.runtime.memory.history]
        return [incident.as_dict() for incident in known]

    def _begin(self, token: Token, look: Callable[[], Any]) -> None:
        began = time.monotonic()

        def finished(future: Future[Any]) -> None:
            if future.cancelled():
                return
            if error := future.exception():
                log(f"watchdog: the look {'/'.join(token)} broke: {error!r}")
            self.inbox.put(Observation(token, began, None if error else future.result()))

        self.look_pool.submit(look).add_done_callback(finished)

    # Judging

    def _judge(self, now: float) -> dict[str, Finding]:
        looks, judgement = self.components.looks, self.components.judgement
        again = [key for key in judgement.suspects() if judgement.subject(key).confirm_at <= now]
        for key in again:
            looks.hurry(key, now)
            self.components.observer.look_again(key)
        findings = looks.findings(now)
        for finding in findings:
            if finding.failing and judgement.subject(finding.key).phase == "ok":
                for need in (finding.key, *finding.needs):
                    looks.hurry(need, now + (0 if need != finding.key else self.components.settings.pace(need)[0] * 0.8))
        transitions = judgement.consider(findings, now, time.time())
        transitions += judgement.forget(looks.known(judgement.subjects), now, time.time()) if not looks.blind else []
        transitions += self.clock.jumped()
        for transition in transitions:
            self.components.ledger.note(transition)
        return {finding.key: finding for finding in findings}

    def _speak(self, findings: Mapping[str, Finding], now: float) -> None:
        alerting = self.components.alerting
        quiet = {key: why for key in findings if (why := self.runtime.suppression.why(key))}
        quiet |= {incident.key: incident.silenced for incident in self.components.judgement.open_incidents() if incident.silenced}
        for name, (_seen, states) in self.components.looks.jobs.items():
            alerting.succeeded(successes(name, states, time.time()))
        stacks = [stack.name for stack in self.components.settings.stacks]
        self.runtime.deployments.look(stacks, alerting.deployed, now)
        alerting.remind(self.components.judgement.open_incidents(), quiet, now)
        alerting.deliver(now)
        if self.components.publication.calm and not alerting.summary.get("failed"):
            for file in self.components.deadman.pings(now):
                self.look_pool.submit(Deadman.ping, file).add_done_callback(self._pinged)

    def _pinged(self, future: Future[str]) -> None:
        if not future.cancelled() and (error := future.result()) != self.components.deadman.error:
            self.components.deadman.error = error
            log(f"watchdog: {error or 'the dead-man switch answers again'}")

    def _reload(self) -> None:
        """Read the settings again."""
        self.reloading = False
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            components = assemble(self.runtime, self.components)
        except (OSError, ValueError) as error:
            log(f"watchdog: goes on with its old settings: {error}")
        else:
            self._use(components)
            log("watchdog: settings were read again")
            components.observer.look()
            with self.runtime.failures.tolerate("having nginx's upstreams made true"):
                privileged_requests.synchronise()
        notify("READY=1")

    def _serve_metrics(self) -> None:
        address, _colon, port = self.components.settings.host.metrics.rpartition(":")
        if not address:
            return
        from .metrics import application
        from .metrics_server import serve

        try:
            serve(address, int(port), application(lambda: self.components.publication.status), self._container_metrics)
        except (OSError, ValueError) as error:
            log(f"watchdog: no metrics on {self.components.settings.host.metrics}: {error}")

    def _container_metrics(self) -> bytes | None:
        """For a scrape, in its thread; None where they are not wanted."""
        return self.exporter.scrape() if self.components.settings.host.container_metrics else None


def _stand_in_for_gate() -> None:
    """Where the unit is of an older version, which ends the gate and has its rights, be the gate as well, until role watchdog is run."""
    if os.geteuid() == 0 or not os.access(upstreams.RENDERED, os.W_OK, effective_ids=True):
        return
    from . import gate

    threading.Thread(target=gate.main, name="follower", daemon=True).start()
