# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules return: no key that Ansible reads itself with another meaning, and every failure in one way."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import Outcome
from ansible_collections.latentum.ops.plugins.module_utils.rollout.results import as_dict

FOLDER = Path(__file__).parents[3] / "plugins" / "modules"
# Without the files that only document an action: what an action returns goes to people, and `msg` is what Ansible shows them.
MODULES = sorted(path.stem for path in FOLDER.glob("*.py") if "AnsibleModule" in path.read_text())
# What Ansible itself acts on: `failed: 3` is a failure, `rc: 2` is one in some callbacks, `warnings` are shown.
RESERVED = {
    "ansible_facts", "changed", "deprecations", "diff", "exception", "failed", "failed_when_result", "invocation", "msg", "rc",
    "results", "skipped", "skip_reason", "stderr", "stderr_lines", "stdout", "stdout_lines", "unreachable", "warnings",
}  # fmt: skip
OWN = {"changed", "diff"}  # said to Ansible with the meaning that it has there


def documented(module: str) -> dict[str, Any]:
    """The keys of the block RETURN."""
    found = importlib.import_module(f"ansible_collections.latentum.ops.plugins.modules.{module}")
    return dict(yaml.safe_load(found.RETURN))


def calls(module: str, *names: str) -> Iterator[ast.Call]:
    """Where a module ends."""
    for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in names:
            yield node


@pytest.mark.parametrize("module", MODULES)
def test_no_key_is_one_of_ansible_s_own(module: str) -> None:
    keys = documented(module)
    assert keys and RESERVED & set(keys) == set()


@pytest.mark.parametrize("module", MODULES)
def test_every_key_that_is_returned_by_name_is_documented(module: str) -> None:
    returned = {word.arg for call in calls(module, "exit_json", "failure") for word in call.keywords if word.arg}
    assert returned - OWN <= set(documented(module))


def test_the_outcome_of_a_rollout_has_the_documented_keys() -> None:
    """It is made elsewhere; so is its documentation, of which nothing is left out."""
    assert set(as_dict(Outcome("3f2a90c1d4e7"))) == set(documented("compose_rollout"))


@pytest.mark.parametrize("module", MODULES)
def test_every_failure_is_made_in_one_way(module: str) -> None:
    """By `failure`, here or in the work whose result is handed on."""
    for call in calls(module, "fail_json"):
        made = call.keywords[0].value if len(call.keywords) == 1 and call.keywords[0].arg is None else call
        assert ast.unparse(made).startswith(("failure(", "result")), f"line {call.lineno}: write fail_json(**failure(…))"
    literals = [node for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())) if isinstance(node, ast.Dict)]
    assert not [node.lineno for node in literals if any(ast.unparse(key) == "'failed'" for key in node.keys if key)]
