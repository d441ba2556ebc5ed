# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Registered models, as they are declared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class ModelEntry:
    """One entry of C(models)."""

    name: str
    model: str
    service: str
    port: int
    url: str
    variable: str
    alias: str
    live_alias: str
    user: str
    password_secret: str
    fallback: str

    @property
    def key(self) -> str:
        """Where it stands."""
        return f"models.{self.name}"


def models_from(read: Mapping[str, Mapping[str, Any]]) -> dict[str, ModelEntry]:
    """From what the schema read, by name."""
    return {name: ModelEntry(name=name, **options) for name, options in read.items()}


def placeholders(read: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What stands for the versions in the Compose file, until a host knows them."""
    return {options["variable"]: options["fallback"] for options in read.values() if options["variable"]}
