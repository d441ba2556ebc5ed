# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The preflight of a play says what the variables of other hosts contradict, before any role that site.yml includes has begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible_runs import AnsibleRuns

ROLES = ["host_certificates", "exporters", "monitoring", "log_shipping"]
COMMON = {
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    "ops_monitoring_host": "eye-1",
    "host_certificates_enabled": True,
    "exporters_enabled": True,
    "exporters_requests": False,
    "exporters_nginx": False,
    "exporters_node_address": "127.0.0.1:39100",
    "monitoring_prometheus_address": "127.0.0.1:39090",
    "monitoring_alertmanager_address": "127.0.0.1:39093",
    "exporters_front_listen": "0.0.0.0:39943",
}


def said(ansible: AnsibleRuns, folder: Path, hosts: dict[str, dict[str, Any]], limit: str = "all") -> str:
    """All that the preflight says."""
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": COMMON}}))
    task = {"name": "Look", "latentum.ops.preflight": {"roles": ROLES}}
    (folder / "play.yml").write_text(yaml.safe_dump([{"name": "Look", "hosts": "all", "gather_facts": False, "tasks": [task]}]))
    done = ansible("ansible-playbook", "-i", "hosts.yml", "play.yml", "--limit", limit, folder=folder)
    return done.stdout + done.stderr


def test_hosts_that_fit_together_pass(ansible: AnsibleRuns, tmp_path: Path) -> None:
    hosts = {"web1": {"ansible_host": "10.0.0.11"}, "eye-1": {"ansible_host": "10.0.0.5", "monitoring_enabled": True}}
    assert "nothing was changed" not in said(ansible, tmp_path, hosts)


def test_contradictions_of_other_hosts_are_said(ansible: AnsibleRuns, tmp_path: Path) -> None:
    hosts: dict[str, dict[str, Any]] = {
        "web1": {"ansible_host": "10.0.0.11", "ops_monitoring_host": "eye1"},
        "web2": {"ansible_host": "127.0.0.1"},
        "eye-1": {"ansible_host": "eye.example.com", "monitoring_enabled": True},
    }
    shown = said(ansible, tmp_path, hosts)
    assert "did you mean eye-1" in shown
    assert "write ops_address for this host" in shown
    # The monitoring host alone hears of its hosts, too.
    alone = said(ansible, tmp_path, hosts, "eye-1")
    assert "web2: ansible_host" in alone and "web2: eye-1: ops_address" in alone


def test_an_authority_without_a_place_is_said(ansible: AnsibleRuns, tmp_path: Path) -> None:
    hosts = {"web1": {"ansible_host": "10.0.0.11", "ops_monitoring_host": "web1", "monitoring_enabled": True}}
    for given, words in (
        ({"host_certificates_authority_host": "controller"}, "write a folder of the controller that only you can read"),
        ({"host_certificates_authority_host": "vault"}, "is no host of the inventory"),
    ):
        assert words in said(ansible, tmp_path, {"web1": {**hosts["web1"], **given}})
    eye = {"ansible_host": "10.0.0.5", "host_certificates_enabled": False, "monitoring_enabled": True}
    shown = said(ansible, tmp_path, {"web1": {"ansible_host": "10.0.0.11"}, "eye-1": eye}, "web1")
    assert "keeps the authority, and has no certificate itself" in shown and "eye-1 has no certificate" in shown
