# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trend of a series that people clean up, restart and fill in bursts: the slope of Theil and Sen, with an interval that is not too narrow.

The slope is the median of those between all pairs of points, so that a third of them may be anything. Its interval is Kendall's (Sen 1968,
Estimates of the Regression Coefficient Based on Kendall's Tau), made wider by how much a day resembles the day before (Hamed and Rao
1998): disks and memory remember, and an interval for independent points would promise far too much.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist, median

CONFIDENCE = 0.95
_MOST_ALIKE = 0.9  # beyond it a line says nothing, and the factor would have no end
Point = tuple[float, float]


@dataclass(frozen=True)
class Trend:
    """A line through points.

    :param slope: change in one unit of time; C(low) and C(high) hold it in 95 of 100 cases.
    :param start: where on the axis of time the line is C(level).
    :param residual: half of the points are off by less.
    """

    slope: float
    low: float
    high: float
    start: float
    level: float
    residual: float
    points: int

    def at(self, when: float) -> float:
        """The line at a time."""
        return self.level + self.slope * (when - self.start)


def theil_sen(points: Sequence[Point], confidence: float = CONFIDENCE, *, independent: bool = False) -> Trend | None:
    """The trend; None of fewer than three points, or of points at one time alone.

    :param independent: the points are known to have nothing to do with each other.
    """
    usable = [(at, value) for at, value in points if math.isfinite(at) and math.isfinite(value)]
    slopes = sorted(
        (later[1] - earlier[1]) / (later[0] - earlier[0])
        for number, earlier in enumerate(usable)
        for later in usable[number + 1 :]
        if later[0] != earlier[0]
    )
    if len(usable) < 3 or not slopes:
        return None
    slope, start = median(slopes), median(at for at, _value in usable)
    level = median(value - slope * (at - start) for at, value in usable)
    off = [value - level - slope * (at - start) for at, value in usable]
    wider = 1.0 if independent else _inflation(off)
    low, high = _interval(slopes, [value for _at, value in usable], confidence, wider)
    return Trend(slope, low, high, start, level, median(map(abs, off)), len(usable))


def _interval(slopes: Sequence[float], values: Sequence[float], confidence: float, wider: float) -> tuple[float, float]:
    """Those of the sorted slopes between which the true one lies."""
    count = len(values)
    ties = sum(size * (size - 1) * (2 * size + 5) for size in Counter(values).values())
    spread = math.sqrt(max(0.0, (count * (count - 1) * (2 * count + 5) - ties) / 18) * wider)
    reach = NormalDist().inv_cdf((1 + confidence) / 2) * spread
    first = max(0, round((len(slopes) - reach) / 2) - 1)
    last = min(len(slopes) - 1, round((len(slopes) + reach) / 2))
    return slopes[first], slopes[last]


def _inflation(residuals: Sequence[float]) -> float:
    """By how much the variance is larger, as neighbours are alike."""
    whole = sum(off * off for off in residuals)
    if not whole:
        return 1.0
    alike = sum(before * after for before, after in pairwise(residuals)) / whole
    alike = min(_MOST_ALIKE, max(0.0, alike))
    return (1 + alike) / (1 - alike)
