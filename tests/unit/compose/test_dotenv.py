# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Env files that people wrote; the CLIs 2.26.1 and 2.40.3 read each of these values so (the raw form: 2.40.3 alone)."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose.dotenv import Dialect, variables_of
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Refused

FILE = """\ufeff# comment
export A=1
B="q ${V}"
D='x $V'
E=$V-${A}
F=a b # c
G=
H
I="m
n"
J: 5
K=${Z:-d$V}
L="a\\nb\\tc\\$V"
M=a#b
N = spaced
V
P='a\\'b'
Q="a\\"b"
R=a\\nb
S="\\x"
\tT=1
U=# c
W=x y\x20\x20
X='' # c
Y="a" b
A.B=2
"""


def test_values_are_read_as_the_clis_read_them() -> None:
    assert variables_of(FILE, {"V": "7"}) == {
        "A": "1", "B": "q 7", "D": "x $V", "E": "7-1", "F": "a b", "G": "", "I": "m\nn", "J": "5", "K": "d7", "L": "a\nb\tc$V", "M": "a#b",
        "N": "spaced", "V": "7", "P": "a'b", "Q": 'a"b', "R": "a\\nb", "S": "\\x",
        "T": "1", "U": "# c", "W": "x y", "X": "", "Y": "a", "A.B": "2",
    }  # fmt: skip


def test_raw() -> None:
    text = "# c\nA=1\nB=\"q ${V}\"\nD='x'\nH\nV\n"
    assert variables_of(text, {"V": "7"}, Dialect.RAW) == {"A": "1", "B": '"q ${V}"', "D": "'x'", "V": "7"}


@pytest.mark.parametrize(("text", "line"), [("A=1\n-b=2", 2), ('A="x', 1), ("A=1\n\nB='x\n", 3), ("A=${b", 1), ("= x", 1)])
def test_what_cannot_be_read_names_the_line_and_no_value(text: str, line: int) -> None:
    with pytest.raises(Refused, match=f"in line {line}$") as refused:
        variables_of(text, {})
    assert "x" not in refused.value.problem.partition(" in line")[0].replace("a quote", "")
