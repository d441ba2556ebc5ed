# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who scrapes whom and who sends to whom, by the inventory's variables alone; and every contradiction with what to write instead."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import parse_rules
from ansible_collections.latentum.ops.plugins.module_utils.monitoring import fleet

APP = {"ops_monitoring_host": "eye-1", "exporters_enabled": True, "host_certificates_enabled": True}
INVENTORY: dict[str, dict[str, Any]] = {
    "web1": {**APP, "ansible_host": "10.0.0.11", "log_shipping_enabled": True, "log_shipping_to": "10.0.0.6:6514"},
    "web2": {**APP, "ansible_host": "web2.example.com", "ops_address": "2001:db8::12"},
    "eye-1": {"ansible_host": "10.0.0.5", "ops_monitoring_host": "eye-1", "monitoring_enabled": True, "host_certificates_enabled": True},
    "logs": {
        "ansible_host": "10.0.0.6",
        "host_certificates_enabled": True,
        "log_shipping_enabled": True,
        "log_shipping_listen": "0.0.0.0:6514",
    },
    "alone": {"monitoring_enabled": True, "exporters_enabled": True},
}


def inventory(**changes: dict[str, Any]) -> dict[str, dict[str, Any]]:
    made = copy.deepcopy(INVENTORY)
    for host, variables in changes.items():
        made.setdefault(host.replace("_", "-"), {}).update(variables)
    return made


def test_nobody_who_declares_nothing_is_concerned() -> None:
    for host in ("alone", "eye-1"):
        assert fleet.openings(host, INVENTORY) == [] and fleet.monitor_of(host, INVENTORY) == ""
    assert fleet.scraped_by("alone", INVENTORY) == [] and fleet.problems("alone", INVENTORY) == []


def test_each_host_has_one_that_scrapes_it() -> None:
    assert fleet.scraped_by("eye-1", INVENTORY) == ["web1", "web2"]
    assert [fleet.target_of(host, INVENTORY) for host in ("web1", "web2")] == ["10.0.0.11:9943", "[2001:db8::12]:9943"]
    assert all(fleet.problems(host, INVENTORY) == [] for host in INVENTORY)


def test_the_firewall_lets_in_the_monitoring_host_and_those_that_send() -> None:
    assert fleet.openings("web1", INVENTORY) == [
        {"action": "allow", "port": "9943", "protocol": "tcp", "from": ["10.0.0.5"], "comment": "metrics"}
    ]
    assert fleet.openings("logs", INVENTORY) == [
        {"action": "allow", "port": "6514", "protocol": "tcp", "from": ["10.0.0.11"], "comment": "logs"}
    ]
    assert [rule.source for host in INVENTORY for rule in parse_rules(fleet.openings(host, INVENTORY))] == ["10.0.0.5"] * 2 + ["10.0.0.11"]


def test_a_host_behind_nat_comes_from_other_addresses() -> None:
    given = inventory(eye_1={"ops_source_addresses": ["203.0.113.7", "198.51.100.0/29"]})
    assert fleet.openings("web1", given)[0]["from"] == ["203.0.113.7", "198.51.100.0/29"]


def test_no_rule_is_open_to_everybody_because_an_address_is_not_known() -> None:
    """An empty list of sources is everybody: such a rule is never made, the run is refused."""
    given = inventory(eye_1={"ansible_host": "eye.example.com"})
    assert fleet.sources_of("eye-1", given) == []
    (problem,) = fleet.problems("web1", given)
    assert problem.key == "eye-1: ops_address" and "such as 203.0.113.7" in problem.fix


def test_a_host_that_left_is_asked_and_let_in_no_more() -> None:
    given = inventory()
    del given["web1"]
    assert fleet.scraped_by("eye-1", given) == ["web2"] and fleet.openings("logs", given) == [] and fleet.senders_to("logs", given) == []


def test_names_for_a_certificate_are_those_that_others_use() -> None:
    assert fleet.names_of("web2", INVENTORY) == ["2001:db8::12", "web2.example.com"]
    assert fleet.names_of("web1", inventory(web1={"ansible_host": "127.0.0.1"})) == []


def test_a_log_host_is_known_by_its_address_or_names() -> None:
    assert fleet.senders_to("logs", INVENTORY) == ["web1"] and fleet.log_host_of("web1", INVENTORY) == "logs"
    given = inventory(web1={"log_shipping_to": "logs.example.com:6514", "log_shipping_to_name": "logs"})
    assert fleet.log_host_of("web1", given) == "logs"


