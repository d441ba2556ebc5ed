# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No run takes IPv6 from a host: on some clouds it comes by router advertisements alone. Outputs are those of iproute2 6.15."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.preflight.router_advertisements import ADDRESSES, ROUTES, depended_on

from .hosts import RecordedHost

OFF = {"net.ipv6.conf.all.accept_ra": 0, "net.ipv6.conf.default.accept_ra": 0, "net.ipv6.conf.*.accept_ra": 0}
LEARNED = {"dst": "default", "gateway": "fe80::1", "dev": "eth0", "protocol": "ra", "metric": 1024, "expires": 1797, "flags": []}
STATIC = {"dst": "default", "gateway": "fe80::1", "dev": "eth0", "protocol": "static", "metric": 1024, "flags": []}
SLAAC = {"family": "inet6", "local": "2001:db8::9", "prefixlen": 64, "scope": "global", "dynamic": True, "mngtmpaddr": True}
DHCP = {"family": "inet6", "local": "2001:db8::7", "prefixlen": 128, "scope": "global", "dynamic": True, "noprefixroute": True}


def keys(routes: list[Any], addresses: list[Any] | None = None, heard: str = "1", settings: dict[str, Any] | None = None) -> list[str]:
    interfaces = [{}, {"ifname": "eth0", "addr_info": addresses or []}]
    host = RecordedHost(
        outputs={" ".join(ROUTES): json.dumps(routes), " ".join(ADDRESSES): json.dumps(interfaces)},
        files={"/proc/sys/net/ipv6/conf/eth0/accept_ra": f"{heard}\n"},
    )
    problems = list(depended_on(host, {"os_hardening": {"settings": OFF if settings is None else settings}}))
    return [f"{problem.key}: {problem.problem}" for problem in problems]


@pytest.mark.parametrize(
    ("routes", "addresses", "what"),
    [
        ([LEARNED], [], "the default route of IPv6 via fe80::1 of eth0"),
        ([STATIC], [SLAAC], "the address 2001:db8::9 of eth0"),
        ([LEARNED], [SLAAC], "the default route of IPv6 via fe80::1 of eth0"),
    ],
)
def test_what_came_by_an_advertisement_stays(routes: list[Any], addresses: list[Any], what: str) -> None:
    (problem,) = keys(routes, addresses)
    assert problem.startswith(f"os_hardening_accept_ra: {what} came by a router advertisement")


def test_a_host_that_needs_none_is_not_refused() -> None:
    assert keys([STATIC], [DHCP]) == []
    assert keys([]) == []
    assert list(depended_on(RecordedHost(), {"os_hardening": {"settings": OFF}})) == []  # bare, without iproute2


def test_networkd_reads_them_itself_whatever_the_kernel_does() -> None:
    assert keys([LEARNED], [SLAAC], heard="0") == []


@pytest.mark.parametrize("settings", [{}, {**OFF, "net.ipv6.conf.eth0.accept_ra": 2}, {**OFF, "net.ipv6.conf.eth0.accept_ra": None}])
def test_what_is_declared_is_enough(settings: dict[str, Any]) -> None:
    assert keys([LEARNED], settings=settings) == []
    assert keys([LEARNED], settings={**settings, "net.ipv6.conf.eth1.accept_ra": 0}) == []
