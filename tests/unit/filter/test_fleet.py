# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters about hosts of one inventory, in a play: values of other hosts in their own variables, the same whatever is limited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_runs import AnsibleRuns

COMPOSE = "services: {web: {image: 'acme/web:1', healthcheck: {test: [CMD, 'true']}}}"
SHOP: dict[str, Any] = {
    "name": "shop",
    "contact": "ops@example.com",
    "compose": COMPOSE,
    "routes": [{"domain": "shop.example.com", "service": "web", "port": 8080}],
    "secrets": {
        "hook": {"kind": "provided", "value": "https://hooks.example.com/{{ inventory_hostname }}-word"},
        "other": {"kind": "provided", "value": "nothing-for-others", "environment": {"web": "OTHER"}},
    },
    "watchdog": {"alerts": [{"name": "chat", "kind": "slack", "url_secret": "hook"}]},
}
COMMON = {
    "ops_monitoring_host": "eye-1",
    "host_certificates_enabled": True,
    "exporters_enabled": "{{ true }}",
    "monitoring_enabled": "{{ inventory_hostname == ops_monitoring_host }}",
    "ops_address": "{{ addresses[inventory_hostname] }}",
    "addresses": {"eye-1": "10.0.0.5", "web1": "10.0.0.11", "web2": "10.0.0.12"},
}
ALL, APPS = "groups.all", "['web1', 'web2']"
ASKED = {
    "openings": f"inventory_hostname | latentum.ops.host_openings({ALL}, hostvars)",
    "fleet": f"inventory_hostname | latentum.ops.host_fleet({ALL}, hostvars)",
    "hosts": f"{APPS} | latentum.ops.monitored_hosts(hostvars)",
    "secrets": f"{APPS} | latentum.ops.monitored_secrets(hostvars, ({APPS} | latentum.ops.monitored_hosts(hostvars)).stacks)",
}


