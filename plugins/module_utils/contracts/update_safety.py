# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which updates would break a service, and the line to change. One rule for the declaration and for the host before a rollout."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ..compose.model import Service
from ..schema.nodes import shown

SHARED_VOLUME = "shared_volume"
HOST_PORT = "host_port"  # no declaration waives it: ejection does, whose containers are the first to take their ports
WAIVERS = (SHARED_VOLUME, "no_healthcheck")  # the second: the image brings one


@dataclass(frozen=True)
class Unsafe:
    """One reason why a service cannot have two sets of containers for a while.

    :param waiver: what allows it all the same, in C(services.<name>.allow) where it is one of `WAIVERS`; empty when nothing does.
    """

    waiver: str
    key: str
    value: str
    problem: str
    fix: str


def unsafe(service: Service, strategy: str, allow: Collection[str]) -> list[Unsafe]:
    """All reasons at once; none for C(recreate), which never has two sets."""
    if strategy == "recreate":
        return []
    return [reason for reason in _reasons(service) if reason.waiver not in allow or not reason.waiver]


def _reasons(service: Service) -> Iterator[Unsafe]:
    key = f"compose.services.{service.name}"
    other = f"or write services.{service.name}.update.strategy: recreate, with the time that it is down"
    if not service.has_healthcheck:
        what = "cannot be updated without losing requests: nothing says when a new container is ready"
        yield Unsafe("no_healthcheck", f"{key}.healthcheck", service.healthcheck, what, f"add a healthcheck to {service.name}, {other}")
    if service.container_name:
        what = "fixes a name, which only one container can have, so no new one can start beside the old"
        yield Unsafe("", f"{key}.container_name", shown(service.container_name), what, f"remove container_name, {other}")
    for port in service.ports:
        if port.published is not None:
            what = "takes a port of the host, which only one container can have"
            yield Unsafe(HOST_PORT, f"{key}.ports", shown(str(port)), what, f"remove the port and add a route, {other}")
    if service.network_mode == "host":
        what = "uses the ports of the host, which only one container can have"
        yield Unsafe("", f"{key}.network_mode", shown("host"), what, f"remove network_mode, {other}")
    for address in service.fixed_addresses:
        what = "fixes an address, which only one container can have, so no new one can start beside the old"
        fix = f"remove it: containers find each other by the names of services, {other}"
        yield Unsafe("", f"{key}.networks", shown(address), what, fix)
    for mount in service.mounts:
        if mount.single_writer:
            what = f"would be written to by two containers at once ({mount.target})"
            waive = f"or, when that is safe, services.{service.name}.allow: [{SHARED_VOLUME}]"
            yield Unsafe(SHARED_VOLUME, f"{key}.volumes", shown(mount.source), what, f"mount it read-only, {other}, {waive}")
