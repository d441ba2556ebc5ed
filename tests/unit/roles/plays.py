# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play on this machine that shows what variables of roles come to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_runs import AnsibleRuns


def told(ansible: AnsibleRuns, folder: Path, tasks: Sequence[dict[str, Any]], files: Sequence[Path]) -> dict[str, Any]:
    """By the name of each task what it said (C(msg)); None where it said nothing.

    :param files: variables, such as the defaults of a role.
    """
    return {name: result.get("msg") for name, result in results(ansible, folder, tasks, files).items()}


def refused(
    ansible: AnsibleRuns, folder: Path, role: Path, cases: Mapping[str, tuple[dict[str, Any], str]], given: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """What the first task of a role's preflight says of each case; nothing where it lets it pass.

    :param cases: variables of each, and what else the caller knows of it.
    :param given: variables that all cases have; without any, those of the task itself.
    """
    (task, *_rest) = yaml.safe_load((role / "tasks/preflight.yml").read_text())
    common = task.get("vars", {}) if given is None else given
    tasks = [
        {**task, "name": name, "vars": {**common, **own}, "ignore_errors": True, "register": "refused"}
        for name, (own, _wanted) in cases.items()
    ]
    shown = results(ansible, folder, tasks, [role / "defaults/main.yml", role / "vars/main.yml"])
    return {name: str(shown[name]["msg"]) if shown[name].get("failed") else "" for name in cases}


def results(ansible: AnsibleRuns, folder: Path, tasks: Sequence[dict[str, Any]], files: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """The result of each task by its name."""
    play = {"name": "Tell", "hosts": "localhost", "gather_facts": False, "vars_files": [str(file) for file in files], "tasks": list(tasks)}
    (folder / "tell.yml").write_text(yaml.safe_dump([play]))
    environment = {"ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    done = ansible("ansible-playbook", "-i", "localhost,", "-c", "local", "tell.yml", folder=folder, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"]
    return {task["task"]["name"]: task["hosts"]["localhost"] for task in ran}
