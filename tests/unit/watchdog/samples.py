# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the watchdog's core share: containers and findings made small, a clock, an engine, a host in a folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import ProbeSpec, ServiceSpec
from ansible_collections.latentum.ops.plugins.module_utils.core import locks, paths
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import windows as maintenance_windows
from ansible_collections.latentum.ops.plugins.module_utils.nginx import out_of_rotation
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync as upstreams
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import (
    credentials,
    gate,
    privileged_helper,
    privileged_requests,
    publication,
    settings,
)
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import spool
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.findings import Fault, Finding
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.gate import Gate
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident

HOUR = 3600.0


def container(number: int = 1, service: str = "api", *, age: float = HOUR, **changes: Any) -> Container:
    """One of stack shop that runs without a healthcheck, started `age` seconds ago; its id is ``<service><number>``."""
    given: dict[str, Any] = {
        "id": f"{service}{number}",
        "name": f"shop-{service}-{number}",
        "service": service,
        "number": number,
        "state": "running",
        "health": "none",
        "restarts": 0,
        "exit_code": 0,
        "oom_killed": False,
        "started_at": datetime.fromtimestamp(time.time() - age, UTC).replace(tzinfo=None).isoformat() + "Z",
        "image": f"registry/{service}:1",
        "image_id": "",
        "addresses": (("backend", f"10.0.0.{number}"),),
        "health_log": (),
        "project": "shop",
    }
    return Container(**{**given, **changes})


def probe(kind: str = "http", name: str = "", *, timeout: float = 5, interval: float = 15, **options: Any) -> ProbeSpec:
    """A probe, named after its kind where nothing else is said."""
    return ProbeSpec(kind, name or kind, timeout, interval, options)


def service(name: str = "api", **changed: Any) -> ServiceSpec:
    """A service of one container."""
    return ServiceSpec(name, **changed)


def failing(key: str = "shop/api", cause: str = "it does not answer", **changed: Any) -> Finding:
    """Something that the engine itself calls bad."""
    stack, _slash, subject = key.partition("/")
    return Finding(key, "" if stack == "host" else stack, subject, "failing", cause=cause, **changed)


def well(key: str = "shop/api", state: str = "ok") -> Finding:
    """The same without a fault."""
    return replace(failing(key), state=state, cause="")


def bad(remedy: str = "restart", number: int = 1, *, sure: bool = True) -> Fault:
    """A container that fails; none where one is missing."""
    return Fault(None if remedy == "replace" else container(number), f"it needs {remedy}", remedy, sure)


def incident(key: str = "shop/api", severity: str = "warning", **changed: Any) -> Incident:
    """One that was opened just now."""
    stack, _slash, subject = key.partition("/")
    return Incident(key, "" if stack == "host" else stack, subject, severity, "it does not answer", time.time() - 2, time.time(), **changed)


class Clock:
    """Both clocks of a host, which only go on when they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.steady, self.wall = 5000.0, 1_800_000_000.0
        monkeypatch.setattr(time, "monotonic", lambda: self.steady)
        monkeypatch.setattr(time, "time", lambda: self.wall)

    def go(self, seconds: float) -> None:
        """Time passes."""
        self.steady += seconds
        self.wall += seconds

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self.wall += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock that stands."""
    return Clock(monkeypatch)


class FakeEngine:
    """Containers in a list; what was asked and done goes into another."""

    def __init__(self, *there: Container) -> None:
        self.there = list(there)
        self.asked: list[str] = []
        self.did: list[str] = []

    def containers(self, project: str) -> list[Container]:
        self.asked.append(f"all of {project}")
        return [one for one in self.there if one.project == project]

    def container(self, identity: str) -> Container | None:
        self.asked.append(identity)
        return next((one for one in self.there if one.id == identity), None)

    def change(self, identity: str, **changes: Any) -> None:
        """Something happens to one of them."""
        self.there = [replace(one, **changes) if one.id == identity else one for one in self.there]

    def log_tail(self, one: Container, _lines: int = 20) -> list[str]:
        return [f"last words of {one.name}"]

    def restart(self, one: Container) -> None:
        self.did.append(f"restart {one.id}")

    def start(self, one: Container) -> None:
        self.did.append(f"start {one.id}")

    def unpause(self, one: Container) -> None:
        self.did.append(f"unpause {one.id}")

    def connect(self, one: Container, network: str) -> None:
        self.did.append(f"connect {one.id} to {network}")


