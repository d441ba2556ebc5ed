# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Env files that people wrote, read as Compose reads C(env_file:), C(label_file:) and the env files of an included project.

Source: the Compose specification, "env_file"; tests/unit/compose/recorded/shapes-*.json holds what the CLIs 2.26 and 2.40 make of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum

from ..schema.nodes import Refused
from .interpolation import Interpolation

_KEY = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.\-\[\]]*)[ \t]*(?:([=:])[ \t]*|(?=\n|#|\Z))")
_COMMENT = re.compile(r"[ \t]#.*")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CONTROLS = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_QUOTED = {'"': re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL), "'": re.compile(r"'((?:[^'\\]|\\.)*)'", re.DOTALL)}


class Dialect(Enum):
    """How the values are written."""

    INTERPOLATED = ""  # quotes, comments at the end of a line, variables
    RAW = "raw"  # all that stands after the sign


def variables_of(
    text: str, environment: Mapping[str, str], dialect: Dialect = Dialect.INTERPOLATED, earlier: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables of a file.

    A name alone takes its value from the environment, and is left out where that has none.

    :param environment: what C(${NAME}) in a value means. It wins over the variables of the file itself.
    :param earlier: variables of the files before, over which those win.
    :raises Refused: a line that cannot be read; its content is not quoted, it may be secret.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    return _raw(text, environment) if dialect is Dialect.RAW else _interpolated(text, environment, earlier or {})


def _raw(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    variables: dict[str, str] = {}
    for line in text.splitlines():
        written = line.lstrip()
        if not written or written.startswith("#"):
            continue
        name, sign, value = written.partition("=")
        if sign:
            variables[name] = value
        elif name in environment:
            variables[name] = environment[name]
    return variables


def _interpolated(text: str, environment: Mapping[str, str], earlier: Mapping[str, str]) -> dict[str, str]:
    variables: dict[str, str] = {}
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        if text[position] == "#":
            position = _end_of_line(text, position)
            continue
        match = _KEY.match(text, position)
        if match is None:
            raise _unreadable(text, position, "is not NAME=value")
        name = match[1]
        if not match[2]:
            position = _end_of_line(text, position)
            if name in environment:
                variables[name] = environment[name]
            continue
        variables[name], position = _value(text, match.end(), {**earlier, **variables, **environment})
    return variables


def _value(text: str, start: int, known: Mapping[str, str]) -> tuple[str, int]:
    """A value, and where it ends."""
    quote = text[start : start + 1]
    if quote in _QUOTED:
        match = _QUOTED[quote].match(text, start)
        if match is None:
            raise _unreadable(text, start, "has a quote that is not closed")
        if quote == '"':
            return _resolved(_ESCAPED.sub(_unescaped, match[1]), text, start, known), _end_of_line(text, match.end())
        return match[1].replace("\\'", "'"), _end_of_line(text, match.end())
    end = _end_of_line(text, start)
    bare = text[start:end]
    value = _COMMENT.sub("", bare, count=1).strip()
    return _resolved(value, text, start, known), end


def _unescaped(escape: re.Match[str]) -> str:
    """C(\\$) is a dollar that begins no variable."""
    return "$$" if escape[1] == "$" else _CONTROLS.get(escape[1]) or (escape[1] if escape[1] in "\"'\\" else escape[0])


def _resolved(value: str, text: str, position: int, known: Mapping[str, str]) -> str:
    """A variable that nothing sets is empty here, as it is for Compose."""
    interpolation = Interpolation(known)
    resolved = interpolation.resolve(value, "")
    if interpolation.malformed:
        raise _unreadable(text, position, interpolation.malformed[0].problem)
    return str(resolved)


def _end_of_line(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _unreadable(text: str, position: int, problem: str) -> Refused:
    line = text.count("\n", 0, position) + 1
    return Refused(f"{problem} in line {line}", "write NAME=value, with quotes around a value that has spaces or #")
