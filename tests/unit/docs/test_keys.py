# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keys that people write into YAML are words there: Ansible reads `off`, `on`, `yes` and `no` as true or false, and the key is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.contracts import monitoring

ROOT = Path(__file__).resolve().parents[3]


def properties(schema: Any) -> Iterator[str]:
    """The names of all keys of a JSON Schema."""
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield from schema["properties"]
        for part in schema.values():
            yield from properties(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from properties(part)


def arguments(options: dict[str, Any]) -> Iterator[str]:
    for name, option in options.items():
        yield name
        yield from arguments(option.get("options") or {})


def of_roles() -> Iterator[str]:
    for file in ROOT.glob("roles/*/meta/argument_specs.yml"):
        for spec in yaml.safe_load(file.read_text())["argument_specs"].values():
            yield from arguments(spec.get("options") or {})


def of_contracts() -> Iterator[str]:
    """Dictionaries of role monitoring, which no argument spec spells out."""
    for found in vars(monitoring).values():
        if isinstance(found, type) and is_dataclass(found):
            yield from (each.name for each in fields(found))


SOURCES = {
    "the declaration": lambda: properties(json.loads((ROOT / "docs/reference/ops_stack.schema.json").read_text())),
    "the roles": of_roles,
    "limits of the monitoring": of_contracts,
}


@pytest.mark.parametrize("source", SOURCES)
def test_a_key_is_a_word_in_yaml(source: str) -> None:
    names = set(SOURCES[source]())
    assert len(names) > 20
    assert [name for name in names if isinstance(next(iter(yaml.safe_load(f"{name}: 1"))), bool)] == []
