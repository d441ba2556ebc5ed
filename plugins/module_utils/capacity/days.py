# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Days of a series: the highest value of each, as what fills up is full at its peak, and whether a day was measured at all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

DAY, HOUR = 86400.0, 3600.0
_LEAST = 12  # measured hours, or the peak of a day may have been in one of the others


@dataclass(frozen=True)
class Day:
    """One day.

    :param at: when its peak was, in seconds since the epoch.
    :param number: counted from the first day of the time that is looked at.
    """

    number: int
    at: float
    peak: float


def daily_peaks(points: Iterable[tuple[float, float]], end: float) -> list[Day]:
    """The days that were measured for at least half of their hours, in order.

    :param points: of each hour its highest value, each at the end of its hour.
    :param end: the last day ends there, so that it is a whole one.
    """
    hours: dict[int, list[tuple[float, float]]] = {}
    for at, value in points:
        if at <= end and math.isfinite(value):
            hours.setdefault(-int((end - at) // DAY), []).append((value, at))
    first, days = min(hours, default=0), []
    for number, values in sorted(hours.items()):
        peak, at = max(values)
        if len(values) >= _LEAST:
            days.append(Day(number - first, at, peak))
    return days


def changes(points: Sequence[tuple[float, float]], share: float = 0.005) -> list[float]:
    """When a value that stays for long became another one: a disk that was grown, a limit that was raised.

    :param share: a smaller part of it is noise.
    """
    found = []
    for (_before, old), (at, new) in pairwise(points):
        if abs(new - old) > share * max(abs(old), abs(new)):
            found.append(at)
    return found
