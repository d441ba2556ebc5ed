# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of the playbook that rolls out: what a release needs is there before its first batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

PLAYBOOKS = Path(__file__).parents[3] / "playbooks"
PLAYS: list[dict[str, Any]] = yaml.safe_load((PLAYBOOKS / "rolling_update.yml").read_text())


def play_of(role: str) -> int:
    """The place of the play that has a role, in a block or in what the turns of the play do too."""
    places = set()
    for index, play in enumerate(PLAYS):
        turn = play.get("vars", {}).get("__turn_does")
        tasks = [*play.get("tasks", []), *(yaml.safe_load((PLAYBOOKS / "tasks" / turn).read_text()) if turn else [])]
        for task in [inner for outer in tasks for inner in outer.get("block", [outer])]:
            if task.get("ansible.builtin.import_role") == {"name": f"latentum.ops.{role}"}:
                places.add(index)
    (place,) = places
    return place


def index_of(role: str, tasks_from: str | None = None) -> int:
    """The place of a role among the tasks of the play that writes secrets."""
    roles = [
        task.get("ansible.builtin.import_role") or task.get("ansible.builtin.include_role") or {}
        for task in PLAYS[play_of("secrets")]["tasks"]
    ]
    (place,) = [
        place for place, one in enumerate(roles) if (one.get("name"), one.get("tasks_from")) == (f"latentum.ops.{role}", tasks_from)
    ]
    return place


def test_secrets_of_new_services_are_written_on_all_hosts_before_the_first_batch() -> None:
    """A service with another name has none yet; a rollback needs those of the name before (molecule/rollout/tests/test_routes.py)."""
    secrets = PLAYS[play_of("secrets")]
    assert play_of("secrets") < play_of("stack")
    assert "serial" not in secrets  # hosts agree on one value
    assert secrets["vars"]["secrets_purge"] is False
    assert secrets["hosts"] == PLAYS[play_of("stack")]["hosts"]


def test_images_are_built_once_secrets_are_there_and_before_the_first_batch() -> None:
    """A build takes its time, and may fail: all hosts still serve, and none has left the load balancers."""
    secrets, builds = index_of("secrets"), index_of("stack", "builds.yml")
    assert secrets < builds
    assert "image_builds" in PLAYS[play_of("secrets")]["tasks"][builds]["when"]  # nothing is included where nothing is built


def test_a_spent_error_budget_refuses_before_anything_changes_on_any_host() -> None:
    play = PLAYS[play_of("secrets")]
    look = index_of("stack", "preflight.yml")
    assert look < index_of("secrets") and "slo_objectives" in play["tasks"][look]["when"]  # it costs nothing without objectives
    before = [task["ansible.builtin.import_tasks"] for task in play["tasks"][:look]]
    assert before == ["tasks/remember_declaration.yml"] and "any_errors_fatal" in play and "serial" not in play
