# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small table-driven schema: types, defaults and limits in one place, and every error of a document in one pass.

A schema is built from Text, Number, Flag, Items, Table and Record; C(schema.read(value, key, problems)) returns the
value with its defaults filled in, as plain Python types, and appends a Problem for each thing that is wrong.
What is wrong is replaced by the default, so that later checks can go on and report the rest of the errors as well.
"""

from __future__ import annotations

import difflib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

HIDDEN = "(hidden)"
_SHOWN_LENGTH = 60
_WHOLE = re.compile(r"[0-9]{1,19}")
_LONGEST_WORD = 100
MOST_VALUES = 200_000
MOST_CHARACTERS = 16 * 2**20
DEEPEST = 100
# Most values of a document are of these types, and looked up here they cost a fraction of what asking for subclasses costs. For the same
# reason dict is named beside Mapping.
_EXACT = frozenset({str, bool, int, float, type(None)})


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what is written there, why it cannot stay, what to write instead."""

    key: str
    value: str
    problem: str
    fix: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)

    def __str__(self) -> str:
        value = f" (found {self.value})" if self.value else ""
        return f"{self.key}: {self.problem}{value}\n   -> {self.fix}"


class Refused(ValueError):
    """A value that cannot stay, with what to write instead."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.fix = fix


def shown(value: object) -> str:
    """A value as an operator wrote it, shortened. Containers are only described: what is inside may be secret."""
    if isinstance(value, Mapping):
        return "a mapping" if value else "an empty mapping"
    if isinstance(value, (list, tuple)):
        return f"a list of {len(value)}" if value else "an empty list"
    if value is None:
        return "nothing"
    if isinstance(value, (str, bool, int, float)):
        text = json.dumps(value, ensure_ascii=False)
        return text if len(text) <= _SHOWN_LENGTH else f"{text[: _SHOWN_LENGTH - 1]}…"
    return f"a value of type {type(value).__name__}"


def close_to(word: str, known: Iterable[str]) -> str | None:
    """The known word that was probably meant."""
    if len(word) > _LONGEST_WORD:
        return None
    matches = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return matches[0] if matches else None


def instead(word: str, known: Iterable[str], what: str) -> str:
    """C(did you mean X?) when something is close, else the list of what there is."""
    names = sorted(known)
    near = close_to(word, names)
    if near:
        return f"did you mean {near}? Or remove it"
    return f"use one of {', '.join(names)}" if names else f"remove it: there is no {what}"


def require_bounded(value: object) -> None:
    """Refuse what would take long or fill the memory when it is copied: anchors share their values until then.

    :raises Refused: more values, characters or levels than any real document has.
    """
    values, characters = 1, 0
    rest: list[tuple[Iterable[object], int]] = [((value,), 0)]
    while rest:
        siblings, depth = rest.pop()
        if depth > DEEPEST:
            raise Refused(
                f"is nested more than {DEEPEST} levels deep, or holds an anchor inside itself",
                "write it flatter, and remove the alias that stands inside its own anchor",
            )
        for item in siblings:
            if isinstance(item, str):
                characters += len(item)
            elif type(item) in _EXACT:
                continue
            elif isinstance(item, (dict, Mapping)) and item:
                values += len(item)
                characters += sum(len(name) for name in item if isinstance(name, str))
                rest.append((item.values(), depth + 1))
            elif isinstance(item, (list, tuple)) and item:
                values += len(item)
                rest.append((item, depth + 1))
            if values > MOST_VALUES or characters > MOST_CHARACTERS:
                raise Refused("is too large with all its anchors written out", "use fewer aliases, or several stacks")


def join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def plain(value: object) -> Any:
    """The same data in exact built-in types: Ansible's tagged strings and lazy containers become str, dict and list."""
    if type(value) in _EXACT:
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, (dict, Mapping)):
        return {str(plain(name)): item if type(item) in _EXACT else plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [item if type(item) in _EXACT else plain(item) for item in value]
    return str(value)


@dataclass(frozen=True)
class Node(ABC):
    """What every part of a schema has: a default, whether it must be given, whether its value may be shown.

    :param description: for the reference and for editors, in Ansible's markup.
    :param implied: the default in words, where it follows from something else.
    """

    default: Any = None
    required: bool = False
    hidden: bool = False
    example: str = ""
    description: str = ""
    implied: str = ""

    @abstractmethod
    def read(self, value: Any, key: str, problems: list[Problem]) -> Any:
        """The value, typed; what is wrong is added to `problems`."""

    def wrong(self, value: Any, key: str, problem: str, fix: str, problems: list[Problem]) -> Any:
        problems.append(Problem(key, HIDDEN if self.hidden else shown(value), problem, fix))
        return self.default


@dataclass(frozen=True)
class Anything(Node):
    """A part that something else reads."""

    def read(self, value: Any, key: str, problems: list[Problem]) -> Any:
        return value


@dataclass(frozen=True)
class Text(Node):
    """A string. C(check) returns what is kept (it may convert), or raises Refused."""

    choices: Sequence[str] = ()
    check: Callable[[str], Any] | None = None
    numbers: bool = False  # a bare number is meant as well: 60, 1.5

    def read(self, value: Any, key: str, problems: list[Problem]) -> Any:
        if self.numbers and isinstance(value, (int, float)) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip():
            example = f", such as {self.example}" if self.example else ""
            return self.wrong(value, key, "must be a string", f"write a string in quotes{example}", problems)
        if self.choices and value not in self.choices:
            near = close_to(value, self.choices)
            fix = f"write {near}" if near else f"write one of {', '.join(self.choices)}"
            return self.wrong(value, key, f"must be one of {', '.join(self.choices)}", fix, problems)
        if self.check is None:
            return value
        try:
            return self.check(value)
        except Refused as error:
            return self.wrong(value, key, error.problem, error.fix, problems)


@dataclass(frozen=True)
class Number(Node):
    """A whole number within limits; digits in a string are taken too (that is how C(-e) delivers them)."""

    least: int = 0
    most: int = 2**31 - 1

    def read(self, value: Any, key: str, problems: list[Problem]) -> Any:
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            fix = f"write a number from {self.least} to {self.most}"
            fix += f", such as {self.example}" if self.example else ""
            return self.wrong(value, key, "must be a whole number within its limits", fix, problems)
        return value


@dataclass(frozen=True)
class Flag(Node):
    def read(self, value: Any, key: str, problems: list[Problem]) -> Any:
        if not isinstance(value, bool):
            return self.wrong(value, key, "must be true or false", "write true or false, without quotes", problems)
        return value


@dataclass(frozen=True)
class Scalar(Node):
    """Anything that a line of an environment file can hold; kept as a string."""

    def read(self, value: Any, key: str, problems: list[Problem]) -> Any:
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, (str, int, float)):
            fix = 'write one string, number or true/false, such as "info"; a list as a string: "a,b"'
            return self.wrong(value, key, "must be a single value", fix, problems)
        return str(value)


