# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the tables of docs/reference/declaration.md and the JSON Schema of ``ops_stack`` from the declaration's own schema, or check both.

Between ``<!-- BEGIN KEYS <path> -->`` and ``<!-- END KEYS -->`` stand the keys of the part at that path (``routes[]``,
``services.<name>.update``); a part with a table of its own is one row in the others. The JSON Schema describes a file of variables, so
that an editor completes ``ops_stack`` by ``# yaml-language-server: $schema=…``.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from markup import markdown, table_cell

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/reference/declaration.md"
SCHEMA = ROOT / "docs/reference/ops_stack.schema.json"
BLOCK = re.compile(r"<!-- BEGIN KEYS (?P<path>\S+) -->\n.*?<!-- END KEYS -->", re.S)
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.latentum.ops.plugins.module_utils.core.units import spell_duration  # noqa: E402 - the path stands above
from ansible_collections.latentum.ops.plugins.module_utils.declaration.schema import STACK  # noqa: E402 - as above
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import (  # noqa: E402 - as above
    Anything,
    Flag,
    Items,
    Node,
    Number,
    Record,
    Scalar,
    Table,
    Text,
)

JINJA = {"$ref": "#/$defs/jinja"}


def children(node: Node, path: str) -> Iterator[tuple[str, Node, str]]:
    """The keys below a part: path, node, and the condition under which a key may stand."""
    if isinstance(node, Record):
        for name, child in node.fields.items():
            yield join(path, name), child, ""
        conditions: dict[str, list[str]] = {}
        for variant, more in node.variants.items():
            for name in more:
                conditions.setdefault(name, []).append(variant)
        for name, variants in conditions.items():
            if name not in node.fields:
                named = " or ".join(f"`{variant}`" for variant in variants if variant)
                yield join(path, name), node.variants[variants[-1]][name], f"With `{node.selector}` {named}. "
    elif isinstance(node, Items) and isinstance(node.of, (Record, Table)):
        yield from children(node.of, f"{path}[]")
    elif isinstance(node, Table) and isinstance(node.of, Record):
        yield from children(node.of, join(path, "<name>"))


