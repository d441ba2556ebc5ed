# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Docker's published ports: the managed block of UFW's files."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.firewall.docker_ports import (
    DockerNetworks,
    block,
    chain_rules,
    parse_networks,
    with_block,
    written_by_others,
)
from ansible_collections.latentum.ops.plugins.module_utils.firewall.policy import others_in
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import FirewallError, parse_rules
from ansible_collections.latentum.ops.plugins.module_utils.firewall.ufw_files import AFTER

UFW = "*filter\n:ufw-after-input - [0:0]\n-A ufw-after-input -p udp --dport 137 -j ufw-skip-to-policy-input\nCOMMIT\n"
RULES = parse_rules(
    [
        {"action": "deny", "from": ["192.0.2.66"]},
        {"port": 9443, "protocol": "tcp", "from": ["203.0.113.0/24", "2001:db8::/32"]},
        {"port": 53},
        {"action": "limit", "port": 22, "protocol": "tcp"},
        {"direction": "out", "action": "deny", "port": 25, "protocol": "tcp"},
        {"direction": "routed", "interface": "wg0"},
    ]
)


def test_openings_go_by_the_published_port_and_the_source_never_by_a_containers_address() -> None:
    decisions = [line for line in chain_rules(block(RULES, DockerNetworks(), 4)) if line.startswith("-A OPS-DOCKER")]
    dnat = "-m conntrack --ctstate DNAT"
    limit = "-m hashlimit --hashlimit-above 12/min --hashlimit-burst 6 --hashlimit-mode srcip --hashlimit-name ops-tcp-22"
    assert decisions == [
        f"-A OPS-DOCKER -s 192.0.2.66 {dnat} -j DROP",
        f"-A OPS-DOCKER -s 203.0.113.0/24 -p tcp {dnat} --ctorigdstport 9443 -j RETURN",
        f"-A OPS-DOCKER -p tcp {dnat} --ctorigdstport 53 -j RETURN",
        f"-A OPS-DOCKER -p udp {dnat} --ctorigdstport 53 -j RETURN",
        f"-A OPS-DOCKER -p tcp {dnat} --ctorigdstport 22 {limit} -j DROP",
        f"-A OPS-DOCKER -p tcp {dnat} --ctorigdstport 22 -j RETURN",
        '-A OPS-DOCKER -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[OPS DOCKER BLOCK] "',
        "-A OPS-DOCKER -j DROP",
    ]


def test_each_ip_version_has_its_own_sources_and_pools() -> None:
    networks = DockerNetworks(("docker0",), ("10.201.0.0/16", "fd00:77::/64"))
    six = "\n".join(chain_rules(block(RULES, networks, 6)))
    assert "2001:db8::/32" in six and "fd00:77::/64" in six
    assert "203.0.113" not in six and "192.0.2" not in six and "10.201" not in six


def test_answers_and_containers_come_before_the_decision() -> None:
    lines = chain_rules(block([], DockerNetworks(("docker0", "br-+")), 4))
    assert lines[:5] == [
        "-A DOCKER-USER -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
        "-A DOCKER-USER -i docker0 -j RETURN",
        "-A DOCKER-USER -i br-+ -j RETURN",
        "-A DOCKER-USER -o docker0 -j OPS-DOCKER",
        "-A DOCKER-USER -o br-+ -j OPS-DOCKER",
    ]
    assert lines[-1] == "-A OPS-DOCKER -j DROP"


def test_a_limit_counts_a_customer_of_ipv6_once() -> None:
    limited = parse_rules([{"action": "limit", "port": "443", "protocol": "tcp"}])
    assert "--hashlimit-srcmask 64" in block(limited, DockerNetworks(), 6)
    assert "srcmask" not in block(limited, DockerNetworks(), 4)


def test_nothing_is_closed_where_incoming_traffic_is_allowed_and_nothing_logged_when_off() -> None:
    assert "DROP" not in block([], DockerNetworks(), 4, closed=False)
    assert "LOG" not in block([], DockerNetworks(), 4, log=False)


