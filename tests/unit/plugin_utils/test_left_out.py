# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles that are left out of site.yml: each can be, but the engine, and what is lost is said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.plugin_utils.left_out import LOST, lost, refused

PLAYBOOKS = Path(__file__).resolve().parents[3] / "playbooks"
(PLAY,) = [play for play in yaml.safe_load((PLAYBOOKS / "site.yml").read_text()) if "pre_tasks" in play]


def imports(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The tasks that bring a role, of included files too."""
    for task in tasks:
        for part in ("block", "always"):
            yield from imports(task.get(part) or [])
        if "ansible.builtin.import_role" in task or "ansible.builtin.include_role" in task:
            yield task
        if file := task.get("ansible.builtin.include_tasks"):
            yield from imports(yaml.safe_load((PLAYBOOKS / file).read_text()))


def test_each_role_of_the_site_but_the_engine_can_be_left_out() -> None:
    assert set(PLAY["vars"]["__roles"]) == {*LOST, "opsctl"}
    found = set()
    for task in imports(PLAY["tasks"]):
        brought = task.get("ansible.builtin.import_role") or task["ansible.builtin.include_role"]
        role = brought["name"].removeprefix("latentum.ops.")
        conditions = task.get("when", [])
        including = [one for one in PLAY["tasks"][-1]["block"] if one.get("ansible.builtin.include_tasks") == "tasks/each_backup.yml"]
        guarded = f"'{role}' not in ops_roles_skip | default([])"
        asked = [conditions] if isinstance(conditions, str) else conditions
        assert role == "opsctl" or guarded in asked or (role == "backup" and including[0]["when"] == guarded), task
        found.add(role)
    assert found == {*LOST, "opsctl"}
    for task in PLAY["pre_tasks"][1:]:
        (given,) = [value for key, value in task.items() if key.startswith("latentum.ops.")]
        assert given["roles"] == "{{ __roles | difference(ops_roles_skip | default([])) }}"


@pytest.mark.parametrize(
    ("left_out", "words"),
    [
        (["opsctl"], "opsctl is the engine that all others use"),
        (["ufw"], "ufw is no role of site.yml; write some of access, "),
        (["nginx"], "certbot needs nginx, which is left out; leave out certbot as well"),
    ],
)
def test_what_cannot_be_left_out_is_refused(left_out: list[str], words: str) -> None:
    assert words in "\n".join(refused(left_out))


def test_what_is_lost_is_said_in_the_order_of_the_roles() -> None:
    assert list(refused(["certbot", "nginx", "firewall"])) == []
    said = lost(["certbot", "nginx", "firewall"])
    assert [line.partition(":")[0] for line in said] == ["without role firewall", "without role nginx", "without role certbot"]
    assert lost([]) == []
