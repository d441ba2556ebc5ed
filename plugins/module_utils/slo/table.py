# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of objectives: what was declared, and beside it what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..contracts.objectives import EVENTS, Objective
from ..core import format as layout
from .measured import Measured
from .promql import duration, number

_UNKNOWN = "no data"


def table(entries: Sequence[Measured], *, measured: bool) -> list[str]:
    """Lines for people.

    :param measured: somebody was asked.
    """
    if not entries:
        return ["no objective is declared: see slos in docs/guides/objectives.md"]
    head = ["objective", "indicator", "must be good", "window", "budget"]
    rows = [[*head, "measured", "budget left", "spent in", "state"] if measured else head]
    rows += [[*declared(entry.objective), *(_numbers(entry) if measured else ())] for entry in entries]
    return list(layout.columns(rows))


def declared(objective: Objective) -> list[str]:
    """What was declared, cell by cell."""
    about = f"{objective.indicator} of {objective.subject} {objective.target}"
    if objective.below:
        about += f" below {number(objective.below)} s"
    elif objective.newest:
        about += f" younger than {duration(objective.newest)}"
    name = f"{objective.stack}/{objective.name}" + (" (burn-in)" if objective.burn_in else "")
    return [name, about, f"{number(objective.percent)} %", duration(objective.window), _allowed(objective)]


def _allowed(objective: Objective) -> str:
    """In time for what fails for a while, in a share for what is slow or is a run."""
    if objective.unit == EVENTS and objective.indicator != "availability":
        what = "requests" if objective.indicator == "latency" else "runs"
        return f"{number(round(objective.budget * 100, 8))} % of {what}"
    return f"{number(round(objective.window * objective.budget / 60, 1))} min"


def _numbers(entry: Measured) -> list[str]:
    ratio, remaining, budget = entry.budget.error_ratio, entry.budget.remaining, entry.budget
    if ratio is None or remaining is None or budget.allowed is None or budget.failed is None:
        return [_UNKNOWN, _UNKNOWN, "", entry.state.sentence]
    left = f"{_tidy(budget.allowed - budget.failed)} of {_tidy(budget.allowed)} {'min' if entry.objective.unit != EVENTS else 'failures'}"
    return [f"{number(round((1 - ratio) * 100, 4))} %", f"{remaining:.1%} ({left})", _until(entry.spent_in), entry.state.sentence]


def _until(seconds: float | None) -> str:
    if seconds is None:
        return "never at this pace"
    return layout.duration(int(seconds)) if seconds else "spent"


def _tidy(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}"


def as_data(entry: Measured) -> dict[str, Any]:
    """The same for programs."""
    budget = entry.budget
    return {
        **entry.objective.to_dict(),
        "events": budget.events,
        "failed": budget.failed,
        "error_ratio": budget.error_ratio,
        "budget_remaining": budget.remaining,
        "spent_in": entry.spent_in,
        "state": entry.state.value,
        "sentence": entry.state.sentence,
    }
