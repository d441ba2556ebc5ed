# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules as declared: what UFW is told, what is refused, and who is let in."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import FirewallError, Rule, admission, parse_rules

# What is declared → how UFW keeps it (recorded from ufw 0.36.2), for IPv4 and for IPv6.
STORED = [
    (
        {"action": "limit", "port": 22, "protocol": "tcp", "comment": "it is x"},
        ["limit tcp 22 0.0.0.0/0 any 0.0.0.0/0 in comment=69742069732078"],
        ["limit tcp 22 ::/0 any ::/0 in comment=69742069732078"],
    ),
    ({"port": "8000-8010", "protocol": "tcp", "from": ["10.0.0.0/8"]}, ["allow tcp 8000:8010 0.0.0.0/0 any 10.0.0.0/8 in"], []),
    ({"port": 99, "protocol": "udp", "from": ["fd00::/8"], "interface": "eth0"}, [], ["allow udp 99 ::/0 any fd00::/8 in_eth0"]),
    ({"port": "80,443", "protocol": "tcp"}, ["allow tcp 80,443 0.0.0.0/0 any 0.0.0.0/0 in"], ["allow tcp 80,443 ::/0 any ::/0 in"]),
    (
        {"direction": "routed", "interface": "eth0", "interface_out": "wg0", "to": ["10.1.0.0/16"]},
        ["route:allow any any 10.1.0.0/16 any 0.0.0.0/0 in_eth0!out_wg0"],
        [],
    ),
    (
        {"direction": "out", "action": "deny", "port": 25, "protocol": "tcp"},
        ["deny tcp 25 0.0.0.0/0 any 0.0.0.0/0 out"],
        ["deny tcp 25 ::/0 any ::/0 out"],
    ),
    ({"from": ["10.1.2.3/32"]}, ["allow any any 0.0.0.0/0 any 10.1.2.3 in"], []),
    ({"from": "10.1.2.0/24", "action": "reject"}, ["reject any any 0.0.0.0/0 any 10.1.2.0/24 in"], []),
    (
        {"port": 9443, "protocol": "tcp", "from": ["203.0.113.0/24", "2001:DB8::/32"]},
        ["allow tcp 9443 0.0.0.0/0 any 203.0.113.0/24 in"],
        ["allow tcp 9443 ::/0 any 2001:db8::/32 in"],
    ),
]


@pytest.mark.parametrize(("declared", "four", "six"), STORED)
def test_what_ufw_keeps(declared: dict[str, Any], four: list[str], six: list[str]) -> None:
    rules = parse_rules([declared])
    assert [rule.stored(4) for rule in rules if 4 in rule.families] == four
    assert [rule.stored(6) for rule in rules if 6 in rule.families] == six


def test_what_ufw_is_told() -> None:
    told = parse_rules(
        [
            {"action": "limit", "port": 22, "protocol": "tcp", "comment": "SSH"},
            {"direction": "routed", "interface": "wg0", "interface_out": "eth0"},
            {"direction": "out", "interface": "eth1", "to": ["192.0.2.1"], "protocol": "udp", "port": 53},
        ]
    )
    assert [" ".join(rule.argv()) for rule in told] == [
        "limit in proto tcp from any to any port 22 comment SSH",
        "route allow in on wg0 out on eth0 from any to any",
        "allow out on eth1 proto udp from any to 192.0.2.1 port 53",
    ]


