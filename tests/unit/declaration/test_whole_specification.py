# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every key of the Compose specification is on the host as it was written, or derived, or refused by its name.

The keys are those of the specification's schema, as tests/tools/compose_verdicts.py walks it; the values are some that the CLIs take.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose.forms import DOCUMENT, SERVICE
from ansible_collections.latentum.ops.plugins.module_utils.declaration.compose_project import compose_project
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import read
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem

sys.path.insert(0, str(Path(__file__).parents[3] / "tests/tools"))

import compose_verdicts

RECORDED = json.loads((Path(__file__).parents[1] / "compose/recorded/verdicts-2.40.3.json").read_text())

# What production writes itself, each with where it is documented.
DERIVED = {
    "name": "the stack's",
    "services.*.scale": "becomes deploy.replicas",
    "services.*.profiles[]": "on, or left out",
    "services.*.security_opt[]": "with no-new-privileges",
    "networks.*.internal": "true where nothing is said",
}
LEFT_OUT = {"version"}


def declared(text: str) -> tuple[dict[str, Any], list[Problem]]:
    declaration, problems = read({"name": "p", "compose": text})
    assert declaration is not None
    # Of the form of the file; what production refuses of a value (a waiver, a path) has tests of its own.
    return (json.loads(json.dumps(compose_project(declaration))) if declaration.compose.services else {}), list(problems)


def taken(path: str) -> list[str]:
    """Values that the newer CLI takes and says something of."""
    return [written for written, verdict in RECORDED[path].items() if verdict and verdict[0] not in (None, "", 0, False)]


@pytest.mark.parametrize("path", [path for path in RECORDED if taken(path)])
def test_each_key_is_written_or_derived_or_refused(path: str) -> None:
    text = compose_verdicts.document(path, taken(path)[0])
    project, problems = declared(text)
    source = compose_verdicts.at(read({"name": "p", "compose": text})[0].compose.raw, path)  # type: ignore[union-attr]
    named = [problem for problem in problems if path.rpartition(".")[2].removesuffix("[]") in problem.key]
    if path in DERIVED or path in LEFT_OUT:
        return
    if source is None:
        assert named, (path, problems)
        return
    assert compose_verdicts.at(project, path) == source or named, (path, compose_verdicts.at(project, path), source)


WHOLE = {
    "build": ("dropped beside an image, refused without one", {"context": "."}),
    "develop": ("passed", {"watch": [{"path": "/x", "action": "rebuild"}]}),
    "credential_spec": ("passed", {"file": "x.json"}),
    "models": ("passed", {"llm": {"endpoint_var": "X"}}),
    "gpus": ("passed", "all"),
    "storage_opt": ("passed", {"size": "1G"}),
    "provider": ("refused", {"type": "x"}),
}


@pytest.mark.parametrize("key", WHOLE)
def test_parts_that_nothing_here_reads(key: str) -> None:
    what, value = WHOLE[key]
    text = json.dumps({"services": {"a": {"image": "i:1", key: value}}})
    project, problems = declared(text)
    if what == "refused":
        assert f"compose.services.a.{key}" in [problem.key for problem in problems]
    else:
        assert not [problem for problem in problems if key in problem.key]
        assert project["services"]["a"].get(key) == (value if what == "passed" else None)


def test_models_at_the_top_pass() -> None:
    models = {"llm": {"model": "ai/x"}}
    project, _problems = declared(json.dumps({"services": {"a": {"image": "i:1"}}, "models": models}))
    assert project["models"] == models


def test_every_key_that_is_known_has_been_looked_at() -> None:
    seen = {path.split(".")[2].partition("[")[0] for path in RECORDED if path.startswith("services.*.")} | set(WHOLE)
    assert set(SERVICE.fields or {}) - seen <= {"extends", "env_file", "label_file"}
    assert set(DOCUMENT.fields or {}) - {path.split(".")[0] for path in RECORDED} <= {"include", "models", "version"}
    assert seen - set(SERVICE.fields or {}) == set()
