# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The windows of an objective, and the pairs of them that alert: a budget that burns, over a long window and still over a short one."""

from __future__ import annotations

from dataclasses import dataclass

from ..contracts.objectives import DAY, Objective

MINUTE, HOUR = 60, 3600
EVALUATION = 30  # seconds between two evaluations of the rules that alert
EVALUATION_LONG = 120  # and of those over days, which change little in between
MONTH = 30 * DAY
# Read from the metrics themselves, so that an alert is not later than they are.
SHORT_WINDOWS = {"5m": 5 * MINUTE, "30m": 30 * MINUTE, "1h": HOUR, "2h": 2 * HOUR, "6h": 6 * HOUR}
# Read from what is recorded: months of raw samples of each route, code and host would be loaded at each evaluation.
LONG_WINDOWS = {"1d": DAY, "3d": 3 * DAY}
SHORTEST = "shortest"  # stands for what shortest() gives
WHOLE = "window"  # stands for the window of the objective in names of series, whatever its length
SPOKEN = {"5m": "five minutes", "30m": "half an hour", "1h": "hour", "2h": "two hours", "6h": "six hours", "1d": "day", "3d": "three days"}


@dataclass(frozen=True)
class Pair:
    """Two windows over which a budget must burn faster than a factor.

    :param long: how much was burnt.
    :param short: it is still burning; the alert ends soon after the fault does.
    :param factor: of the pace at which the budget lasts for exactly its window; 14.4 over an hour is 2 % of a month's budget.
    :param slowest: the factor is never below it, whatever the window of the objective.
    :param page: somebody is woken; otherwise it is a ticket.
    """

    long: str
    short: str
    factor: float
    slowest: float
    page: bool


PAIRS = (
    Pair("1h", "5m", 14.4, 2.0, True),
    Pair("6h", "30m", 6.0, 1.5, True),
    Pair("1d", "2h", 3.0, 1.0, False),
    Pair("3d", "6h", 1.0, 1.0, False),
)


def length(window: str) -> int:
    """Seconds of one of the fixed windows."""
    return {**SHORT_WINDOWS, **LONG_WINDOWS}[window]


def pairs(objective: Objective) -> list[Pair]:
    """The pairs for an objective; its factors are those of 30 days, scaled to its window, so that an alert stands for the same share of
    the budget.

    The last pair keeps its factor of 1: whatever burns faster than its budget allows is told in days, not when a long window is over.
    """
    scale = objective.window / MONTH
    fitting = [pair for pair in PAIRS if length(pair.long) <= objective.window]
    return [pair if pair.factor == 1 else _scaled(pair, scale) for pair in fitting]


def _scaled(pair: Pair, scale: float) -> Pair:
    return Pair(pair.long, pair.short, max(pair.slowest, round(pair.factor * scale, 6)), pair.slowest, pair.page)


def threshold(objective: Objective, factor: float) -> float:
    """The share of failures from which on a budget burns faster than a factor.

    With a low objective a factor would ask for more than everything to fail; it asks for nine tenths of what the objective demands then.
    """
    return round(min(factor * objective.budget, 1 - objective.percent / 1000), 12)


def shortest(objective: Objective) -> int:
    """Seconds of the shortest window that holds enough scrapes to see a counter rise."""
    return max(MINUTE, int(-(-4 * objective.scrape_interval // 1)))
