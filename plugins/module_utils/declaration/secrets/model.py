# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets and databases, read and typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...contracts.secret_kinds import references
from ...contracts.secret_rotation import DAY


@dataclass(frozen=True)
class Rotation:
    """How a secret is replaced, as it is declared."""

    kind: str
    every: float = 0.0
    grace: float = DAY
    service: str = ""
    user: str = ""
    separator: str = "line"


@dataclass(frozen=True)
class Secret:
    name: str
    kind: str
    options: Mapping[str, Any]
    value: str | None = field(repr=False)
    environment: Mapping[str, str]
    rotation: Rotation | None = None

    @property
    def references(self) -> tuple[str, ...]:
        """The secrets that this one is made of."""
        if self.kind == "template":
            return tuple(dict.fromkeys(references(self.options.get("template") or "")))
        made_of = self.options.get("of")
        return (made_of,) if made_of else ()


@dataclass(frozen=True)
class Database:
    key: str
    service: str
    engine: str
    name: str
    user: str
    password_secret: str


def secrets_from(items: Mapping[str, dict[str, Any]]) -> dict[str, Secret]:
    """From what the schema read."""
    return {name: _secret(name, item) for name, item in items.items()}


def databases_from(items: Sequence[dict[str, Any]]) -> tuple[Database, ...]:
    """From what the schema read."""
    return tuple(Database(key=f"databases[{index}]", **item) for index, item in enumerate(items))


def _secret(name: str, item: dict[str, Any]) -> Secret:
    common = ("kind", "value", "environment", "rotation")
    options = {option: value for option, value in item.items() if option not in common}
    environment = {service: variable for service, variable in (item.get("environment") or {}).items() if variable}
    return Secret(name, item.get("kind") or "", options, item.get("value"), environment, _rotation(item.get("rotation")))


def _rotation(item: dict[str, Any] | None) -> Rotation | None:
    """None of one without a kind, which the schema has refused."""
    given = {name: value for name, value in (item or {}).items() if value is not None}
    return Rotation(**given) if given.get("kind") else None
