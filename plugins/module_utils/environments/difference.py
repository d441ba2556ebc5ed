# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The difference between what two environments declare, by meaning: what is added, removed or changed, and what was to be expected."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

from ..core.format import columns, shortened
from .outline import Attributes, Hidden, Outline

# Patterns of keys in which environments differ by their nature.
EXPECTED = (
    "stack.*",
    "routes.*.domains",
    "routes.*.allow_from",
    "services.*.replicas",
    "services.*.deploy.resources.*",
    "watchdog.site *.domain",
    "watchdog.alert *",
    "backups.target *.repository",
    "jobs.*.host",
)
# What shows an entry that only one side has, by section.
_FACE = {
    "services": "image",
    "routes": "domains",
    "secrets": "kind",
    "firewall": "from",
    "environment": "value",
    "backups": "repository",
    "jobs": "schedule",
}
_CELL = 44  # columns of one value in the table


class Kind(Enum):
    """What became of an entry from the one environment to the other."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True)
class Difference:
    """One difference of a stack.

    :param key: section, name and attribute, as C(services.api.image); the attribute is left out where a whole entry is added or removed.
    :param expected: environments differ in this by their nature, or by what the operator has named.
    """

    stack: str
    kind: Kind
    key: str
    before: Any
    after: Any
    expected: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Plain data; what is hidden stays so."""
        plain = {"stack": self.stack, "kind": self.kind.value, "key": self.key, "expected": self.expected}
        return plain | {"from": _plain(self.before), "to": _plain(self.after)}


def differences(before: Outline, after: Outline, expected: Sequence[str] = ()) -> list[Difference]:
    """Everything in which two outlines differ, section by section.

    :param expected: further patterns of keys that are expected to differ.
    """
    listed: list[Difference] = []
    patterns = (*EXPECTED, *expected)
    for section, items in before.sections.items():
        others = after.sections.get(section, {})
        if section == "stack":  # under whichever name
            items, others = {"": next(iter(items.values()))}, {"": next(iter(others.values()))}
        for name in [*items, *(name for name in others if name not in items)]:
            key = f"{section}.{name}" if name else section
            if name in items and name in others:
                listed += _changes(before, after, key, items[name], others[name], patterns)
            elif not _follows(key, before, after):
                kind = Kind.REMOVED if name in items else Kind.ADDED
                there = items.get(name, others.get(name, {}))
                face = there.get(_FACE.get(section, ""), "yes")
                left, right = (face, None) if kind is Kind.REMOVED else (None, face)
                listed.append(Difference(after.stack, kind, key, left, right, _matches(key, patterns)))
    if before.stack != after.stack:
        listed.insert(0, Difference(after.stack, Kind.CHANGED, "stack.name", before.stack, after.stack, expected=True))
    return listed


def _follows(key: str, before: Outline, after: Outline) -> bool:
    """How a service is watched that only one side has: the service itself says so."""
    service = key.removeprefix("watchdog.service ")
    return service != key and (service in before.sections["services"]) != (service in after.sections["services"])


def _changes(
    before: Outline, after: Outline, key: str, attributes: Attributes, other: Attributes, patterns: Sequence[str]
) -> list[Difference]:
    changes = []
    for attribute in [*attributes, *(name for name in other if name not in attributes)]:
        left, right = attributes.get(attribute), other.get(attribute)
        if left == right:
            continue
        name = f"{key}.{attribute}"
        same = _neutral(left, before.names) == _neutral(right, after.names)
        changes.append(Difference(after.stack, Kind.CHANGED, name, left, right, expected=same or _matches(name, patterns)))
    return changes


def _matches(key: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(key, pattern) or fnmatchcase(key, f"{pattern}.*") for pattern in patterns)


def _neutral(value: Any, names: Sequence[str]) -> Any:
    """The value with the stack's name and domains by their number: the same address of another environment is no change."""
    if isinstance(value, str):
        for number, name in sorted(enumerate(names), key=lambda item: -len(item[1])):
            value = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-]|\.\w)", f"<{number}>", value)
        return value
    if isinstance(value, list):
        return [_neutral(item, names) for item in value]
    if isinstance(value, Mapping):
        return {key: _neutral(item, names) for key, item in value.items()}
    return value


def shared(before: Outline, after: Outline) -> list[str]:
    """Secrets that have the same value in both environments: whoever may read it in the one is let into the other."""
    return [name for name, value in before.given.items() if after.given.get(name) == value]


def running(before: Mapping[str, str], after: Mapping[str, str], stack: str) -> list[Difference]:
    """Services of which other images run, by digest, whatever the tags say.

    :param before: service to pinned reference, of what is live.
    """
    changes = []
    for service in [*before, *(name for name in after if name not in before)]:
        left, right = before.get(service), after.get(service)
        if (left or "").rpartition("@")[2] != (right or "").rpartition("@")[2]:
            kind = Kind.CHANGED if left and right else Kind.REMOVED if left else Kind.ADDED
            changes.append(Difference(stack, kind, f"services.{service}.runs", left, right))
    return changes


def table(names: tuple[str, str], listed: Sequence[Difference], notes: Sequence[str] = ()) -> str:
    """The differences for people: what matters first, what was to be expected below it, then what could not be seen."""
    if not listed:
        return "\n".join([f"{names[0]} and {names[1]} do not differ", *notes])
    several = len({difference.stack for difference in listed}) > 1
    head = ["", "what", *names]
    blocks = []
    for title, part in (
        ("differences", [difference for difference in listed if not difference.expected]),
        ("expected to differ", [difference for difference in listed if difference.expected]),
    ):
        rows = [
            [
                _MARK[difference.kind],
                f"{difference.stack}: {difference.key}" if several else difference.key,
                _cell(difference.before),
                _cell(difference.after),
            ]
            for difference in part
        ]
        lines = list(columns([head, *rows])) if rows else ["none"]
        blocks.append("\n".join([f"{title} ({len(part)})", *lines]))
    return "\n\n".join([*blocks, *(["\n".join(notes)] if notes else [])])


_MARK = {Kind.ADDED: "+", Kind.REMOVED: "-", Kind.CHANGED: "~"}


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        value = ", ".join(_cell(item) for item in value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    name, at, digest = text.partition("@sha256:")
    return shortened(" ".join((f"{name}@{digest[:12]}" if at else text).split()), _CELL)


def _plain(value: Any) -> Any:
    if isinstance(value, Hidden):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, list) else value
