# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts of a play agree on the secrets of a stack: those that have it, and no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_runs import AnsibleRuns

ROLE = Path(__file__).resolve().parents[3] / "roles/secrets"
# As a play remembers what is declared on each host (action declaration).
HOSTS: dict[str, dict[str, Any]] = {
    "web1": {"secrets_stack": "shop", "ops_declared": {"names": ["shop"]}},
    "web2": {"secrets_stack": "shop", "ops_declared": {"names": ["shop", "blog"]}},
    "wiki": {"secrets_stack": "wiki", "ops_declared": {"names": ["wiki"]}},
    "eye": {"secrets_stack": "", "ops_declared": {"names": []}},
}


def asked(ansible: AnsibleRuns, folder: Path, hosts: dict[str, Any]) -> dict[str, list[str]]:
    """With whom each host agrees."""
    (folder / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts, "vars": {"ansible_connection": "local"}}}))
    play = {
        "name": "Ask",
        "hosts": "all",
        "gather_facts": False,
        "vars_files": [str(ROLE / "vars/main.yml")],
        # As a default: the inventory's own variables win.
        "vars": {"secrets_hosts": yaml.safe_load((ROLE / "defaults/main.yml").read_text())["secrets_hosts"]},
        "tasks": [{"name": "Say", "ansible.builtin.debug": {"msg": "{{ secrets_hosts }}"}}],
    }
    (folder / "play.yml").write_text(yaml.safe_dump([play]))
    quiet = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    done = ansible("ansible-playbook", "-i", "hosts.yml", "play.yml", folder=folder, environment=quiet)
    results = json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"][0]["hosts"]
    return {host: result["msg"] for host, result in results.items()}


@pytest.mark.parametrize("turn", ["", "blog"])
def test_those_that_have_the_stack(turn: str, ansible: AnsibleRuns, tmp_path: Path) -> None:
    found = asked(ansible, tmp_path, {name: {**variables, "ops_turn": turn} for name, variables in HOSTS.items()})
    if turn:
        assert found["web2"] == ["web2"], "of several stacks it is about the one whose turn it is"
        return
    assert found["web1"] == found["web2"] == ["web1", "web2"]
    assert found["wiki"] == ["wiki"], "another stack has secrets of its own"


def test_a_role_on_its_own_has_all_hosts_of_its_play(ansible: AnsibleRuns, tmp_path: Path) -> None:
    hosts = {name: {"secrets_stack": "shop"} for name in ("web1", "web2")}
    assert asked(ansible, tmp_path, hosts) == {"web1": ["web1", "web2"], "web2": ["web1", "web2"]}
