# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's published ports under the firewall's policy.

A published port is rewritten to a container's address before the INPUT chain, so UFW never sees it. Docker sends all forwarded
traffic through the chain DOCKER-USER first and leaves its content to the administrator
(https://docs.docker.com/engine/network/packet-filtering-firewalls/). The chain is kept in UFW's after.rules, which UFW loads at
boot before Docker starts, and on each reload in one step (``iptables-restore --noflush`` replaces a declared chain atomically).

Openings name the port that the client asked for (conntrack's original destination), never a container's address, which changes.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .rules import ANY, INTERFACE, FirewallError, Rule, parse_network, spans

BEGIN = "# BEGIN latentum.ops: Docker's published ports (managed; changes here are lost)"
END = "# END latentum.ops: Docker's published ports"
CHAIN, DECISION = "DOCKER-USER", "OPS-DOCKER"
LOG_PREFIX = "[OPS DOCKER BLOCK] "  # not UFW's own words, which UFW rewrites when its default policy changes
_OURS_BY_OTHERS = re.compile(rf"\s*(?::|-[AIRDF]\s+){CHAIN}\b")


@dataclass(frozen=True)
class DockerNetworks:
    """How traffic to containers is recognised: by the bridges it leaves through, and by address pools."""

    interfaces: Sequence[str] = ("docker0", "docker_gwbridge", "br-+")
    pools: Sequence[str] = ()


def parse_networks(interfaces: Sequence[str], pools: Sequence[str]) -> DockerNetworks:
    """:raises FirewallError: what is neither an interface's name nor a network."""
    problems = [
        f"docker_interfaces: {name!r} is not an interface's name: write one such as docker0 or br-+"
        for name in interfaces
        if not INTERFACE.fullmatch(name)
    ]
    networks = []
    for pool in pools:
        try:
            networks.append(parse_network(pool))
        except ValueError as error:
            problems.append(f"docker_networks: {pool!r}: {error}")
    if problems:
        raise FirewallError(problems)
    return DockerNetworks(tuple(interfaces), tuple(networks))


def _openings(rule: Rule, family: int) -> list[str]:
    """One declared rule as rules of the deciding chain: each meets a published port, asked for by its number on the host."""
    if rule.direction != "in" or family not in rule.families or rule.destination != ANY:
        return []
    base = []
    if rule.source != ANY:
        base += ["-s", rule.source]
    if rule.interface:
        base += ["-i", rule.interface]
    lines = []
    for protocol in ("tcp", "udp") if rule.protocol == ANY and rule.port != ANY else (rule.protocol,):
        for span in spans(rule.port) if rule.port != ANY else [None]:
            words = list(base)
            if protocol != ANY:
                words += ["-p", protocol]
            words += ["-m", "conntrack", "--ctstate", "DNAT"]
            if span is not None:
                words += ["--ctorigdstport", str(span[0]) if span[0] == span[1] else f"{span[0]}:{span[1]}"]
            if rule.action == "limit":
                # UFW's own measure: six new connections from an address in 30 seconds.
                name = f"ops-{protocol}-{rule.port}"[:15].replace(":", "-").replace(",", "-")
                limit = ["-m", "hashlimit", "--hashlimit-above", "12/min", "--hashlimit-burst", "6"]
                limit += ["--hashlimit-mode", "srcip", "--hashlimit-name", name]
                if family == 6:  # a customer has an address for each attempt in a /64
                    limit += ["--hashlimit-srcmask", "64"]
                lines.append(" ".join([f"-A {DECISION}", *words, *limit, "-j", "DROP"]))
            verdict = {"allow": "RETURN", "limit": "RETURN", "deny": "DROP", "reject": "REJECT"}[rule.action]
            lines.append(" ".join([f"-A {DECISION}", *words, "-j", verdict]))
    return lines


def block(rules: Sequence[Rule], networks: DockerNetworks, family: int, *, closed: bool = True, log: bool = True) -> str:
    """The managed part of after.rules (4) or after6.rules (6), with its markers.

    :param closed: drop what no rule opens; False where incoming traffic is allowed by default.
    """
    lines = [BEGIN, "*filter", f":{CHAIN} - [0:0]", f":{DECISION} - [0:0]"]
    lines.append(f"-A {CHAIN} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN")
    # Containers may reach each other as far as Docker's own isolation lets them, and the outside.
    lines += [f"-A {CHAIN} -i {name} -j RETURN" for name in networks.interfaces]
    lines += [f"-A {CHAIN} -o {name} -j {DECISION}" for name in networks.interfaces]
    pools = [pool for pool in networks.pools if ipaddress.ip_network(pool, strict=False).version == family]
    lines += [f"-A {CHAIN} -d {pool} -j {DECISION}" for pool in pools]
    for rule in rules:
        lines += _openings(rule, family)
    if closed:
        if log:
            lines.append(f'-A {DECISION} -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "{LOG_PREFIX}"')
        lines.append(f"-A {DECISION} -j DROP")
    return "\n".join([*lines, "COMMIT", END]) + "\n"


def with_block(content: str, wanted: str | None, begin: str = BEGIN, end: str = END) -> str:
    """UFW's file with a managed part replaced, added at its end, or (None) taken out; the rest is left as it is."""
    rest = re.sub(rf"\n*{re.escape(begin)}\n.*?{re.escape(end)}\n?", "\n", content, flags=re.DOTALL).rstrip("\n") + "\n"
    return rest if wanted is None else f"{rest}\n{wanted}"


def written_by_others(content: str) -> str:
    """Where UFW's file writes to the chain DOCKER-USER outside the managed part, such as the block of ufw-docker; empty for nowhere.

    Both parts declare the chain, so the second empties what the first has loaded.
    """
    within, heading = False, ""
    lines: list[int] = []
    for number, line in enumerate(content.splitlines(), 1):
        within = line == BEGIN or (within and line != END)
        if not within and line.startswith("#") and not lines:
            heading = line.lstrip("# ").strip()
        if not within and _OURS_BY_OTHERS.match(line):
            lines.append(number)
    if not lines:
        return ""
    place = f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]} to {lines[-1]}"
    return f"{place} (below '# {heading}')" if heading else place


def chain_rules(text: str) -> list[str]:
    """The rules of both chains in an ``iptables -S`` listing or in a rules file; Docker's closing RETURN does not count."""
    rules = [line for line in text.splitlines() if line.startswith((f"-A {CHAIN} ", f"-A {DECISION} "))]
    return [line for line in rules if line != f"-A {CHAIN} -j RETURN"]
