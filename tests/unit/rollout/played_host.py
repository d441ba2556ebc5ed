# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host for whole deployments, without nginx: containers in a list, and a `docker compose` that only makes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DEFINITION, NETWORK, USES, Container
from ansible_collections.latentum.ops.plugins.module_utils.core import locks
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync as upstreams
from ansible_collections.latentum.ops.plugins.module_utils.release import publish, routing, uses
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import Declared
from ansible_collections.latentum.ops.plugins.module_utils.rollout import deployment, host_actions, rollback, transaction
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.host_actions import RolloutFailed
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import Order, Outcome

from .samples import HEALTHY, container


class PlayedHost:
    """Its engine, too. A container of a service that is `sick` never becomes healthy.

    :ivar did: what was asked of Compose and of the engine.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.there: list[Container] = []
        self.sick: set[str] = set()
        self.did: list[str] = []
        self.limited: dict[str, int] = {}
        self.clock = 1000.0
        self.numbers = iter(range(1, 1000))
        self.made: dict[str, str] = {}
        self.networks_there: dict[str, dict[str, Any]] = {}
        self.raw: dict[str, dict[str, Any]] = {}
        monkeypatch.setattr(locks, "FOLDER", folder / "locks")
        for module in (deployment, rollback):
            monkeypatch.setattr(module, "engine_again", lambda: self)
        for module in (transaction, rollback):
            monkeypatch.setattr(module, "Compose", lambda _stack, _directory, release: PlayedCompose(self, release))
        monkeypatch.setattr(deployment, "Engine", lambda: self)
        monkeypatch.setattr(publish, "write", lambda _release, check=False: [])
        monkeypatch.setattr(routing, "serves", lambda: False)
        monkeypatch.setattr(upstreams, "load", list)
        monkeypatch.setattr(host_actions, "wait", None)
        monkeypatch.setattr(host_actions.Site, "healthy", lambda _site, _release, service, found, *_more: self.judge(service, found))

    def judge(self, service: str, containers: Sequence[Container]) -> None:
        now = {one.id: one for one in self.there}
        if any(now[one.id].state != "running" or now[one.id].health == "unhealthy" for one in containers):
            raise RolloutFailed(f"{service}: crashed\n  log: Permission denied: '/run/secrets/token'")

    def deploy(self, declared: Declared, **order: Any) -> Outcome:
        return Deployment("shop", Order(**{"automatic": False, **order})).deploy(declared)

    def ids(self, service: str = "") -> list[str]:
        return [one.id for one in self.there if service in ("", one.service)]

    # The engine.

    def containers(self, _project: str) -> list[Container]:
        return list(self.there)

    def image(self, reference: str) -> dict[str, Any]:
        return {"Id": "sha256:1", "RepoDigests": [f"{reference.partition(':')[0]}@sha256:{reference.rpartition(':')[2]}"]}

    def digest(self, _container: Container) -> str:
        return ""

    def slow_down(self, _container: Container) -> None:
        pass

    full_speed = slow_down

    def limit_processes(self, one: Container, limit: int) -> None:
        self.limited[one.id] = limit

    def remove(self, one: Container) -> None:
        self.did.append(f"remove {one.id}")
        self.there = [other for other in self.there if other.id != one.id]

    def networks(self, _project: str) -> dict[str, str]:
        return dict(self.made)

    cgroups = "2"

    def described_networks(self, _project: str) -> dict[str, dict[str, Any]]:
        return {name: {"Name": name, "Labels": {NETWORK: key}, **self.networks_there.get(name, {})} for name, key in self.made.items()}

    def described(self, one: Container) -> dict[str, Any]:
        return self.raw[one.id]

    def remove_network(self, name: str) -> bool:
        if any(name in dict(one.addresses) for one in self.there):
            return False
        self.did.append(f"remove network {name}")
        del self.made[name]
        return True

    def connect(self, one: Container, network: str, aliases: Sequence[str]) -> None:
        self.did.append(" ".join([f"connect {one.id} to {network}", *aliases]))
        self._in_networks(one, {**dict(one.addresses), network: f"10.9.0.{one.number}"})

    def disconnect(self, one: Container, network: str) -> None:
        self.did.append(f"disconnect {one.id} from {network}")
        self._in_networks(one, {name: address for name, address in one.addresses if name != network})

    def _in_networks(self, one: Container, networks: dict[str, str]) -> None:
        self.there = [replace(other, addresses=tuple(sorted(networks.items()))) if other.id == one.id else other for other in self.there]

    def signal(self, one: Container, name: str) -> None:
        self.did.append(f"{name} to {one.id}")

    def start(self, one: Container) -> None:
        self.there = [replace(other, state="running") if other.id == one.id else other for other in self.there]


class PlayedCompose:
    """Containers with the labels that the release's file says."""

    def __init__(self, host: PlayedHost, release: Path) -> None:
        self.host = host
        self.project = yaml.safe_load((release / "compose.yaml").read_text())

    def check(self) -> None:
        pass

    def make_networks(self, networks: dict[str, Any], _image: str) -> None:
        for name, spec in networks.items():
            real = spec.get("name") or f"shop_{name}"
            self.host.made[real] = name
            self.host.networks_there[real] = {"Internal": bool(spec.get("internal")), "Options": spec.get("driver_opts")}
            self.host.did.append(f"make {real}")

    def up(self, service: str, scale: int, *, recreate: bool = False) -> None:
        for _missing in range(scale - len(self.host.ids(service))):
            self._make(service)

    def create(self, services: Sequence[str], *, alone: bool) -> None:
        for service in services:
            self.up(service, 1)

    def _make(self, service: str) -> None:
        spec = self.project["services"][service]
        labels = spec["labels"]
        joined = {name: (self.project.get("networks") or {}).get(name) or {} for name in uses.networks_of(spec)}
        self.make_networks({name: one for name, one in joined.items() if (one.get("name") or f"shop_{name}") not in self.host.made}, "")
        sick = {"state": "restarting", "health": "unhealthy", "restarts": 3} if service in self.host.sick else {}
        number = next(self.host.numbers)
        networks = tuple((one.get("name") or f"shop_{name}", f"10.0.0.{number}") for name, one in joined.items())
        made = container(
            number,
            labels[DEFINITION],
            service,
            image=spec["image"],
            uses=labels.get(USES, ""),
            created=self.host.clock,
            addresses=networks,
            **sick,
        )
        self.host.did.append(f"start {made.id}")
        self.host.there.append(made)


def declared(policies: Sequence[dict[str, Any]] = (), top: dict[str, Any] | None = None, **services: dict[str, Any]) -> Declared:
    """A project of these services; one that says nothing has an image and a health check.

    :param top: other sections of the Compose file.
    """
    described = {name: {"image": f"registry/{name}:1", "healthcheck": HEALTHY, **one} for name, one in services.items()}
    project = {"services": described, **(top or {})}
    expected = [{"service": name, "expect": "healthy", "replicas": 1} for name in described]
    quick = {one["service"]: one for one in policies}
    policies = [{"service": name, "observe": 0, "min_healthy": 0, **quick.get(name, {})} for name in described]
    return Declared("shop", "/opt/shop", project, {}, expected, policies)
