# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Getting started, without a host: what it tells to run and to write exists and is accepted. tests/guide follows it on hosts."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import guide
import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader

ROOT = Path(__file__).resolve().parents[3]

PAGE = guide.page()
COMMANDS = [line for block in PAGE if block.language == "console" for line in block.text.splitlines()]
VARIABLES = "production/group_vars/all/"


class Loader(yaml.SafeLoader):
    """YAML as Ansible reads it, as far as the guide uses it."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def role_variables() -> set[str]:
    """The variables that roles document."""
    specs = [yaml.safe_load(path.read_text()) for path in ROOT.glob("roles/*/meta/argument_specs.yml")]
    return {name for spec in specs for entry in spec["argument_specs"].values() for name in entry.get("options", {})}


def read(path: str) -> Any:
    return yaml.load(guide.files(PAGE)[path], Loader)  # noqa: S506 - a safe loader with one more tag


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_is_one_of_a_shell(command: str) -> None:
    checked = subprocess.run(["bash", "-n", "-c", command], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_the_playbooks_exist() -> None:
    named = set(guide.PLAYBOOK.findall(guide.GUIDE.read_text()))
    assert {"site", "status", "rolling_update", "rollback"} <= named
    assert [name for name in named if not (ROOT / f"playbooks/{name}.yml").exists()] == []


def test_variables_of_the_command_line_and_of_the_files_exist() -> None:
    known = role_variables() | {"ops_stack", "ansible_user"}
    playbooks = "".join(path.read_text() for path in (ROOT / "playbooks").glob("*.yml"))
    used = {name for command in COMMANDS for name in re.findall(r"-e (\w+)=", command)}
    assert {name for name in used if name not in known and f"{name} |" not in playbooks} == set()
    assert {*read(f"{VARIABLES}host.yml"), *read(f"{VARIABLES}stack.yml")} <= known
    port = next(block for block in PAGE if block.section == guide.PORT and block.language == "yaml")
    assert {name for name in yaml.safe_load(port.text) if not name.startswith("ansible_")} <= known


def test_its_tree_shows_the_files_that_it_gives() -> None:
    tree = next(block.text for block in PAGE if block.language == "text" and "hosts.yml" in block.text)
    assert all(Path(path).name in tree for path in guide.files(PAGE))
    assert len(guide.files(PAGE)) == 4


def test_its_declaration_is_accepted_and_complete() -> None:
    stack = read(f"{VARIABLES}stack.yml")["ops_stack"]
    assert "compose.yml.j2" in stack["compose"]
    stack["compose"] = guide.files(PAGE)[f"{VARIABLES}compose.yml.j2"]
    assert loader.report(loader.problems(stack)) == ""
    # Each trap that the table names is in the example: without its line it is refused, or the reader would not have seen it.
    assert stack["services"]["web"]["user_id"] and "internal: false" in stack["compose"] and "strategy: recreate" in str(guide.files(PAGE))


def test_every_command_is_on_a_way_that_is_followed() -> None:
    followed = {section for way in guide.WAYS.values() for section in way}
    assert {block.section for block in PAGE if block.language == "console"} == followed


def test_the_version_is_the_present_one() -> None:
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert f"latentum-ops-{version}.tar.gz" in guide.commands(PAGE, guide.INSTALL)[-1]
