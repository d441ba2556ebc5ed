# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables in a Compose file, resolved as Compose resolves them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..schema.nodes import Problem, join
from .plain_secrets import named_as_secret, way_out

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BRACED = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(?:(:?[-?+])(.*))?", re.DOTALL)
_BRACE = re.compile(r"[{}]")
_DEEPEST = 32  # defaults inside of defaults; a bound on the time


class Interpolation:
    """Replaces variables as Compose does, and remembers which were used and which were missing.

    Forms: C($$), C($NAME), C(${NAME}), C(${NAME:-default}), C(${NAME:?message}), C(${NAME:+replacement}), the same
    three without the colon, and variables inside a default (Compose specification, "Interpolation"). Any other C($) is itself.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.used: dict[str, list[str]] = {}  # by name, and the keys that use it
        self.unresolved: set[str] = set()  # keys whose value is not known: what else is wrong there follows from that
        self._missing: dict[tuple[str, bool], list[str]] = {}
        self.malformed: list[Problem] = []

    @property
    def problems(self) -> list[Problem]:
        """One problem a missing variable, however often it is used; and each C($) that cannot be read."""
        return [*(_missing(name, required, keys) for (name, required), keys in self._missing.items()), *self.malformed]

    def resolve(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            return self._text(value, key) if "$" in value else value
        if isinstance(value, dict):
            return {name: self.resolve(item, join(key, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, f"{key}[{index}]") for index, item in enumerate(value)]
        return value

    def _text(self, text: str, key: str, depth: int = 0) -> str:
        result: list[str] = []
        position = 0
        while (dollar := text.find("$", position)) >= 0:
            result.append(text[position:dollar])
            position = dollar + 1
            if text.startswith("{", position):
                end = _closing(text, position)
                braced = _BRACED.fullmatch(text, position + 1, end) if end >= 0 and depth < _DEEPEST else None
                if braced is None:
                    self._refuse(key, deep=end >= 0 and depth >= _DEEPEST)
                    return text
                result.append(self._braced(braced, key, depth))
                position = end + 1
            elif match := _NAME.match(text, position):
                result.append(self._value(match[0], key))
                position = match.end()
            else:
                result.append("$")
                position += text.startswith("$", position)
        result.append(text[position:])
        return "".join(result)

    def _braced(self, braced: re.Match[str], key: str, depth: int) -> str:
        name, operator, rest = braced[1], braced[2] or "", braced[3] or ""
        value = self.environment.get(name)
        given = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith(("-", "+")):
            self._use(name, key)
            if operator.endswith("+"):
                return self._text(rest, key, depth + 1) if given else ""
            return (value or "") if given else self._text(rest, key, depth + 1)
        return self._value(name, key, required=operator.startswith(":"))

    def _value(self, name: str, key: str, *, required: bool = False) -> str:
        """The value of a variable that has no other; C(required): an empty one does not serve."""
        self._use(name, key)
        value = self.environment.get(name)
        if value is None or (required and not value):
            self._missing.setdefault((name, value is not None), []).append(key)
            self.unresolved.add(key)
        return value or ""

    def _use(self, name: str, key: str) -> None:
        keys = self.used.setdefault(name, [])
        if not keys or keys[-1] != key:
            keys.append(key)

    def _refuse(self, key: str, *, deep: bool) -> None:
        what = "has variables nested too deeply" if deep else "holds a ${ that is not a variable"
        fix = "write one default, without further variables in it" if deep else "write $$ for a literal dollar, ${NAME} for a variable"
        self.malformed.append(Problem(key, "", what, fix))
        self.unresolved.add(key)


def _closing(text: str, start: int) -> int:
    """Where the brace that opens at C(start) is closed; -1 for nowhere."""
    depth = 0
    for brace in _BRACE.finditer(text, start):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return brace.start()
    return -1


def _missing(name: str, is_empty: bool, keys: list[str]) -> Problem:
    places = f" (and in {len(keys) - 1} more places)" if len(keys) > 1 else ""
    if is_empty:
        what, fix = f"requires the variable {name}, which is empty{places}", f"give {name} a value in environment: of ops_stack"
        return Problem(keys[0], f"${{{name}}}", what, fix)
    what = f"uses the variable {name}, which nothing sets{places}"
    fix = f"add environment: {{{name}: …}} to ops_stack; a literal dollar is written $$"
    if named_as_secret(name):
        fix = f"{way_out(keys[0], name)}; a literal dollar is written $$"
    return Problem(keys[0], f"${{{name}}}", what, fix)
