# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules and actions return: no key that Ansible reads itself with another meaning, every failure in one way, and nothing
that a role or playbook reads and nobody returns."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import Outcome
from ansible_collections.latentum.ops.plugins.module_utils.rollout.results import as_dict

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "plugins" / "modules"
# What only an action does has its documentation there, too: its `msg` goes to people, as Ansible means it.
DOCUMENTED = sorted(path.stem for path in FOLDER.glob("*.py"))
MODULES = [name for name in DOCUMENTED if "AnsibleModule" in (FOLDER / f"{name}.py").read_text()]
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


@pytest.mark.parametrize("module", DOCUMENTED)
def test_no_key_is_one_of_ansible_s_own(module: str) -> None:
    keys = documented(module)
    assert keys and (RESERVED - ({"msg"} if module not in MODULES else set())) & set(keys) == set()


@pytest.mark.parametrize("module", MODULES)
def test_every_key_that_is_returned_by_name_is_documented(module: str) -> None:
    returned = {word.arg for call in calls(module, "exit_json", "failure") for word in call.keywords if word.arg}
    assert returned - OWN <= set(documented(module))


def test_the_outcome_of_a_rollout_has_the_documented_keys() -> None:
    """It is made elsewhere; so is its documentation, of which nothing is left out. Whatever was counted, nothing of it is a failure."""
    result = as_dict(Outcome("3f2a90c1d4e7", served=100, failed=3, maintenance=2))
    assert set(result) == set(documented("compose_rollout")) and not RESERVED & set(result)
    assert (result["requests"], result["failed_requests"], result["maintenance_requests"]) == (100, 3, 2)


def results() -> Iterator[tuple[str, ast.Dict, str, ast.expr]]:
    """Each entry of a dictionary with a reserved key, wherever a result may be made of it: modules, actions and their helpers."""
    for path in sorted(path for part in ("modules", "action", "plugin_utils") for path in (ROOT / "plugins" / part).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            for key, value in zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ():
                if isinstance(key, ast.Constant) and key.value in RESERVED:
                    yield path.name, node, key.value, value


def test_what_is_said_to_ansible_is_said_as_it_reads_it() -> None:
    """`failed` is only ever true, `changed` a condition and `diff` a difference; the other reserved words come from `failure` alone."""
    assert len(list(results())) > 10
    for file, _node, key, value in results():
        written = ast.unparse(value)
        assert key in {"changed", "diff", "msg", "failed"}, f"{file}: {key}"
        assert key != "failed" or written == "True", f"{file}: failed: {written}"
        assert key != "changed" or not re.search(r"\b(len|sum|count)\b", written), f"{file}: changed: {written}"


def tasks(document: Any) -> Iterator[dict[str, Any]]:
    """Every task of a playbook or task file, those of blocks too."""
    if isinstance(document, list):
        for one in document:
            yield from tasks(one)
    elif isinstance(document, dict):
        yield document
        for part in ("block", "rescue", "always", "tasks", "pre_tasks", "post_tasks", "handlers"):
            yield from tasks(document.get(part))


def registered() -> dict[str, str]:
    """Variables of roles and playbooks that hold a result of ours, with its module. A loop's has `results`, and is left out."""
    found = {}
    for path in [*(ROOT / "roles").glob("*/tasks/**/*.yml"), *(ROOT / "playbooks").rglob("*.yml")]:
        for task in tasks(yaml.safe_load(path.read_text())):
            module = next((key.removeprefix("latentum.ops.") for key in task if key.startswith("latentum.ops.")), "")
            if module and "register" in task and "loop" not in task:
                found[str(task["register"])] = module
    return found


def test_nothing_is_read_of_a_result_that_is_not_returned() -> None:
    """A key that is renamed, because Ansible reads it, is renamed wherever it is read."""
    texts = [path.read_text() for part in ("roles", "playbooks") for path in (ROOT / part).rglob("*") if path.suffix in (".yml", ".j2")]
    read = {
        (name, module, key)
        for name, module in registered().items()
        for text in texts
        for key in re.findall(rf"\b{name}(?:\s*\|\s*default\(\{{\}}\)\))?\.([a-z_]+)", text)
    }
    assert len(read) > 10
    wrong = {(name, key) for name, module, key in read if key not in {*documented(module), *RESERVED}}
    assert wrong == set()


@pytest.mark.parametrize("module", MODULES)
def test_every_failure_is_made_in_one_way(module: str) -> None:
    """By `failure`, here or in the work whose result is handed on."""
    for call in calls(module, "fail_json"):
        made = call.keywords[0].value if len(call.keywords) == 1 and call.keywords[0].arg is None else call
        assert ast.unparse(made).startswith(("failure(", "result")), f"line {call.lineno}: write fail_json(**failure(…))"
    literals = [node for node in ast.walk(ast.parse((FOLDER / f"{module}.py").read_text())) if isinstance(node, ast.Dict)]
    assert not [node.lineno for node in literals if any(ast.unparse(key) == "'failed'" for key in node.keys if key)]
