# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Ansible makes of the inventories of this repository, for all tests that look at it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from ansible_runs import AnsibleRuns

ROOT = Path(__file__).resolve().parents[3]
REPORT = "ops_stack | latentum.ops.declaration_report"
# Derived from a declaration that is faultless.
DERIVED = {"project": "ops_stack | latentum.ops.compose_project", "config": "ops_stack | latentum.ops.watchdog_config"}


@cache
def report(ansible: AnsibleRuns, inventory: str, *options: str) -> str:
    """The report of its declaration, empty where it is faultless."""
    return str(shown(ansible, f"inventories/{inventory}/hosts.yml", {"report": REPORT}, options)["report"])


@cache
def derived(ansible: AnsibleRuns, inventory: str, *options: str) -> dict[str, Any]:
    """The report of its declaration, its Compose project and the configuration of its watchdog."""
    return shown(ansible, f"inventories/{inventory}/hosts.yml", {"report": REPORT, **DERIVED}, options)


def shown(
    ansible: AnsibleRuns, inventory: str, expressions: dict[str, str], options: tuple[str, ...] = (), **environment: str
) -> dict[str, Any]:
    """Of each expression what the one host of an inventory gives.

    :param inventory: file of an inventory, from the root of the repository.
    """
    message = ", ".join(f'"{name}": {expression}' for name, expression in expressions.items())
    hosts = ["all", "-i", inventory, *options]
    argv = [*hosts, "-m", "ansible.builtin.debug", "-a", f"msg={{{{ {{{message}}} }}}}"]
    environment = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json", "ANSIBLE_NOCOLOR": "1", **environment}
    done = ansible("ansible", *argv, folder=ROOT, environment=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stderr, done.stderr
    (host,) = done.stdout.split(" | SUCCESS => ")[1:]
    return dict(json.loads(host)["msg"])
