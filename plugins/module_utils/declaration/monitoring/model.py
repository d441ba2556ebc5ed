# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a stack is measured, read and typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...contracts.canary import Rule
from ...contracts.error_budget import BudgetPolicy
from ...contracts.monitoring import Monitoring
from ..model import Declaration
from .schema import MONITORING


def monitoring_from(item: Mapping[str, Any] | None) -> Monitoring:
    """From what the schema read, whose table has the defaults."""
    read = MONITORING.read({}, "", []) if item is None else item
    buckets = tuple(float(bound) for bound in read["buckets"] if bound is not None)
    return Monitoring(buckets, float(read["scrape_interval"]), read["prometheus"], _policy(read["budget"] or {}))


def _policy(item: Mapping[str, Any]) -> BudgetPolicy:
    """Bounds that do not rise are told by the checks."""
    canary = item.get("canary")
    given = {name: value for name, value in item.items() if name != "canary"}
    return BudgetPolicy(**given, canary=Rule.from_dict(canary, tolerant=True) if canary else None)


def monitoring_of(declaration: Declaration) -> Monitoring:
    """What holds for the metrics of a stack."""
    monitoring: Monitoring = declaration.parts["monitoring"]
    return monitoring
