# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose file that is written says the same to every reader: YAML 1.1 (PyYAML), YAML 1.2 (ruamel), and go-yaml's rules."""

from __future__ import annotations

import random
import sys
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.compose import yaml_loader
from ansible_collections.latentum.ops.plugins.module_utils.compose.scalars import as_text
from ansible_collections.latentum.ops.plugins.module_utils.compose.yaml_writer import dump
from ruamel.yaml import YAML

# What Compose 2.26.1 and 2.40.3 write into `environment` for these words, plain and without quotes.
READ_BY_COMPOSE = {
    "1234e56": "1.234e+59", "549586981e55": "5.49586981e+63", "089": "89", "08.5": "8.5", "017": "15", "-017": "-15", "0o17": "15",
    "0O17": "15", "+0o7": "7", "0x1F": "31", "0X1f": "31", "-0x1f": "-31", "+0x1": "1", "0x1_F": "31", "0b11": "3", "0B11": "3",
    "-0b1": "-1", "0b2": "0b2", "0o8": "0o8", "0x": "0x", "0b": "0b", "1_000": "1000", "1__0": "10", "1_": "1", "-_1": "-1", "_1": "_1",
    "1_0.5": "10.5", "1_0e1_0": "1e+11", ".5": "0.5", ".5_0": "0.5", "-.5": "-0.5", "5.": "5", "5.e3": "5000", "1e3": "1000",
    "1E3": "1000", "-1e+3": "-1000", "1e": "1e", "1.2.3": "1.2.3", "1e400": "1e400", "1.10": "1.1", "12345678901234567890123":
    "1.2345678901234568e+22", "18446744073709551615": "18446744073709551615", "-9223372036854775809": "-9.223372036854776e+18",
    "00": "0", "+5": "5", "0777": "511", "0_7": "7", "22:22": "22:22", "1:30:00": "1:30:00", "190:20:30.15": "190:20:30.15", "yes": "yes",
    "Yes": "Yes", "y": "y", "N": "N", "on": "on", "Off": "Off", "true": "true", "True": "true", "TRUE": "true", "tRue": "tRue",
    "9" * 309: "9" * 309,
    "FALSE": "false", "nan": "nan", "Infinity": "Infinity", "10m": "10m", "5s": "5s", "1d": "1d", "2001-1": "2001-1", "=": "=",
}  # fmt: skip
WORDS = """
2001-1-1 2001-01-01 2001-1-1T1:2:3Z 2001-1-1t1:2:3+01:00 2001-13-1 ~ null Null NULL none .inf -.Inf +.INF .nan .NaN << = - -- ---
... ? : :: a: :a #x x#y @x `x %x !x &x *x |x >x {x [x ]x }x ,x 'x "x 5$ $$ 73a916e02776 0 -0 0.0 it's
"""
NASTY = [
    *READ_BY_COMPOSE,
    *WORDS.split(),
    *("2001-01-01 1:2:3", "a #b", "a: b", "- a", "? a", "%YAML 1.1", "# a", '"x": [y', "back\\slash", "\\n", "x" * 300, "word  " * 60),
    *("", " ", " a", "a ", "a\tb", "\ta", "a\t", "\n", "a\n", "\na", "a\n\n  b\n\n", "a\r\nb", "a\rb", "'a'\n\"b\"\n", "\x1b[0m", "a\x7fb"),
    *("\x85", "a\x85b", "\u2028", "a\u2029b", "\xa0", "\xa0x", "\ufeff", "\ufeffa", "é", "\U0001f600", "\ud7ff", "\ue000", "\u200b"),
]
ALPHABETS = ("0123456789eE+-._:xobTZ ", "ab \t\n\"'\\#:-?$,[]{}", "yYnNotrueflsOF~", "\x85\u2028\xa0\x07\x1b é\U0001f600\n \\\"'")


def strings(seed: int, count: int) -> list[str]:
    """Strings that could be mistaken for something else, each different."""
    chance = random.Random(seed)  # noqa: S311 - the same strings each time
    made = ("".join(chance.choices(chance.choice(ALPHABETS), k=chance.choice((1, 3, 6, 12, 200)))) for _turn in range(count))
    return list(dict.fromkeys([*NASTY, *made]))


def assert_reads_back(project: dict[str, Any]) -> None:
    text = dump(project)
    assert yaml.safe_load(text) == project  # YAML 1.1
    assert YAML(typ="safe", pure=True).load(text) == project  # YAML 1.2
    assert yaml_loader.load(text) == project  # go-yaml, as below


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.matrix) for seed in range(2, 60))])
def test_strings_stay_what_they_are(seed: int) -> None:
    words = strings(seed, 100)
    assert_reads_back({"services": {"api": {"command": words, "labels": {word: word for word in words}}}})


def test_other_values_stay_what_they_are() -> None:
    values = [None, True, False, 0, -5, 2**63, 1.5, 1000.0, 1e16, 1e300, 5e-324, [], {}, [[{"a": []}]]]
    assert_reads_back({"x-values": values, "x-named": {str(value): value for value in values}})


@pytest.mark.parametrize(("written", "read"), READ_BY_COMPOSE.items())
def test_plain_words_are_read_as_compose_reads_them(written: str, read: str) -> None:
    """The third reader above is one of our own: here it is held against the real ones."""
    assert as_text(yaml_loader.load(f"word: {written}\n")["word"]) == read


def test_a_date_is_a_string_here_and_in_quotes_on_the_host() -> None:
    """Plain, Compose 2.26 makes "2001-01-01 00:00:00 +0000 UTC" of it, and 2.40 refuses it ("invalid jsonType time.Time")."""
    for day in ("2001-1-1", "2001-01-01", "2001-1-1 1:2:3"):
        assert dump(yaml_loader.load(f"day: {day}\n")) == f"day: '{day}'\n"


def test_keys_are_strings_as_they_are_written() -> None:
    assert list(yaml_loader.load("{8080: a, 017: b, true: c, 1e3: d, ~: e, 2001-1-1: f}")) == [
        "8080",
        "017",
        "true",
        "1e3",
        "~",
        "2001-1-1",
    ]


def test_a_long_command_stays_on_its_line() -> None:
    assert dump({"command": "word " * 100}) == f"command: '{'word ' * 100}'\n"


@pytest.mark.parametrize("text", ["73a916e02776", "api", "10m", "127.0.0.1:8080:80", "5s", "postgres:17.2", "/srv/data:/data:ro"])
def test_what_nobody_mistakes_has_no_quotes(text: str) -> None:
    assert dump({"label": text}) == f"label: {text}\n"


def test_a_bare_host_without_pyyaml_reads_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    project = {"services": {"api": {"command": [word for word in NASTY if word.isprintable()]}}}
    monkeypatch.setitem(sys.modules, "yaml", None)
    bare = dump(project)
    monkeypatch.undo()
    assert yaml_loader.load(bare) == project


@pytest.mark.parametrize(
    ("value", "text"),
    [
        *((True, "true"), (None, ""), ("", ""), (5, "5"), (5.0, "5"), (0.1, "0.1"), (-0.0, "-0"), (float("-inf"), "-Inf")),
        *((1e5, "100000"), (1e6, "1e+06"), (1234567.5, "1.2345675e+06"), (1e-4, "0.0001"), (1e-7, "1e-07")),
    ],
)
def test_scalars_as_compose_makes_strings_of_them(value: Any, text: str) -> None:
    assert as_text(value) == text
