# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the packet filter that are neither Docker's nor UFW's, with those who have written them.

Asked are ``iptables-save`` and ``nft``, whichever is there: both only print.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...firewall.docker_ports import CHAIN, DECISION
from ..host import SurveyedHost

SAVE = {4: "iptables-save", 6: "ip6tables-save"}
BUILT_IN = {"INPUT", "OUTPUT", "FORWARD", "PREROUTING", "POSTROUTING"}
# Owners by the names of their chains or tables.
OWNERS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("docker", re.compile(r"DOCKER(?:$|[-_])|docker-bridges$")),
    ("ufw", re.compile(r"ufw6?-")),
    ("latentum.ops", re.compile(rf"{DECISION}$|latentum_ops_containers$")),
    ("fail2ban", re.compile(r"f2b-|fail2ban")),
    ("crowdsec", re.compile(r"crowdsec|CROWDSEC")),
    ("firewalld", re.compile(r"firewalld$|(?:IN|FWD[IO]|PRE|POST)_(?:public|docker|trusted|drop)|(?:INPUT|FORWARD)_(?:direct|ZONES)")),
    ("kubernetes", re.compile(r"KUBE-|CNI-|FLANNEL|FLANL|cali-|CILIUM|kube-proxy")),
    ("podman", re.compile(r"NETAVARK|netavark|CNI")),
    ("libvirt", re.compile(r"LIBVIRT_|libvirt_network")),
    ("lxd", re.compile(r"lxd|incus")),
    ("tailscale", re.compile(r"ts-")),
    ("wireguard", re.compile(r"wg-quick-")),
    ("oracle cloud", re.compile(r"(?:BareMetal)?InstanceServices$")),
)
SILENT = {"docker", "ufw", "latentum.ops"}
# Rules of Docker and of this collection in chains of others.
_BRIDGE = re.compile(r"-[io] (?:docker0|docker_gwbridge|br-[0-9a-f]{12})\b")
_HAIRPIN = re.compile(r"-s (\S+) -d \1 .*-j MASQUERADE$")
_TARGET = re.compile(r"-[jg] (\S+)")
_FINAL = re.compile(r"^-A INPUT (?:-m comment --comment \S+ )?-j (REJECT|DROP)\b")


@dataclass(frozen=True)
class ForeignRules:
    """Rules of one owner in one chain, or the owner's table as a whole.

    :param owner: empty for rules that nobody's names are in.
    :param closes: a rule refuses everything that comes to the rules behind it, UFW's among them.
    """

    table: str
    chain: str
    rules: tuple[str, ...]
    owner: str = ""
    closes: bool = False


def owner(name: str) -> str:
    """Who calls a chain or table like this; empty for nobody who is known."""
    return next((who for who, pattern in OWNERS if pattern.match(name)), "")


def chains(host: SurveyedHost) -> list[ForeignRules]:
    """All of both IP versions."""
    foreign = [rules for family, program in SAVE.items() for rules in of_save(host.output([program]) or "", family)]
    if listing := host.output(["nft", "--json", "list", "ruleset"]):
        foreign += of_nft(json.loads(listing))
    return foreign


def of_save(text: str, family: int) -> Iterator[ForeignRules]:
    """What ``iptables-save`` or ``ip6tables-save`` prints."""
    table, lines = "", dict[tuple[str, str, str], list[str]]()
    closing: set[tuple[str, str]] = set()
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith("-A "):
            chain = line.split()[1]
            who = _writer(chain, line)
            if who in SILENT:
                continue
            lines.setdefault((table, chain, who), []).append(line)
            if table == "filter" and _FINAL.match(line):
                closing.add((table, chain))
    for (table, chain, who), rules in lines.items():
        yield ForeignRules(f"ip{'6' if family == 6 else ''} {table}", chain, tuple(rules), who, closes=(table, chain) in closing)


def _writer(chain: str, line: str) -> str:
    """Who has written a rule: the owner of its chain, or in a chain of everybody the owner of the chain that it leads to."""
    if chain == CHAIN:
        return _writer_for_docker(line)
    if chain not in BUILT_IN:
        return owner(chain)
    if _BRIDGE.search(line) or _HAIRPIN.search(line):
        return "docker"
    return next((who for target in _TARGET.findall(line) if (who := owner(target))), "")


def _writer_for_docker(line: str) -> str:
    """In Docker's chain for administrators: Docker's own last rule, ours, fail2ban's or somebody's."""
    rule = line.removeprefix(f"-A {CHAIN} ")
    ours = rule == "-j RETURN" or "RELATED,ESTABLISHED -j RETURN" in rule or rule.endswith(f"-j {DECISION}")
    if ours or re.fullmatch(r"-i \S+ -j RETURN", rule):
        return "latentum.ops"
    return next((who for target in _TARGET.findall(line) if (who := owner(target))), "")


def of_nft(listing: Mapping[str, Any]) -> Iterator[ForeignRules]:
    """Tables that are nftables' own: those that iptables keeps there are in its own listing, in words that people know."""
    compatible = {"filter", "nat", "mangle", "raw", "security"}
    kinds: dict[str, list[Mapping[str, Any]]] = {}
    for item in listing.get("nftables", ()):
        for kind, content in item.items():
            kinds.setdefault(kind, []).append(content)
    by_chain: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for rule in kinds.get("rule", ()):
        by_chain.setdefault((rule["family"], rule["table"], rule["chain"]), []).append(rule)
    for table in kinds.get("table", ()):
        family, name = table["family"], table["name"]
        who = owner(name)
        if (family in {"ip", "ip6"} and name in compatible) or who in SILENT:
            continue
        for chain in kinds.get("chain", ()):
            if (chain["family"], chain["table"]) != (family, name):
                continue
            rules = by_chain.get((family, name, chain["name"]), [])
            closes = chain.get("hook") == "input" and (chain.get("policy") == "drop" or any(_refuses_all(rule) for rule in rules))
            yield ForeignRules(f"{family} {name}", chain["name"], tuple(map(_shown, rules)), who, closes=closes)


def _refuses_all(rule: Mapping[str, Any]) -> bool:
    """The rule has no condition, only its verdict."""
    kinds = [next(iter(part)) for part in rule.get("expr", ())]
    return bool(kinds) and kinds[-1] in {"drop", "reject"} and not {"match"} & set(kinds)


def _shown(rule: Mapping[str, Any]) -> str:
    text = json.dumps(rule.get("expr", []), separators=(",", ":"))
    return f"{rule['comment']}: {text}" if rule.get("comment") else text
