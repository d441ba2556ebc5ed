# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Prometheus has measured of the objectives of a stack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..contracts.objectives import Objective
from . import series
from .budget import Budget, BudgetState, state_of
from .promql import selector
from .source import Source
from .windows import WHOLE

MOST_POINTS = 600  # of a picture


@dataclass(frozen=True)
class Measured:
    """One objective and its budget.

    :param recent: the share that failed in the last six hours; None where nothing happened.
    :param history: what was left of the budget, over its window.
    """

    objective: Objective
    budget: Budget
    recent: float | None = None
    history: tuple[tuple[float, float], ...] = field(default=(), repr=False)

    @property
    def state(self) -> BudgetState:
        """What it means for releases."""
        return state_of(self.budget.remaining, burn_in=self.objective.burn_in)

    @property
    def spent_in(self) -> float | None:
        """Seconds until nothing is left, at the present pace; None for never, and for unknown."""
        return self.budget.forecast(self.recent)


def unmeasured(objective: Objective) -> Measured:
    """An objective before anything is asked."""
    return Measured(objective, Budget(objective.budget, objective.window))


def measure(objectives: Iterable[Objective], source: Source, now: float, *, history: bool = False) -> list[Measured]:
    """The budgets as they are recorded.

    :param now: seconds since the epoch.
    :param history: with what was left of them over their window.
    :raises SourceError: it cannot be asked.
    """
    wanted = list(objectives)
    stacks = sorted({objective.stack for objective in wanted})
    numbers: dict[tuple[str, str, str], float] = {}
    for stack in stacks:
        for name in (series.events(WHOLE), series.failed(WHOLE), series.error_ratio("6h")):
            for sample in source.query(f"{name}{selector({'stack': stack})}", now):
                numbers[name, stack, sample.labels.get("slo", "")] = sample.value
    measured = []
    for objective in wanted:
        events, failed, recent = (
            numbers.get((name, objective.stack, objective.name))
            for name in (series.events(WHOLE), series.failed(WHOLE), series.error_ratio("6h"))
        )
        budget = Budget(objective.budget, objective.window, events, failed)
        measured.append(Measured(objective, budget, recent, _history(objective, source, now) if history else ()))
    return measured


def _history(objective: Objective, source: Source, now: float) -> tuple[tuple[float, float], ...]:
    step = max(120.0, objective.window / MOST_POINTS)
    found = source.query_range(series.of(objective, series.REMAINING), now - objective.window, now, step)
    return max((entry.points for entry in found), key=len, default=())
