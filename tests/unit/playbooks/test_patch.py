# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook patch: what it refuses before any host is asked, the order of its steps, and runs in check mode with programs of our own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_runs import AnsibleRuns

ROOT = Path(__file__).parents[3]
PLAYBOOKS = ROOT / "playbooks"
PLAYS: list[dict[str, Any]] = yaml.safe_load((PLAYBOOKS / "patch.yml").read_text())
HOST: list[dict[str, Any]] = yaml.safe_load((PLAYBOOKS / "tasks/patch_host.yml").read_text())
SIMULATED = """\
Inst openssl [3.5.1-1] (3.5.4-1~deb13u1 Debian-Security:13/stable-security [amd64])
Inst docker.io [26.1.5-1] (26.1.5-2 Debian:13.2/stable [amd64])
"""
Run = Callable[..., subprocess.CompletedProcess[str]]


def tasks(entries: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """All tasks, those in blocks too, without what is done for a failure."""
    for entry in entries:
        if "block" in entry:
            yield from tasks(entry["block"])
        else:
            yield entry


def what(task: dict[str, Any]) -> str:
    """The file that a task includes, or the module that it calls."""
    role = task.get("ansible.builtin.include_role") or {}
    included = task.get("ansible.builtin.include_tasks")
    return role.get("tasks_from") or included or next(key for key in task if "." in key)


def test_a_host_leaves_the_traffic_before_its_update_and_comes_back_after_the_look_at_its_services() -> None:
    steps = [(what(task), (task.get("vars") or {}).get("__member_state", "")) for task in tasks(HOST)]
    order = [
        ("plan.yml", ""),
        ("refuse.yml", ""),
        ("member.yml", "drained"),
        ("install.yml", ""),
        ("service.yml", ""),
        ("verify.yml", ""),
        ("member.yml", "active"),
        ("latentum.ops.upstream_member_info", ""),
        ("finish.yml", ""),
    ]
    assert [step for step in steps if step in order] == order


def test_hosts_come_one_after_the_other_and_the_canary_first() -> None:
    canary, others = (play for play in PLAYS if play.get("hosts") in ("ops_patch_canary", "ops_patch_others"))
    assert canary["hosts"] == "ops_patch_canary" and PLAYS.index(canary) < PLAYS.index(others)
    assert all(play["serial"] == 1 and play["max_fail_percentage"] == 0 for play in (canary, others))
    look = PLAYS[PLAYS.index(canary) - 1]
    assert look["any_errors_fatal"] and "serial" not in look, "all hosts are looked at before any is changed"


def test_a_host_that_fails_is_recorded_reported_and_told_last_of_all() -> None:
    (whole,) = HOST
    assert whole["ignore_unreachable"] is True
    rescue = [what(task) for task in whole["rescue"]]
    assert rescue == ["ansible.builtin.set_fact", "patch_failed.yml", "report.yml", "ansible.builtin.fail"]
    failed: list[dict[str, Any]] = yaml.safe_load((PLAYBOOKS / "tasks/patch_failed.yml").read_text())
    modules = [task for task in failed if any(key.startswith("latentum.ops.") for key in task)]
    assert len(modules) == 4 and all(task["failed_when"] is False and task["ignore_unreachable"] for task in modules), (
        "the report comes after it"
    )


@pytest.fixture
def run(ansible: AnsibleRuns, tmp_path: Path) -> Run:
    """The playbook over this machine under several names, with programs that say what is recorded and note how they were asked."""
    programs = tmp_path / "programs"
    programs.mkdir()
    outputs = {"apt-get": SIMULATED, "apt-mark": "", "apt-cache": "", "dpkg": "", "systemctl": "", "systemd-detect-virt": "", "docker": ""}
    for name, output in outputs.items():
        (programs / f"{name}.out").write_text(output)
        program = programs / name
        # Of named packages apt says no more than of them.
        filtered = 'case "$*" in *install*) grep openssl;; *) cat;; esac'
        program.write_text(f'#!/bin/sh\necho "{name} $@" >> {tmp_path}/asked\n{filtered} < {programs}/{name}.out\nexit 0\n')
        program.chmod(0o755)
    hosts = {name: {} for name in ("web1", "web2", "edge1")}
    variables = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}", "ansible_become": False}
    inventory = {"all": {"hosts": hosts, "vars": variables, "children": {"edge": {"hosts": {"edge1": {}}}}}}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory))
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}

    def command(*options: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        given = ["-e", json.dumps({"ops_edge_group": "edge", "patch_lock_timeout": 30, **variables})]
        return ansible(
            "ansible-playbook", str(PLAYBOOKS / "patch.yml"), "-i", "hosts.yml", *given, *options, folder=tmp_path, environment=environment
        )

    return command


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"patch_canary": "web9"}, ["patch_canary", "web9", "write one of web1, web2"]),
        ({"patch_canary": "edge1"}, ["patch_canary", "is a load balancer", "-e ops_hosts=edge"]),
        ({"ops_edge_group": "egde"}, ["ops_edge_group", "egde", "name the group"]),
        ({"patch_scope": "everything", "patch_reboot": "always"}, ["2 problems", "security or all", "when_due or never"]),
        ({"patch_window": {"start": "0 2 * * 0", "duration": "3h"}}, ["patch_window.start", "line of cron"]),
    ],
)
def test_what_cannot_be_meant_is_refused_and_no_host_is_asked(run: Run, tmp_path: Path, variables: dict[str, Any], said: list[str]) -> None:
    done = run("--check", **variables)
    printed = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0 and "Nothing was changed" in printed
    assert [word for word in said if word not in printed] == []
    assert not (tmp_path / "asked").exists() and not (tmp_path / "patches").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="dpkg's lock is root's")
def test_in_check_mode_it_says_what_would_change_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    done = run("--check", "--diff", patch_canary="web2", ops_hosts="web2:edge1")
    printed = " ".join(done.stdout.split())
    assert done.returncode == 0, done.stdout + done.stderr
    assert "openssl 3.5.1-1 3.5.4-1~deb13u1 security" in printed and "+openssl 3.5.4-1~deb13u1" in printed
    assert "stays: of the engine: patch_engine" in printed
    assert "web2 would be updated (canary) 1" in printed and printed.index("for web2") < printed.index("Update the others")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert all("--simulate" in line or "--print-uris" in line for line in asked if line.startswith("apt-get")), (
        "nothing is fetched or installed"
    )
    assert not (tmp_path / "patches").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="dpkg's lock is root's")
def test_what_stands_against_it_on_one_host_stops_all_before_anything_is_changed(run: Run, tmp_path: Path) -> None:
    text = "The following packages are only half configured, probably due to problems\n openssh-server  secure shell server\n"
    (tmp_path / "programs/dpkg.out").write_text(text)
    done = run("--check", patch_canary="web2")
    printed = " ".join((done.stdout + done.stderr).split())
    assert (
        done.returncode != 0 and "dpkg says of openssh-server that they are not whole" in printed and "Nothing was changed on it" in printed
    )
    assert "Update the canary" not in printed
