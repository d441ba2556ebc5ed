# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose project that is left when a stack is ejected: secrets beside it, routed services on fixed ports of loopback.

A container's address changes with each start, and only the engine follows it. A port of loopback does not: a plain nginx finds the service
there. A range with as many ports as there are containers lets each of them take one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..compose.syntax import Port, parse_port
from ..contracts.carried_files import EXTENSION
from ..contracts.upstreams import Upstream
from ..core import paths
from ..release import uses
from ..release.store import Release

LOOPBACK = "127.0.0.1"
FIRST, LAST = 18080, 18999
# Joined by routed services that have internal networks only: Docker publishes no port of those. Without masquerading its containers still
# reach nothing outside.
NETWORK = "published"
_UNMASKED = {"driver_opts": {"com.docker.network.bridge.enable_ip_masquerade": "false"}}
FOLDER = "secrets"  # in the folder of the stack


class NotEjected(ValueError):
    """A stack that cannot be ejected as it is; the message says what to do first. Nothing was changed."""


@dataclass(frozen=True)
class Listening:
    """A port of a service, and the ports of loopback where its containers are."""

    service: str
    port: int
    published: tuple[int, ...]

    def written(self) -> str:
        """As it stands in the Compose file."""
        first, last = self.published[0], self.published[-1]
        return f"{LOOPBACK}:{first if first == last else f'{first}-{last}'}:{self.port}"


@dataclass(frozen=True)
class EjectedProject:
    """What is left of a stack.

    :param project: the Compose project.
    :param listening: where its routed services are.
    :param secrets: file of the secret store to its path in the folder of the stack.
    :param carried: folder of a file that the release carries to its path there.
    """

    project: Mapping[str, Any]
    listening: tuple[Listening, ...]
    secrets: Mapping[Path, Path]
    carried: Mapping[Path, Path]


def ejected(live: Release, upstreams: Sequence[Upstream], taken: Collection[int] = ()) -> EjectedProject:
    """The project of a live release as it can go on by itself; the same again of one that is ejected already.

    :param upstreams: those that lead to the stack.
    :param taken: ports that something on the host listens at.
    :raises NotEjected: there are not enough free ports.
    """
    project, carried = _with_own_files(live)
    secrets: dict[Path, Path] = {}
    store = paths.SECRETS / live.stack
    for secret in (project.get("secrets") or {}).values():
        if isinstance(secret, dict) and secret.get("file"):
            secret["file"] = _moved(secret["file"], store, secrets)
    for service in project["services"].values():
        if service.get("env_file"):
            service["env_file"] = _env_files(service["env_file"], store, secrets)
    listening: list[Listening] = []
    for service_name, port in dict.fromkeys(
        (upstream.service, upstream.port or 0) for upstream in upstreams if upstream.project == live.stack
    ):
        if (spec := project["services"].get(service_name)) is None:
            continue
        count = max(live.replicas(service_name), 1)
        known = _known(spec, port, count)
        published = known or _free(count, {*taken, *(number for listener in listening for number in listener.published)})
        there = Listening(service_name, port, published)
        listening.append(there)
        if not known:
            spec["ports"] = [*(spec.get("ports") or []), there.written()]
        _reachable(project, spec)
    return EjectedProject(project, tuple(listening), secrets, carried)


def _with_own_files(live: Release) -> tuple[dict[str, Any], dict[Path, Path]]:
    """The project with the files that the release carries mounted from the folder of the stack: their store goes with the releases.

    A file that was read again at a signal stays as it is now, and nobody sends the signal.
    """
    store = paths.RELEASES / live.stack / paths.FILES
    pattern = re.compile(rf"{re.escape(str(store))}/([0-9a-f]{{12}})(?=/)")
    carried: dict[Path, Path] = {}

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: moved(item) for key, item in value.items()}
        if isinstance(value, list):
            return [moved(item) for item in value]
        if not isinstance(value, str):
            return value
        carried.update({store / digest: Path(paths.FILES) / digest for digest in pattern.findall(value)})
        return pattern.sub(rf"./{paths.FILES}/\1", value)

    project = {key: moved(value) for key, value in live.project.items() if key != EXTENSION}
    return project, carried


def _moved(file: str, store: Path, secrets: dict[Path, Path]) -> str:
    """Where a file of the store is from now on; others stay."""
    path = Path(file)
    if not path.is_relative_to(store):
        return file
    secrets[path] = Path(FOLDER) / path.relative_to(store)
    return f"./{secrets[path]}"


def _env_files(given: Any, store: Path, secrets: dict[Path, Path]) -> list[Any]:
    files = given if isinstance(given, list) else [given]
    return [
        {**file, "path": _moved(str(file["path"]), store, secrets)} if isinstance(file, dict) else _moved(str(file), store, secrets)
        for file in files
    ]


def _known(spec: Mapping[str, Any], port: int, count: int) -> tuple[int, ...]:
    """Ports of loopback that the service has already, when they are as many as its containers."""
    for written in spec.get("ports") or []:
        parsed = parse_port(written)
        if isinstance(parsed, Port) and parsed.target == port and parsed.published and parsed.host_ip == LOOPBACK:
            numbers = tuple(range(parsed.published[0], parsed.published[1] + 1))
            return numbers if len(numbers) == count else ()
    return ()


def _free(count: int, taken: Collection[int]) -> tuple[int, ...]:
    """So many free ports in a row."""
    for first in range(FIRST, LAST - count + 2):
        numbers = tuple(range(first, first + count))
        if not set(numbers) & set(taken):
            return numbers
    raise NotEjected(f"between {FIRST} and {LAST} there are no {count} free ports in a row on this host: stop what listens there")


def _reachable(project: dict[str, Any], spec: dict[str, Any]) -> None:
    """A network whose ports Docker publishes, beside internal ones."""
    if spec.get("network_mode"):
        return
    names = uses.networks_of(spec)
    known = project.get("networks") or {}
    if NETWORK in names or not all((known.get(name) or {}).get("internal") for name in names):
        return
    project["networks"] = {**known, NETWORK: dict(_UNMASKED)}
    networks = spec.get("networks")
    spec["networks"] = {**networks, NETWORK: None} if isinstance(networks, dict) else [*names, NETWORK]


def listened() -> set[int]:
    """TCP ports that something on this host listens at (proc(5), /proc/net/tcp)."""
    ports: set[int] = set()
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            local, state = line.split()[1], line.split()[3]
            if state == "0A":
                ports.add(int(local.rpartition(":")[2], 16))
    return ports
