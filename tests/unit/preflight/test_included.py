# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles that site.yml includes only where somebody has switched them are asked about by the preflight of the play all the same."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.action.preflight import included
from ansible_runs import AnsibleRuns


def test_only_those_that_are_switched_and_not_imported() -> None:
    variables = {"exporters_enabled": True, "nginx_enabled": True, "__nginx_preflight": {}}
    assert included(["nginx", "exporters", "monitoring"], variables) == ["exporters"]


@pytest.mark.parametrize(
    ("switch", "variable"), [("monitoring_enabled", "monitoring_alertmanager_address"), ("exporters_enabled", "exporters_node_address")]
)
def test_a_port_that_is_taken_stops_the_play_before_its_first_role(
    ansible: AnsibleRuns, tmp_path: Path, switch: str, variable: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable, switch: True, variable: address},
            "tasks": [{"name": "Look", "latentum.ops.preflight": {"roles": ["monitoring", "exporters"]}}],
        }
        (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
        done = ansible("ansible-playbook", "-i", "localhost,", "-c", "local", "play.yml", folder=tmp_path)
    assert done.returncode != 0 and variable in done.stdout, done.stdout + done.stderr