def test_the_block_is_added_replaced_and_taken_out_and_the_rest_stays() -> None:
    first, second = block([], DockerNetworks(), 4), block(RULES, DockerNetworks(), 4)
    added = with_block(UFW, first)
    assert added.startswith(UFW) and added.endswith(first)
    assert with_block(added, first) == added
    replaced = with_block(added, second)
    assert replaced.count("BEGIN latentum.ops") == 1 and replaced.startswith(UFW)
    assert with_block(replaced, None) == UFW


def test_dockers_closing_rule_does_not_count() -> None:
    assert chain_rules("-N DOCKER-USER\n-A DOCKER-USER -i docker0 -j RETURN\n-A DOCKER-USER -j RETURN\n-A DOCKER -j DROP\n") == [
        "-A DOCKER-USER -i docker0 -j RETURN"
    ]


def test_bad_names_and_pools_are_refused_together() -> None:
    with pytest.raises(FirewallError) as caught:
        parse_networks(["br-+", "docker 0"], ["10.0.0.0/8", "10.0.0.1/8"])
    assert len(caught.value.problems) == 2


OURS = block(RULES, DockerNetworks(), 4)
# What people have in after.rules, each below UFW's own part.
UFW_DOCKER = """
# BEGIN UFW AND DOCKER
*filter
:ufw-user-forward - [0:0]
:ufw-docker-logging-deny - [0:0]
:DOCKER-USER - [0:0]
-A DOCKER-USER -j ufw-user-forward
-A DOCKER-USER -j RETURN -s 10.0.0.0/8
-A DOCKER-USER -p udp -m udp --sport 53 --dport 1024:65535 -j RETURN
-A DOCKER-USER -j RETURN
COMMIT
# END UFW AND DOCKER
"""
NAT = "\n# Traffic of the VPN\n*nat\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -s 10.8.0.0/8 -o eth0 -j MASQUERADE\nCOMMIT\n"
CLASH = {
    "ufw-docker": (UFW + UFW_DOCKER, "lines 10 to 14 (below '# BEGIN UFW AND DOCKER')"),
    "ufw-docker, and ours": (UFW + UFW_DOCKER + "\n" + OURS, "lines 10 to 14 (below '# BEGIN UFW AND DOCKER')"),
    "ours, and ufw-docker": (UFW + "\n" + OURS + UFW_DOCKER, "below '# BEGIN UFW AND DOCKER'"),
    "by blockinfile": (f"{UFW}# BEGIN MANAGED\n*filter\n:DOCKER-USER - [0:0]\n-A DOCKER-USER -j DROP\nCOMMIT\n", "lines 7 to 8"),
    "one line": (UFW.replace("COMMIT", "-I DOCKER-USER -i eth0 -j DROP\nCOMMIT"), "line 4"),
}  # fmt: skip
NO_CLASH = {
    "as packaged": UFW,
    "ours": with_block(UFW, OURS),
    "another table": UFW + NAT,
    "a comment": UFW + "# -A DOCKER-USER -j DROP was here\n",
    "a chain that is called alike": UFW.replace("COMMIT", ":DOCKER-USERS - [0:0]\n-A DOCKER-USERS -j DROP\nCOMMIT"),
    "empty": "",
}


@pytest.mark.parametrize("name", CLASH)
def test_rules_of_others_for_published_ports_are_named(name: str) -> None:
    content, place = CLASH[name]
    assert place in written_by_others(content)
    message = others_in(AFTER[4], content)
    assert message.startswith("/etc/ufw/after.rules: ") and "firewall_docker" in message


@pytest.mark.parametrize("name", NO_CLASH)
def test_other_rules_of_others_stay_unmentioned(name: str) -> None:
    assert written_by_others(NO_CLASH[name]) == "" == others_in(AFTER[6], NO_CLASH[name])
