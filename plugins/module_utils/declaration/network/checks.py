# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of host ports, Docker networks and firewall openings."""

from __future__ import annotations

from collections.abc import Iterator

from ...compose.model import Service
from ...compose.syntax import Port, is_external
from ...contracts.container_access import Destination, HostPort
from ...schema.nodes import Problem, instead, shown
from ..model import Declaration

RESERVED = {22: "sshd", 80: "nginx", 443: "nginx"}


def check_ports(declaration: Declaration, problems: list[Problem]) -> None:
    """No host port is taken twice, and none that sshd or nginx listens on."""
    published = [(service.name, port) for service in declaration.compose.services.values() for port in service.ports if port.published]
    for name, port in published:
        for number, owner in RESERVED.items():
            if port.takes(number):
                what = f"takes port {number} of the host, which belongs to {owner}"
                fix = "remove it and add a route to ops_stack.routes" if owner == "nginx" else "publish another port"
                problems.append(Problem(f"compose.services.{name}.ports", shown(str(port)), what, fix))
    for name, port, other in _clashes([(name, port) for name, port in published if port.fixed]):
        what = "takes the same host port twice" if name == other else f"takes a host port that the service {other} takes already"
        fix = "publish it on another host port, or remove one"
        problems.append(Problem(f"compose.services.{name}.ports", shown(str(port)), what, fix))


def _clashes(ports: list[tuple[str, Port]]) -> Iterator[tuple[str, Port, str]]:
    """Ports that begin before an earlier one on the same address ends, and the service of that one. Sorted, so it takes one pass."""
    ends: dict[tuple[str, str], tuple[int, str]] = {}  # by protocol and address, where "" is every address and "*" is any
    for name, port in sorted(ports, key=lambda named_port: named_port[1].published or (0, 0)):
        first, last = port.published or (0, 0)
        places = ("*",) if port.everywhere else ("", port.host_ip)
        end, other = max((ends.get((port.protocol, place), (0, "")) for place in places), key=lambda end_and_service: end_and_service[0])
        if first <= end:
            yield name, port, other
        for place in ("*", "" if port.everywhere else port.host_ip):
            if last > ends.get((port.protocol, place), (0, ""))[0]:
                ends[port.protocol, place] = (last, name)


def check_networks(declaration: Declaration, problems: list[Problem]) -> None:
    """Docker publishes no port of a container whose networks are all internal."""
    internal = declaration.compose.internal_networks
    for service in declaration.compose.services.values():
        if not service.ports or service.network_mode or not _only_internal(service, internal):
            continue
        name = service.networks[0]
        what = f"are published, but every network of {service.name} is internal, so nobody can reach them"
        fix = "add a network with internal: false to networks: in the Compose file and to the service, or remove ports:"
        if name == "default":
            fix = "write networks: {default: {internal: false}} in the Compose file, or remove ports:"
        ports = ", ".join(map(str, service.ports[:9]))
        problems.append(Problem(f"compose.services.{service.name}.ports", shown(ports), what, fix))


def _only_internal(service: Service, internal: frozenset[str]) -> bool:
    return all(network in internal for network in service.networks)


def check_access(declaration: Declaration, problems: list[Problem]) -> None:
    """What a network may reach beside it: the network is one of this stack, and its containers are not on the host anyway."""
    written = declaration.compose.resolved.get("networks") or {}
    used = {network for service in declaration.compose.services.values() for network in service.networks}
    for access in declaration.networks:
        key = f"networks.{access.name}"
        if access.name not in used:
            what = "is no network that a service of the Compose file is in"
            problems.append(Problem(key, shown(access.name), what, instead(access.name, used, "network")))
        elif is_external(written.get(access.name)):
            what = "is external: whoever made it says what its containers reach, and nothing holds them back here"
            problems.append(Problem(key, shown(access.name), what, "remove it, or name a network of this stack"))
        if access.egress and access.name in declaration.compose.internal_networks:
            what = "is internal, so nothing leaves it anyway"
            fix = f"remove egress, or write networks: {{{access.name}: {{internal: false}}}} in the Compose file"
            problems.append(Problem(f"{key}.egress", shown(access.name), what, fix))
        parts: dict[str, tuple[HostPort | Destination, ...]] = {"host": access.host, "egress": access.egress}
        for part, items in parts.items():
            for index, opened in enumerate(items):
                if opened in items[:index]:
                    problems.append(Problem(f"{key}.{part}[{index}]", str(opened.port), "is said twice", "remove it"))


def check_firewall(declaration: Declaration, problems: list[Problem]) -> None:
    seen: dict[tuple[int, str], str] = {}
    for opening in declaration.firewall:
        key = f"{opening.key}.port"
        if opening.protocol == "tcp" and opening.port == 22:
            what = "is SSH, which the firewall role opens and limits itself"
            problems.append(Problem(key, "22", what, "remove it; firewall_ssh_port and its neighbours are for that"))
        elif opening.protocol == "tcp" and opening.port in (80, 443) and (declaration.routes or declaration.redirects):
            problems.append(Problem(key, str(opening.port), "is opened by the routes already", "remove it"))
        other = seen.setdefault((opening.port, opening.protocol), opening.key)
        if other != opening.key and opening.port:
            fix = f"write all networks into {other}.from and remove this one"
            problems.append(Problem(key, str(opening.port), f"is opened by {other} already", fix))
