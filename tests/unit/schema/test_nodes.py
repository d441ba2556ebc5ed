# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
from collections import UserDict
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import (
    Flag,
    Items,
    Number,
    Problem,
    Record,
    Scalar,
    Table,
    Text,
    plain,
    shown,
)


def read(node: Any, value: Any) -> tuple[Any, list[Problem]]:
    problems: list[Problem] = []
    return node.read(value, "at", problems), problems


@pytest.mark.parametrize(
    ("node", "value", "kept"),
    [
        (Text(), "a", "a"),
        (Text(numbers=True), 60, "60"),
        (Number(), 5, 5),
        (Number(), "5", 5),
        (Flag(), False, False),
        (Scalar(), True, "true"),
        (Scalar(), 1.5, "1.5"),
        (Scalar(), "", ""),
        (Items(of=Number()), [1, "2"], [1, 2]),
        (Table(of=Flag()), {"a": True}, {"a": True}),
        (Record(fields={"a": Text(default="x"), "b": Flag(default=True)}), {"a": None}, {"a": "x", "b": True}),
    ],
)
def test_kept(node: Any, value: Any, kept: Any) -> None:
    assert read(node, value) == (kept, [])


@pytest.mark.parametrize(
    ("node", "value", "default"),
    [
        (Text(default="d"), 5, "d"),
        (Text(default="d"), "", "d"),
        (Text(default="d", choices=("a", "b")), "c", "d"),
        (Number(default=1), True, 1),
        (Number(default=1), 1.5, 1),
        (Number(default=1, most=3), 4, 1),
        (Flag(default=False), "true", False),
        (Items(), "a", []),
        (Table(), [], {}),
    ],
)
def test_wrong_becomes_the_default_and_one_problem(node: Any, value: Any, default: Any) -> None:
    kept, problems = read(node, value)
    assert kept == default
    assert [problem.key for problem in problems] == ["at"]


def test_a_variant_brings_its_own_fields() -> None:
    record = Record(
        fields={"kind": Text(required=True)},
        selector="kind",
        variants={"a": {"x": Number()}, "b": {"y": Number(default=7)}},
    )
    assert read(record, {"kind": "b"}) == ({"kind": "b", "y": 7}, [])
    assert read(record, {"kind": "a", "y": 1})[1][0].fix == "remove it: y belongs to kind b"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", '"a"'),
        (True, "true"),
        (None, "nothing"),
        ({"password": "p"}, "a mapping"),
        (["p"], "a list of 1"),
        ("x" * 100, '"' + "x" * 58 + "…"),
        (object(), "a value of type object"),
    ],
)
def test_shown(value: object, text: str) -> None:
    assert shown(value) == text


class Tagged(str):
    """Like the strings that Ansible tags with their origin."""


def test_plain_leaves_only_built_in_types() -> None:
    found = plain({Tagged("a"): [Tagged("b"), (1, 2.5)], "c": UserDict({"d": Tagged("e")}), "f": True, "g": None})
    assert found == {"a": ["b", [1, 2.5]], "c": {"d": "e"}, "f": True, "g": None}
    assert {type(item) for item in (*found, found["a"][0], found["c"]["d"])} == {str}
    json.dumps(found)