@pytest.mark.parametrize(
    ("host", "changes", "key", "words"),
    [
        (
            "web1",
            {"web1": {"ops_monitoring_host": "eye1"}},
            "ops_monitoring_host",
            'is no host of the inventory (found "eye1")\n   -> did you mean eye-1',
        ),
        ("web1", {"web1": {"ops_monitoring_host": ["eye-1"]}}, "ops_monitoring_host", "is not the name of one host"),
        ("web1", {"eye_1": {"monitoring_enabled": False}}, "ops_monitoring_host", "runs no Prometheus"),
        ("web1", {"eye_1": {"ops_monitoring_host": ""}}, "ops_monitoring_host", "write ops_monitoring_host: eye-1 for eye-1 as well"),
        ("web1", {"web1": {"monitoring_enabled": True}}, "ops_monitoring_host", "told twice by eye-1 and here"),
        ("web1", {"web1": {"exporters_enabled": False}}, "ops_monitoring_host", "write exporters_enabled: true"),
        ("web1", {"web1": {"host_certificates_enabled": False}}, "ops_monitoring_host", "web1 has no certificate"),
        ("web1", {"eye_1": {"host_certificates_enabled": False}}, "ops_monitoring_host", "eye-1 has no certificate"),
        ("web1", {"web1": {"ansible_host": "localhost"}}, "ansible_host", "write ops_address for this host"),
        ("web1", {"eye_1": {"ops_source_addresses": ["eye.example.com"]}}, "eye-1: ops_source_addresses", "is no address"),
        ("web1", {"web1": {"exporters_front_listen": "0.0.0.0:443"}}, "exporters_front_listen", "a port from 1024 on"),
        ("web1", {"web1": {"exporters_front_listen": "9943"}}, "exporters_front_listen", "write one such as 0.0.0.0:9943"),
        ("web1", {"web1": {"exporters_front_listen": "::1:9943"}}, "exporters_front_listen", "or [::]:9943"),
        ("web1", {"web1": {"log_shipping_listen": "0.0.0.0:9943"}}, "exporters_front_listen", "is the port of log_shipping_listen, too"),
        ("eye-1", {"web2": {"ops_address": "10.0.0.11"}}, "web2: ops_address", "is where web1 is asked, too"),
        ("eye-1", {"web2": {"exporters_enabled": False}}, "web2: ops_monitoring_host", "nothing measures this host"),
        ("logs", {"web1": {"ansible_host": "web1.example.com"}}, "web1: ops_address", "the firewall of logs, to which it sends its logs"),
        ("web1", {"web1": {"log_shipping_to": "10.9.9.9:6514"}}, "log_shipping_to", "is no address or name of a host of the inventory"),
        ("web1", {"logs": {"host_certificates_enabled": False}}, "log_shipping_to", "write host_certificates_enabled: true for logs"),
    ],
)
def test_what_does_not_fit_together_is_named_with_what_to_write(host: str, changes: dict[str, Any], key: str, words: str) -> None:
    found = fleet.problems(host, inventory(**changes))
    assert [problem.key for problem in found] == [key], list(map(str, found))
    assert words in str(found[0])


def test_certificates_of_the_operator_are_enough() -> None:
    own = {"host_certificates_enabled": False}
    given = inventory(
        web1={**own, "exporters_front_certificate": "/etc/own.pem"}, eye_1={**own, "monitoring_scrape_certificate": "/etc/own.pem"}
    )
    del given["web2"]
    assert fleet.problems("web1", given) == []


def test_a_log_host_whose_certificates_were_brought_keeps_its_firewall() -> None:
    """What was written by hand before there were certificates of the inventory is not touched, and nothing is asked for."""
    given = inventory(
        logs={"host_certificates_enabled": False}, web1={"host_certificates_enabled": False, "ansible_host": "web1.example.com"}
    )
    assert fleet.openings("logs", given) == [] and fleet.problems("logs", given) == []


def test_a_log_host_that_names_itself_sends_to_nobody() -> None:
    given = inventory(logs={"log_shipping_to": "10.0.0.6:6514"})
    assert fleet.log_host_of("logs", given) == "" and fleet.senders_to("logs", given) == ["web1"]
