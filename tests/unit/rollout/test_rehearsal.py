# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services tried with less, in containers whose behaviour is played: what is asked, what comes of it, and that nothing is left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import NotFound
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout import rehearsal
from ansible_collections.latentum.ops.plugins.module_utils.rollout.rehearsal import ENTRYPOINT, Stage, State, left_out, services

CHECK = {"test": ["CMD", "true"]}
Behaviour = Callable[[Mapping[str, Any]], str]


def release(policies: list[dict[str, Any]] | None = None, **specs: dict[str, Any]) -> Release:
    described = {name: {"image": f"{name}:1", "healthcheck": CHECK, **spec} for name, spec in specs.items()}
    expected = [{"service": name, "expect": "healthy", "replicas": 1} for name in described]
    named = [{"service": name} for name in described if name not in {policy["service"] for policy in policies or ()}]
    return Release("shop", "/opt/shop", {"services": described}, {}, expected, [*named, *(policies or [])], images={})


class Played:
    """An engine and a Compose whose containers do what `behaviour` says of their service: healthy, unhealthy, exited or refused."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.there: dict[str, str] = {}
        self.asked: list[Mapping[str, Any]] = []
        self.api = self

    def begin_once(self, whole: Mapping[str, Any], _file: Path, service: str, command: tuple[str, ...], name: str) -> None:
        spec = whole["services"][service]
        assert command == () and name not in self.there
        self.asked.append(spec)
        does = self.behaviour(spec)
        if does == "refused":
            raise CommandError(Result(["docker"], 1, "", "Error response from daemon: no such device\n"), "refused")
        self.there[name] = does

    def remove_container(self, name: str, *, force: bool, v: bool) -> None:
        if not self.there.pop(name, ""):
            raise NotFound("none", 404)

    def inspect_container(self, name: str) -> dict[str, Any]:
        return {"name": name}

    def log_tail(self, _container: Any, _lines: int) -> list[str]:
        return ["starting", "chown: Operation not permitted"]

    def parse(self, raw: dict[str, Any]) -> Any:
        does = self.there[raw["name"]]
        state = "exited" if does == "exited" else "running"
        health = {"exited": "none", "running": "none", "starting": "starting"}.get(does, does)
        return SimpleNamespace(state=state, health=health, exit_code=1, serves=state == "running" and health in {"healthy", "none"})


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Release, Behaviour], tuple[Stage, Played]]:
    monkeypatch.setattr(paths, "RELEASES", tmp_path)
    clock = iter(range(100_000))
    monkeypatch.setattr(rehearsal, "time", SimpleNamespace(monotonic=lambda: float(next(clock)), sleep=lambda _seconds: None))

    def make(live: Release, behaviour: Behaviour) -> tuple[Stage, Played]:
        played = Played(behaviour)
        monkeypatch.setattr(rehearsal, "Compose", lambda *_a: played)
        monkeypatch.setattr(rehearsal, "parse", played.parse)
        return Stage(played, Store("shop"), live), played  # type: ignore[arg-type]

    return make


def no_writes(spec: Mapping[str, Any]) -> str:
    return "exited" if spec.get("read_only") and "/run" not in spec["tmpfs"] else "healthy"


def entrypoint(spec: Mapping[str, Any]) -> str:
    return "exited" if spec.get("cap_drop") and "SETUID" not in spec["cap_add"] else "healthy"


@pytest.mark.parametrize(
    ("behaviour", "state", "confinement"),
    [
        (lambda _spec: "healthy", State.TAKES, {"capabilities": [], "read_only": True}),
        (no_writes, State.TAKES, {"capabilities": [], "read_only": True, "tmpfs": ["/run", "/tmp"]}),
        (entrypoint, State.TAKES, {"capabilities": list(ENTRYPOINT), "read_only": True}),
        (lambda spec: "unhealthy" if spec.get("read_only") else "healthy", State.PARTLY, {"capabilities": []}),
        (lambda spec: "refused" if spec.get("cap_drop") else "healthy", State.PARTLY, {"read_only": True}),
        (lambda spec: "exited" if spec.get("cap_drop") and spec.get("read_only") else "healthy", State.PARTLY, {"capabilities": []}),
        (lambda spec: "exited" if spec.get("cap_drop") or spec.get("read_only") else "healthy", State.REFUSES, {}),
        (lambda _spec: "unhealthy", State.UNKNOWN, {}),
        (lambda spec: "starting" if spec.get("cap_drop") else "healthy", State.PARTLY, {"read_only": True}),
    ],
)
def test_what_comes_of_a_service(behaviour: Behaviour, state: State, confinement: dict[str, Any], stage: Any) -> None:
    made, played = stage(release(web={}), behaviour)
    found = made.rehearse("web")
    assert (found.state, found.confinement) == (state, confinement), found
    assert played.there == {}, "nothing is left"
    assert bool(found.reason) is (state is not State.TAKES)


def test_what_an_operator_reads(stage: Any) -> None:
    made, _played = stage(release(web={}), lambda spec: "exited" if spec.get("read_only") else "healthy")
    assert made.rehearse("web").reason == "it ended with exit status 1: chown: Operation not permitted"


def test_the_container_touches_nothing_of_the_stack(stage: Any) -> None:
    web = {
        "ports": ["80:80"],
        "container_name": "web",
        "volumes": ["data:/data", "/etc/ssl:/etc/ssl:ro", {"type": "volume", "source": "more", "target": "/more"}],
        "networks": {"default": {"aliases": ["shop"]}},
    }
    made, played = stage(release(web=web), lambda _spec: "healthy")
    made.rehearse("web")
    for spec in played.asked:
        assert not {"ports", "container_name"} & set(spec) and spec["networks"] == {"default": {}}
        assert spec["volumes"] == [{"type": "volume", "target": "/data"}, "/etc/ssl:/etc/ssl:ro", {"type": "volume", "target": "/more"}]
        assert spec["healthcheck"] == CHECK


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"volumes": ["/srv/data:/data"]}, "writes to /srv/data"),
        ({"volumes": ["/var/run/docker.sock:/var/run/docker.sock:ro"]}, "container engine"),
        ({"privileged": True}, "privileged"),
        ({"network_mode": "host"}, "network_mode"),
    ],
)
def test_what_is_not_tried(spec: dict[str, Any], words: str, stage: Any) -> None:
    made, played = stage(release(web=spec), lambda _spec: "healthy")
    found = made.rehearse("web")
    assert found.state is State.UNKNOWN and words in found.reason and played.asked == []


def test_what_is_confined_already_is_left_as_it_is(stage: Any) -> None:
    made, played = stage(release(web={"cap_drop": ["ALL"], "read_only": True}), lambda _spec: "healthy")
    assert made.rehearse("web").state is State.TAKES and len(played.asked) == 1


def test_without_a_healthcheck_it_is_said(stage: Any) -> None:
    made, _played = stage(release(web={"healthcheck": None}), lambda _spec: "running")
    found = made.rehearse("web")
    assert not found.judged and found.state is State.TAKES


def test_two_that_may_do_the_same_work_are_tried_only_when_named() -> None:
    policies = [{"service": "cron", "strategy": "recreate"}, {"service": "migrate", "job": True}]
    live = release(policies, web={}, cron={}, migrate={})
    assert services(live, []) == ["web"] and left_out(live, ["web"]) == ["cron"]
    assert services(live, ["cron"]) == ["cron"]
    with pytest.raises(ValueError, match=r"wab is no service of release .*: it has cron, migrate, web"):
        services(live, ["wab"])
