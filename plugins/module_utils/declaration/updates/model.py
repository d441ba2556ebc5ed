# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a stack and its services are updated, read and typed; durations in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .schema import CANARY


@dataclass(frozen=True)
class Update:
    """How one service is updated. What belongs to another strategy has its default."""

    strategy: str = "rolling"
    chosen: bool = False  # the strategy was written, not implied
    surge: str = "100%"
    min_healthy: int = 5
    healthy_timeout: int = 120
    drain_timeout: int = 60
    observe: int = 10
    keep_for: int = 600
    maintenance: str = "dependents"
    canary: Mapping[str, Any] | None = None
    migration: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class StackUpdate:
    """What is done on the host before a release changes anything."""

    before: tuple[tuple[str, ...], ...] = ()
    before_timeout: int = 1800


def update_from(item: Mapping[str, Any]) -> Update:
    """From what the schema read."""
    given = {name: value for name, value in item.items() if value not in (None, "")}
    if given.get("strategy") == "canary":
        given.setdefault("canary", CANARY.read({}, "", []))  # its defaults, so that they stand in one place
    return Update(**{**given, "chosen": "strategy" in given})


def stack_update_from(item: Mapping[str, Any]) -> StackUpdate:
    """From what the schema read."""
    return StackUpdate(tuple(tuple(argv) for argv in item.get("before", [])), item.get("before_timeout", 1800))
