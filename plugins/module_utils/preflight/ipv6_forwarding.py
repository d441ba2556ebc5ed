# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether somebody on a host needs IPv6 forwarded that a run would stop forwarding: Docker networks with IPv6, virtual machines, a VPN."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..hostconfig.sysctl import wanted_of
from ..schema.nodes import Problem
from .host import Host

KEY = "net.ipv6.conf.all.forwarding"
FILE = "/proc/sys/net/ipv6/conf/all/forwarding"


def depended_on(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """A problem where it is on, and would be off. Debian has it off: somebody switched it on."""
    if str(wanted_of(wanted["os_hardening"]["settings"], KEY)) != "0" or (host.read(FILE) or "0").strip() != "1":
        return
    yield Problem(
        "os_hardening_skip",
        "[]",
        "this host forwards IPv6 (a Docker network with IPv6, virtual machines, a VPN), and would no more",
        "write os_hardening_skip: [ipv6_forwarding]; or remove what switched it on, and set net.ipv6.conf.all.forwarding to 0 first",
    )