def asked(ansible: AnsibleRuns, folder: Path, hosts: dict[str, Any], limit: str, wanted: str) -> Any:
    """What a filter gives on one host, or the message of its error."""
    inventory = {"all": {"hosts": hosts, "vars": {**COMMON, "ansible_connection": "local"}}}
    (folder / "hosts.yml").write_text(yaml.safe_dump(inventory))
    play = {
        "name": "Ask",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [{"name": "Say", "ansible.builtin.debug": {"msg": f"{{{{ {ASKED[wanted]} }}}}"}}],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    done = ansible(
        "ansible-playbook",
        "-i",
        "hosts.yml",
        "play.yml",
        "--limit",
        limit,
        folder=folder,
        environment={"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
    )
    results = json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"][0]["hosts"]
    return results[limit]["msg"]


@pytest.fixture
def hosts() -> dict[str, Any]:
    return {
        "eye-1": {},
        "web1": {"ops_stack": SHOP},
        "web2": {"ops_stack": {**SHOP, "name": "blog", "routes": []}, "exporters_nginx": True},
    }


def test_a_run_that_is_limited_lets_the_same_hosts_in(ansible: AnsibleRuns, tmp_path: Path, hosts: dict[str, Any]) -> None:
    """--limit must not close the firewall for hosts that the run does not reach."""
    (rule,) = asked(ansible, tmp_path, hosts, "web1", "openings")
    assert rule["from"] == ["10.0.0.5"] and rule["port"] == "9943"
    fleet = asked(ansible, tmp_path, hosts, "eye-1", "fleet")
    assert [host["address"] for host in fleet["scraped"]] == ["10.0.0.11:9943", "10.0.0.12:9943"] and fleet["problems"] == []


def test_what_does_not_fit_stops_the_run_with_what_to_write(ansible: AnsibleRuns, tmp_path: Path, hosts: dict[str, Any]) -> None:
    hosts["eye-1"]["ops_address"] = "eye.example.com"
    said = asked(ansible, tmp_path, hosts, "web1", "openings")
    assert "eye-1: ops_address" in said and "nothing was changed" in said


def test_stacks_and_jobs_of_hosts_that_a_run_does_not_reach_are_known(ansible: AnsibleRuns, tmp_path: Path, hosts: dict[str, Any]) -> None:
    known = asked(ansible, tmp_path, hosts, "eye-1", "hosts")
    assert known["problems"] == [] and [stack["stack"] for stack in known["stacks"]] == ["shop", "blog"]
    assert known["jobs"] == {
        "web1": ["node", "requests", "nginx", "watchdog", "containers"],
        "web2": ["node", "nginx", "watchdog", "containers"],
    }
    assert known["places"] == {"shop": ["web1"], "blog": ["web2"]}
    # Where the monitoring host has its copy, and never the value.
    assert known["stacks"][0]["alerts"][0]["url_file"] == "/etc/latentum-ops/monitoring-secrets/shop/hook"
    assert "-word" not in json.dumps(known)


def test_only_secrets_by_which_people_are_told_are_copied(ansible: AnsibleRuns, tmp_path: Path, hosts: dict[str, Any]) -> None:
    files = asked(ansible, tmp_path, hosts, "eye-1", "secrets")
    assert [(file["path"], file["content"], file["mode"], file["sensitive"]) for file in files] == [
        ("/etc/latentum-ops/monitoring-secrets/blog/hook", "https://hooks.example.com/web2-word", "0600", True),
        ("/etc/latentum-ops/monitoring-secrets/shop/hook", "https://hooks.example.com/web1-word", "0600", True),
    ]


def test_one_stack_on_several_hosts_has_one_set_of_rules(ansible: AnsibleRuns, tmp_path: Path, hosts: dict[str, Any]) -> None:
    hosts["web2"]["ops_stack"] = SHOP
    assert [stack["stack"] for stack in asked(ansible, tmp_path, hosts, "eye-1", "hosts")["stacks"]] == ["shop"]
    hosts["web2"]["ops_stack"] = {**SHOP, "monitoring": {"limits": {"latency": 1}}}
    (problem,) = asked(ansible, tmp_path, hosts, "eye-1", "hosts")["problems"]
    assert "web2: stack shop is declared otherwise than on web1" in problem and "give one of the two another name" in problem


def test_a_declaration_with_errors_is_named(ansible: AnsibleRuns, tmp_path: Path, hosts: dict[str, Any]) -> None:
    hosts["web2"]["ops_stack"] = {"name": "blog"}
    (problem,) = asked(ansible, tmp_path, hosts, "eye-1", "hosts")["problems"]
    assert problem.startswith("web2: its declaration has errors, and its alerts would be lost")


def test_a_secret_that_hosts_make_cannot_be_copied(ansible: AnsibleRuns, tmp_path: Path, hosts: dict[str, Any]) -> None:
    mail = {"name": "mail", "kind": "email", "server": "mail.example.com", "from": "a@example.com", "to": ["b@example.com"], "user": "ops"}
    secrets = {"word": {"kind": "password"}}  # its value is on the hosts alone
    hosts["web1"]["ops_stack"] = {**SHOP, "secrets": secrets, "watchdog": {"alerts": [{**mail, "password_secret": "word"}]}}
    # Said where it can be read: the task that copies them hides what it says.
    (problem,) = asked(ansible, tmp_path, hosts, "eye-1", "hosts")["problems"]
    assert "web1: stack shop: secrets.word" in problem and "kind: provided" in problem
    said = asked(ansible, tmp_path, hosts, "eye-1", "secrets")
    assert "shop: secrets.word" in said and "kind: provided" in said


def test_a_variable_that_other_hosts_cannot_read_is_named(ansible: AnsibleRuns, tmp_path: Path) -> None:
    """Ansible renders none of another host that looks at a third one; `'hostvars' is undefined` would say neither which nor whose."""
    hosts = {"eye-1": {}, "web1": {"log_shipping_to": "{{ hostvars['eye-1'].ops_address }}:6514"}, "web2": {}}
    said = asked(ansible, tmp_path, hosts, "web2", "fleet")
    assert "log_shipping_to of web1 cannot be read by other hosts" in said and "without hostvars" in said