@dataclass(frozen=True)
class Items(Node):
    """A list."""

    of: Node = field(default_factory=Text)

    def read(self, value: Any, key: str, problems: list[Problem]) -> Any:
        if not isinstance(value, list):
            fix = f"write a list, such as {self.example or '[a, b]'}"
            self.wrong(value, key, "must be a list", fix, problems)
            return []
        return [self.of.read(item, f"{key}[{index}]", problems) for index, item in enumerate(value)]


@dataclass(frozen=True)
class Table(Node):
    """A mapping whose keys the operator chooses."""

    of: Node = field(default_factory=Text)
    name: Callable[[str], Any] | None = None  # checks a key; raises Refused

    def read(self, value: Any, key: str, problems: list[Problem]) -> Any:
        if not isinstance(value, Mapping):
            fix = f"write a mapping, such as {self.example or '{name: …}'}"
            self.wrong(value, key, "must be a mapping", fix, problems)
            return {}
        kept: dict[str, Any] = {}
        for name, item in value.items():
            if self.name is not None:
                try:
                    self.name(name)
                except Refused as error:
                    problems.append(Problem(join(key, name), shown(name), error.problem, error.fix))
                    continue
            kept[name] = self.of.read(item, join(key, name), problems)
        return kept


@dataclass(frozen=True)
class Record(Node):
    """A mapping of known keys. Where one key decides about the others, C(variants) adds their fields by its value."""

    fields: Mapping[str, Node] = field(default_factory=dict)
    selector: str = ""
    variants: Mapping[str, Mapping[str, Node]] = field(default_factory=dict)
    what: str = "key"

    def read(self, value: Any, key: str, problems: list[Problem]) -> Any:
        if not isinstance(value, Mapping):
            fix = f"write a mapping, such as {self.example or '{' + next(iter(self.fields), '') + ': …}'}"
            self.wrong(value, key, "must be a mapping", fix, problems)
            return {name: node.default for name, node in self.fields.items()}
        fields = dict(self.fields)
        if self.selector:
            fields |= self.variants.get(self._selected(value), {})
        for name, item in value.items():
            if name not in fields:
                self._unknown(name, item, key, fields, value, problems)
        kept: dict[str, Any] = {}
        for name, node in fields.items():
            if value.get(name) is not None:
                kept[name] = node.read(value[name], join(key, name), problems)
                continue
            kept[name] = node.default
            if node.required:
                example = f": {node.example}" if node.example else ""
                problems.append(Problem(join(key, name), "nothing", "is required", f"add {name}{example}"))
        return kept

    def _selected(self, value: Mapping[str, Any]) -> str:
        given = value.get(self.selector)
        node = self.fields.get(self.selector)
        return str(given if given is not None or node is None else node.default)

    def _unknown(
        self,
        name: str,
        item: Any,
        key: str,
        fields: Mapping[str, Node],
        value: Mapping[str, Any],
        problems: list[Problem],
    ) -> None:
        shown_value = HIDDEN if self.hidden else shown(item)
        elsewhere = [variant for variant, options in self.variants.items() if name in options]
        if elsewhere:
            problem = f"is not an option of {self.selector} {value.get(self.selector) or 'that is not given'}"
            fix = f"remove it: {name} belongs to {self.selector} {' or '.join(variant for variant in elsewhere if variant)}"
        else:
            problem, fix = f"is not a {self.what} that can stand here", instead(name, fields, self.what)
        problems.append(Problem(join(key, name), shown_value, problem, fix))
