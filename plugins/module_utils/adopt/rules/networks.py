# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks of the engine, and address pools that overlap with what the host reaches."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import TypeAlias

from ..finding import Finding, Given, Verdict

Net: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"
OF_DOCKER = ("docker", "br-", "veth", "lo")


def judge(given: Given) -> Iterator[Finding]:
    """Networks of others, and routes of the host, against the pools of role docker and fixed subnets of stacks."""
    pools = _pools(given)
    ours = {stack.name for stack in given.stacks} | {stack.name for stack in given.survey.engine.stacks}
    for network in given.survey.networks:
        base = Finding("docker network", network.name, ", ".join(network.subnets))
        mine = network.project in ours
        overlap = [] if mine else _overlapping(network.subnets, pools)
        fixed = [] if mine else _fixed(given, network.subnets)
        if fixed:
            yield base.judged(
                Verdict.CONFLICT, "stack", f"overlaps with {fixed[0]}: the engine refuses to make it", "compose.networks", "another subnet"
            )
        elif overlap:
            effect = f"lies in {overlap[0]}, from which networks are cut; the engine passes over what is taken"
            yield base.judged(Verdict.STAYS, "docker", effect)
        else:
            yield base.judged(Verdict.MANAGED if mine else Verdict.STAYS)
    for interface, subnet in _routes(given):
        if overlap := _overlapping([subnet], pools):
            base = Finding("route", subnet, f"by {interface}")
            effect = f"lies in {overlap[0]}, from which role docker cuts networks: hosts behind it could not be reached from containers"
            yield base.judged(Verdict.CONFLICT, "docker", effect, "docker_address_pools", "a base that the host reaches nothing in")


def _pools(given: Given) -> list[str]:
    """Written as `docker_address_pools`."""
    return [str(pool.get("base")) for pool in (given.role("docker") or {}).get("address_pools") or ()]


def _parsed(text: str) -> Net | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _overlapping(subnets: Sequence[str], pools: Sequence[str]) -> list[str]:
    return [pool for pool in pools for subnet in subnets if _overlap(_parsed(subnet), _parsed(pool))]


def _overlap(net: Net | None, other: Net | None) -> bool:
    return net is not None and other is not None and net.version == other.version and net.overlaps(other)


def _fixed(given: Given, subnets: Sequence[str]) -> list[str]:
    """Subnets that a stack names itself."""
    fixed = [(name, subnet, stack.name) for stack in given.stacks for name, subnet in (stack.networks or {}).items()]
    return [f"{subnet} of network {name} of {stack}" for name, subnet, stack in fixed if _overlapping(subnets, [subnet])]


def _routes(given: Given) -> Iterator[tuple[str, str]]:
    """Routes of the kernel but the default one, and those of Docker's own bridges (proc(5), /proc/net/route)."""
    for line in (given.host.read("/proc/net/route") or "").splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8 or fields[0].startswith(OF_DOCKER) or fields[7] == "00000000":
            continue
        address, mask = (ipaddress.IPv4Address(bytes.fromhex(fields[at])[::-1]) for at in (1, 7))
        yield fields[0], str(ipaddress.ip_network(f"{address}/{mask}", strict=False))
