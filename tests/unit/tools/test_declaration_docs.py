# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The reference of the declaration is what its schema says, and the JSON Schema judges as the declaration does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import declaration_docs
import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import problems
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Items, Number, Record, Table, Text
from jsonschema import Draft202012Validator

from ..declaration.samples import changed

SCHEMA = json.loads(declaration_docs.SCHEMA.read_text())
JUDGE = Draft202012Validator(SCHEMA)
ROOT = declaration_docs.ROOT
STACKS = sorted(ROOT.glob("inventories/*/group_vars/all/stack.yml"))
RECORDED = sorted(ROOT.glob("tests/unit/declaration/recorded/*.json"))


class Loader(yaml.SafeLoader):
    """YAML with Ansible's tag for strings that are not evaluated."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


def errors(stack: object) -> list[str]:
    """What the JSON Schema says of a declaration."""
    return [error.message for error in JUDGE.iter_errors({"ops_stack": stack})]


def test_the_page_is_what_the_schema_says() -> None:
    page = declaration_docs.PAGE.read_text()
    assert declaration_docs.tables(page) == page, "run `make docs`"


def test_the_json_schema_is_what_the_schema_says() -> None:
    assert declaration_docs.json_schema() == SCHEMA, "run `make docs`"


def test_it_is_a_json_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("file", STACKS, ids=lambda file: file.parents[2].name)
def test_inventories_keep_to_it_and_name_it_for_editors(file: Path) -> None:
    text = file.read_text()
    assert list(JUDGE.iter_errors(yaml.load(text, Loader))) == []  # noqa: S506 - a subclass of the safe loader
    line = text.splitlines()[0]
    assert line.startswith("# yaml-language-server: $schema=")
    assert (file.parent / line.partition("=")[2]).resolve() == declaration_docs.SCHEMA


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_recorded_declarations_keep_to_it(file: Path) -> None:
    assert errors(json.loads(file.read_text())["stack"]) == []


@pytest.mark.parametrize("value", ["{{ somewhere }}", "{% if x %}a{% endif %}"])
@pytest.mark.parametrize("path", ["routes", "services", "routes[0].port", "services.web.replicas", "watchdog.alerts", "backups"])
def test_an_expression_may_stand_for_every_part(path: str, value: str) -> None:
    assert errors(changed((path, value))) == []


WRONG: list[tuple[str, Any]] = [
    ("route", []),
    ("name", "Acme"),
    ("routes[0].port", 0),
    ("routes[0].port", True),
    ("routes[0].balance", "random"),
    ("routes[0].timeout", "soon"),
    ("services.web.update", {"strategy": "recreate", "surge": 1}),
    ("services.web.update", {"surge": "0%"}),
    ("services.web.update", {"strategy": "canary", "canary": {"share": 60}}),
    ("services.web.watch", {"severity": "info"}),
    ("services.web.watch", {"http": [{"path": "/"}]}),
    ("secrets.database_password", {"kind": "password", "bits": 2048}),
    ("secrets.database_password", {"kind": "htpasswd"}),
    ("watchdog", {"alerts": [{"name": "chat", "kind": "slack", "url_secret": "hook", "server": "x"}]}),
    ("backups", {"escrow": {"vault": True}}),
    ("firewall", {"port": 1}),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=str)
def test_what_the_declaration_refuses_an_editor_refuses(path: str, value: Any) -> None:
    stack = changed((path, value))
    assert problems(stack) and errors(stack)


def test_a_faultless_declaration_keeps_to_it() -> None:
    assert errors(changed()) == []


def test_everything_is_described() -> None:
    missing = [
        path
        for path, node in declaration_docs.parts()
        if not node.description and not path.endswith(("[]", "<name>")) and isinstance(node, (Items, Number, Record, Table, Text))
    ]
    assert missing == []


def test_every_key_has_one_row() -> None:
    page = declaration_docs.PAGE.read_text()
    own = [match["path"] for match in declaration_docs.BLOCK.finditer(page)]
    assert len(own) == len(set(own))
    known = dict(declaration_docs.parts())
    listed = sum(match[0].count("\n| `") for match in declaration_docs.BLOCK.finditer(page))
    keys = [path for path in known if path != "ops_stack" and not path.endswith(("[]", "<name>"))]
    assert listed == len(keys)


def test_a_marker_of_no_part_is_refused() -> None:
    with pytest.raises(KeyError, match="rutes"):
        declaration_docs.tables("<!-- BEGIN KEYS rutes[] -->\n<!-- END KEYS -->")
