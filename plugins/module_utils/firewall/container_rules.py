# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What containers of our stacks may reach of their own host, and of the metadata service of its cloud, as rules.

An opening for everybody is one for containers too: whoever has broken into one may try sshd, and asks 169.254.169.254 for the credentials
of the host. So there is a table of nftables of its own, which looks at packets from the bridges of our stacks' networks and at nothing
else, before UFW and Docker do. It is theirs to flush as little as ours to flush theirs, so it outlives a reload of UFW and a restart of
Docker. What it lets pass UFW judges as ever.

    to the host      answers; ICMP, with the neighbours of IPv6; DNS, which Docker may forward from the container's own network; ports
                     that a stack opens for everybody (the web); what a rule of UFW admits by its source; what the network declares
    forwarded        everything but the metadata services, which DNS is asked of in some clouds; from a network that declares its egress
                     only that, DNS, and what goes to other networks, of which Docker judges

A port of the host that a network declares is open for that network alone: its packets are marked, and UFW lets the mark in.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..containers.client import NETWORK, PROJECT
from ..contracts.container_access import Destination, NetworkAccess
from .rules import ANY, Rule, spans

TABLE = "inet latentum_ops_containers"
MARK = "0x20000000"  # one bit of a packet that has arrived: no route depends on it any more
BEGIN = "# BEGIN latentum.ops: services of this host for containers (managed; changes here are lost)"
END = "# END latentum.ops: services of this host for containers"
LOG_PREFIX = "[OPS CONTAINER BLOCK] "
# Metadata services by the documentation of the clouds. All of 169.254.0.0/16, since nothing behind a router has such an address (RFC 3927):
# AWS, GCP, Azure, OpenStack, Hetzner, DigitalOcean, Oracle and others at .169.254, credentials of tasks of AWS at .170.2 and .170.23,
# Scaleway at .42.42. Beside it Alibaba, Azure's WireServer, Oracle; by IPv6 AWS, GCP, Scaleway, Akamai.
METADATA = {
    "ip": ("169.254.0.0/16", "100.100.100.200", "168.63.129.16", "192.0.0.192"),
    "ip6": ("fd00:ec2::23", "fd00:ec2::254", "fd20:ce::254", "fd00:42::42", "fd00:a9fe:a9fe::1"),
}


@dataclass(frozen=True)
class Bridge:
    """The interface of the host for one network of a stack."""

    interface: str
    stack: str
    network: str


def bridges_of(networks: Iterable[Mapping[str, Any]], stacks: Collection[str]) -> list[Bridge]:
    """Those of our stacks.

    :param networks: Docker Engine API, ``GET /networks``.
    """
    found = []
    for network in networks:
        labels, options = network.get("Labels") or {}, network.get("Options") or {}
        stack = labels.get(PROJECT)
        if network.get("Driver") == "bridge" and stack in stacks:
            interface = options.get("com.docker.network.bridge.name") or f"br-{network['Id'][:12]}"
            found.append(Bridge(str(interface), str(stack), str(labels.get(NETWORK, ""))))
    return sorted(found, key=lambda bridge: (bridge.stack, bridge.network, bridge.interface))


def admitted(rules: Iterable[Rule], of_stacks: Collection[Rule]) -> list[str]:
    """Matches of packets that UFW is asked about: openings of stacks, and rules that name where packets come from."""
    lines = [
        line
        for rule in rules
        if rule.direction == "in" and rule.action in {"allow", "limit"} and (rule.source != ANY or rule in of_stacks)
        for line in _matches(rule)
    ]
    return list(dict.fromkeys(lines))


def _matches(rule: Rule) -> Iterator[str]:
    words = [f'iifname "{rule.interface.replace("+", "*")}"'] if rule.interface else []
    for side, network in (("saddr", rule.source), ("daddr", rule.destination)):
        if network != ANY:
            words.append(f"{'ip6' if ':' in network else 'ip'} {side} {network}")
    if rule.port == ANY:
        words += [] if rule.protocol == ANY else [f"meta l4proto {rule.protocol}"]
    else:
        ports = ", ".join(str(low) if low == high else f"{low}-{high}" for low, high in spans(rule.port))
        protocol = "meta l4proto { tcp, udp } th" if rule.protocol == ANY else rule.protocol
        words.append(f"{protocol} dport {{ {ports} }}")
    yield " ".join(words)


