# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How one service is updated, as the declaration says it (filter rollout_policies)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .canary import Rule, rule_from

STRATEGIES = ("rolling", "canary", "blue_green", "recreate")
MAINTENANCE = ("dependents", "service", "none")


@dataclass(frozen=True)
class Migration:
    """A command that runs once with the new image before traffic changes; seconds."""

    command: tuple[str, ...]
    timeout: float = 600.0


@dataclass(frozen=True)
class Policy:
    """How one service is updated; durations in seconds.

    :param surge: new containers a batch, a number or a percentage of the replicas.
    :param job: it runs to its end, so that there is nothing to roll.
    :param allow: waivers (module update_safety).
    """

    service: str
    strategy: str = "rolling"
    surge: str = "100%"
    min_healthy: float = 5.0
    healthy_timeout: float = 120.0
    drain_timeout: float = 60.0
    observe: float = 10.0
    keep_for: float = 600.0
    maintenance: str = "dependents"
    job: bool = False
    allow: tuple[str, ...] = ()
    canary: Rule = field(default_factory=Rule)
    migration: Migration | None = None

    def batch(self, replicas: int) -> int:
        """How many new containers are started at once."""
        if self.strategy == "blue_green":
            return replicas
        if self.surge.endswith("%"):
            return max(1, math.ceil(replicas * float(self.surge[:-1]) / 100))
        return max(1, int(self.surge))


def policy_from(raw: Mapping[str, Any]) -> Policy:
    """A policy from a module's or the derived dictionary.

    :raises ValueError: an unknown strategy or way of maintenance, or a surge that is neither a number nor a percentage.
    """
    given = {name: value for name, value in raw.items() if value is not None}
    service = str(given["service"])
    strategy, maintenance = str(given.get("strategy", "rolling")), str(given.get("maintenance", "dependents"))
    if strategy not in STRATEGIES:
        raise ValueError(f"policies: strategy {strategy!r} of {service}: write one of {', '.join(STRATEGIES)}")
    if maintenance not in MAINTENANCE:
        raise ValueError(f"policies: maintenance {maintenance!r} of {service}: write one of {', '.join(MAINTENANCE)}")
    surge = str(given.get("surge", "100%"))
    try:
        positive = float(surge.rstrip("%")) > 0 and (surge.endswith("%") or surge.isdigit())
    except ValueError:
        positive = False
    if not positive:
        raise ValueError(f"policies: surge {surge!r} of {service}: write a number from 1 on, or a percentage such as 50%")
    seconds = {
        name: float(given[name]) for name in ("min_healthy", "healthy_timeout", "drain_timeout", "observe", "keep_for") if name in given
    }
    migration = given.get("migration")
    return Policy(
        service=service,
        strategy=strategy,
        surge=surge,
        maintenance=maintenance,
        job=bool(given.get("job")),
        allow=tuple(given.get("allow") or ()),
        canary=rule_from(given.get("canary") or {}),
        migration=Migration(tuple(map(str, migration["command"])), float(migration.get("timeout") or 600)) if migration else None,
        **seconds,
    )


def policies_from(raw: Sequence[Mapping[str, Any]]) -> dict[str, Policy]:
    """Policies by service."""
    return {one.service: one for one in map(policy_from, raw)}
