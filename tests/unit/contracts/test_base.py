# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contracts: from plain data and back, and what is said of data of another form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.argspec import argspec
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import Contract, ContractError, option
from ansible_collections.latentum.ops.plugins.module_utils.contracts.health import Expectation
from ansible_collections.latentum.ops.plugins.module_utils.contracts.rollout_policy import Policy
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import Upstream
from ansible_collections.latentum.ops.plugins.module_utils.schema.values import whole_or_percent


@dataclass(frozen=True)
class Part(Contract):
    """A part of the sample."""

    size: int = option("How large.", least=1, most=10)


@dataclass(frozen=True)
class Sample(Contract):
    """Every type that a field can have."""

    name: str = option("Its name.")
    sender: str = option("From whom.", "", key="from")
    wait: float = option("Seconds.", 5, least=0)
    on: bool = option("Whether.", False)
    color: str = option("Which.", "red", choices=("red", "green"))
    share: str = option("How much.", "100%", check=whole_or_percent)
    words: tuple[str, ...] = option("Some.", ())
    commands: tuple[tuple[str, ...], ...] = option("More.", ())
    part: Part | None = option("One.", None)
    parts: tuple[Part, ...] = option("Many.", (), sparse=True)
    table: Mapping[str, int] = option("Numbers by name.", {})
    rest: Mapping[str, Any] = option("Of its kind.", {}, rest=True)


WHOLE: dict[str, Any] = {
    "name": "a",
    "from": "b",
    "wait": 2.5,
    "on": True,
    "color": "green",
    "share": "50%",
    "words": ["x", "y"],
    "commands": [["x", "y"], []],
    "part": {"size": 1},
    "parts": [{"size": 2}, {"size": 3}],
    "table": {"x": 1},
    "more": {"of": ["anything"]},
}


def test_data_comes_back_as_it_was() -> None:
    assert Sample.from_dict(WHOLE).to_dict() == WHOLE


def test_what_is_not_given_has_its_default_and_is_written_out() -> None:
    assert Sample.from_dict({"name": "a", "part": None}).to_dict() == {
        **{"name": "a", "from": "", "wait": 5, "on": False, "color": "red", "share": "100%"},
        **{"words": [], "commands": [], "part": None, "table": {}},
    }


def test_a_whole_number_stays_one_where_decimals_are_allowed() -> None:
    assert isinstance(Sample.from_dict({"name": "a", "wait": 2}).to_dict()["wait"], int)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": None}, "here.name: is missing"),
        ({"name": ["a"]}, "here.name: a list of 1 must be a string"),
        ({"wait": "soon"}, 'here.wait: "soon" must be a number'),
        ({"wait": True}, "here.wait: true must be a number"),
        ({"wait": -1}, "here.wait: -1 is outside its limits: write a number from 0 on"),
        ({"on": "yes"}, 'here.on: "yes" must be true or false'),
        ({"color": "gren"}, 'here.color: "gren" cannot stand there: did you mean green?'),
        ({"color": "x"}, 'here.color: "x" cannot stand there: write one of red, green'),
        ({"share": "0%"}, 'here.share: "0%" is neither a number of containers nor a percentage of them: write a number from 1 on, or'),
        ({"words": "x"}, 'here.words: "x" must be a list'),
        ({"commands": [["x"], "y"]}, 'here.commands[1]: "y" must be a list'),
        ({"part": 1}, "here.part: 1 must be a mapping"),
        ({"part": {"size": 1.5}}, "here.part.size: 1.5 must be a whole number"),
        ({"parts": [{"size": 1}, {"size": 11}]}, "here.parts[1].size: 11 is outside its limits: write a number from 1 to 10"),
        ({"parts": [{"sise": 1, "size": 1}]}, "here.parts[0].sise: is not a known key: did you mean size?"),
        ({"table": {"x": "y"}}, 'here.table.x: "y" must be a whole number'),
    ],
)
def test_another_form_is_refused_by_key_and_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError) as refused:
        Sample.from_dict({**WHOLE, **changes}, "here")
    assert str(refused.value).startswith(message)


def test_a_reader_of_files_bears_keys_and_limits_of_another_version() -> None:
    raw = {"service": "api", "keep_for": 10**6, "pace": "slow", "canary": {"share": 5, "cohort": "eu"}}
    with pytest.raises(ContractError, match="pace: is not a known key"):
        Policy.from_dict({**raw, "keep_for": 60, "canary": {}})
    policy = Policy.from_dict(raw, tolerant=True)
    assert (policy.keep_for, policy.canary.share, policy.observe) == (10**6, 5, 10)


def test_a_reader_of_files_refuses_what_it_cannot_carry_out() -> None:
    with pytest.raises(ContractError, match="strategy"):
        Policy.from_dict({"service": "api", "strategy": "shadow"}, tolerant=True)


def test_the_argument_spec_has_types_limits_and_defaults_of_the_fields() -> None:
    spec = argspec(Sample)
    assert spec["name"] == {"type": "str", "required": True}
    assert spec["wait"] == {"type": "float", "default": 5.0} and isinstance(spec["wait"]["default"], float)
    assert spec["from"] == {"type": "str"}
    assert spec["color"] == {"type": "str", "choices": ["red", "green"], "default": "red"}
    assert spec["commands"] == {"type": "list", "elements": "list", "default": []}
    assert spec["parts"] == {"type": "list", "elements": "dict", "options": {"size": {"type": "int", "required": True}}, "default": []}
    assert spec["part"] == {"type": "dict", "options": {"size": {"type": "int", "required": True}}}
    assert spec["table"] == {"type": "dict", "default": {}}


def test_specs_of_modules() -> None:
    assert argspec(Expectation)["expect"]["choices"] == ["healthy", "running", "completed"]
    assert argspec(Policy)["canary"]["options"]["prometheus"]["options"]["max"] == {"type": "float", "required": True}
    assert "default" not in argspec(Upstream)["project"]


def test_an_upstream_leads_somewhere() -> None:
    with pytest.raises(ContractError, match="or members"):
        Upstream.from_dict({"name": "a", "project": "shop", "service": "web"})
    assert "members" not in Upstream("a", "shop", "web", 8080).to_dict()
