# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a Prometheus has measured of the objectives of a stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..contracts.error_budget import BudgetPolicy
from ..contracts.objectives import Objective
from . import series
from .budget import Budget, BudgetState, state_of
from .promql import selector
from .source import Source
from .windows import WHOLE

MOST_POINTS = 600  # of a picture
RECENT = "6h"  # the pace of a forecast
PACES = ("1h", RECENT, "1d", "3d")


@dataclass(frozen=True)
class Measured:
    """One objective and its budget.

    :param ratios: the share that failed, by window; a window in which nothing happened is left out.
    :param history: what was left of the budget, over its window.
    :param at: when it was measured, in seconds since the epoch; 0 for never.
    """

    objective: Objective
    budget: Budget
    ratios: Mapping[str, float] = field(default_factory=dict)
    history: tuple[tuple[float, float], ...] = field(default=(), repr=False)
    policy: BudgetPolicy = field(default_factory=BudgetPolicy)
    at: float = 0.0

    @property
    def state(self) -> BudgetState:
        """What it means for releases. Too few events, or failures, to mean something stop none: one failed request of ten is no outage."""
        state = state_of(self.budget.remaining, self.policy, burn_in=self.objective.burns_in(self.at))
        return BudgetState.WARN if state in (BudgetState.CANARY, BudgetState.REFUSE) and not self.enough else state

    @property
    def enough(self) -> bool:
        """As many events, and as many failures among them, as an alert asks for."""
        events, failed = self.budget.events, self.budget.failed
        return (events or 0) >= self.objective.min_events and round(failed or 0) >= self.objective.min_failed

    @property
    def burn_rates(self) -> dict[str, float]:
        """By window; 1 is the pace at which the budget lasts for exactly its window."""
        return {window: ratio / self.objective.budget for window, ratio in self.ratios.items()}

    @property
    def spent_in(self) -> float | None:
        """Seconds until nothing is left, at the present pace; None for never, and for unknown."""
        return self.budget.forecast(self.ratios.get(RECENT))


def unmeasured(objective: Objective, policy: BudgetPolicy | None = None, at: float = 0.0) -> Measured:
    """An objective before anything is asked, or where nobody answers."""
    return Measured(objective, Budget(objective.budget, objective.window), policy=policy or BudgetPolicy(), at=at)


def measure(
    objectives: Iterable[Objective],
    source: Source,
    now: float,
    policy: BudgetPolicy | None = None,
    *,
    history: bool = False,
    points: int = MOST_POINTS,
) -> list[Measured]:
    """The budgets as they are recorded.

    :param now: seconds since the epoch.
    :param history: with what was left of them over their window.
    :param points: so many numbers of that at the most.
    :raises SourceError: it cannot be asked.
    """
    wanted = list(objectives)
    names = (series.events(WHOLE), series.failed(WHOLE), *map(series.error_ratio, PACES))
    numbers: dict[tuple[str, str, str], float] = {}
    for stack in sorted({objective.stack for objective in wanted}):
        for name in names:
            for sample in source.query(f"{name}{selector({'stack': stack})}", now):
                numbers[name, stack, sample.labels.get("slo", "")] = sample.value
    measured = []
    for objective in wanted:
        known = {name: number for name in names if (number := numbers.get((name, objective.stack, objective.name))) is not None}
        budget = Budget(objective.budget, objective.window, known.get(series.events(WHOLE)), known.get(series.failed(WHOLE)))
        ratios = {window: known[name] for window in PACES if (name := series.error_ratio(window)) in known}
        past = _history(objective, source, now, points) if history else ()
        measured.append(Measured(objective, budget, ratios, past, policy or BudgetPolicy(), now))
    return measured


def _history(objective: Objective, source: Source, now: float, points: int) -> tuple[tuple[float, float], ...]:
    step = max(120.0, objective.window / points)
    found = source.query_range(series.of(objective, series.REMAINING), now - objective.window, now, step)
    return max((entry.points for entry in found), key=len, default=())
