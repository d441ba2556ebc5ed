# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A typed view of the containers of a Compose project, taken from Docker by its labels."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..core.masking import foreign, mask
from ..core.times import epoch
from . import cpu_weight, taken_over
from .api import Conflict, EngineApi, EngineError, NotFound

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NETWORK = "com.docker.compose.network"
NUMBER = "com.docker.compose.container-number"
ONEOFF = "com.docker.compose.oneoff"
DEFINITION = "com.latentum.ops.definition"  # hash of the service's definition, written by release_pin
USES = "com.latentum.ops.uses"  # hash of what the service uses beside it: networks, volumes, configs, secrets
# What can change where a service is reached, whether it may be, and why; not the three events of each health check.
CHANGES = ("start", "die", "oom", "pause", "unpause", "destroy", "connect", "disconnect", "health_status")
TIMED_OUT = 124  # exit status of a command whose time was up, as timeout(1) has it
# Of a healthcheck that came to no answer: Docker's own for one whose time was up, timeout(1)'s, and curl's.
LATE = (-1, TIMED_OUT, 28)
GRACE = 10  # seconds that Docker gives a container to stop where nothing else is said


class DockerUnavailable(Exception):
    """The engine does not answer, or could not do what was asked; the message says what to do."""


@dataclass(frozen=True, order=True)
class PublishedPort:
    """A port of a container that answers on an address of the host."""

    address: str
    number: int
    target: int
    protocol: str = "tcp"

    @property
    def on_loopback(self) -> bool:
        """Only this host itself can connect."""
        return self.address.startswith("127.") or self.address == "::1"


@dataclass(frozen=True)
class Container:
    """One container as the engine described it at one moment."""

    id: str
    name: str
    service: str
    number: int
    state: str  # created, running, paused, restarting, exited, dead
    health: str  # none, starting, healthy, unhealthy
    restarts: int
    exit_code: int
    oom_killed: bool
    started_at: str
    image: str
    image_id: str
    addresses: tuple[tuple[str, str], ...]  # (network, IPv4 address), sorted by network
    health_log: tuple[str, ...]  # the last three results, without secrets
    definition: str = ""
    uses: str = ""
    created: float = 0.0  # epoch seconds
    grace: int = GRACE  # seconds to stop
    project: str = ""
    health_late: bool = False  # the last healthcheck came to no answer in its time
    published: tuple[PublishedPort, ...] = ()

    @property
    def serves(self) -> bool:
        """May get traffic: running, and healthy where it has a healthcheck."""
        return self.state == "running" and self.health in {"healthy", "none"}

    def uptime(self) -> float:
        """Seconds since it was started; 0 when it was not (RFC 3339 with nanoseconds, UTC)."""
        if self.state != "running" or not self.started_at:
            return 0
        return max(0.0, time.time() - epoch(self.started_at))

    def address(self) -> str | None:
        """The address by which the host reaches it: of its first network by name."""
        return self.addresses[0][1] if self.addresses else None


def parse(raw: Mapping[str, Any], text: Callable[[bytes | str], str] = foreign) -> Container:
    """A container from the engine's inspect document (Docker Engine API, GET /containers/{id}/json).

    :param text: makes text without secrets of what it wrote.
    """
    state, labels = raw["State"], raw["Config"].get("Labels") or {}
    health = state.get("Health") or {}
    networks = (raw.get("NetworkSettings") or {}).get("Networks") or {}
    addresses = sorted((name, network["IPAddress"]) for name, network in networks.items() if network and network.get("IPAddress"))
    results = health.get("Log") or []
    log = [f"exit {entry.get('ExitCode')}: {text(entry.get('Output') or '').strip()[-300:]}" for entry in results[-3:]]
    return Container(
        id=raw["Id"],
        name=raw["Name"].lstrip("/"),
        service=labels.get(SERVICE, ""),
        number=int(labels.get(NUMBER, "0") or 0),
        state=state["Status"],
        health=health.get("Status") or "none",
        restarts=int(raw.get("RestartCount", 0)),
        exit_code=int(state.get("ExitCode", 0)),
        oom_killed=bool(state.get("OOMKilled")),
        started_at=state.get("StartedAt", ""),
        image=raw["Config"].get("Image", ""),
        image_id=raw.get("Image", ""),
        addresses=tuple(addresses),
        health_log=tuple(log),
        definition=labels.get(DEFINITION, ""),
        uses=labels.get(USES, ""),
        created=epoch(raw["Created"]) if raw.get("Created") else 0.0,
        grace=int(raw["Config"].get("StopTimeout") or GRACE),
        project=labels.get(PROJECT, ""),
        health_late=bool(results) and results[-1].get("ExitCode") in LATE,
        published=tuple(sorted(_published((raw.get("NetworkSettings") or {}).get("Ports") or {}))),
    )