def ruleset(
    bridges: Sequence[Bridge],
    accesses: Mapping[str, Sequence[NetworkAccess]],
    admitted: Sequence[str],
    addresses: Mapping[str, Sequence[str]] | None = None,
    *,
    log: bool,
) -> str:
    """The table for ``nft --file``: one transaction, in which the former one goes.

    :param accesses: by stack.
    :param addresses: of the names that networks may reach; a name without any is not reached.
    """
    known = {(stack, access.name): access for stack, each in accesses.items() for access in each}
    closed = [bridge for bridge in bridges if not access_to(bridge, known).metadata]
    lines = [f"table {TABLE}", f"delete table {TABLE}", f"table {TABLE} {{"]
    for name, members in (("stacks", bridges), ("no_metadata", closed)):
        elements = ", ".join(f'"{bridge.interface}"' for bridge in members)
        lines += [f"  set {name} {{", "    type ifname", *([f"    elements = {{ {elements} }}"] if elements else []), "  }"]
    refuse = [f'limit rate 3/minute burst 10 packets log prefix "{LOG_PREFIX}"'] if log else []
    refuse.append("counter reject with icmpx admin-prohibited")  # who is refused at once does not wait for a time limit
    rules = ["iifname != @stacks accept", "ct state established,related accept", "meta l4proto { icmp, ipv6-icmp } accept"]
    rules.append("meta l4proto { tcp, udp } th dport 53 accept")
    for bridge in bridges:
        for port in access_to(bridge, known).host:
            rules.append(f'iifname "{bridge.interface}" {port.protocol} dport {port.port} meta mark set meta mark | {MARK} accept')
    lines += _chain("to_host", "input", [*rules, *(f"{match} accept" for match in admitted), *refuse])
    rules = ["iifname != @stacks accept", "ct state established,related accept", "meta l4proto { tcp, udp } th dport 53 accept"]
    for family, services in METADATA.items():
        rules += [f"iifname @no_metadata {family} daddr {{ {', '.join(services)} }} {line}" for line in refuse]
    for bridge in bridges:
        if egress := access_to(bridge, known).egress:
            beyond = f'iifname "{bridge.interface}" oifname != @stacks'
            rules += [f"{beyond} {match} accept" for match in _destinations(egress, addresses or {})]
            rules += [f"{beyond} {line}" for line in refuse]
    lines += _chain("forwarded", "forward", rules)
    return "\n".join([*lines, "}"]) + "\n"


def _destinations(egress: Iterable[Destination], addresses: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Matches of packets to what may be reached."""
    yield "meta l4proto { icmp, ipv6-icmp }"  # how large a packet may be on the way, and whether anybody is there
    for there in egress:
        given = addresses.get(there.name, ()) if there.name else (there.to,)
        for family in ("ip", "ip6"):
            if members := [address for address in given if (":" in address) == (family == "ip6")]:
                yield f"{family} daddr {{ {', '.join(members)} }} {there.protocol} dport {there.port}"


def access_to(bridge: Bridge, known: Mapping[tuple[str, str], NetworkAccess]) -> NetworkAccess:
    """What the network of a bridge declares, of what stacks declare by stack and network."""
    return known.get((bridge.stack, bridge.network)) or NetworkAccess(bridge.network)


def _chain(name: str, hook: str, rules: Iterable[str]) -> list[str]:
    head = f"    type filter hook {hook} priority filter - 10; policy accept;"
    return [f"  chain {name} {{", head, *(f"    {rule}" for rule in rules), "  }"]


def ufw_block(family: int) -> str:
    """The managed part of after.rules (4) or after6.rules (6): marked packets are let in, unless a rule of UFW has refused them before."""
    return "\n".join([BEGIN, "*filter", ufw_rule(family), "COMMIT", END]) + "\n"


def ufw_rule(family: int) -> str:
    """Its rule, as ``iptables -S`` lists it."""
    return f"-A ufw{'6' if family == 6 else ''}-after-input -m mark --mark {MARK}/{MARK} -j ACCEPT"
