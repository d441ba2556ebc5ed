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

from .. import rotation, upstreams
from ..follower import notify, retire_due, say, sync_and_tell
from . import settings, steward_desk
from .acting import Acting
from .alerting import Alerting, Deadman
from .days import Days
from .findings import Finding
from .healing import Healer
from .inbox import Inbox
from .judgement import Judgement
from .ledger import Ledger
from .looks import Looks, Seen, Token
from .memory import STATE, Memory
from .mutes import Mutes
from .observing import Observer
from .picture import Picture, subject
from .publication import Publication
from .remedies import Carried, Remedies
from .rotating import rotate
from .spool import Spool
from .stream import PATIENCE, Connected, Disconnected, listen
from .wall_clock import WallClock

TICK = 1.0  # seconds between two rounds at the most, and at the least while there is no hurry
RETRY = 5.0  # seconds after which upstreams that could not be written are tried again


class Daemon:
    """Watches, judges, heals, tells, shows; ends by SIGTERM, reads its settings again by SIGHUP."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.pool = ThreadPoolExecutor(12, "look")
        self.hands = ThreadPoolExecutor(24, "remedy")
        self.host = os.uname().nodename
        self.memory = Memory()
        self.days = Days(STATE / "days.json")
        self.healer = Healer()
        self.mutes = Mutes(self._released)
        self.events = 0
        self.lag = 0.0
        self.stopping = self.reloading = False
        self.began = time.monotonic()
        self._synced = 0.0
        self._sync_failed = False
        self.clock = WallClock()
        steward_desk.open_desk()
        self._configure()
        self.judgement.restore(self.memory.open, time.monotonic())
        self.memory.restore(self.healer, time.monotonic())
        self.ledger.tell_again()

    def _configure(self) -> None:
        """Read the settings.

        :raises ValueError: they cannot be read.
        """
        self.settings = settings.load()
        stacks = [one.name for one in self.settings.stacks]
        # The follower's part goes for every project that nginx reaches, watched or not.
        projects = {*stacks, *(one.project for one in upstreams.load() if not one.members)}
        self.picture = Picture(projects)
        host = self.settings.host.name or self.host
        before = getattr(self, "judgement", None)
        self.looks = Looks(self.settings, self.picture, self._begin)
        self.observer = Observer(self.picture, self.looks, self.healer, self.mutes.busy_now, getattr(self, "observer", None))
        self.judgement = Judgement(self._pace, self.mutes.why, self.looks.fresh)
        if before:
            self.judgement.subjects = before.subjects
        self.alerting = Alerting(self.settings, host, Spool(STATE / "spool"))
        self.deadman = Deadman([one.deadman for one in self.settings.stacks if one.deadman])
        self.ledger = Ledger(self.memory, self.healer, self.judgement, self.alerting, self.observer.log_of)
        remedies = Remedies(self.picture.lost_networks)
        self.acting = Acting(
            self.settings.stacks, self.judgement, self.ledger, self.healer, remedies, self.mutes.why, self.hands, self.inbox.put
        )
        self.publication = Publication(self.settings, host, self.days, self.mutes.busy, rotation.load)
        self.publication.purge()
        self.observer.look()

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
            items = self.inbox.take(due, suspicious=bool(self.judgement.suspects()))
            self.lag = max(0.0, time.monotonic() - due)
            due = self._round(items)
            if not ready and (self.observer.engine or time.monotonic() - self.began > PATIENCE):
                notify("READY=1")
                ready = True
            notify("WATCHDOG=1")
        notify("STOPPING=1")
        self.days.save()
        self.pool.shutdown(wait=False, cancel_futures=True)
        self.hands.shutdown(wait=False, cancel_futures=True)

    def _signal(self, *, stop: bool) -> None:
        self.stopping, self.reloading = self.stopping or stop, self.reloading or not stop
        self.inbox.put(None)

    def _released(self, stack: str, theirs: bool) -> None:
        """Work on a stack has ended: other replicas perhaps, and, unless it was done for the watchdog, another chance for healing."""
        self.looks.count_replicas()
        if theirs:
            self.healer.forget(stack)

    def _round(self, items: list[Any]) -> float:
        """One turn of the loop; returns the monotonic time of the next one."""
        if self.reloading:
            self._reload()
        changed = self._apply(items)
        now = time.monotonic()
        engine = self.observer.engine
        if engine and self.observer.due(now):
            changed = self.observer.look() or changed
            retire_due(engine)
        if engine and (changed or (self._sync_failed and now - self._synced > RETRY)):
            self._sync()
        self.mutes.look([one.name for one in self.settings.stacks], now)
        next_look = self.looks.schedule(engine, now)
        findings = self._judge(now)
        if not self.looks.blind and rotate(self.settings.stacks, self.picture, self.judgement, findings):
            self._sync()
        self.acting.heal(findings, now)
        self._speak(findings, now)
        loop = {"lag": round(self.lag, 4), "uptime": round(now - self.began, 1), "events": self.events}
        self.publication.publish(
            self.looks, findings, self.judgement, self.healer, self.memory, self.mutes.windows, loop, self.alerting.summary
        )
        suspected = self.judgement.due(now)
        return min(next_look if self.judgement.suspects() else max(next_look, now + TICK / 2), suspected)

    # Taking in what happened

    def _apply(self, items: list[Any]) -> bool:
        """Take in results and events; whether the picture of the containers has changed."""
        touched: set[str] = set()
        changed = False
        for item in items:
            if isinstance(item, Connected):
                changed = self.observer.connect(item.engine)
            elif isinstance(item, Disconnected):
                self.observer.lose(item.reason)
            elif isinstance(item, Seen):
                self.looks.take(item)
            elif isinstance(item, Carried):
                self.acting.take(item)
            elif isinstance(item, Mapping):
                self.events += 1
                touched.add(subject(item))
                self.observer.hear(item)
        return (bool(touched) and self.observer.look_at(touched - {""})) or changed

    def _begin(self, token: Token, look: Callable[[], Any]) -> None:
        began = time.monotonic()

        def finished(future: Future[Any]) -> None:
            if future.cancelled():
                return
            if error := future.exception():
                say(f"watchdog: the look {'/'.join(token)} broke: {error!r}")
            self.inbox.put(Seen(token, began, None if error else future.result()))

        self.pool.submit(look).add_done_callback(finished)

    # Judging

    def _judge(self, now: float) -> dict[str, Finding]:
        again = [key for key in self.judgement.suspects() if self.judgement.subject(key).confirm_at <= now]
        for key in again:
            self.looks.hurry(key, now)
            self.observer.look_again(key)
        found = self.looks.findings(now)
        for finding in found:
            if finding.failing and self.judgement.subject(finding.key).phase == "ok":
                for need in (finding.key, *finding.needs):
                    self.looks.hurry(need, now + (0 if need != finding.key else self._pace(need)[0] * 0.8))
        told = self.judgement.consider(found, now, time.time())
        told += self.judgement.forget(self.looks.known(self.judgement.subjects), now, time.time()) if not self.looks.blind else []
        told += self.clock.jumped()
        for one in told:
            self.ledger.note(one)
        return {one.key: one for one in found}

    def _pace(self, key: str) -> tuple[float, float]:
        stack = self.settings.stack(key.partition("/")[0])
        return (stack.confirm, stack.recover) if stack else (self.settings.host.confirm, self.settings.host.recover)

    def _sync(self) -> None:
        self._synced = time.monotonic()
        self._sync_failed = not sync_and_tell(self.picture)

    def _speak(self, findings: Mapping[str, Finding], now: float) -> None:
        quiet = {key: why for key in findings if (why := self.mutes.why(key))}
        self.alerting.remind(self.judgement.open_incidents(), quiet, now)
        self.alerting.deliver(now)
        if self.publication.well and not self.alerting.summary.get("failed"):
            for file in self.deadman.pings(now):
                self.pool.submit(Deadman.ping, file).add_done_callback(self._pinged)

    def _pinged(self, future: Future[str]) -> None:
        if not future.cancelled() and (said := future.result()) != self.deadman.said:
            self.deadman.said = said
            say(f"watchdog: {said or 'the dead-man switch answers again'}")

    def _reload(self) -> None:
        self.reloading = False
        notify(f"RELOADING=1\nMONOTONIC_USEC={time.monotonic_ns() // 1000}")
        try:
            self._configure()
            say("watchdog: settings were read again")
        except (OSError, ValueError) as error:
            say(f"watchdog: goes on with its old settings: {error}")
        notify("READY=1")

    def _serve_metrics(self) -> None:
        address, _colon, port = self.settings.host.metrics.rpartition(":")
        if not address:
            return
        from .metrics import serve

        try:
            serve(address, int(port), lambda: self.publication.status)
        except (OSError, ValueError) as error:
            say(f"watchdog: no metrics on {self.settings.host.metrics}: {error}")
