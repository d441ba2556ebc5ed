# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Days that can be compared: what came before a disk was grown or cleaned says nothing of where it goes now.

A few jumps cut a series off. Many falls are a saw-tooth (log rotation, a restart each night, a weekly clean-up), whose teeth
say nothing, and whose peaks say everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from ..slo.table import day as date
from .days import HOUR, Day
from .trend import Point

OFTEN = 3  # jumps that are no accident any more
_FLOOR = 0.02  # a change by less of the capacity in a day is no jump
_UNUSUAL = 4.0  # times the usual change of a day
_BESIDE = 3  # days before and after a jump that must differ, too: what is back the next day was noise
_LASTING = 0.4  # of the jump


@dataclass(frozen=True)
class Comparable:
    """The part of a series that has one story.

    :param points: peaks, at their times.
    :param since: why it does not begin with the first day, as a sentence; empty where it does.
    :param falls: how often it fell at once, where that is its way.
    :param again: why it will probably fall again before it is full; empty where nothing says so.
    """

    points: tuple[Point, ...]
    since: str = ""
    falls: int = 0
    again: str = ""


def comparable(days: Sequence[Day], capacity: float, resized: Sequence[float], when: str = "was resized") -> Comparable:
    """What a trend may be made of.

    :param capacity: what is full.
    :param resized: when the capacity changed.
    :param when: what to say of that.
    """
    since = ""
    if resized and days and resized[-1] > days[0].at:
        # The hour of the change has something of before.
        days = [day for day in days if day.at > resized[-1] + HOUR]
        since = f"it {when} on {date(resized[-1])}"
    steps = list(_steps(days, capacity))
    falls = [number for number, change in steps if change < 0]
    if len(falls) >= OFTEN:
        return Comparable(tuple(_teeth(days, falls)), since, len(falls))
    again = _again(days, falls)
    cuts = falls + ([] if len(steps) - len(falls) >= OFTEN else [number for number, change in steps if change > 0])
    if cuts:
        last = max(cuts)
        fell = dict(steps)[last] < 0
        since = f"it {'fell' if fell else 'rose'} at once on {date(days[last].at)}"
        days = days[last:]
    return Comparable(tuple((day.at, day.peak) for day in days), since, again=again)


def _again(days: Sequence[Day], falls: Sequence[int]) -> str:
    """Twice is no rhythm yet; but as long as it has not risen for longer than it did between the two, a third time is as likely as none."""
    if len(falls) < 2 or days[-1].at - days[falls[-1]].at > days[falls[-1]].at - days[falls[-2]].at:
        return ""
    dates = " and ".join(date(days[number].at) for number in falls[-2:])
    return f"it fell at once on {dates}, and may again: too seldom to tell how its peaks change"


def _steps(days: Sequence[Day], capacity: float) -> Iterator[tuple[int, float]]:
    """Jumps: the place of the day after each, and by how much in a day."""
    rates = [(later.peak - earlier.peak) / (later.number - earlier.number) for earlier, later in pairwise(days)]
    usual = median(map(abs, rates)) if rates else 0.0
    for place, (earlier, later) in enumerate(pairwise(days), 1):
        whole, missing = later.peak - earlier.peak, later.number - earlier.number - 1
        if abs(whole) > (_UNUSUAL + missing) * usual and abs(whole) > _FLOOR * capacity and _lasts(days, place, whole):
            yield place, whole


def _lasts(days: Sequence[Day], place: int, whole: float) -> bool:
    before = median(day.peak for day in days[max(0, place - _BESIDE) : place])
    after = median(day.peak for day in days[place : place + _BESIDE])
    return (after - before) / whole > _LASTING


def _teeth(days: Sequence[Day], falls: Sequence[int]) -> Iterator[Point]:
    """The peak before each fall; the tooth that still grows has none yet."""
    for first, last in pairwise([0, *falls]):
        top = max(days[first:last], key=lambda day: day.peak)
        yield top.at, top.peak
