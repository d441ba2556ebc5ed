# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether IPv6 of a host comes from router advertisements that it would hear no more: once they expire it is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..hostconfig.sysctl import wanted_of
from ..schema.nodes import Problem
from .host import Host

ROUTES = ("ip", "-json", "-6", "route", "show", "default")
ADDRESSES = ("ip", "-json", "-6", "address", "show", "scope", "global")


def depended_on(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """A problem for each interface. Where the kernel does not listen, networkd or NetworkManager does, which no kernel setting stops."""
    settings = wanted["os_hardening"]["settings"]
    for interface, what in _learned(host).items():
        key = f"net.ipv6.conf.{interface.replace('.', '/')}.accept_ra"
        if str(wanted_of(settings, key)) != "0" or (host.read(f"/proc/sys/net/ipv6/conf/{interface}/accept_ra") or "0").strip() == "0":
            continue
        problem = f"{what} of {interface} came by a router advertisement, which this host would hear no more: IPv6 ends when it expires"
        fix = (
            "write os_hardening_accept_ra: true; or configure address and route of IPv6 statically, remove these, and run again."
            " Where nobody announces routers on purpose, somebody has done so"
        )
        yield Problem("os_hardening_accept_ra", "false", problem, fix)


def _learned(host: Host) -> dict[str, str]:
    """By interface, what the kernel has learned there."""
    learned: dict[str, str] = {}
    for interface in _read(host, ADDRESSES):
        for address in interface.get("addr_info") or ():
            if address.get("dynamic") and (address.get("mngtmpaddr") or address.get("protocol") == "kernel_ra"):
                learned[str(interface["ifname"])] = f"the address {address['local']}"
    for route in _read(host, ROUTES):
        if route.get("protocol") == "ra" and route.get("dev"):
            learned[str(route["dev"])] = f"the default route of IPv6 via {route.get('gateway', 'a router')}"
    return learned


def _read(host: Host, argv: tuple[str, ...]) -> list[dict[str, Any]]:
    shown = json.loads(host.output(argv) or "[]")
    return [entry for entry in shown if isinstance(entry, dict)]
