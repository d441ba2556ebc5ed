# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of objectives: what was declared, and beside it what was measured."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from ..contracts.objectives import EVENTS, Objective
from ..core import format as layout
from .measured import PACES, Measured
from .promql import duration, number

_UNKNOWN = "no data"
PACE = f"burns ({', '.join(PACES)})"  # 1 lasts for exactly the window


def table(entries: Sequence[Measured], *, measured: bool) -> list[str]:
    """Lines for people.

    :param measured: somebody was asked.
    """
    if not entries:
        return ["no objective is declared: see slos in docs/guides/objectives.md"]
    head = ["objective", "indicator", "must be good", "window", "budget"]
    rows = [[*head, "measured", "budget left", PACE, "spent in", "state"] if measured else head]
    rows += [[*declared(entry.objective), *(_numbers(entry) if measured else ())] for entry in entries]
    return list(layout.columns(rows))


def declared(objective: Objective) -> list[str]:
    """What was declared, cell by cell."""
    about = f"{objective.indicator} of {objective.subject} {objective.target}"
    if objective.below:
        about += f" below {number(objective.below)} s"
    elif objective.newest:
        about += f" younger than {duration(objective.newest)}"
    name = f"{objective.stack}/{objective.name}" + _burn_in(objective)
    return [name, about, f"{number(objective.percent)} %", duration(objective.window), _allowed(objective)]


def day(at: float) -> str:
    """A day in UTC, from seconds since the epoch."""
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%d")


def _burn_in(objective: Objective) -> str:
    if objective.burn_in:
        return " (burn-in)"
    return f" (burn-in until {day(objective.burn_in_until)})" if objective.burn_in_until else ""


def _allowed(objective: Objective) -> str:
    """In time for what fails for a while, in a share for what is slow or is a run."""
    if objective.unit == EVENTS and objective.indicator != "availability":
        what = "requests" if objective.indicator == "latency" else "runs"
        return f"{number(round(objective.budget * 100, 8))} % of {what}"
    return f"{number(round(objective.window * objective.budget / 60, 1))} min"


def _numbers(entry: Measured) -> list[str]:
    ratio, remaining, budget = entry.budget.error_ratio, entry.budget.remaining, entry.budget
    if ratio is None or remaining is None or budget.allowed is None or budget.failed is None:
        return [_UNKNOWN, _UNKNOWN, "", "", entry.state.sentence]
    left = f"{_tidy(budget.allowed - budget.failed)} of {_tidy(budget.allowed)} {'min' if entry.objective.unit != EVENTS else 'failures'}"
    good = f"{number(round((1 - ratio) * 100, 4))} %"
    return [good, f"{remaining:.1%} ({left})", _paces(entry), _until(entry), entry.state.sentence]


def _paces(entry: Measured) -> str:
    rates = entry.burn_rates
    return ", ".join(f"{rates[window]:.1f}" if window in rates else "-" for window in PACES)


def _until(entry: Measured) -> str:
    """How long the budget lasts at the present pace, and until which day."""
    seconds = entry.spent_in
    if seconds is None:
        return "never at this pace"
    if not seconds:
        return "spent"
    return layout.duration(int(seconds)) + (f" ({day(entry.at + seconds)})" if entry.at else "")


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
        "burn_rates": entry.burn_rates,
        "spent_in": entry.spent_in,
        "state": entry.state.value,
        "sentence": entry.state.sentence,
    }
