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


class Interpolation:
    """Replaces variables as Compose does, and remembers which were used and which were missing.

    Forms: C($$), C($NAME), C(${NAME}), C(${NAME:-default}), C(${NAME:?message}), C(${NAME:+replacement}), the same
    three without the colon, and variables inside a default (Compose specification, "Interpolation").
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.used: dict[str, list[str]] = {}  # the keys where a variable is used, by its name
        self.problems: list[Problem] = []

    def resolve(self, value: Any, key: str) -> Any:
        if isinstance(value, str):
            return self._text(value, key) if "$" in value else value
        if isinstance(value, dict):
            return {name: self.resolve(item, join(key, name)) for name, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item, f"{key}[{index}]") for index, item in enumerate(value)]
        return value

    def _text(self, text: str, key: str) -> str:
        result: list[str] = []
        position = 0
        while (dollar := text.find("$", position)) >= 0:
            result.append(text[position:dollar])
            position = dollar + 1
            if text.startswith("$", position):
                result.append("$")
                position += 1
            elif text.startswith("{", position):
                end = self._closing(text, position)
                if end < 0:
                    self._malformed(key)
                    return text
                result.append(self._braced(text[position + 1 : end], key))
                position = end + 1
            elif match := _NAME.match(text, position):
                result.append(self._variable(match[0], key))
                position = match.end()
            else:
                self._malformed(key)
                return text
        result.append(text[position:])
        return "".join(result)

    @staticmethod
    def _closing(text: str, start: int) -> int:
        depth = 0
        for position in range(start, len(text)):
            if text[position] == "{":
                depth += 1
            elif text[position] == "}":
                depth -= 1
                if depth == 0:
                    return position
        return -1

    def _braced(self, inside: str, key: str) -> str:
        match = _NAME.match(inside)
        operator, rest = (inside[match.end() :], "") if match else ("", "")
        for sign in (":-", ":?", ":+", "-", "?", "+"):
            if operator.startswith(sign):
                operator, rest = sign, operator[len(sign) :]
                break
        if match is None or operator not in ("", ":-", ":?", ":+", "-", "?", "+"):
            self._malformed(key)
            return ""
        name = match[0]
        self._use(name, key)
        value = self.environment.get(name)
        given = bool(value) if operator.startswith(":") else value is not None
        if operator.endswith("+"):
            return self._text(rest, key) if given else ""
        if operator.endswith("-"):
            return (value or "") if given else self._text(rest, key)
        return (value or "") if given else self._variable(name, key)

    def _use(self, name: str, key: str) -> None:
        keys = self.used.setdefault(name, [])
        if not keys or keys[-1] != key:
            keys.append(key)

    def _variable(self, name: str, key: str) -> str:
        self._use(name, key)
        if name in self.environment and self.environment[name] != "":
            return self.environment[name]
        if name not in self.environment:
            fix = f"add environment: {{{name}: …}} to ops_stack; a literal dollar is written $$"
            if named_as_secret(name):
                fix = f"{way_out(key, name)}; a literal dollar is written $$"
            self.problems.append(Problem(key, f"${{{name}}}", f"uses the variable {name}, which nothing sets", fix))
        return ""

    def _malformed(self, key: str) -> None:
        self.problems.append(Problem(key, "", "holds a $ that is not a variable", "write $$ for a literal dollar, ${NAME} for a variable"))
