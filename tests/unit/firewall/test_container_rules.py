# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules for packets of containers: whose bridges they look at, what they let pass, and whether nft takes them."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.container_access import Destination, HostPort, NetworkAccess
from ansible_collections.latentum.ops.plugins.module_utils.firewall.container_rules import (
    MARK,
    Bridge,
    admitted,
    bridges_of,
    ruleset,
    ufw_block,
    ufw_rule,
)
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import Rule

IDENTITY = "5afafaaef848" + "0" * 52
OURS = {"com.docker.compose.project": "shop", "com.docker.compose.network": "backend"}
BACKEND, EDGE = Bridge("br-5afafaaef848", "shop", "backend"), Bridge("edge0", "shop", "edge")


def network(**changed: Any) -> dict[str, Any]:
    return {"Id": IDENTITY, "Driver": "bridge", "Labels": OURS, "Options": {}, **changed}


@pytest.mark.parametrize(
    ("there", "bridges"),
    [
        (network(), [BACKEND]),
        (network(Options={"com.docker.network.bridge.name": "shop0"}), [Bridge("shop0", "shop", "backend")]),
        (network(Options=None), [BACKEND]),
        (network(Labels={**OURS, "com.docker.compose.project": "theirs"}), []),
        (network(Labels=None), []),
        (network(Driver="macvlan"), []),
        (network(Driver="overlay"), []),
    ],
)
def test_bridges_of_our_stacks_alone(there: dict[str, Any], bridges: list[Bridge]) -> None:
    assert bridges_of([there], {"shop"}) == bridges


SSH, WEB = Rule("limit", "22", "tcp"), Rule("allow", "443", "tcp")


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (SSH, []),
        (WEB, ["tcp dport { 443 }"]),
        (Rule("allow", "5432", "tcp", source="10.201.0.0/16"), ["ip saddr 10.201.0.0/16 tcp dport { 5432 }"]),
        (Rule("allow", "53,8000:8010", "udp", source="fd00::/8"), ["ip6 saddr fd00::/8 udp dport { 53, 8000-8010 }"]),
        (Rule("allow", "53", source="10.0.0.0/8"), ["ip saddr 10.0.0.0/8 meta l4proto { tcp, udp } th dport { 53 }"]),
        (Rule("allow", source="10.0.0.0/8"), ["ip saddr 10.0.0.0/8"]),
        (Rule("allow", protocol="udp", source="10.0.0.0/8"), ["ip saddr 10.0.0.0/8 meta l4proto udp"]),
        (
            Rule("allow", "1", "tcp", source="10.0.0.1", destination="10.0.0.2", interface="br-+"),
            ['iifname "br-*" ip saddr 10.0.0.1 ip daddr 10.0.0.2 tcp dport { 1 }'],
        ),
        (Rule("deny", "5432", "tcp", source="10.201.0.0/16"), []),
        (Rule("allow", "25", "tcp", source="10.0.0.0/8", direction="out"), []),
        (Rule("allow", source="10.0.0.0/8", direction="routed"), []),
    ],
)
def test_what_ufw_is_asked_about(rule: Rule, lines: list[str]) -> None:
    assert admitted([rule], {WEB}) == lines


def whole() -> str:
    access = {"shop": [NetworkAccess("backend", (HostPort(9100), HostPort(514, "udp")), metadata=True)], "other": [NetworkAccess("edge")]}
    rules = [
        *(Rule("allow", "53,8000:8010", protocol, source=source) for protocol in ("tcp", "udp") for source in ("10.0.0.0/8", "fd00::/8")),
        Rule("allow", "53", source="10.0.0.0/8"),
        Rule("allow", "1", "tcp", source="10.0.0.1", destination="10.0.0.2", interface="br-+"),
        WEB,
    ]
    return ruleset([BACKEND, EDGE], access, admitted(rules, {WEB}), log=True)


def chain(text: str, name: str) -> list[str]:
    body = text.split(f"chain {name} {{\n")[1].split("  }\n")[0]
    return [line.strip() for line in body.splitlines()][1:]


def test_a_packet_that_is_not_of_our_bridges_is_nobodys_business() -> None:
    assert chain(whole(), "to_host")[0] == "iifname != @stacks accept"
    assert chain(whole(), "forwarded")[0] == "iifname != @stacks accept"


