# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A part of a role is run, and left out, by its own tag alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

ROLES = Path(__file__).parents[3] / "roles"
INCLUDES = {
    f"{path.parents[1].name}: {step['name']}": (path.parents[1].name, step)
    for path in sorted(ROLES.glob("*/tasks/main.yml"))
    for step in yaml.safe_load(path.read_text())
    if "ansible.builtin.include_tasks" in step
}


def test_roles_include() -> None:
    assert "backup: Escrow" in INCLUDES


@pytest.mark.parametrize("step", INCLUDES)
def test_an_include_has_one_tag_of_its_own_and_hands_it_on(step: str) -> None:
    """With two, ``--skip-tags`` of the one would leave out the other. Unlike an import it hands none on by itself: a run of its tags would
    include the file, and pass over all that is in it."""
    role, task = INCLUDES[step]
    included: dict[str, Any] = task["ansible.builtin.include_tasks"]
    assert role in task["tags"] and len([tag for tag in task["tags"] if tag.startswith(f"{role}_")]) == 1
    assert included["apply"]["tags"] == task["tags"]
