# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Role ssh_hardening says which stack needs which forwarded ports, so that a run that knows one stack takes none from another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml
from ansible_runs import AnsibleRuns

ROLE = Path(__file__).resolve().parents[3] / "roles/ssh_hardening"
SETTINGS = "/etc/ssh/sshd_config.d/10-latentum-ops.conf"
PORTS = ["127.0.0.1:5434", "localhost:5434"]


def stack(name: str, *ports: str) -> dict[str, Any]:
    services = {"database": {"image": "postgres:17", "ports": list(ports)}}
    return {"name": name, "compose": {"services": services, "networks": {"default": {"internal": False}}}}


def test_each_stack_says_which_ports_it_needs_and_the_set_is_told(ansible: AnsibleRuns, tmp_path: Path) -> None:
    (written,) = (task for task in yaml.safe_load((ROLE / "tasks/configure.yml").read_text()) if "latentum.ops.config_set" in task)
    given = {
        "ops_stacks": [stack("shop", "127.0.0.1:5434:5432"), stack("blog")],
        "ssh_hardening_tcp_forwarding": "local",
        "__ssh_hardening_supported": {"stdout_lines": []},
    }
    task = {"name": "Show", "ansible.builtin.debug": {"msg": written["latentum.ops.config_set"]["words"]}, "vars": given}
    files = [str(ROLE / "vars/main.yml")]
    play = {"name": "Show", "hosts": "localhost", "gather_facts": False, "vars_files": files, "tasks": [task]}
    (tmp_path / "show.yml").write_text(yaml.safe_dump([play]))
    environment = {"ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    done = ansible("ansible-playbook", "-i", "localhost,", "-c", "local", "show.yml", folder=tmp_path, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    (result,) = json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"]
    words = result["hosts"]["localhost"]["msg"][SETTINGS]
    assert words["stacks"] == {"shop": PORTS, "blog": []}
    template = (ROLE / f"templates{SETTINGS}.j2").read_text()
    assert f"\n{words['directive']} " in template and f"\n{words['after']} " in template
