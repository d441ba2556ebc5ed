# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a stack is measured, read and typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...contracts.canary import Rule
from ...contracts.capacity import Prices, StackReport
from ...contracts.error_budget import BudgetPolicy
from ...contracts.monitoring import Monitoring
from ..model import Declaration
from .schema import LIMITS, MONITORING


@dataclass(frozen=True)
class DeclaredMonitoring(Monitoring):
    """The same with what only role monitoring needs.

    :param limits: as the schema read them.
    :param deadman, dashboards: likewise; None for none.
    :param report: of capacity and cost; None where nothing is said of it.
    """

    limits: Mapping[str, Any] = field(default_factory=dict)
    deadman: Mapping[str, Any] | None = None
    dashboards: Mapping[str, Any] | None = None
    report: StackReport | None = None


def monitoring_from(item: Mapping[str, Any] | None) -> DeclaredMonitoring:
    """From what the schema read, whose table has the defaults."""
    read = MONITORING.read({}, "", []) if item is None else item
    buckets = tuple(float(bound) for bound in read["buckets"] if bound is not None)
    limits = read["limits"] or LIMITS.read({}, "", [])
    policy, report = _policy(read["budget"] or {}), _report(read["report"])
    return DeclaredMonitoring(
        buckets, float(read["scrape_interval"]), read["prometheus"], policy, limits, read["deadman"], read["dashboards"], report
    )


def _report(item: Mapping[str, Any] | None) -> StackReport | None:
    """Prices that contradict each other are told by the checks."""
    if item is None:
        return None
    prices = item["prices"]
    return StackReport(item["monthly"], None if prices is None else Prices(**prices))


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
