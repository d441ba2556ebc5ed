# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forecast of when something is full: an earliest and a latest day, or why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from .comparable import Comparable, comparable
from .days import DAY, Day, daily_peaks
from .trend import Trend, theil_sen

LEAST_DAYS = 7
LEAST_PEAKS = 4  # of a saw-tooth: fewer than that are no trend, whatever they do
_GAPS = 0.6  # a smaller share of measured days is no series
_FULL = 0.995
_FARTHEST = 6.0  # times the days that were looked at: what is beyond is fantasy
_LONGEST = 730 * DAY


class Outlook(Enum):
    """What will become of something that can be full."""

    FULL = "full"
    FILLS = "fills"
    LATER = "later"
    FALLS = "falls"
    STEADY = "steady"
    NO_TREND = "no_trend"
    NO_DATA = "no_data"


@dataclass(frozen=True)
class Forecast:
    """What becomes of one thing. Times in seconds since the epoch.

    :param level: its peak of the last day.
    :param earliest: in 95 of 100 cases it is not full before.
    :param expected: by the middle of the trend; None where that is too far away to say.
    :param latest: likewise.
    :param beyond: how far a trend over so many days can say anything.
    :param reason: why there is no trend, or what part of the time it is made of; a sentence without its full stop, or empty.
    """

    outlook: Outlook
    level: float = 0.0
    trend: Trend | None = None
    earliest: float | None = None
    expected: float | None = None
    latest: float | None = None
    beyond: float = 0.0
    days: int = 0
    reason: str = ""


def forecast(
    points: Sequence[tuple[float, float]], capacity: float, end: float, resized: Sequence[float] = (), when: str = "was resized"
) -> Forecast:
    """The forecast of a series.

    :param points: the highest value of each hour, at its end.
    :param capacity: at which it is full.
    :param resized: when the capacity changed, with C(when) in words.
    """
    days = daily_peaks(points, end)
    if not days or capacity <= 0:
        return Forecast(Outlook.NO_DATA, reason="fewer than 12 hours were measured" if points else "nothing was measured")
    level = days[-1].peak
    if max(level, points[-1][1]) >= _FULL * capacity:
        return Forecast(Outlook.FULL, max(level, points[-1][1]))
    part = comparable(days, capacity, resized, when)
    if reason := _unfit(part, days, end):
        return Forecast(Outlook.NO_TREND, level, days=len(part.points), reason=reason)
    trend = theil_sen([(at / DAY, value) for at, value in part.points])
    if trend is None:
        return Forecast(Outlook.NO_TREND, level, days=len(part.points), reason="too few days")
    return _of_trend(trend, part, level, capacity, end)


def _unfit(part: Comparable, days: Sequence[Day], end: float) -> str:
    """Why there can be no trend; empty where there can."""
    because = f"{part.since}: " if part.since else ""
    if part.falls:
        few = len(part.points) < LEAST_PEAKS
        return f"it falls again and again ({part.falls} times), too seldom to tell how its peaks change" if few else ""
    if part.again:
        return part.again
    if len(part.points) < LEAST_DAYS:
        return f"{because}{_counted(len(part.points), 'day')} measured since, {LEAST_DAYS} are needed" if because else (
            f"{_counted(len(part.points), 'day')} measured, {LEAST_DAYS} are needed"
        )  # fmt: skip
    if end - days[-1].at > 2 * DAY:
        return "the last days were not measured"
    span = (part.points[-1][0] - part.points[0][0]) / DAY
    if len(part.points) < _GAPS * span:
        return f"{because}{len(part.points)} of {span:.0f} days measured, which is too few"
    return ""


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _of_trend(trend: Trend, part: Comparable, level: float, capacity: float, end: float) -> Forecast:
    span = part.points[-1][0] - part.points[0][0]
    beyond = end + min(_LONGEST, _FARTHEST * span)
    peaks = f"by its peaks, as it falls again and again ({part.falls} times)"
    reason = peaks if part.falls else f"since {part.since}" if part.since else ""
    common = {"level": level, "trend": trend, "beyond": beyond, "days": len(part.points), "reason": reason}
    if trend.high < 0:
        return Forecast(Outlook.FALLS, **common)  # type: ignore[arg-type]  # named above, each of its type
    if trend.low <= 0:
        return Forecast(Outlook.STEADY, **common)  # type: ignore[arg-type]  # as above
    # Where a saw-tooth is now says nothing: it is full when a peak is. What is higher than the line already is nearer.
    now = trend.at(end / DAY)
    top = max(now, level)
    earliest = _reached(top + 2 * trend.residual, trend.high, capacity, end)
    if earliest > beyond:
        return Forecast(Outlook.LATER, **common)  # type: ignore[arg-type]  # as above
    expected, latest = _reached(now, trend.slope, capacity, end), _reached(now - 2 * trend.residual, trend.low, capacity, end)
    return Forecast(
        Outlook.FILLS,
        earliest=earliest,
        expected=expected if expected <= beyond else None,
        latest=latest if latest <= beyond else None,
        **common,  # type: ignore[arg-type]  # as above
    )


def _reached(level: float, slope: float, capacity: float, end: float) -> float:
    """When a line is at the capacity, not before the end."""
    return end + max(0.0, (capacity - level) / slope) * DAY