def test_answers_neighbours_and_dns_come_before_what_is_refused() -> None:
    rules = chain(whole(), "to_host")
    assert rules[1:4] == [
        "ct state established,related accept",
        "meta l4proto { icmp, ipv6-icmp } accept",
        "meta l4proto { tcp, udp } th dport 53 accept",
    ]
    assert rules[-1] == "counter reject with icmpx admin-prohibited" and "accept" not in rules[-1]
    assert "th dport 53 accept" in chain(whole(), "forwarded")[2], "in some clouds the metadata service is the name server"


def test_what_a_network_declares_is_for_that_network_alone() -> None:
    text = whole()
    assert f'iifname "{BACKEND.interface}" tcp dport 9100 meta mark set meta mark | {MARK} accept' in chain(text, "to_host")
    assert f'iifname "{BACKEND.interface}" udp dport 514 meta mark set meta mark | {MARK} accept' in chain(text, "to_host")
    assert not [line for line in chain(text, "to_host") if EDGE.interface in line]
    closed = text.split("set no_metadata {")[1].split("}")[0]
    assert EDGE.interface in closed and BACKEND.interface not in closed


EGRESS = (
    Destination("api.example.com", 443),
    Destination("2001:db8::/32", 53, "udp"),
    Destination("203.0.113.0/24", 5432),
    Destination("new.example.com", 443),
)
ADDRESSES = {"api.example.com": ["192.0.2.1", "192.0.2.2", "2001:db8::1"], "new.example.com": []}


def limited(*, log: bool = False) -> str:
    return ruleset([BACKEND, EDGE], {"shop": [NetworkAccess("edge", egress=EGRESS)]}, [], ADDRESSES, log=log)


def test_a_network_that_says_what_it_reaches_reaches_that_and_no_other_does_so() -> None:
    beyond = f'iifname "{EDGE.interface}" oifname != @stacks'
    assert [line for line in chain(limited(), "forwarded") if EDGE.interface in line or BACKEND.interface in line] == [
        f"{beyond} meta l4proto {{ icmp, ipv6-icmp }} accept",
        f"{beyond} ip daddr {{ 192.0.2.1, 192.0.2.2 }} tcp dport 443 accept",
        f"{beyond} ip6 daddr {{ 2001:db8::1 }} tcp dport 443 accept",
        f"{beyond} ip6 daddr {{ 2001:db8::/32 }} udp dport 53 accept",
        f"{beyond} ip daddr {{ 203.0.113.0/24 }} tcp dport 5432 accept",
        f"{beyond} counter reject with icmpx admin-prohibited",
    ]


def test_metadata_come_before_what_is_declared() -> None:
    """Somebody may say `to: 169.254.169.254` without meaning the credentials of the host."""
    rules = chain(limited(), "forwarded")
    assert max(number for number, rule in enumerate(rules) if "@no_metadata" in rule) < rules.index(
        next(rule for rule in rules if EDGE.interface in rule)
    )


def test_without_networks_and_without_a_log() -> None:
    text = ruleset([], {}, [], log=False)
    assert "elements" not in text and "log prefix" not in text


@pytest.mark.parametrize("text", [whole(), limited(log=True), ruleset([], {}, [], log=False)], ids=["whole", "limited", "empty"])
def test_nft_takes_it(text: str) -> None:
    nft = shutil.which("nft")
    if nft is None:
        pytest.skip("no nft here")
    checked = subprocess.run([nft, "--check", "--file", "-"], input=text, capture_output=True, text=True, check=False)
    if "Operation not permitted" in checked.stderr:
        pytest.skip("nft asks the kernel, which only root may")
    assert checked.returncode == 0, checked.stderr


def test_ufw_lets_the_mark_in_for_both_versions() -> None:
    assert ufw_rule(4) == f"-A ufw-after-input -m mark --mark {MARK}/{MARK} -j ACCEPT"
    assert ufw_rule(6) == f"-A ufw6-after-input -m mark --mark {MARK}/{MARK} -j ACCEPT"
    assert ufw_rule(6) in ufw_block(6).splitlines()
