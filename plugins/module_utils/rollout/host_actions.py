# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout does to the host: start beside, wait for health, switch nginx, drain, stop. Each step is journaled before it is done."""

from __future__ import annotations

import socket
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..compose.cli import Compose
from ..containers.client import Container, Engine
from ..contracts.health import Expectation
from ..contracts.upstreams import Upstream
from ..core.process import run
from ..core.progress import Progress
from ..health.assessment import wait
from ..health.report import details, text
from ..hostconfig.transaction import ConfigSetError
from ..nginx import drain, traffic_plan
from ..nginx import sync as upstreams
from ..nginx.traffic_plan import Traffic
from ..release import routing
from ..release.journal import Journal, RolloutInProgress
from ..release.store import Release
from .phases import Phase, Phases
from .rerouting import Rerouting

AT_ONCE = 8  # containers that are stopped at the same time
NGINX_BACK = 10.0  # seconds in which systemd has a killed nginx running again
ACCEPTS = 10.0  # seconds in which a healthy container must accept connections at the port that a route names
FIRST_CRASH = 1  # a container that crashes once in its first minutes is no good release


class RolloutFailed(Exception):
    """The new version is not good; the message carries the evidence. It is remembered as failed."""


@dataclass
class Part:
    """Some containers of a project, to be judged alone."""

    engine: Engine
    ids: Collection[str]

    def containers(self, project: str) -> list[Container]:
        """Only these."""
        return [container for container in self.engine.containers(project) if container.id in self.ids]

    def events(self, since: float, until: float | None = None, project: str | None = None) -> Iterator[dict[str, Any]]:
        """Those of the whole project."""
        return self.engine.events(since=since, until=until, project=project)


