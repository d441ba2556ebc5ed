# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of what the rules record. Labels of each series: C(stack), C(slo), and C(service) where there is one."""

from __future__ import annotations

from ..contracts.objectives import Objective
from .promql import selector

OBJECTIVE = "slo:objective:ratio"
REMAINING = "slo:budget_remaining:ratio"
BURN_RATE = "slo:burn_rate:6h"
SPENT_IN = "slo:budget_spent_in:seconds"
NOW = "now"  # what one evaluation adds, of what is counted in minutes


def events(window: str) -> str:
    """Events in a window."""
    return f"slo:events:{window}"


def failed(window: str) -> str:
    """Failed events in a window."""
    return f"slo:failed_events:{window}"


def error_ratio(window: str) -> str:
    """The share of failed events in a window; nothing where there was no event."""
    return f"slo:error_ratio:{window}"


def labels(objective: Objective) -> dict[str, str]:
    """The labels of all series and alerts of an objective."""
    service = {"service": objective.service} if objective.service else {}
    return {"stack": objective.stack, "slo": objective.name, **service}


def of(objective: Objective, name: str) -> str:
    """The one series of this name that an objective has."""
    return f"{name}{selector({'stack': objective.stack, 'slo': objective.name})}"
