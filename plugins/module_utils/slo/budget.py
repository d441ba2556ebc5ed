# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error budgets: what is left of them, how fast they burn, when they are spent, and what follows for releases."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ..contracts.error_budget import BudgetPolicy


class BudgetState(Enum):
    """What a budget means for releases; from the mildest to the strictest, with what people are told."""

    UNKNOWN = "unknown"
    BURN_IN = "burn_in"
    NORMAL = "normal"
    WARN = "warn"
    CANARY = "canary"
    REFUSE = "refuse"

    @property
    def sentence(self) -> str:
        """What it means."""
        return _SENTENCES[self]

    @property
    def decides(self) -> bool:
        """It says something about releases."""
        return self not in (BudgetState.UNKNOWN, BudgetState.BURN_IN)


_SENTENCES = {
    BudgetState.UNKNOWN: "no data: nobody knows what is left, and nothing is decided by it",
    BudgetState.BURN_IN: "burn-in: it is measured, and decides nothing",
    BudgetState.NORMAL: "normal: release as usual",
    BudgetState.WARN: "warn: reliability work first",
    BudgetState.CANARY: "canary: releases only by canary, nothing that can wait",
    BudgetState.REFUSE: "refuse: no release but a rollback or a security fix",
}
_STRICTNESS = tuple(BudgetState)
_USUAL = BudgetPolicy()
_NOISE = 1e-9  # shares that differ by less are the same


@dataclass(frozen=True)
class Budget:
    """The error budget of one objective.

    :param share: of all events, what may fail.
    :param window: seconds.
    :param events: all of them in the window; None where nothing was measured.
    :param failed: those that failed.
    """

    share: float
    window: float
    events: float | None = None
    failed: float | None = None

    @property
    def error_ratio(self) -> float | None:
        """The share that failed; None without an event: that is not perfect, it is unknown."""
        if self.events is None or self.failed is None or not math.isfinite(self.events) or self.events <= 0:
            return None
        return max(0.0, self.failed) / self.events

    @property
    def remaining(self) -> float | None:
        """What is left of the budget: 1 is all of it, 0 nothing, below 0 the objective is missed."""
        return None if self.error_ratio is None else 1 - self.error_ratio / self.share

    @property
    def allowed(self) -> float | None:
        """How many events may fail among so many."""
        return None if self.events is None else self.events * self.share

    @property
    def downtime(self) -> float:
        """Seconds of total failure that the budget holds, at even traffic."""
        return self.window * self.share

    def forecast(self, recent: float | None) -> float | None:
        """Seconds until the budget is spent at the present pace; None for never, and for unknown.

        What burns no faster than the budget allows never spends it: what failed leaves the window at its other end.

        :param recent: the share that failed lately.
        """
        if self.remaining is None:
            return None
        if self.remaining <= 0:
            return 0.0
        burn_rate = (recent or 0.0) / self.share
        return self.remaining * self.window / burn_rate if burn_rate > 1 else None


def state_of(remaining: float | None, policy: BudgetPolicy = _USUAL, *, burn_in: bool = False) -> BudgetState:
    """What follows from what is left: above its first bound normal, from the second on a warning, from the third on a canary, below it
    a refusal."""
    if burn_in:
        return BudgetState.BURN_IN
    if remaining is None or not math.isfinite(remaining):
        return BudgetState.UNKNOWN
    if remaining > policy.warn_below / 100 + _NOISE:
        return BudgetState.NORMAL
    if remaining >= policy.canary_below / 100 - _NOISE:
        return BudgetState.WARN
    return BudgetState.CANARY if remaining >= policy.refuse_below / 100 - _NOISE else BudgetState.REFUSE


def strictest(states: Iterable[BudgetState]) -> BudgetState:
    """What several objectives together mean for a release; UNKNOWN where none decides."""
    deciding = [state for state in states if state.decides]
    return max(deciding, key=_STRICTNESS.index, default=BudgetState.UNKNOWN)
