# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Forecasts of what happens to disks and memory: no date where none can be told, and never a false one."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.capacity.days import HOUR, changes, daily_peaks
from ansible_collections.latentum.ops.plugins.module_utils.capacity.forecast import Forecast, Outlook, forecast

DAY, END = 86400.0, 1_800_000_000.0
Curve = Callable[[float], float]


def hours(curve: Curve, days: int = 35, gaps: Callable[[float], bool] = lambda _day: False) -> list[tuple[float, float]]:
    """A curve of days, each hour until the end; 100 is full."""
    every = [(END - HOUR * hour, (days * 24 - hour) / 24) for hour in range(days * 24, -1, -1)]
    return [(at, curve(day)) for at, day in every if not gaps(day)]


def of(curve: Curve, days: int = 35, **more: object) -> Forecast:
    return forecast(hours(curve, days), 100.0, END, **more)  # type: ignore[arg-type]  # what a test gives


def noise(sigma: float, seed: int = 7, around: float = 0) -> Curve:
    """The same for each day."""
    chance = random.Random(seed)  # noqa: S311 - the same numbers each time
    values = [around + chance.gauss(0, sigma) for _number in range(400)]
    return lambda day: values[int(day)]


def when(curve: Curve) -> float:
    """When a curve is at 100, found by going on with it."""
    return END + next(day for day in (number / 24 for number in range(24 * 900)) if curve(35 + day) >= 100) * DAY


def in_days(at: float | None) -> float:
    assert at is not None
    return (at - END) / DAY


