# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog: one loop that owns all state, fed by Docker's events and by looks that run beside it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from ..core.journal import log
from ..core.systemd import notify
from ..rollout.follower import retire_due, sync_and_tell
from . import privileged_requests
from .alerting.notices import Deadman
from .alerting.spool import Spool
from .days import Days
from .findings import Finding
from .healing import Healer
from .inbox import Inbox
from .looks import Seen, Token
from .memory import STATE, Memory
from .parts import Lasting, Parts, assemble
from .picture import subject
from .remedies import Carried, Sessions
from .rotation import rotate
from .setbacks import Setbacks
from .stream import PATIENCE, Connected, Disconnected, listen
from .suppression import Mutes
from .wall_clock import WallClock

TICK = 1.0  # seconds between two rounds, unless something cannot wait
RETRY = 5.0  # seconds after which upstreams that could not be written are tried again


class Daemon:
    """Watches, judges, heals, tells, shows; ends by SIGTERM, reads its settings again by SIGHUP."""

    def __init__(self) -> None:
        """:raises OSError, ValueError: the settings cannot be used."""
        self.inbox = Inbox()
        self.pool = ThreadPoolExecutor(12, "look")
        self.lasting = Lasting(
            host=os.uname().nodename,
            memory=Memory(),
            days=Days(STATE / "days.json"),
            healer=Healer(),
            mutes=Mutes(self._released),
            spool=Spool(STATE / "spool"),
            setbacks=Setbacks(),
            sessions=Sessions(),
            hands=ThreadPoolExecutor(24, "remedy"),
            begin=self._begin,
            put=self.inbox.put,
        )
        self.events = 0
        self.lag = 0.0
        self.stopping = self.reloading = False
        self.began = time.monotonic()
        self._synced = 0.0
        self._sync_failed = False
        self.clock = WallClock()
        with self.lasting.setbacks.borne("opening the steward's desk"):
            privileged_requests.open_desk()
        self._use(assemble(self.lasting))
        self.parts.judgement.restore(self.lasting.memory.open, time.monotonic())
        self.lasting.memory.restore(self.lasting.healer, time.monotonic())
        self.parts.ledger.tell_again()

    def _use(self, parts: Parts) -> None:
        """From here on."""
        self.parts = parts
        parts.publication.purge()

    def run(self) -> None:
        """Until SIGTERM."""
        signal.signal(signal.SIGTERM, lambda *_arguments: self._signal(stop=True))
        signal.signal(signal.SIGHUP, lambda *_arguments: self._signal(stop=False))
        listen(self.inbox.put)
        self._serve_metrics()
        ready = False
        due = time.monotonic()
        while not self.stopping:
            due = min(due, time.monotonic() + TICK)
            items = self.inbox.take(due, suspicious=bool(self.parts.judgement.suspects()))
            self.lag = max(0.0, time.monotonic() - due)
            due = self._round(items)
            if not ready and (self.parts.observer.engine or time.monotonic() - self.began > PATIENCE):
                notify("READY=1")
                ready = True
            notify("WATCHDOG=1")
        notify("STOPPING=1")
        with self.lasting.setbacks.borne("saving the days"):
            self.lasting.days.save()
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.lasting.hands.shutdown(wait=False, cancel_futures=True)

    def _signal(self, *, stop: bool) -> None:
        self.stopping, self.reloading = self.stopping or stop, self.reloading or not stop
        self.inbox.put(None)

    def _released(self, stack: str, theirs: bool) -> None:
        """Work on a stack has ended: other replicas perhaps, and, unless it was done for the watchdog, another chance for healing."""
        self.parts.looks.count_replicas()
        if theirs:
            self.lasting.healer.forget(stack)

    def _round(self, items: list[Any]) -> float:
        """One turn of the loop; returns the monotonic time of the next one."""
        changed = self._reload() if self.reloading else False
        changed = self._apply(items) or changed
        now = time.monotonic()
        parts, mutes = self.parts, self.lasting.mutes
        engine = parts.observer.engine
        if engine and parts.observer.due(now):
            changed = parts.observer.look() or changed
            retire_due(engine)
        if engine and parts.picture.whole and (changed or (self._sync_failed and now - self._synced > RETRY)):
            self._sync()
        mutes.look([one.name for one in parts.settings.stacks], now)
        next_look = parts.looks.schedule(engine, now)
        findings = self._judge(now)
        if not parts.looks.blind and rotate(parts.settings.stacks, parts.picture, parts.judgement, findings, self.lasting.setbacks):
            self._sync()
        parts.acting.heal(findings, now)
        parts.ledger.catch_up(now)
        self._speak(findings, now)
        loop = {"lag": round(self.lag, 4), "uptime": round(now - self.began, 1), "events": self.events}
        parts.publication.publish(
            parts.looks, findings, parts.judgement, self.lasting.healer, self.lasting.memory, mutes.windows, loop, parts.alerting.summary
        )
        suspected = parts.judgement.due(now)
        return min(next_look if parts.judgement.suspects() else now + TICK, suspected)

    # Taking in what happened

    def _apply(self, items: list[Any]) -> bool:
        """Take in results and events; whether the picture of the containers has changed."""
        touched: set[str] = set()
        changed = False
        for item in items:
            if isinstance(item, Connected):
                changed = self.parts.observer.connect(item.engine)
            elif isinstance(item, Disconnected):
                self.parts.observer.lose(item.reason)
            elif isinstance(item, Seen):
                self.parts.looks.take(item)
            elif isinstance(item, Carried):
                self.parts.acting.take(item)
            elif isinstance(item, Mapping):
                self.events += 1
                touched.add(subject(item))
                self.parts.observer.hear(item)
        return (bool(touched) and self.parts.observer.look_at(touched - {""})) or changed

    def _begin(self, token: Token, look: Callable[[], Any]) -> None:
        began = time.monotonic()

        def finished(future: Future[Any]) -> None:
            if future.cancelled():
                return
            if error := future.exception():
                log(f"watchdog: the look {'/'.join(token)} broke: {error!r}")
            self.inbox.put(Seen(token, began, None if error else future.result()))

        self.pool.submit(look).add_done_callback(finished)

    # Judging

    def _judge(self, now: float) -> dict[str, Finding]:
        looks, judgement = self.parts.looks, self.parts.judgement
        again = [key for key in judgement.suspects() if judgement.subject(key).confirm_at <= now]
        for key in again:
            looks.hurry(key, now)
            self.parts.observer.look_again(key)
        found = looks.findings(now)
        for finding in found:
            if finding.failing and judgement.subject(finding.key).phase == "ok":
                for need in (finding.key, *finding.needs):
                    looks.hurry(need, now + (0 if need != finding.key else self.parts.settings.pace(need)[0] * 0.8))
        told = judgement.consider(found, now, time.time())
        told += judgement.forget(looks.known(judgement.subjects), now, time.time()) if not looks.blind else []
        told += self.clock.jumped()
        for one in told:
            self.parts.ledger.note(one)
        return {one.key: one for one in found}

    def _sync(self) -> None:
        self._synced = time.monotonic()
        self._sync_failed = not sync_and_tell(self.parts.picture)

    def _speak(self, findings: Mapping[str, Finding], now: float) -> None:
        alerting = self.parts.alerting
        quiet = {key: why for key in findings if (why := self.lasting.mutes.why(key))}
        alerting.remind(self.parts.judgement.open_incidents(), quiet, now)
        alerting.deliver(now)
        if self.parts.publication.well and not alerting.summary.get("failed"):
            for file in self.parts.deadman.pings(now):
                self.pool.submit(Deadman.ping, file).add_done_callback(self._pinged)

    def _pinged(self, future: Future[str]) -> None:
        if not future.cancelled() and (said := future.result()) != self.parts.deadman.said:
            self.parts.deadman.said = said
            log(f"watchdog: {said or 'the dead-man switch answers again'}")

    def _reload(self) -> bool:
        """Read the settings again; whether there is another picture of the containers."""
        self.reloading = False
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        looked = False
        try:
            parts = assemble(self.lasting, self.parts)
        except (OSError, ValueError) as error:
            log(f"watchdog: goes on with its old settings: {error}")
        else:
            self._use(parts)
            log("watchdog: settings were read again")
            looked = parts.observer.look()
        notify("READY=1")
        return looked

    def _serve_metrics(self) -> None:
        address, _colon, port = self.parts.settings.host.metrics.rpartition(":")
        if not address:
            return
        from .metrics import serve

        try:
            serve(address, int(port), lambda: self.parts.publication.status)
        except (OSError, ValueError) as error:
            log(f"watchdog: no metrics on {self.parts.settings.host.metrics}: {error}")
