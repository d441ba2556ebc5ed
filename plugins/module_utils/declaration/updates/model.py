# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a stack and its services are updated, read and typed; durations in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...contracts.rollout_policy import Hooks, Policy


@dataclass(frozen=True)
class Update:
    """How one service is updated: a policy that has no service yet. What belongs to another strategy has its default.

    :param chosen: the strategy was written, not implied.
    """

    policy: Policy = field(default_factory=lambda: Policy(""))
    chosen: bool = False

    @property
    def strategy(self) -> str:
        """The strategy, written or implied."""
        return self.policy.strategy


def update_from(item: Mapping[str, Any]) -> Update:
    """From what the schema read."""
    given = {name: value for name, value in item.items() if value not in (None, "")}
    if given.get("strategy") == "canary":
        given.setdefault("canary", {})
    return Update(Policy.from_dict({"service": "", **given}, tolerant=True), "strategy" in given)


def stack_update_from(item: Mapping[str, Any]) -> Hooks:
    """From what the schema read."""
    given = {name: value for name, value in item.items() if name != "backup"}
    backup = item.get("backup")
    return Hooks.from_dict({**given, "backup_max_age": backup["max_age"]} if backup else given, tolerant=True)