GROWING: dict[str, Curve] = {
    "steady growth": lambda day: 40 + 0.6 * day,
    "logs rotated each night": lambda day: 40 + 0.5 * day + 8 * (day % 1),
    "a weekly clean-up": lambda day: 40 + 2 * (day % 7) + 0.5 * day,
    "growth in weekly steps": lambda day: 30 + 4.0 * (int(day) // 7) + 0.01 * day,
    "a restore that was removed again": lambda day: 40 + 0.6 * day + (25 if 10 <= day < 12 else 0),
}


@pytest.mark.parametrize("name", GROWING)
def test_what_grows_is_full_when_going_on_says_so(name: str) -> None:
    found = of(GROWING[name])
    truth = in_days(when(GROWING[name]))
    assert found.outlook is Outlook.FILLS, found
    assert in_days(found.earliest) - 7 <= truth <= in_days(found.latest) + 7
    assert in_days(found.expected) == pytest.approx(truth, rel=0.25)


def test_noise_becomes_an_interval_and_the_truth_is_in_it() -> None:
    inside, silent, wide = 0, 0, 0.0
    for seed in range(40):
        off = noise(0.6, seed)
        found = of(lambda day, off=off: 40 + 0.6 * day + off(day))  # type: ignore[misc]  # of this round
        if found.outlook is not Outlook.FILLS:
            silent += 1  # noise that looked like a jump: less is known, and nothing false is said
            continue
        latest = in_days(found.latest or END + 400 * DAY)  # farther than it can tell
        inside += in_days(found.earliest) <= (100 - 61) / 0.6 <= latest
        wide += latest - in_days(found.earliest)
    assert silent <= 4 and inside >= 0.9 * (40 - silent) and wide / 40 > 3


STILL: dict[str, tuple[Curve, Outlook]] = {
    "nothing but noise": (noise(0.5, around=50), Outlook.STEADY),
    "a weekly clean-up of what does not grow": (lambda day: 40 + 5 * (day % 7), Outlook.STEADY),
    "restarts of a leaking program": (lambda day: 30 + 9 * (day % 5), Outlook.STEADY),
    "one jump, and flat before and after": (lambda day: 40 if day < 20 else 60, Outlook.STEADY),
    "it shrinks": (lambda day: 80 - 0.4 * day, Outlook.FALLS),
    "not in this decade": (lambda day: 10 + 0.005 * day, Outlook.LATER),
    "it is full": (lambda day: min(100.0, 80 + day), Outlook.FULL),
}


@pytest.mark.parametrize("name", STILL)
def test_no_date_where_there_is_none(name: str) -> None:
    curve, outlook = STILL[name]
    found = of(curve)
    assert found.outlook is outlook, found
    assert found.earliest is None and found.expected is None and found.latest is None


def test_noise_alone_is_hardly_ever_taken_for_growth() -> None:
    found = [of(noise(4, seed, around=50)).outlook for seed in range(60)]
    assert found.count(Outlook.FILLS) <= 4


UNKNOWN: dict[str, tuple[Forecast, str]] = {
    "a host of yesterday": (of(lambda day: 40 + 5 * day, days=2), "2 days measured, 7 are needed"),
    "cleaned three days ago": (of(lambda day: 40 + day if day < 32 else 10 + day), "fell at once on 2027-01-13: 3 days measured since"),
    "a large upload the day before yesterday": (of(lambda day: 40.0 if day < 33 else 70.0), "rose at once on"),
    "cleaned twice, a fortnight apart": (of(lambda day: 20 + 2.0 * (day % 14)), "and may again"),
    "falls three times": (of(lambda day: 20 + 2.0 * (day % 10)), "again and again (3 times), too seldom"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_why_there_is_no_trend_is_said(name: str) -> None:
    found, reason = UNKNOWN[name]
    assert found.outlook is Outlook.NO_TREND and reason in found.reason, found
    assert found.trend is None and found.earliest is None


def test_after_a_single_clean_up_only_what_follows_counts() -> None:
    found = of(lambda day: 40 + day if day < 20 else 5 + day)
    assert found.outlook is Outlook.FILLS and "since it fell at once on" in found.reason and found.days == 15
    assert in_days(found.expected) == pytest.approx(60, abs=2)


def test_a_disk_that_was_grown_forgets_what_was_before() -> None:
    size = hours(lambda day: 60.0 if day < 20 else 100.0)
    # Reserved blocks of the new size count as used at once.
    found = forecast(hours(lambda day: 30 + 1.2 * day + (2 if day >= 20 else 0)), 100.0, END, changes(size), "was resized")
    assert found.outlook is Outlook.FILLS and found.days < 20 and "it was resized on" in found.reason
    assert in_days(found.expected) == pytest.approx((100 - 74) / 1.2, abs=2)
    lately = forecast(hours(lambda day: 30 + 0.5 * day), 100.0, END, [END - 2.5 * DAY])
    assert lately.outlook is Outlook.NO_TREND and "was resized on" in lately.reason
    assert changes(hours(lambda day: 100.0 + 0.001 * (int(day * 24) % 2))) == []


def test_a_prometheus_that_was_down_leaves_a_gap_and_no_wrong_slope() -> None:
    points = hours(lambda day: 40 + 0.6 * day, gaps=lambda day: 12 < day < 17)
    found = forecast(points, 100.0, END)
    assert found.outlook is Outlook.FILLS and found.trend and found.trend.slope == pytest.approx(0.6)
    mostly = forecast(hours(lambda day: 40 + 0.6 * day, gaps=lambda day: 3 < day < 29), 100.0, END)
    assert mostly.outlook is Outlook.NO_TREND and "days measured, which is too few" in mostly.reason
    dead = forecast(hours(lambda day: 40 + 0.6 * day, gaps=lambda day: day > 30), 100.0, END)
    assert dead.outlook is Outlook.NO_TREND and "last days were not measured" in dead.reason


@pytest.mark.parametrize("points", [[], [(END, math.nan)], [(END - HOUR, 5.0), (END, 5.0)]])
def test_nothing_measured_is_no_data(points: list[tuple[float, float]]) -> None:
    assert forecast(points, 100.0, END).outlook is Outlook.NO_DATA


def test_a_day_is_measured_when_half_of_it_is() -> None:
    points = [(END - HOUR * hour, float(hour)) for hour in range(40)]
    days = daily_peaks(points, END)
    assert [(day.number, day.peak) for day in days] == [(0, 39.0), (1, 23.0)]
    assert [day.at for day in days] == [END - 39 * HOUR, END - 23 * HOUR]
    assert daily_peaks(points[:11], END) == []


def test_what_is_beyond_what_a_week_can_tell_is_not_told() -> None:
    found = of(lambda day: 20 + 0.3 * day, days=8)
    assert found.outlook is Outlook.LATER and in_days(found.beyond) == pytest.approx(42, abs=7)