@dataclass
class Host:
    """A host whose /run, /var/lib and /etc are folders of the test."""

    run: Path
    state: Path
    etc: Path
    gate: Gate = field(init=False)
    engine: Any = None  # that the gate asks
    synced: Callable[[], bool] = field(default=lambda: True)

    def ask_gate(self, question: Mapping[str, Any], _patience: float = 0.0) -> dict[str, Any]:
        """A question as the socket carries it."""
        answer = json.loads(json.dumps(self.gate.answer(json.dumps(question).encode())))
        if not answer.pop("ok"):
            raise privileged_requests.Refused(answer["error"])
        return dict(answer)

    def declare(self, name: str = "shop", **services: int) -> None:
        """A stack that role `stack` has described: its services and how many containers each has."""
        described = {"name": name, "services": [{"service": one, "replicas": count} for one, count in services.items()]}
        (self.etc / "stacks" / f"{name}.json").write_text(json.dumps(described))

    def watch(self, name: str = "shop", **raw: Any) -> None:
        """What the watchdog is to watch of a stack."""
        (self.etc / "watchdog" / f"{name}.json").write_text(json.dumps({"stack": name, **raw}))


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """An empty host, owned by whoever runs the test."""
    made = Host(tmp_path / "run", tmp_path / "state", tmp_path / "etc")
    for folder in (made.run, made.state / "watchdog", made.state / "stacks", made.etc / "stacks", made.etc / "watchdog"):
        folder.mkdir(parents=True)
    monkeypatch.setattr(os, "fchown", lambda *_given: None)
    for module in (locks, out_of_rotation):
        monkeypatch.setattr(module, "FOLDER", made.run / "locks")
    monkeypatch.setattr(paths, "RELEASES", made.state / "stacks")
    monkeypatch.setattr(paths, "STACKS", made.etc / "stacks")
    monkeypatch.setattr(paths, "SECRETS", made.etc / "secrets")
    monkeypatch.setattr(upstreams, "CONFIGURATION", made.etc / "upstreams")
    monkeypatch.setattr(maintenance_windows, "FILE", made.state / "watchdog" / "maintenance.json")
    monkeypatch.setattr(spool, "SPARE", made.run / "spool")
    desk = made.run / "desk"
    for module in (privileged_requests, privileged_helper):
        monkeypatch.setattr(module, "REQUESTS", desk / "requests")
        monkeypatch.setattr(module, "ANSWERS", desk / "answers")
    for module in (privileged_requests, publication):
        monkeypatch.setattr(module, "STATUS", desk / "status.json")
    monkeypatch.setattr(publication, "PAGES", desk / "page")
    for module in (privileged_requests, gate):
        monkeypatch.setattr(module, "HELPER", desk, raising=False)
        monkeypatch.setattr(module, "REQUESTS", desk / "requests")
        monkeypatch.setattr(module, "ANSWERS", desk / "answers")
    for folder in (desk / "requests", desk / "answers"):
        folder.mkdir(parents=True)
    monkeypatch.setattr(privileged_helper, "DONE", made.state / "steward" / "done.json")
    monkeypatch.setattr(credentials, "FOLDER", made.run / "gate" / "credentials")
    monkeypatch.setattr(settings, "FOLDER", made.etc / "watchdog")
    monkeypatch.setattr(privileged_requests, "call", made.ask_gate)
    made.gate = Gate(lambda: made.engine, lambda _engine: made.synced())
    return made


class Killed(BaseException):
    """SIGKILL: nothing that comes after it is done."""


class AtOnce(Executor):
    """A pool whose work is done when it is given; what is held is never done."""

    def __init__(self) -> None:
        self.held = False

    def submit(self, work: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.held:
            return future
        try:
            future.set_result(work(*arguments, **named))
        except Exception as error:
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        pass


def throw(error: Exception) -> NoReturn:
    """Raise it."""
    raise error
