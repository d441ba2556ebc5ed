# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environment files as Docker Compose reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLAIN = re.compile(r"[A-Za-z0-9_./:@%+,=-]+")
_ENTRY = re.compile(r"""^([A-Za-z_][A-Za-z0-9_]*)=(?:'([^']*)'|"((?:[^"\\]|\\.)*)"|([^\n]*))$""", re.MULTILINE)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r"}


def quote(value: str) -> str:
    """One value, quoted by the rules of Compose's env files, so that Compose reads back exactly this string.

    Single quotes take everything literally; a value that holds a single quote or a backslash goes into double quotes, where
    backslash, double quote, dollar and line breaks are escaped (Compose file reference, "Env files").
    """
    if PLAIN.fullmatch(value):
        return value
    if "'" not in value and "\\" not in value:
        return f"'{value}'"
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def render(values: Mapping[str, Any]) -> str:
    """A whole file, sorted by name; booleans as `true` and `false`.

    :raises ValueError: a name that is no variable name, or a value that is no scalar.
    """
    lines = []
    for name, value in sorted(values.items()):
        if not NAME.fullmatch(name):
            raise ValueError(f"environment: name {name!r}: write letters, digits and '_', not beginning with a digit")
        if isinstance(value, (Mapping, list, tuple)) or value is None:
            raise ValueError(f"environment: {name} is a {type(value).__name__}: write one text or number")
        text = str(value).lower() if isinstance(value, bool) else str(value)
        lines.append(f"{name}={quote(text)}\n")
    return "".join(lines)


def parse(text: str) -> dict[str, str]:
    """The values of a file that `render` wrote."""
    values = {}
    for name, literal, escaped, plain in _ENTRY.findall(text):
        values[name] = literal or _ESCAPED.sub(lambda escape: _CONTROLS.get(escape[1], escape[1]), escaped) or plain
    return values
