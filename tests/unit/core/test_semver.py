# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions and ranges: the order of the specification, and what a range lets in."""

from __future__ import annotations

import itertools

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.semver import Version, range_of, version

# Section 11 of Semantic Versioning 2.0.0.
ORDERED = [
    "0.9.9",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "2.0.0",
    "2.1.0",
    "2.1.1",
    "10.0.0",
]


def of(text: str) -> Version:
    made = version(text)
    assert made is not None
    return made


def test_the_order_is_that_of_the_specification() -> None:
    shuffled = [of(text) for text in sorted(ORDERED, key=lambda text: text[::-1])]
    assert [str(one) for one in sorted(shuffled)] == ORDERED


def test_what_was_built_makes_no_difference_and_a_leading_v_neither() -> None:
    assert of("v1.4.2+build.7") == of("1.4.2")


@pytest.mark.parametrize("text", ["", "1", "1.4", "01.4.2", "1.4.2.1", "v", "latest", "1.4.2-", "1.4.2 ", "1.4.2\n", "1.4.-2", "1.4.2;id"])
def test_what_is_no_version(text: str) -> None:
    assert version(text) is None


@pytest.mark.parametrize(
    ("text", "within", "outside"),
    [
        (">=1.4.0 <2.0.0", "1.4.0 1.9.9", "1.3.9 2.0.0 2.0.0-rc.1 1.5.0-rc.1"),
        (">= 1.4 < 2", "1.4.0 1.99.0", "1.3.9 2.0.0"),
        ("^1.4", "1.4.0 1.9.0", "1.3.9 2.0.0"),
        ("^0.4.1", "0.4.1 0.4.9", "0.4.0 0.5.0 1.0.0"),
        ("^0.0.3", "0.0.3", "0.0.2 0.0.4"),
        ("~1.4.2", "1.4.2 1.4.9", "1.4.1 1.5.0"),
        ("~1", "1.0.0 1.9.0", "0.9.0 2.0.0"),
        ("1.x", "1.0.0 1.99.1", "0.9.9 2.0.0"),
        ("1.4.*", "1.4.0 1.4.7", "1.3.0 1.5.0"),
        ("*", "0.0.1 99.0.0", "1.0.0-rc.1"),
        ("1.4.2", "1.4.2", "1.4.1 1.4.3 1.4.2-rc.1"),
        (">1.4", "1.5.0", "1.4.0 1.4.9"),
        (">1.4.2", "1.4.3", "1.4.2"),
        ("<=1.4", "1.4.9 0.1.0", "1.5.0"),
        (">=1.4.0-rc.1", "1.4.0-rc.1 1.4.0-rc.2 1.4.0 3.0.0", "1.4.0-beta 1.5.0-rc.1"),
        ("^1 || ^3", "1.0.0 3.2.1", "2.0.0 4.0.0"),
    ],
)
def test_what_a_range_lets_in(text: str, within: str, outside: str) -> None:
    known = range_of(text)
    assert [one for one in within.split() if of(one) not in known] == []
    assert [one for one in outside.split() if of(one) in known] == []


@pytest.mark.parametrize("text", ["", " ", "||", "latest", ">=2 <1", "=>1", "1.2.3.4", ">=1 ||", "1..2", "$(id)"])
def test_what_is_no_range(text: str) -> None:
    with pytest.raises(ValueError):
        range_of(text)


def test_two_versions_are_always_in_one_order() -> None:
    known = [of(text) for text in ORDERED]
    for one, other in itertools.product(known, known):
        assert (one < other) + (one > other) + (one == other) == 1
