# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts of images that are built, judged by the inventory before anything changes; and packages of a host that is not of the play."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_runs import AnsibleRuns

Run = Callable[..., str]
HOSTS = "web1,web2,edge,build1,"


@pytest.fixture
def run(ansible: AnsibleRuns, tmp_path: Path) -> Run:
    """What a play in check mode over hosts that are all this one printed."""

    def play(hosts: str, task: dict[str, Any], **variables: Any) -> str:
        given = {"ansible_python_interpreter": sys.executable, **variables}
        document = [{"hosts": hosts, "gather_facts": False, "vars": given, "tasks": [task]}]
        (tmp_path / "play.json").write_text(json.dumps(document))
        (tmp_path / "hosts").write_text("[all]\n" + HOSTS.replace(",", "\n") + "[edges]\nedge\n")
        return ansible("ansible-playbook", "-i", "hosts", "-c", "local", "--check", "play.json", folder=tmp_path).stdout

    return play


def check(run: Run, hosts: str, **build: str) -> str:
    compose = {"services": {"web": {"build": ".", "healthcheck": {"test": "true"}}}}
    builds = {"web": {"repository": "https://git.example.com/shop/web.git", "revision": "v1", **build}}
    stack = {"name": "shop", "compose": compose, "builds": builds}
    return run(hosts, {"latentum.ops.declaration": {}}, ops_stack=stack, ops_edge_group="edges")


@pytest.mark.parametrize(
    ("hosts", "build", "refusal"),
    [
        ("web1", {}, ""),
        ("web1,edge", {}, ""),
        ("web1,web2", {}, "builds.web.push: is missing, and 2 hosts need the image (web1, web2)"),
        ("web1,web2", {"push": "registry.example.com/shop/web", "host": "build1"}, ""),
        ("web1", {"host": "build1"}, "builds.web.push: is missing: build1 builds the image, and web1 could not have it"),
        ("web1", {"host": "build2", "push": "registry.example.com/shop/web"}, "builds.web.host: is no host of the inventory"),
    ],
)
def test_hosts_of_a_build_are_judged_by_the_inventory(run: Run, hosts: str, build: dict[str, str], refusal: str) -> None:
    output = check(run, hosts, **build)
    assert refusal in output and ("failed=0" in output) is not bool(refusal), output


def test_what_the_preflight_saw_on_a_host_is_not_believed_of_another(run: Run) -> None:
    """The host that builds need not be of the play."""
    task = {"latentum.ops.packages": {"name": ["made-up-git"]}}
    seen = {"installed": "made-up-git"}
    assert "changed=0" in run("web1", task, ops_preflight=seen)
    assert "changed=1" in run("web1", {**task, "delegate_to": "build1"}, ops_preflight=seen)
    assert "changed=0" in run("web1", {**task, "delegate_to": "{{ inventory_hostname }}"}, ops_preflight=seen)
