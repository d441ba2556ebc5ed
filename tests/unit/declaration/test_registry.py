# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A section is a folder and a line of the registry."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.declaration import checks, loader, registry, schema
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import load, problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.model import Declaration, Derivation, Part, Section
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem, Record, Text

from .samples import changed

FILTERS = Path(checks.__file__).parents[3] / "plugins" / "filter"


def test_every_folder_with_a_section_is_registered() -> None:
    folders = {file.parent.name for file in Path(checks.__file__).parent.glob("*/section.py")}
    assert folders == set(registry.FOLDERS) and len(registry.SECTIONS) == len(folders)


def test_no_two_sections_claim_one_key_or_filter() -> None:
    keys = [key for section in registry.SECTIONS for key in section.parts]
    names = [name for section in registry.SECTIONS for name in section.derivations]
    assert len(keys) == len(set(keys)) and len(names) == len(set(names))
    assert list(schema.STACK.fields)[-len(keys) :] == keys


def test_every_derivation_is_documented() -> None:
    names = {name for section in registry.SECTIONS for name in section.derivations}
    assert {name for name in names if not (FILTERS / f"{name}.yml").is_file()} == set()


@pytest.fixture
def with_mirror(monkeypatch: pytest.MonkeyPatch) -> Section:
    """A section that no other part of the declaration knows: a key, a check, a secret and a derivation."""

    def check(declaration: Declaration, found: list[Problem]) -> None:
        if declaration.parts["mirror"] == "HERE":
            found.append(Problem("mirror", "here", "is this host", "write another one"))

    mirror = Section(
        parts={"mirror": Part(Text(default="", example="there"), str.upper)},
        checks=(check,),
        derivations={"mirror_host": Derivation(lambda declaration: declaration.parts["mirror"], str)},
        reads=lambda declaration: [("mirror", "mirror_key")] if declaration.parts["mirror"] else [],
    )
    monkeypatch.setattr(loader, "SECTIONS", (*registry.SECTIONS, mirror))
    fields = {**schema.STACK.fields, "mirror": mirror.parts["mirror"].node}
    monkeypatch.setattr(schema, "STACK", Record(fields=fields, example=schema.STACK.example))
    loader._read.cache_clear()
    return mirror


def test_a_section_that_nobody_knows_is_read_checked_and_derived(with_mirror: Section) -> None:
    secret: dict[str, Any] = {"kind": "password"}
    assert [problem.key for problem in problems(changed(("secrets.mirror_key", secret)))] == ["secrets.mirror_key"]
    declaration = load(changed(("mirror", "there"), ("secrets.mirror_key", secret)))
    assert with_mirror.derivations["mirror_host"].derive(declaration) == "THERE"
    assert [problem.key for problem in problems(changed(("mirror", 5)))] == ["mirror"]
    here = problems(changed(("mirror", "here"), ("secrets.mirror_key", secret)))
    assert [problem.problem for problem in here] == ["is this host"]
