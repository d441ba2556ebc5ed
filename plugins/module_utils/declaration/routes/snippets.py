# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of nginx's own language in a declaration, for what no key says."""

from __future__ import annotations

import re

from ...schema import values
from ...schema.nodes import Refused, Text

# A quoted word, a comment, a backslash with what it hides, or a sign that ends something.
_SIGN = re.compile(r"""\\.|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|\$\{\w+\}|(?:(?<=\s)|^)#[^\n]*|["';{}]""", re.MULTILINE | re.DOTALL)


@values.form("lines of nginx")
def lines(value: str) -> str:
    """Directives that stay inside the block that they stand in: each ends, and no brace closes what it has not opened."""
    depth = 0
    for match in _SIGN.finditer(value):
        sign = match[0]
        if sign in "\"'":
            raise Refused("has a quote that does not end", "close it")
        depth += {"{": 1, "}": -1}.get(sign, 0)
        if depth < 0:
            raise Refused("closes a block that it has not opened, and would leave its place", "remove the }")
    if depth:
        raise Refused("opens a block that it does not close", "add the }")
    rest = "\n".join(line for line in value.splitlines() if not line.lstrip().startswith("#")).rstrip()
    if not rest:
        raise Refused("has no directive", "write directives, each with its semicolon, or remove it")
    if not rest.endswith((";", "}")):
        raise Refused("ends without a semicolon", "write each directive with its semicolon")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", value):
        raise Refused("has a control character", "remove it")
    return value.strip("\n")


def snippet(where: str, example: str) -> Text:
    """A key for such lines."""
    return Text(
        default="",
        check=lines,
        example=example,
        description=f"Lines of nginx in {where}, for what no other key says. nginx tests them before a release takes them; what they do,"
        " nobody else checks, and C(opsctl status) names them.",
    )
