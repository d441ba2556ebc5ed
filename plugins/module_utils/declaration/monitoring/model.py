# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a stack is measured, read and typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...contracts.canary import Rule
from ...contracts.error_budget import BudgetPolicy
from ...contracts.monitoring import Monitoring
from ..model import Declaration
from .schema import LIMITS, MONITORING


@dataclass(frozen=True)
class DeclaredMonitoring(Monitoring):
    """The same with what only role monitoring needs.

    :param limits: as the schema read them.
    :param deadman, dashboards: likewise; None for none.
    """

    limits: Mapping[str, Any] = field(default_factory=dict)
    deadman: Mapping[str, Any] | None = None
    dashboards: Mapping[str, Any] | None = None


def monitoring_from(item: Mapping[str, Any] | None) -> DeclaredMonitoring:
    """From what the schema read, whose table has the defaults."""
    read = MONITORING.read({}, "", []) if item is None else item
    buckets = tuple(float(bound) for bound in read["buckets"] if bound is not None)
    limits = read["limits"] or LIMITS.read({}, "", [])
    policy = _policy(read["budget"] or {})
    return DeclaredMonitoring(
        buckets, float(read["scrape_interval"]), read["prometheus"], policy, limits, read["deadman"], read["dashboards"]
    )


def _policy(item: Mapping[str, Any]) -> BudgetPolicy:
    """Bounds that do not rise are told by the checks."""
    canary = item.get("canary")
    given = {name: value for name, value in item.items() if name != "canary"}
    return BudgetPolicy(**given, canary=Rule.from_dict(canary, tolerant=True) if canary else None)


def monitoring_of(declaration: Declaration) -> DeclaredMonitoring:
    """What holds for the metrics of a stack."""
    monitoring: DeclaredMonitoring = declaration.parts["monitoring"]
    return monitoring


def monitoring_secrets(declaration: Declaration) -> Iterator[tuple[str, str]]:
    """What Alertmanager reads: the key that names a secret, and the secret."""
    deadman = monitoring_of(declaration).deadman
    if deadman and deadman["url_secret"]:
        yield "monitoring.deadman.url_secret", deadman["url_secret"]