def _published(ports: Mapping[str, Any]) -> Iterator[PublishedPort]:
    """From ``5432/tcp`` to where it answers, as the engine writes it."""
    for inside, places in ports.items():
        target, _slash, protocol = inside.partition("/")
        for place in places or ():
            yield PublishedPort(place.get("HostIp") or "0.0.0.0", int(place["HostPort"]), int(target), protocol)  # noqa: S104 - it says so


def released(brief: Mapping[str, Any]) -> bool:
    """Whether a container, as the engine lists it, is of a release: started by one, or taken over."""
    labels = brief.get("Labels") or {}
    return bool(labels.get(DEFINITION)) or brief.get("Id") in taken_over.known(labels.get(PROJECT, ""))


class Engine:
    """The Docker engine on this host, by its socket.

    :param path: of the socket proxy, which gives out what containers wrote without secrets.
    """

    def __init__(self, timeout: float = 30, path: str = "") -> None:
        """:raises DockerUnavailable: nothing answers on the socket."""
        self.api = EngineApi(timeout, path) if path else EngineApi(timeout)
        self._masked = bool(path)
        try:
            self.api.ping()
        except OSError as error:
            units = "docker latentum-ops-socket-proxy" if path else "docker"
            raise DockerUnavailable(f"the Docker engine does not answer: {error}; look at `systemctl status {units}`") from error

    def text(self, raw: bytes | str) -> str:
        """What a container wrote, as text without secrets; where it comes masked, the store need not be readable."""
        if not self._masked:
            return foreign(raw)
        return mask(raw.decode(errors="replace") if isinstance(raw, bytes) else raw)

    def containers(self, project: str) -> list[Container]:
        """All containers of the project's services, stopped ones too; not those of `docker compose run`.

        One that was taken over has the definition for which it stands.
        """
        filters = {"label": [f"{PROJECT}={project}", f"{ONEOFF}=False"]}
        described = []
        for brief in self.api.containers(all=True, filters=filters):
            try:
                described.append(parse(self.api.inspect_container(brief["Id"]), self.text))
            except NotFound:
                continue  # removed between the list and the look
        if any(not container.definition for container in described) and (taken := taken_over.known(project)):
            described = [replace(container, **vars(taken[container.id])) if container.id in taken else container for container in described]
        return sorted(described, key=lambda container: (container.service, container.number, container.name))

    def container(self, identity: str) -> Container | None:
        """One container of a service by its id; None when it is gone, or belongs to no service."""
        try:
            raw = self.api.inspect_container(identity)
        except NotFound:
            return None
        labels = raw["Config"].get("Labels") or {}
        return parse(raw, self.text) if labels.get(PROJECT) and labels.get(ONEOFF) != "True" else None

    @cached_property
    def cgroups(self) -> str:
        """The version of control groups that the engine uses, ``1`` or ``2``."""
        return str(self.api.info().get("CgroupVersion") or "1")

    def described(self, container: Container) -> dict[str, Any]:
        """All that the engine says of a container.

        :raises NotFound: it is gone.
        """
        return self.api.inspect_container(container.id)

    def digest(self, container: Container) -> str:
        """The registry digest of the container's image, or its local id when it never came from a registry."""
        try:
            digests = self.api.inspect_image(container.image_id).get("RepoDigests") or []
        except NotFound:
            return container.image_id
        return digests[0].rsplit("@", 1)[1] if digests else container.image_id

    def log_tail(self, container: Container, lines: int = 20) -> list[str]:
        """The last lines that the container wrote to its standard outputs, without secrets."""
        try:
            return self.text(self.api.logs(container.id, tail=lines)).splitlines()
        except OSError:
            return []

    def slow_down(self, container: Container) -> None:
        """Let it yield the processors to those that serve, until `full_speed`."""
        with suppress(NotFound):
            cpu_weight.slow_down(self.api.inspect_container(container.id))

    def full_speed(self, container: Container) -> None:
        """Give it its usual weight."""
        with suppress(NotFound):
            cpu_weight.restore(self.api.inspect_container(container.id))

    def limit_processes(self, container: Container, limit: int) -> None:
        """Give a running container another limit of processes, where it has another; 0 for none. One that has gone is fine.

        :raises OSError: the engine refuses it.
        """
        with suppress(NotFound):
            if max(0, self.api.inspect_container(container.id)["HostConfig"].get("PidsLimit") or 0) != limit:
                self.api.update(container.id, {"PidsLimit": limit or -1})

    def start(self, container: Container) -> None:
        """Start a stopped container again."""
        self.api.start(container.id)

    def restart(self, container: Container) -> None:
        """Stop it, after its grace period by force, and start it; a paused one is let go first."""
        if container.state == "paused":
            self.api.unpause(container.id)
        self.api.restart(container.id, timeout=container.grace)

    def signal(self, container: Container, name: str) -> None:
        """Send a signal to its first process."""
        self.api.kill(container.id, f"SIG{name}")

    def unpause(self, container: Container) -> None:
        """Let a paused container go on."""
        self.api.unpause(container.id)

    def connect(self, container: Container, network: str, aliases: Sequence[str] = ()) -> None:
        """Put it into a network under the names that Compose gives, and those of its definition."""
        self.api.connect_container_to_network(container.id, network, aliases=[container.service, container.name, *aliases])

    def disconnect(self, container: Container, network: str) -> None:
        """Take it out of a network; out already is fine."""
        with suppress(NotFound, EngineError):
            self.api.disconnect_container_from_network(container.id, network)

    def networks(self, project: str) -> dict[str, str]:
        """The networks that Compose made for a project: their names for Docker to those in the Compose file."""
        return {name: str((network.get("Labels") or {}).get(NETWORK, "")) for name, network in self.described_networks(project).items()}

    def described_networks(self, project: str) -> dict[str, dict[str, Any]]:
        """All that the engine says of them, by their names for Docker."""
        return {str(network["Name"]): network for network in self.api.networks({"label": [f"{PROJECT}={project}"]})}

    def compose_networks(self) -> list[dict[str, Any]]:
        """The networks of all Compose projects as the engine describes them."""
        return self.api.networks({"label": [PROJECT]})

    def remove_network(self, name: str) -> bool:
        """Remove a network; False while a container is in it."""
        try:
            self.api.remove_network(name)
        except NotFound:
            return True
        except EngineError:
            return False
        return True

    def remove(self, container: Container) -> None:
        """Ask it to stop, give it its grace period, and remove it. Gone already is fine."""
        try:
            if container.state == "paused":
                self.api.unpause(container.id)
            self.api.stop(container.id, timeout=container.grace)
            with suppress(Conflict):  # somebody else is removing it already
                self.api.remove_container(container.id, force=True)
        except NotFound:
            return
        except OSError as error:
            raise DockerUnavailable(f"{container.name} could not be removed: {error}") from error

    def image(self, reference: str) -> dict[str, Any] | None:
        """The engine's description of a local image (``Id``, ``RepoDigests`` …); None when it has none."""
        try:
            return self.api.inspect_image(reference)
        except NotFound:
            return None

    def remote_digest(self, reference: str) -> str | None:
        """The digest that the registry has for a reference, without fetching anything; None when it does not say."""
        try:
            return str(self.api.inspect_distribution(reference)["Descriptor"]["digest"])
        except (OSError, KeyError):
            return None

    def named(self, name: str) -> str | None:
        """State of the container of this name (``running``, ``exited`` …); None when there is none."""
        try:
            return str(self.api.inspect_container(name)["State"]["Status"])
        except NotFound:
            return None

    def run(self, container: Container, argv: Sequence[str], timeout: float) -> tuple[int, bytes]:
        """Run a command in a container; its exit status (124 when the time was up) and the end of what it wrote.

        That is bytes, to be looked into; what goes on to people is text, which `text` makes of them.

        One whose time is up is left behind: the engine has no way to end it.
        """
        code, output = self.api.execute(container.id, argv, timeout)
        return (TIMED_OUT, f"no end within {timeout:g} s".encode()) if code is None else (code, output)

    def events(self, since: float, until: float | None = None, project: str | None = None) -> Iterator[dict[str, Any]]:
        """Events after which a container may be another than before, from `since` (epoch seconds) on; ends at `until`.

        The engine keeps recent events, so that subscribing with a time in the past leaves no gap after a first look.
        """
        filters: dict[str, Any] = {"event": CHANGES, "type": ["container", "network"]}
        if project:
            filters |= {"type": "container", "label": f"{PROJECT}={project}"}
        yield from self.api.events(since, until, filters)