@dataclass
class Site:
    """The host, one stack of it, and the rollout under way."""

    stack: str
    engine: Engine
    progress: Progress
    journal: Journal
    underway: RolloutInProgress
    phases: Phases = field(default_factory=Phases)
    begun: tuple[str, str, float, Phase] | None = None

    def step(self, text: str, *, service: str = "", phase: Phase = Phase.ROLLOUT) -> None:
        """Say and journal what is about to be done; what was begun before it is done now."""
        self.done()
        self.phases.enter(phase)
        self.underway.step = f"{service}: {text}" if service else text
        self.journal.keep(self.underway)
        self._note(service=service, step=text, phase=phase.heading)
        self.begun = (service, text, time.monotonic(), phase)
        self.progress.say(self.underway.step)

    def done(self) -> None:
        """The step that was begun last is done."""
        if self.begun:
            service, text, since, phase = self.begun
            seconds = time.monotonic() - since
            self.phases.took(phase, seconds)
            self._note(service=service, step=text, phase=phase.heading, done=round(seconds, 1))
            self.begun = None

    def _note(self, **entry: object) -> None:
        self.journal.write(attempt=self.underway.attempt, kind=self.underway.kind, release=self.underway.target, **entry)

    def touch(self, service: str, old: Sequence[Container]) -> None:
        """Remember which containers were there before anything happens to a service. The first word counts, also after a kill."""
        if service not in self.underway.old:
            self.underway.old[service] = [container.id for container in old]
            self.journal.keep(self.underway)

    def of(self, service: str) -> list[Container]:
        """The containers of a service now."""
        return [container for container in self.engine.containers(self.stack) if container.service == service]

    def routed(self, service: str) -> list[Upstream]:
        """The upstreams of nginx that lead to a service."""
        return [container for container in upstreams.load() if container.project == self.stack and container.service == service]

    def addresses(self, service: str, containers: Sequence[Container]) -> list[str]:
        """Each ``address:port`` under which nginx may reach containers: one that goes over to another network has two for a while."""
        return [
            server
            for upstream in self.routed(service)
            for container in containers
            for server in upstreams.every_server(upstream, container)
        ]

    def accepting(self, named: Sequence[Upstream], containers: Sequence[Container]) -> None:
        """Wait until containers accept connections where upstreams name them: health does not say at which port.

        :raises RolloutFailed: one does not.
        """
        deadline = time.monotonic() + ACCEPTS
        for upstream in named:
            for container in containers:
                server = upstreams.server(upstream, container) if container.service == upstream.service else ""
                while server and (refused := _refused(server)):
                    if time.monotonic() >= deadline:
                        raise RolloutFailed(
                            f"{container.service}: {container.name} does not accept connections at {server}, to which upstream "
                            f"{upstream.name} leads ({refused}): correct the port of the route, or let the service listen there"
                        )
                    time.sleep(0.2)

    def start(self, compose: Compose, service: str, count: int) -> list[Container]:
        """Start so many more containers beside those that are there; returns the new ones."""
        before = self.of(service)
        known = {container.id for container in before}
        compose.up(service, len(before) + count)
        return [container for container in self.of(service) if container.id not in known]

    @contextmanager
    def yielding(self, containers: Sequence[Container]) -> Iterator[None]:
        """Containers that start yield the processors to those that serve: where both are busy, nobody waits longer for an answer."""
        for container in containers:
            self.engine.slow_down(container)
        try:
            yield
        finally:
            for container in containers:
                self.engine.full_speed(container)

    def healthy(self, release: Release, service: str, containers: Sequence[Container], timeout: float, settle: float) -> None:
        """Wait until containers are healthy and have stayed so.

        :raises RolloutFailed: with their last log lines and health checks.
        """
        raw = next((spec for spec in release.services if spec["service"] == service), {"service": service})
        wanted = Expectation.from_dict(raw, tolerant=True)
        part = Part(self.engine, {container.id for container in containers})
        expectation = Expectation(service, wanted.expect, max(1, len(containers)), wanted.probe)

        def progress(verdicts: Sequence[Any]) -> None:
            if verdicts[0].state == "waiting":
                self.progress.wait(f"{service}: {verdicts[0].reason}")

        verdicts = wait(part, self.stack, [expectation], timeout, settle, progress=progress, crashes=FIRST_CRASH)
        if verdicts[0].state != "ok":
            if verdicts[0].state == "waiting":
                verdicts[0].reason = f"not {wanted.expect} within {timeout:g} s: {verdicts[0].reason}"
            raise RolloutFailed(text(details(self.engine, verdicts)))

    def sync(self) -> bool:
        """Make the upstreams true; returns whether that took a reload. nginx may be restarting after a kill: then once more.

        :raises ConfigSetError: nginx refuses its configuration; it goes on with the old one.
        """
        routes = upstreams.load()
        if not routes:
            return False
        try:
            return upstreams.sync(self.engine, routes).reloaded
        except ConfigSetError:
            deadline = time.monotonic() + NGINX_BACK
            while run(["systemctl", "is-active", "--quiet", "nginx.service"], check=False).rc != 0 and time.monotonic() < deadline:
                time.sleep(0.2)
            return upstreams.sync(self.engine, routes).reloaded

    def switch(
        self,
        service: str,
        serve: Mapping[str, int] | None,
        leaving: Sequence[Container] = (),
        timeout: float = 60,
        *,
        maintenance: bool = False,
    ) -> None:
        """Give traffic to these containers (id to weight; None for all healthy ones), and wait until `leaving` have answered all.

        :raises ConfigSetError: nginx refuses its configuration; it goes on with the old one.
        """
        entry = Traffic(maintenance=True) if maintenance else None if serve is None else Traffic(serve)
        if not self.routed(service):
            traffic_plan.put(self.stack, {service: None})
            return
        before = drain.workers()
        addresses = self.addresses(service, leaving)
        traffic_plan.put(self.stack, {service: entry})
        if not self.sync():
            before = set()  # they never named whom is leaving, or the follower was faster: those leaving count
        if leaving:
            self._drain(service, before, addresses, timeout)

    def reroute(
        self, rerouting: Rerouting, traffic: Mapping[str, Traffic | None], leaving: Mapping[str, Sequence[Container]], timeout: float
    ) -> None:
        """Have nginx serve the new routes, by these containers, and wait until `leaving` (service to containers) have answered all.

        :raises ConfigSetError: nginx refuses them; it goes on with the old ones.
        """
        routes = rerouting.after.routes
        if routes is None:
            return
        before = drain.workers()
        addresses = [server for service, containers in leaving.items() for server in self.addresses(service, containers)]
        definitions = rerouting.definitions(switched=True)
        if not routing.switch(self.engine, self.stack, routes, definitions, rerouting.gone, traffic):
            before = set()
        if any(leaving.values()):
            # Without a route until now, nginx may have led to them all the same: by a site or an upstream that somebody else has written.
            self._drain(", ".join(leaving), before, addresses or None, timeout)

    def _drain(self, service: str, before: set[tuple[int, str]], addresses: Sequence[str] | None, timeout: float) -> None:
        started = time.monotonic()
        left = drain.wait(
            before,
            addresses,
            timeout,
            lambda now: self.progress.wait(
                f"{service}: draining, {now.connections} connections to old containers, {now.workers} old workers"
            ),
        )
        self.progress.timed(f"{service}: drain", started)
        if left and left.connections:
            self.step(
                f"{left.connections} connections did not end within {timeout:g} s and are closed with their containers", service=service
            )

    def stop(self, containers: Sequence[Container]) -> None:
        """Stop and remove containers, several at a time, each with its grace period."""
        if containers:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(self.engine.remove, containers))


def _refused(server: str) -> str:
    """Why ``address:port`` does not accept a connection; empty when it does."""
    host, _colon, port = server.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), timeout=2):
            return ""
    except OSError as error:
        return error.strerror or type(error).__name__