def join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def parts(node: Node = STACK, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every part by its path; a list and a table are found by the path of their entries."""
    yield path or "ops_stack", node
    if isinstance(node, Items):
        yield f"{path}[]", node.of
    if isinstance(node, Table):
        yield join(path, "<name>"), node.of
    for below, child, _condition in children(node, path):
        yield from parts(child, below)


def rows(node: Node, path: str, top: str, own: set[str]) -> Iterator[str]:
    """The rows of a table; what has a table of its own is not looked into."""
    for below, child, condition in children(node, path):
        key = below.removeprefix(top).lstrip(".")
        meaning = table_cell(condition + markdown(child.description))
        yield f"| `{key}` | {table_cell(kind(child))} | {table_cell(default(child))} | {meaning} |"
        if not {below, f"{below}[]", f"{below}.<name>"} & own:
            yield from rows(child, below, top, own)


def kind(node: Node) -> str:
    """The type of a value, in words."""
    if isinstance(node, Text):
        if node.choices:
            return ", ".join(f"`{choice}`" for choice in node.choices)
        return str(getattr(node.check, "name", "string"))
    if isinstance(node, Number):
        return f"{node.least} to {node.most}" if node.most < 2**31 - 1 else "number"
    if isinstance(node, Items):
        return f"list of {plural(kind(node.of))}"
    if isinstance(node, Table):
        return "mapping" if isinstance(node.of, Record) else f"mapping to {plural(kind(node.of))}"
    return {Flag: "`true`, `false`", Scalar: "single value", Record: "mapping"}.get(type(node), "string or mapping")


def plural(name: str) -> str:
    if name.startswith("duration, "):
        return name.replace("duration", "durations", 1)
    if name.startswith(("`", "list of ")):
        return name.replace("list of ", "lists of ", 1)
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}es" if name.endswith("ss") else f"{name}s"


def default(node: Node) -> str:
    """A default as an operator would write it."""
    if node.implied:
        return markdown(node.implied)
    if node.required:
        return "required"
    if node.default in (None, "") or isinstance(node, Record):
        return "–"  # noqa: RUF001 - a dash in a table
    if isinstance(node, Text) and str(getattr(node.check, "name", "")).startswith("duration"):
        return f"`{spell_duration(node.default)}`"
    if isinstance(node.default, float):
        return f"`{node.default:g}`"
    if isinstance(node.default, (list, tuple)):
        return f"`[{', '.join(node.default)}]`"
    return f"`{json.dumps(node.default)}`" if not isinstance(node.default, str) else f"`{node.default}`"


def tables(page: str) -> str:
    """The page with its tables made anew.

    :raises KeyError: a marker names no part of the schema.
    """
    known = dict(parts())
    own = {match["path"] for match in BLOCK.finditer(page)}

    def block(match: re.Match[str]) -> str:
        path = match["path"]
        top = "" if path == "ops_stack" else path
        head = ["| Key | Type | Default | Meaning |", "|---|---|---|---|"]
        lines = [*head, *rows(known[path], top, top, own - {path})]
        return "\n".join([f"<!-- BEGIN KEYS {path} -->", *lines, "<!-- END KEYS -->"])

    return BLOCK.sub(block, page)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a file of variables that has ``ops_stack``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Variables with a declaration of latentum.ops",
        "type": "object",
        "properties": {"ops_stack": described(STACK)},
        "$defs": {"jinja": {"type": "string", "pattern": r"\{[{%]", "description": "An expression that Ansible evaluates."}},
    }


def described(node: Node) -> dict[str, Any]:
    """A part, or an expression in its place."""
    exact = _SHAPES[type(node)](node)
    about: dict[str, Any] = {"description": markdown(node.description)} if node.description else {}
    if not node.hidden and node.default not in (None, "", [], {}) and not node.required and not isinstance(node, Record):
        about["default"] = node.default
    if node.example and not node.hidden and isinstance(node, (Text, Number)):
        about["examples"] = [int(node.example) if isinstance(node, Number) else node.example]
    empty = [] if node.required else [{"type": "null"}]
    return {**about, "anyOf": [exact, JINJA, *empty]} if exact else about


def _text(node: Node) -> dict[str, Any]:
    assert isinstance(node, Text)
    if node.choices:
        return {"enum": list(node.choices)}
    pattern = getattr(node.check, "pattern", "")
    shape = {"type": "string", "minLength": 1, **({"pattern": pattern} if pattern else {})}
    return {**shape, "type": ["string", "number"]} if node.numbers else shape


def _number(node: Node) -> dict[str, Any]:
    assert isinstance(node, Number)
    return {"type": "integer", "minimum": node.least, "maximum": node.most}


def _items(node: Node) -> dict[str, Any]:
    assert isinstance(node, Items)
    return {"type": "array", "items": described(node.of)}


def _table(node: Node) -> dict[str, Any]:
    assert isinstance(node, Table)
    pattern = getattr(node.name, "pattern", "")
    names = {"propertyNames": {"pattern": pattern}} if pattern else {}
    return {"type": "object", **names, "additionalProperties": described(node.of)}


def _record(node: Node) -> dict[str, Any]:
    assert isinstance(node, Record)
    shape = {"type": "object", **_properties(node.fields), "additionalProperties": False}
    if not node.variants:
        return shape
    # An editor completes the keys of all variants; each condition then says which may stand, and what they are.
    for more in node.variants.values():
        shape["properties"] = {**{name: {} for name in more}, **shape["properties"]}
    shape["allOf"] = [_condition(node, variant, more) for variant, more in node.variants.items()]
    return shape


def _condition(node: Record, variant: str, more: Mapping[str, Node]) -> dict[str, Any]:
    given = {"properties": {node.selector: {"const": variant}}, "required": [node.selector]}
    when = given if variant else {"not": {"required": [node.selector]}}
    return {"if": when, "then": {**_properties(more), "propertyNames": {"enum": [*node.fields, *more]}}}


def _properties(fields: Mapping[str, Node]) -> dict[str, Any]:
    required = [name for name, child in fields.items() if child.required]
    return {"properties": {name: described(child) for name, child in fields.items()}, **({"required": required} if required else {})}


_SHAPES: dict[type[Node], Callable[[Node], dict[str, Any]]] = {
    Anything: lambda _node: {},
    Flag: lambda _node: {"type": "boolean"},
    Scalar: lambda _node: {"type": ["string", "number", "boolean"]},
    Text: _text,
    Number: _number,
    Items: _items,
    Table: _table,
    Record: _record,
}


def main() -> int:
    """Rewrite both, or with --check report what differs and exit with 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="report differences, write nothing")
    check: bool = parser.parse_args().check
    status = 0
    new = {PAGE: tables(PAGE.read_text()), SCHEMA: json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"}
    for file, text in new.items():
        if file.exists() and file.read_text() == text:
            continue
        if check:
            print(f"{file.relative_to(ROOT)}: is not what the schema of the declaration says; run `make docs`", file=sys.stderr)
            status = 1
        else:
            file.write_text(text)
            print(f"{file.relative_to(ROOT)}: written")
    return status


if __name__ == "__main__":
    sys.exit(main())