MALFORMED = [
    ({"action": "permit"}, "rules[0].action: 'permit'", "allow, limit, deny, reject"),
    ({"protocol": "icmp"}, "rules[0].protocol: 'icmp'", "tcp, udp, any"),
    ({"direction": "forward"}, "rules[0].direction: 'forward'", "in, out, routed"),
    ({"port": 0, "protocol": "tcp"}, "rules[0].port: 0", "between 1 and 65535"),
    ({"port": 70000}, "rules[0].port: 70000", "between 1 and 65535"),
    ({"port": "9000-8000", "protocol": "tcp"}, "rules[0].port: '9000-8000'", "begins with the lower"),
    ({"port": "http"}, "rules[0].port: 'http'", "a number such as 443"),
    ({"port": "-22"}, "rules[0].port: '-22'", "a number such as 443"),
    ({"port": "80,,443", "protocol": "tcp"}, "rules[0].port: '80,,443'", "a list such as 80,443"),
    ({"port": "8000-8010"}, "rules[0].port: '8000-8010'", "needs protocol: tcp"),
    ({"port": "80,443"}, "rules[0].port: '80,443'", "needs protocol: tcp"),
    ({"port": ",".join(str(port) for port in range(1, 17)), "protocol": "tcp"}, "rules[0].port", "several rules"),
    ({"from": ["10.0.0.0/33"]}, "rules[0].from: '10.0.0.0/33'", "203.0.113.0/24"),
    ({"from": ["10.0.0.1/8"]}, "rules[0].from: '10.0.0.1/8'", "10.0.0.0/8 or the host 10.0.0.1"),
    ({"from": ["example.com"]}, "rules[0].from: 'example.com'", "an address or a network"),
    ({"to": ["fe80::1%eth0"]}, "rules[0].to: 'fe80::1%eth0'", "an address or a network"),
    ({"from": ["10.0.0.0/8"], "to": ["fd00::/8"]}, "rules[0]: from and to", "the same version"),
    ({"interface": "eth0;reboot"}, "rules[0].interface: 'eth0;reboot'", "such as eth0"),
    ({"interface": "an-interface-far-too-long"}, "rules[0].interface", "such as eth0"),
    ({"interface_out": "wg0"}, "rules[0].interface_out", "direction: routed"),
    ({"comment": "it's"}, "rules[0].comment", "without an apostrophe"),
    ({"comment": "x" * 121}, "rules[0].comment", "at most 120"),
]


@pytest.mark.parametrize(("declared", "where", "instead"), MALFORMED)
def test_malformed_rules_are_refused_with_what_to_write_instead(declared: dict[str, Any], where: str, instead: str) -> None:
    with pytest.raises(FirewallError) as caught:
        parse_rules([declared])
    assert len(caught.value.problems) == 1
    assert where in caught.value.problems[0]
    assert instead in caught.value.problems[0]


def test_all_problems_are_reported_together() -> None:
    with pytest.raises(FirewallError) as caught:
        parse_rules([{"port": 0, "from": ["x"]}, {"port": 80}, {"action": "drop"}])
    assert [problem.split(":")[0] for problem in caught.value.problems] == ["rules[0].port", "rules[0].from", "rules[2].action"]


def test_the_same_twice_is_kept_once_and_a_contradiction_refused() -> None:
    twice = parse_rules([{"port": 443, "protocol": "tcp", "comment": "a"}, {"port": "443", "protocol": "tcp", "comment": "b"}])
    assert [rule.comment for rule in twice] == ["a"]
    with pytest.raises(FirewallError, match=r"rules\[1\]: says deny .* says allow"):
        parse_rules([{"port": 443, "protocol": "tcp"}, {"port": 443, "protocol": "tcp", "action": "deny"}])


@pytest.mark.parametrize(
    ("rules", "client", "action"),
    [
        ([{"port": 22, "protocol": "tcp", "action": "limit"}], "198.51.100.7", "limit"),
        ([{"port": "20-30", "protocol": "tcp"}], "2001:db8::1", "allow"),
        ([{"from": ["198.51.100.0/24"]}], "198.51.100.7", "allow"),
        ([{"port": 22, "protocol": "tcp", "from": ["198.51.100.0/24"]}], "::ffff:198.51.100.7", "allow"),
        ([{"action": "deny", "from": ["198.51.100.7"]}, {"port": 22, "protocol": "tcp"}], "198.51.100.7", "deny"),
        ([{"port": 22, "protocol": "udp"}], "198.51.100.7", None),
        ([{"port": 22, "protocol": "tcp", "from": ["203.0.113.0/24"]}], "198.51.100.7", None),
        ([{"port": 22, "protocol": "tcp", "direction": "out"}], "198.51.100.7", None),
        ([{"port": 2222, "protocol": "tcp"}], "198.51.100.7", None),
    ],
)
def test_who_decides_on_an_ssh_connection(rules: list[dict[str, Any]], client: str, action: str | None) -> None:
    found: Rule | None = admission(parse_rules(rules), 22, client)
    assert (found.action if found else None) == action
