# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy in front of nginx, and what other roles make of it: their own variables, rendered by Ansible."""

from __future__ import annotations

import json
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from ansible_runs import AnsibleRuns

from .plays import told

ROOT = Path(__file__).resolve().parents[3]
FILES = [
    f"roles/{role}/{part}/main.yml" for role in ("firewall", "certbot", "fail2ban", "watchdog", "nginx") for part in ("defaults", "vars")
]
STACK = {
    "name": "shop",
    "contact": "ops@example.com",
    "compose": {
        "services": {
            "web": {"image": "acme/web:1", "healthcheck": {"test": "true"}},
            "mail": {
                "image": "acme/mail:1",
                "healthcheck": {"test": "true"},
                "ports": ["127.0.0.1:2500-2502:25-27", "127.0.0.1:2600-2610:26", "127.0.0.1:9000:9000"],
            },
        },
        "networks": {"default": {"internal": False}},
    },
    "routes": [
        {"domain": "shop.example.com", "service": "web", "port": 8080},
        {"domain": "own.example.com", "service": "web", "port": 8080},
    ],
    "certificates": [{"domains": ["own.example.com"], "chain_file": "/etc/ssl/own.pem", "key_file": "/etc/ssl/own.key"}],
    "firewall": [{"port": 9443, "from": ["203.0.113.0/24"]}],
}
FOR_A_PROXY = {"listen": ["0.0.0.0:8080"], "trusted": ["127.0.0.1", "10.0.0.7"], "proxy_protocol": True}
VARIANTS: dict[str, dict[str, Any]] = {
    "none": {},
    "behind": {"nginx_behind": FOR_A_PROXY, "fail2ban_ignore": ["198.51.100.7"]},
    "tls": {"nginx_behind": {**FOR_A_PROXY, "tls": True, "challenges": True}},
    "http3": {"nginx_http3": True},
    "http3 behind": {"nginx_http3": True, "nginx_behind": FOR_A_PROXY},
}
SHOWN = {
    "rules": "{{ firewall_rules }}",
    "by_stack": "{{ lookup('latentum.ops.declared', 'firewall_rules', by_stack=true)"
    " | latentum.ops.web_openings(nginx_behind, nginx_http3) }}",
    "own": "{{ nginx_own_certificates | map(attribute='name') }}",
    "certificates": "{{ certbot_certificates }}",
    "placeholders": "{{ nginx_certificates }}",
    "jails": "{{ lookup('ansible.builtin.template', jails_template) }}",
    "host": "{{ __watchdog_host_json }}",
    "preflight": "{{ __nginx_preflight }}",
}
CONTRADICTION = {"listen": ["localhost:8080"], "trusted": []}


