# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers, volumes and networks of the Docker engine, with the Compose projects that they belong to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...containers.api import NotFound
from ...containers.client import PROJECT, SERVICE, released
from ..host import SurveyedHost
from .traefik import rule_hosts

WORKING_DIRECTORY = "com.docker.compose.project.working_dir"
CONFIG_FILES = "com.docker.compose.project.config_files"
# Log drivers that bound themselves, or write elsewhere (as in roles/log_rotation/files).
UNBOUNDED = "json-file"


@dataclass(frozen=True)
class Published:
    """A port of a container that the host answers on."""

    address: str
    port: int
    target: int
    protocol: str


@dataclass(frozen=True)
class Container:
    """A container.

    :param project: of Compose; empty for one that was started by hand.
    :param ours: it was made by a rollout of this collection.
    :param bounded_log: its log cannot grow without end.
    """

    id: str
    name: str
    image: str
    state: str
    project: str = ""
    service: str = ""
    working_directory: str = ""
    config_files: tuple[str, ...] = ()
    ours: bool = False
    ports: tuple[Published, ...] = ()
    volumes: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    host_network: bool = False
    bounded_log: bool = True
    hosts: tuple[str, ...] = ()  # names that a proxy is told by labels


@dataclass(frozen=True)
class Volume:
    """A volume of the engine."""

    name: str
    project: str = ""


@dataclass(frozen=True)
class Network:
    """A network of the engine, with its address pools."""

    name: str
    project: str = ""
    subnets: tuple[str, ...] = ()


def containers(host: SurveyedHost) -> list[Container]:
    """All containers, stopped ones too."""
    if host.engine is None:
        return []
    described = []
    for brief in host.engine.api.containers(all=True):
        try:
            inspected = host.engine.api.inspect_container(brief["Id"])
        except NotFound:
            continue  # removed since
        described.append(_container(brief, inspected))
    return sorted(described, key=lambda container: (container.project, container.name))


def _container(brief: Mapping[str, Any], inspected: Mapping[str, Any]) -> Container:
    labels = brief.get("Labels") or {}
    settings = inspected.get("HostConfig") or {}
    log = settings.get("LogConfig") or {}
    mounts = brief.get("Mounts") or ()
    networks = (brief.get("NetworkSettings") or {}).get("Networks") or {}
    return Container(
        id=brief["Id"],
        name=str((brief.get("Names") or ["?"])[0]).lstrip("/"),
        image=str(brief.get("Image", "")),
        state=str(brief.get("State", "")),
        project=labels.get(PROJECT, ""),
        service=labels.get(SERVICE, ""),
        working_directory=labels.get(WORKING_DIRECTORY, ""),
        config_files=tuple(filter(None, labels.get(CONFIG_FILES, "").split(","))),
        ours=released(brief),
        ports=tuple(_published(brief)),
        volumes=tuple(str(mount["Name"]) for mount in mounts if mount.get("Type") == "volume" and mount.get("Name")),
        folders=tuple(str(mount["Source"]) for mount in mounts if mount.get("Type") == "bind" and mount.get("Source")),
        addresses=tuple(str(network["IPAddress"]) for network in networks.values() if network and network.get("IPAddress")),
        host_network=settings.get("NetworkMode") == "host",
        bounded_log=log.get("Type") != UNBOUNDED or bool((log.get("Config") or {}).get("max-size")),
        hosts=tuple(_hosts(labels)),
    )


def _published(brief: Mapping[str, Any]) -> Iterator[Published]:
    for port in brief.get("Ports") or ():
        if port.get("PublicPort"):
            address = str(port.get("IP") or "0.0.0.0")  # noqa: S104 - as the engine says all addresses; nobody listens here
            yield Published(address, int(port["PublicPort"]), int(port["PrivatePort"]), port.get("Type", "tcp"))


def _hosts(labels: Mapping[str, str]) -> Sequence[str]:
    rules = (value for name, value in labels.items() if name.startswith(("traefik.http.", "traefik.tcp.")) and name.endswith(".rule"))
    names = [host for rule in rules for host in rule_hosts(rule)]
    caddy = (value for name, value in labels.items() if re.fullmatch(r"caddy(?:_\d+)?", name))  # of caddy-docker-proxy
    names += [word for value in caddy for word in value.split()]
    return sorted(set(names))


def volumes(host: SurveyedHost) -> list[Volume]:
    """All volumes."""
    described = (host.engine.api.volumes().get("Volumes") or ()) if host.engine else ()
    return sorted(
        (Volume(volume["Name"], (volume.get("Labels") or {}).get(PROJECT, "")) for volume in described), key=lambda volume: volume.name
    )


def networks(host: SurveyedHost) -> list[Network]:
    """All networks that have addresses."""
    if host.engine is None:
        return []
    made = []
    for raw in host.engine.api.networks():
        pools = ((raw.get("IPAM") or {}).get("Config")) or ()
        subnets = tuple(str(pool["Subnet"]) for pool in pools if pool.get("Subnet"))
        if subnets:
            made.append(Network(str(raw["Name"]), (raw.get("Labels") or {}).get(PROJECT, ""), subnets))
    return sorted(made, key=lambda network: network.name)
