# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of the containers, kept true by Docker's events: only what an event names is looked at again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..containers import network_names
from ..containers.client import Container


class Inspector(Protocol):
    """What is needed of an engine."""

    def containers(self, project: str) -> list[Container]:
        """All containers of a project's services."""

    def container(self, identity: str) -> Container | None:
        """One of them."""


def action(event: Mapping[str, Any]) -> str:
    """``health_status`` of ``health_status: unhealthy``."""
    return str(event.get("Action", "")).split(":", maxsplit=1)[0]


def subject(event: Mapping[str, Any]) -> str:
    """The id of the container that an event is about; empty where it is about none."""
    actor = event.get("Actor") or {}
    of_network = event.get("Type") == "network"
    return str(((actor.get("Attributes") or {}).get("container") if of_network else actor.get("ID")) or "")


class Picture:
    """The containers of some projects; serves wherever an engine is asked for them."""

    def __init__(self, projects: Iterable[str]) -> None:
        self.projects = set(projects)
        self.whole = False  # everything was looked at once: before that, what is not seen may be there all the same
        self._seen: dict[str, Container] = {}
        self._networks: dict[str, set[str]] = {}
        self._began: dict[str, tuple[str, float]] = {}
        self._sorted: dict[tuple[str, str], list[Container]] | None = None

    def containers(self, project: str) -> list[Container]:
        """As the engine would give them."""
        return [container for (name, _service), of_service in self._by_service().items() if name == project for container in of_service]

    def of(self, project: str, service: str) -> list[Container]:
        """The containers of one service."""
        return self._by_service().get((project, service), [])

    def _by_service(self) -> dict[tuple[str, str], list[Container]]:
        if self._sorted is None:
            self._sorted = {}
            for container in sorted(
                self._seen.values(), key=lambda container: (container.project, container.service, container.number, container.name)
            ):
                self._sorted.setdefault((container.project, container.service), []).append(container)
        return self._sorted

    def look(self, engine: Inspector) -> None:
        """Look at everything."""
        self._seen = {container.id: container for project in self.projects for container in engine.containers(project)}
        self._sorted, self.whole = None, True
        for container in self._seen.values():
            self._note(container)
        self._networks = {identity: names for identity, names in self._networks.items() if identity in self._seen}
        self._began = {identity: began for identity, began in self._began.items() if identity in self._seen}

    def look_at(self, engine: Inspector, identities: Iterable[str]) -> None:
        """Look at some again."""
        self._sorted = None
        for identity in identities:
            container = engine.container(identity)
            if container is None or container.project not in self.projects:
                self._seen.pop(identity, None)
                continue
            self._seen[identity] = container
            self._note(container)

    def lost_networks(self, container: Container) -> set[str]:
        """Networks in which a running container was and is no more: somebody cut it off."""
        if container.state != "running":
            return set()
        present = {name for name, _address in container.addresses}
        # A rollout that was taken back had put it into the next generation of a network, too.
        replaced = {network_names.first(name) for name in present}
        lost = self._networks.get(container.id, set()) - present
        return {name for name in lost if not (network_names.generation(name) and network_names.first(name) in replaced)}

    def age(self, container: Container) -> float:
        """Seconds since it was started, by the monotonic clock from the first sight of it on; 0 when it does not run."""
        started, began = self._began.get(container.id, ("", 0.0))
        return time.monotonic() - began if container.state == "running" and started == container.started_at else 0.0

    def _note(self, container: Container) -> None:
        # Only a running container has addresses; networks without one (none, host) are never noted.
        if container.state == "running":
            if self._began.get(container.id, ("", 0.0))[0] != container.started_at:
                self._began[container.id] = (container.started_at, time.monotonic() - container.uptime())
            self._networks.setdefault(container.id, set()).update(name for name, _address in container.addresses)
