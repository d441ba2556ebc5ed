# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog: one loop that owns all state, fed by Docker's events and by looks that run beside it."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from .. import rotation, upstreams
from ..docker_client import DockerUnavailable, Engine
from ..follower import notify, retire_due, say, sync_and_tell
from ..health_report import masked, secret_values_of_host
from . import settings, steward_desk
from .alerting import Alerting, Deadman
from .days import Days
from .findings import Death, Finding
from .healing import Action, Healer
from .incidents import Incident
from .judgement import Judgement, Told
from .looks import Looks, Seen, Token
from .memory import STATE, Memory
from .mutes import Mutes
from .picture import Picture, action, subject
from .publication import Publication
from .remedies import Carried, Remedies
from .spool import Spool
from .stream import PATIENCE, Connected, Disconnected, listen

BURST = 0.03  # seconds in which events of one cause arrive together
TICK = 1.0  # seconds between two rounds at the most, and at the least while there is no hurry
EASY = 60.0  # seconds after which everything is looked at without any event
JUMP = 5.0  # seconds by which the wall clock may move against the monotonic one


class Daemon:
    """Watches, judges, heals, tells, shows; ends by SIGTERM, reads its settings again by SIGHUP."""

    def __init__(self) -> None:
        self.inbox: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.pool = ThreadPoolExecutor(12, "look")
        self.hands = ThreadPoolExecutor(24, "remedy")
        self.host = os.uname().nodename
        self.engine: Engine | None = None
        self.memory = Memory()
        self.days = Days(STATE / "days.json")
        self.healer = Healer()
        self.mutes = Mutes(self._released)
        self.events = 0
        self.lag = 0.0
        self.stopping = self.reloading = False
        self.began = time.monotonic()
        self._looked = self._synced = 0.0
        self._sync_failed = False
        self._offset = time.time() - time.monotonic()
        steward_desk.open_desk()
        self._configure()
        self.judgement.restore(self.memory.open, time.monotonic())
        self.memory.restore(self.healer, time.monotonic())
        self._tell_again()

    def _configure(self) -> None:
        """Read the settings.

        :raises ValueError: they cannot be read.
        """
        self.settings = settings.load()
        stacks = [one.name for one in self.settings.stacks]
        # The follower's part goes for every project that nginx reaches, watched or not.
        projects = {*stacks, *(one.project for one in upstreams.load() if not one.members)}
        self.picture = Picture(projects)
        before = getattr(self, "judgement", None)
        self.looks = Looks(self.settings, self.picture, self._begin)
        self.judgement = Judgement(self._pace, self.mutes.why, self.looks.fresh)
        if before:
            self.judgement.subjects = before.subjects
        self.alerting = Alerting(self.settings, self.settings.host.name or self.host, Spool(STATE / "spool"))
        self.deadman = Deadman([one.deadman for one in self.settings.stacks if one.deadman])
        self.remedies = Remedies(self.picture.lost_networks)
        self.publication = Publication(self.settings, self.settings.host.name or self.host, self.days, self.mutes.busy, rotation.load)
        self.publication.purge()
        if self.engine:
            self._look_at_all()

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
            items = self._take(due)
            self.lag = max(0.0, time.monotonic() - due)
            due = self._round(items)
            if not ready and (self.engine or time.monotonic() - self.began > PATIENCE):
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

    def _take(self, due: float) -> list[Any]:
        """What arrives until `due`, or until shortly after the first thing that cannot wait."""
        items: list[Any] = []
        end = due
        while True:
            try:
                items.append(self.inbox.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                return items
            if not self._can_wait(items[-1]):
                end = min(end, time.monotonic() + BURST)

    def _can_wait(self, item: Any) -> bool:
        """Good news, while nothing is suspected: many containers give much of it, and a round for each would be most of the work."""
        if not isinstance(item, Seen) or self.judgement.suspects():
            return False
        if item.value is None:
            return True
        return all(one.state == "ok" for one in item.value) if isinstance(item.value, list) else bool(item.value.ok)

    def _round(self, items: list[Any]) -> float:
        """One turn of the loop; returns the monotonic time of the next one."""
        if self.reloading:
            self._reload()
        changed = self._apply(items)
        now = time.monotonic()
        if self.engine and now - self._looked > EASY:
            changed = self._look_at_all() or changed
            retire_due(self.engine)
        if self.engine and (changed or (self._sync_failed and now - self._synced > 5)):
            self._sync()
        self.mutes.look([one.name for one in self.settings.stacks], now)
        next_look = self.looks.schedule(self.engine, now)
        findings = self._judge(now)
        if self._rotate(findings):
            self._sync()
        self._heal(findings, now)
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
                self.engine = item.engine
                changed = self._look_at_all()
            elif isinstance(item, Disconnected):
                if self.engine:
                    say(f"watchdog: the engine is gone: {item.reason}")
                self.engine, self.looks.blind = None, item.reason
                self.looks.hurry("host/docker", time.monotonic())
            elif isinstance(item, Seen):
                self.looks.take(item)
            elif isinstance(item, Carried):
                self._carried(item)
            elif isinstance(item, Mapping):
                self.events += 1
                touched.add(subject(item))
                self._note_death(item)
        if touched and self.engine:
            try:
                self.picture.look_at(self.engine, touched - {""})
                changed = True
            except (DockerUnavailable, OSError) as error:
                say(f"watchdog: {error}")
        return changed

    def _note_death(self, event: Mapping[str, Any]) -> None:
        attributes = (event.get("Actor") or {}).get("Attributes") or {}
        stack, service = attributes.get("com.docker.compose.project"), attributes.get("com.docker.compose.service")
        if event.get("Type") != "container" or not stack or not service:
            return
        identity, code = subject(event), int(attributes.get("exitCode") or 0)
        if action(event) in ("die", "start"):
            self.looks.begin_life(identity)
        if action(event) == "oom":
            self.looks.died(identity, Death(time.monotonic(), 137, oom=True))
        if action(event) != "die" or self.mutes.busy_now(stack) or identity in self.healer.record(f"{stack}/{service}").in_flight:
            return
        before = self.looks.deaths.get(identity)
        oom = bool(before and before.oom and time.monotonic() - before.at < 5)
        # 143 and 0 are how a container ends that was asked to; what then stays down is seen by its state.
        if oom or code not in (0, 143):
            self.looks.died(identity, Death(time.monotonic(), code, oom))
            self.healer.note_death(f"{stack}/{service}", time.monotonic())

    def _look_at_all(self) -> bool:
        if self.engine is None:
            return False
        try:
            self.picture.look(self.engine)
        except (DockerUnavailable, OSError) as error:
            self.looks.blind = str(error)
            return False
        self._looked, self.looks.blind = time.monotonic(), ""
        self.looks.forget_gone()
        self.looks.count_replicas()
        return True

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
            self._second_look(key, now)
        found = self.looks.findings(now)
        for finding in found:
            if finding.failing and self.judgement.subject(finding.key).phase == "ok":
                for need in (finding.key, *finding.needs):
                    self.looks.hurry(need, now + (0 if need != finding.key else self._pace(need)[0] * 0.8))
        told = self.judgement.consider(found, now, time.time())
        told += self.judgement.forget(self.looks.known(self.judgement.subjects), now, time.time()) if not self.looks.blind else []
        told += self._clock()
        for one in told:
            self._note(one)
        return {one.key: one for one in found}

    def _second_look(self, key: str, now: float) -> None:
        stack, _slash, service = key.partition("/")
        self.looks.hurry(key, now)
        if self.engine and stack in self.picture.projects:
            try:
                self.picture.look_at(self.engine, [one.id for one in self.picture.containers(stack) if one.service == service])
            except (DockerUnavailable, OSError) as error:
                say(f"watchdog: {error}")

    def _note(self, told: Told) -> None:
        """Log, remember, and spool one change of an incident; killed in between, it is spooled at the next start (`_tell_again`)."""
        incident = told.incident
        if told.what == "open":
            incident.log = self._log_of(incident)
        if told.what == "end":
            self.memory.ended(incident)
            self.healer.well(incident.key)
        say(f"watchdog: {told.what}: {incident.severity}: {incident.key}: {incident.cause}")
        self.memory.save(self.judgement.open_incidents(), self.healer, time.monotonic())
        self.alerting.tell(told)

    def _tell_again(self) -> None:
        """What a killed watchdog remembered and perhaps did not spool; the spool knows what was told."""
        for one in self.memory.open:
            self.alerting.tell(Told("open", one))
            if one.escalated:
                self.alerting.tell(Told("escalate", one))
        for one in self.memory.history[:20]:
            if one.ended and time.time() - one.ended < 3600:
                self.alerting.tell(Told("end", one))

    def _log_of(self, incident: Incident) -> list[str]:
        containers = [one for one in self.picture.containers(incident.stack) if one.service == incident.subject] if incident.stack else []
        if not self.engine or not containers:
            return []
        worst = sorted(containers, key=lambda one: one.serves)[0]
        try:
            return masked(self.engine.log_tail(worst, 12), secret_values_of_host())
        except (DockerUnavailable, OSError) as error:
            return [f"no log: {type(error).__name__}"]

    def _clock(self) -> list[Told]:
        """A jump of the wall clock is an incident that has ended when it is seen: nothing here counts by that clock."""
        offset = time.time() - time.monotonic()
        jump, self._offset = offset - self._offset, offset
        if abs(jump) < JUMP:
            return []
        wall = time.time()
        cause = f"the clock jumped by {jump:+.0f} s; timers, certificates and logs may be wrong around it"
        incident = Incident("host/clock jump", "", "clock jump", "warning", cause, wall, wall)
        incident.ended = wall
        return [Told("open", incident), Told("end", incident)]

    def _pace(self, key: str) -> tuple[float, float]:
        stack = self.settings.stack(key.partition("/")[0])
        return (stack.confirm, stack.recover) if stack else (self.settings.host.confirm, self.settings.host.recover)

    # Acting

    def _heal(self, findings: Mapping[str, Finding], now: float) -> None:
        for stack in self.settings.stacks:
            for spec in stack.services:
                key = f"{stack.name}/{spec.service}"
                finding, incident = findings.get(key), self.judgement.subject(key).incident
                if finding is None or not finding.failing or incident is None or self.mutes.why(key):
                    continue
                actions, gave_up = self.healer.plan(spec, finding, now)
                if gave_up and not incident.needs_human:
                    incident.needs_human, incident.severity, incident.escalated = True, "critical", time.time()
                    incident.did("healing gave up: a human is needed")
                    self._note(Told("escalate", incident))
                if actions:
                    # Remembered before it is begun: a watchdog that dies in it must not forget that it tried.
                    self.memory.save(self.judgement.open_incidents(), self.healer, now)
                for one in actions:
                    say(f"watchdog: {one.remedy} {one.container.name if one.container else one.service}: {one.reason}")
                    self.hands.submit(self.remedies.carry_out, one).add_done_callback(partial(self._put_result, one))
        for key, said in steward_desk.answers():
            if incident := self.judgement.subject(key).incident:
                incident.did(said)

    def _put_result(self, done: Action, future: Future[Carried]) -> None:
        if future.cancelled():
            return
        error = future.exception()
        self.inbox.put(Carried(done, f"could not {done.remedy} {done.service}: {error!r}") if error else future.result())

    def _carried(self, carried: Carried) -> None:
        now = time.monotonic()
        incident = self.judgement.subject(carried.action.key).incident
        if carried.held:
            self.healer.postponed(carried.action, now)
            say(f"watchdog: {carried.action.remedy} waits: {carried.said}")
            return
        self.healer.done(carried.action, now)
        say(f"watchdog: {carried.said}")
        if incident:
            incident.did(carried.said)

    def _rotate(self, findings: Mapping[str, Finding]) -> bool:
        """Who fails gets no traffic until all of its service is well again; whether that changed."""
        changed = False
        for stack in self.settings.stacks:
            if self.looks.blind:
                continue
            wanted: dict[str, str] = {}
            alive = {one.id: one for one in self.picture.containers(stack.name)}
            before = rotation.load(stack.name)
            for spec in stack.services:
                finding = findings.get(f"{stack.name}/{spec.service}")
                incident = self.judgement.subject(f"{stack.name}/{spec.service}").incident
                if finding is None or incident is None:
                    continue
                bad = {one.container.id: one.reason for one in finding.bad if one.container and one.remedy != "none" and one.confirmed}
                kept = {one: why for one, why in before.items() if one in alive and alive[one].service == spec.service}
                wanted |= kept | bad
            changed = rotation.put(stack.name, wanted) or changed
        return changed

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
