# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbook backup: which stacks it backs up, where not all of them have something to keep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_runs import AnsibleRuns

from ..declaration.backups.samples import AGE
from ..roles.plays import told

PLAYBOOK = Path(__file__).parents[3] / "playbooks/backup.yml"


def stack(name: str, *, kept: bool) -> dict[str, Any]:
    """One with or without backups."""
    target = {
        "name": "offsite",
        "repository": f"s3:https://s3.example.com/bucket/{name}",
        "environment": {"AWS_SECRET_ACCESS_KEY": "s3_secret"},
    }
    backups = {
        "backups": {"targets": [target], "escrow": {"recipients": [AGE]}},
        "secrets": {"s3_secret": {"kind": "provided", "value": "hunter2"}},
    }
    compose = {
        "services": {"web": {"image": "acme/web:1", "healthcheck": {"test": ["CMD", "true"]}, "volumes": ["data:/data"]}},
        "volumes": {"data": None},
    }
    return {"name": name, "contact": "ops@example.com", "compose": compose, **(backups if kept else {})}


@pytest.mark.parametrize(
    ("given", "backed_up"),
    [
        ({"ops_stacks": [stack("shop", kept=True), stack("gate", kept=False), stack("blog", kept=True)]}, ["shop", "blog"]),
        # Whoever names one that has none is told so, and that one which is the only one has none is no good news either.
        ({"ops_stacks": [stack("shop", kept=True), stack("gate", kept=False)], "ops_only": "gate"}, ["gate"]),
        ({"ops_stack": stack("gate", kept=False)}, ["gate"]),
        ({"stack_name": "elsewhere"}, ["elsewhere"]),
    ],
    ids=["several", "named", "one", "without a declaration"],
)
def test_who_declares_no_backups_is_passed_over_and_said(
    ansible: AnsibleRuns, tmp_path: Path, given: dict[str, Any], backed_up: list[str]
) -> None:
    (play,) = yaml.safe_load(PLAYBOOK.read_text())
    (tmp_path / "vars.yml").write_text(yaml.safe_dump({**given, **play["vars"]}))
    notice = next(task for task in play["tasks"] if task["name"] == "Stacks that declare no backups")
    turns = next(task for task in play["tasks"] if task["name"] == "Back up")
    shown = {"name": "turns", "ansible.builtin.debug": {"msg": turns["loop"]}}
    said = told(ansible, tmp_path, [notice, shown], [tmp_path / "vars.yml"])
    assert said["turns"] == backed_up
    others = [each["name"] for each in given.get("ops_stacks", []) if "ops_only" not in given and each["name"] not in backed_up]
    assert said[notice["name"]] == (f"{', '.join(others)}: no backups are declared, so none is made" if others else None)
