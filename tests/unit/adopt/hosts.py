# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of recorded files, outputs and processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from ansible_collections.latentum.ops.plugins.module_utils.adopt.host import Process, Space, SurveyedHost
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineApi
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine
from ansible_collections.latentum.ops.plugins.module_utils.firewall.host import Connection

from ..preflight.hosts import RecordedHost

RECORDED = Path(__file__).parent / "recorded"


def recorded(name: str) -> str:
    """An output or a file as a host had it."""
    return (RECORDED / name).read_text()


class Neighbour(RecordedHost, SurveyedHost):
    """A host on which somebody was before: nothing of this machine is seen.

    :param processes: in the form of `process`.
    :param containers: in the form of `container`; any makes an engine.
    :param space: of every file system.
    """

    def __init__(  # noqa: PLR0913  # a host has many sides
        self,
        files: Mapping[str, str] | None = None,
        outputs: Mapping[str, str] | None = None,
        processes: Sequence[Process] = (),
        containers: Sequence[Mapping[str, Any]] | None = None,
        *,
        networks: Mapping[str, str] | None = None,
        volumes: Sequence[str] = (),
        connection: Connection | None = None,
        user: str = "root",
        accounts: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.proc = Path("/proc")
        engine = None if containers is None else Engine.__new__(Engine)
        if engine:
            engine.api = cast(EngineApi, FakeApi(containers or (), networks or {}, volumes))
        running = [*processes, *([] if containers is None else [process("dockerd", unit="docker.service")])]
        RecordedHost.__init__(self, outputs, files, accounts, user=user, connection=connection, engine=engine)
        vars(self).update(processes=running)

    def exists(self, path: str | Path) -> bool:
        """A file that is named, or a folder of one."""
        return str(path) in self.texts or any(Path(name).is_relative_to(path) for name in self.texts)

    def names(self, folder: str | Path) -> list[str]:
        """Of the files that are named."""
        inside = [Path(name).relative_to(folder).parts for name in self.texts if Path(name).is_relative_to(folder)]
        return sorted({parts[0] for parts in inside if parts})

    def space(self, path: str) -> Space | None:
        """One file system with a fifth of it free."""
        return Space(path, 40 * 2**30, 8 * 2**30) if path == "/" else None


class FakeApi:
    """The engine's answers about what is there."""

    def __init__(self, containers: Sequence[Mapping[str, Any]], networks: Mapping[str, str], volumes: Sequence[str]) -> None:
        self.described, self.pools, self.named = containers, networks, volumes

    def containers(self, **_given: object) -> list[dict[str, Any]]:
        return [dict(container["brief"]) for container in self.described]

    def inspect_container(self, identity: str) -> dict[str, Any]:
        return next(dict(container["inspected"]) for container in self.described if container["brief"]["Id"] == identity)

    def volumes(self) -> dict[str, Any]:
        return {"Volumes": [{"Name": name, "Labels": None} for name in self.named]}

    def networks(self, _filters: object = None) -> list[dict[str, Any]]:
        labels = {name: {"com.docker.compose.project": name.partition("_")[0]} if "_" in name else {} for name in self.pools}
        return [{"Name": name, "Labels": labels[name], "IPAM": {"Config": [{"Subnet": subnet}]}} for name, subnet in self.pools.items()]

    def info(self) -> dict[str, Any]:
        return {"DockerRootDir": "/var/lib/docker", "Driver": "overlay2", "Containers": len(self.described), "Images": 1}


_NUMBERS = iter(range(1000, 100000))


def process(program: str, *argv: str, unit: str = "", container: str = "", sockets: Sequence[int] = ()) -> Process:
    """A process with the next number."""
    return Process(next(_NUMBERS), program, argv or (program,), unit, container, frozenset(sockets))


def container(  # noqa: PLR0913  # and so has a container
    name: str,
    image: str = "nginx:1.27",
    *,
    project: str = "",
    ports: Sequence[str] = (),
    folder: str = "",
    labels: Mapping[str, str] | None = None,
    volumes: Sequence[str] = (),
    binds: Sequence[str] = (),
    bounded: bool = True,
    network: str = "bridge",
) -> dict[str, Any]:
    """What the engine answers for a container.

    :param ports: as people write them: ``5433:5432``, ``127.0.0.1:6380:6379``, ``53:53/udp``.
    """
    own = {"com.docker.compose.project": project, "com.docker.compose.service": name.split("-")[-2] if name.count("-") > 1 else name}
    own |= (
        {"com.docker.compose.project.working_dir": folder, "com.docker.compose.project.config_files": f"{folder}/compose.yaml"}
        if folder
        else {}
    )
    all_labels = {**(own if project else {}), **(labels or {})}
    mounts = [{"Type": "volume", "Name": volume} for volume in volumes] + [{"Type": "bind", "Source": source} for source in binds]
    brief = {
        "Id": (name.encode().hex() * 64)[:64],
        "Names": [f"/{name}"],
        "Image": image,
        "State": "running",
        "Labels": all_labels,
        "Ports": list(_ports(ports)),
        "Mounts": mounts,
        "NetworkSettings": {"Networks": {"bridge": {"IPAddress": "172.18.0.2"}}},
    }
    log = {"Type": "json-file", "Config": {"max-size": "10m"} if bounded else {}}
    return {"brief": brief, "inspected": {"Id": brief["Id"], "HostConfig": {"LogConfig": log, "NetworkMode": network}}}


def _ports(ports: Sequence[str]) -> Iterator[dict[str, Any]]:
    for port in ports:
        text, _slash, protocol = port.partition("/")
        *address, public, private = text.rsplit(":", 2)
        yield {
            "IP": address[0] if address else "0.0.0.0",
            "PublicPort": int(public),
            "PrivatePort": int(private),
            "Type": protocol or "tcp",
        }


def listening(*ports: tuple[str, int, int], protocol: str = "tcp") -> str:
    """The kernel's table of listening sockets: address, port, inode."""
    state = "0A" if protocol == "tcp" else "07"
    rows = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"]
    for number, (address, port, inode) in enumerate(ports):
        digits = "".join(f"{int(part):02X}" for part in reversed(address.split(".")))
        rows.append(
            f"   {number}: {digits}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0        0 {inode} 1 0"
        )
    return "\n".join(rows) + "\n"