@pytest.fixture(scope="module")
def shown(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the roles would do, by variant."""
    folder = tmp_path_factory.mktemp("behind")
    jails = ROOT / "roles/fail2ban/templates/etc/fail2ban/jail.d/zz-latentum-ops.local.j2"
    given = {"ops_stack": STACK, "jails_template": str(jails)}
    tasks = [{"name": name, "ansible.builtin.debug": {"msg": SHOWN}, "vars": {**given, **more}} for name, more in VARIANTS.items()]
    wrong = {"ansible.builtin.debug": {"msg": "{{ firewall_rules }}"}, "vars": {**given, "nginx_behind": CONTRADICTION}}
    tasks.append({"name": "wrong", **wrong, "ignore_errors": True})
    return told(ansible, folder, tasks, [ROOT / path for path in FILES if (ROOT / path).exists()])


def jails(shown: dict[str, Any], variant: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read_string(shown[variant]["jails"])
    return parser


def test_the_firewall_opens_the_port_of_the_proxy_to_it_alone(shown: dict[str, Any]) -> None:
    assert [rule["port"] for rule in shown["none"]["rules"]] == [80, 443, 9443]
    proxy, own = shown["behind"]["rules"]
    assert (proxy["port"], proxy["from"], own["port"]) == (8080, ["10.0.0.7"], 9443)
    assert shown["behind"]["by_stack"] == {"shop": shown["behind"]["rules"]} and shown["none"]["by_stack"] == {
        "shop": shown["none"]["rules"]
    }


def test_the_firewall_opens_the_port_of_http3_as_long_as_it_is_spoken(shown: dict[str, Any]) -> None:
    opened = [(rule["port"], rule["protocol"]) for rule in shown["http3"]["rules"]]
    assert opened == [(80, "tcp"), (443, "tcp"), (443, "udp"), (9443, "tcp")]
    assert shown["http3"]["by_stack"] == {"shop": shown["http3"]["rules"]}
    assert shown["http3 behind"]["rules"] == shown["behind"]["rules"], "never for a proxy in front"
    assert shown["http3"]["preflight"]["http3"] is True and shown["none"]["preflight"]["http3"] is False


def test_own_certificates_are_served_only_where_nginx_speaks_tls(shown: dict[str, Any]) -> None:
    assert {variant: shown[variant]["own"] for variant in ("none", "behind", "tls")} == {
        "none": ["own.example.com"],
        "behind": [],
        "tls": ["own.example.com"],
    }
    assert [item["name"] for item in shown["none"]["preflight"]["own_certificates"]] == ["own.example.com"]


def test_certificates_are_wanted_only_where_nginx_speaks_tls(shown: dict[str, Any]) -> None:
    variants = ("none", "behind", "tls")
    names = {variant: [one["name"] for one in shown[variant]["certificates"]] for variant in variants}
    assert names == {"none": ["shop.example.com"], "behind": [], "tls": ["shop.example.com"]}
    placeholders = {variant: [one["name"] for one in shown[variant]["placeholders"]] for variant in variants}
    assert placeholders == {name: [*found, "own.example.com"] if found else [] for name, found in names.items()}


def test_the_proxy_is_never_banned_and_ssh_goes_by_its_own_list(shown: dict[str, Any]) -> None:
    """One ban of it is a ban of everybody."""
    parser = jails(shown, "behind")
    assert parser["nginx-botsearch"]["ignoreip"].split() == ["127.0.0.0/8", "::1", "198.51.100.7", "127.0.0.1", "10.0.0.7"]
    assert "ignoreip" not in parser.options("sshd") or parser["sshd"]["ignoreip"] == parser["DEFAULT"]["ignoreip"]
    assert parser["DEFAULT"]["ignoreip"].split() == ["127.0.0.0/8", "::1", "198.51.100.7"]
    assert shown["none"]["jails"].count("ignoreip") == 1


def test_the_watchdog_asks_where_nginx_listens(shown: dict[str, Any]) -> None:
    assert json.loads(shown["behind"]["host"])["front"] == {"address": "127.0.0.1", "port": 8080, "tls": False, "proxy_protocol": True}
    assert json.loads(shown["tls"]["host"])["front"]["tls"] is True
    assert "front" not in json.loads(shown["none"]["host"])


def test_the_preflight_wants_those_addresses_free_and_knows_what_may_contradict(shown: dict[str, Any]) -> None:
    assert shown["none"]["preflight"]["addresses"] == ["*:80", "*:443", "127.0.0.1:8081"] and shown["none"]["preflight"]["behind"] == {}
    wanted = shown["tls"]["preflight"]
    assert wanted["addresses"] == ["0.0.0.0:8080", "127.0.0.1:8081"]
    assert wanted["behind"]["given"] == VARIANTS["tls"]["nginx_behind"] and wanted["behind"]["certificates"] == ["shop.example.com"]
    ports = [(port["service"], port["first"], port["last"]) for port in wanted["behind"]["published"]]
    assert ports == [("mail", 2500, 2502), ("mail", 9000, 9000)]


def test_what_is_wrong_is_said_in_full_by_whichever_role_comes_first(shown: dict[str, Any]) -> None:
    assert "nginx_behind.listen[0]: is a name" in shown["wrong"] and "nginx_behind.trusted: lets nobody connect" in shown["wrong"]
