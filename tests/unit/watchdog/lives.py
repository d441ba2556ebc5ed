# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole daemon on a host that is played: events go in, and what is told and done comes out."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, Engine
from ansible_collections.latentum.ops.plugins.module_utils.nginx import out_of_rotation
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import (
    acting,
    failures,
    ledger,
    observing,
    remedies,
    settings,
    suppression,
)
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import daemon as module
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import notices as alert_notices
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.notices import Alerting
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import load_alerts
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.daemon import Daemon
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.looks import Looks
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.memory import Memory
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import containers as container_probes
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.containers import Reading
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.host import Check
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.stream import Connected

from .samples import AtOnce, Clock, FakeEngine, Host, container

API = "shop/api"
STEP = 0.25  # seconds between two rounds


class Life:
    """A host with stack shop, an engine, and the daemon on it, which may be killed and started again."""

    def __init__(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        self.host = host
        self.did: list[str] = []
        self.said: list[str] = []
        self.checks = [Check("docker"), Check("nginx")]
        self.probe: Callable[[Container], bool] = lambda _one: True
        self.engine = FakeEngine(container(1, health="healthy"), container(2, health="healthy"))
        self.engine.did = self.did
        host.engine, host.synced = self.engine, self.synced
        state, watched = host.state / "watchdog", host.etc / "watchdog"
        (watched / "host.json").write_text('{"name": "web-1", "metrics": ""}')
        self.watch()
        monkeypatch.setattr(alert_notices, "load_alerts", partial(load_alerts, watched))
        monkeypatch.setattr(module, "STATE", state)
        monkeypatch.setattr(module, "Memory", lambda: Memory(state / "memory.json"))
        for speaker in (module, acting, alert_notices, ledger, observing, failures):
            monkeypatch.setattr(speaker, "log", self.said.append)
        monkeypatch.setattr(remedies, "reach", lambda _timeout: self.engine)
        monkeypatch.setattr(suppression, "_uptime", lambda: 1e6)
        monkeypatch.setattr(Alerting, "deliver", lambda *_given: False)
        monkeypatch.setattr(Looks, "_look_at_host", lambda _looks: list(self.checks))
        monkeypatch.setattr(container_probes, "read", self.read)
        monkeypatch.setattr(random, "SystemRandom", lambda: SimpleNamespace(random=lambda: 0.0))
        monkeypatch.setattr(random, "random", lambda: 0.0)

    def watch(self, probes: tuple[dict[str, Any], ...] = (), **service: Any) -> None:
        self.host.declare("shop", api=2)
        route = {"name": "chat", "kind": "slack", "url_file": "/none", "severities": ["critical", "warning"]}
        api = {"service": "api", "replicas": 2, "probes": list(probes), **service}
        self.host.watch("shop", services=[api], alerts=[route], confirm=2, recover=10)

    def synced(self) -> bool:
        self.did.append(f"out of rotation: {' '.join(sorted(out_of_rotation.load('shop'))) or 'nobody'}")
        return True

    def read(self, spec: settings.ProbeSpec, one: Container, _engine: Engine) -> Reading:
        return Reading(spec.name, True) if self.probe(one) else Reading(spec.name, False, reason="tcp: refused")


class Days(Life):
    """The same on a clock that the test moves, round by round."""

    def __init__(self, host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(host, monkeypatch)
        self.clock = clock
        self.pools: list[AtOnce] = []
        self.hanging = False
        monkeypatch.setattr(module, "ThreadPoolExecutor", self.pool)

    def pool(self, *_given: object) -> AtOnce:
        self.pools.append(AtOnce())
        self.pools[-1].held = self.hanging
        return self.pools[-1]

    def start(self) -> None:
        """A new daemon, which finds the engine and looks at everything."""
        self.daemon = Daemon()
        self.turn(Connected(cast(Engine, self.engine)))
        self.pass_by(1)
        self.did.clear()

    def turn(self, *items: object) -> None:
        """One round with what has arrived."""
        self.daemon._round([*items, *self.daemon.inbox.take(self.clock.steady, suspicious=False)])

    def pass_by(self, seconds: float) -> None:
        """Rounds without events."""
        for _round in range(int(seconds / STEP)):
            self.clock.go(STEP)
            self.turn()

    def pass_until(self, true: Callable[[], object]) -> None:
        """Rounds until it is so; a minute at the most."""
        for _round in range(int(60 / STEP)):
            if true():
                return
            self.pass_by(STEP)
        raise AssertionError("it never was so")

    def event(self, did: str, number: int = 1, **attributes: Any) -> None:
        """One of Docker's events, and what changed with it."""
        labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "api"}
        self.turn({"Type": "container", "Action": did, "Actor": {"ID": f"api{number}", "Attributes": labels | attributes}})

    def change(self, number: int = 1, event: str = "start", **changes: Any) -> None:
        self.engine.change(f"api{number}", **changes)
        self.event(event, number)

    def dies(self, number: int = 1, code: int = 1, state: str = "exited") -> None:
        self.engine.change(f"api{number}", state=state, exit_code=code, health="none")
        self.event("die", number, exitCode=str(code))

    @property
    def told(self) -> list[str]:
        """What was spooled, in order."""
        notices = [one.notice for one in self.daemon.components.alerting.spool.waiting()]
        return [f"{one['what']} {one['incident']['key']}" for one in notices]

    @property
    def open(self) -> list[Incident]:
        return self.daemon.components.judgement.open_incidents()

    @property
    def state(self) -> str:
        return str(self.daemon.components.publication.status["stacks"][0]["services"][0]["state"])


@pytest.fixture
def life(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Days:
    made = Days(host, clock, monkeypatch)
    made.start()
    return made
