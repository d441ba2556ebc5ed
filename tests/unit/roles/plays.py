# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A play on this machine that shows what variables of roles come to."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible_runs import AnsibleRuns


def told(ansible: AnsibleRuns, folder: Path, tasks: Sequence[dict[str, Any]], files: Sequence[Path]) -> dict[str, Any]:
    """By the name of each task what it said (C(msg)); None where it said nothing.

    :param files: variables, such as the defaults of a role.
    """
    play = {"name": "Tell", "hosts": "localhost", "gather_facts": False, "vars_files": [str(file) for file in files], "tasks": list(tasks)}
    (folder / "tell.yml").write_text(yaml.safe_dump([play]))
    environment = {"ANSIBLE_LOCALHOST_WARNING": "false", "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}
    done = ansible("ansible-playbook", "-i", "localhost,", "-c", "local", "tell.yml", folder=folder, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(done.stdout[done.stdout.index("{") :])["plays"][0]["tasks"]
    return {task["task"]["name"]: task["hosts"]["localhost"].get("msg") for task in results}
