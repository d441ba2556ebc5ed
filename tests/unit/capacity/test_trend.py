# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The slope of Theil and Sen: a published example, least squares where that is right, and how often its interval holds the truth."""

from __future__ import annotations

import math
import random
from itertools import count
from statistics import linear_regression

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.capacity.trend import theil_sen

Points = list[tuple[float, float]]


def test_the_example_of_its_author() -> None:
    """Sen 1968, section 6: the slope is 4, and 93 % of the time between 26/7 and 35/8."""
    trend = theil_sen(list(zip([1, 2, 3, 4, 10, 12, 18], [9, 15, 19, 20, 45, 55, 78], strict=True)), 0.93, independent=True)
    assert trend and trend.slope == 4.0
    assert [trend.low, trend.high] == pytest.approx([26 / 7, 35 / 8])


@pytest.mark.parametrize("seed", range(5))
def test_least_squares_agrees_where_noise_is_ordinary(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same numbers each time
    times = [float(day) for day in range(35)]
    values = [50 + 0.7 * at + chance.gauss(0, 0.5) for at in times]
    trend = theil_sen(list(zip(times, values, strict=True)))
    oracle = linear_regression(times, values)
    assert trend and trend.slope == pytest.approx(oracle.slope, abs=0.03)
    assert trend.at(34) == pytest.approx(oracle.intercept + oracle.slope * 34, abs=0.5)
    assert trend.low <= oracle.slope <= trend.high


def test_a_quarter_of_wild_days_does_not_move_it() -> None:
    """A restore that was unpacked and removed again. Least squares is off by far more, or this test would show nothing."""
    points = [(float(day), 10.0 + day) for day in range(32)]
    wild = [(at, value + 300 if 3 <= at < 11 else value) for at, value in points]
    trend = theil_sen(wild)
    assert trend and trend.slope == pytest.approx(1.0, abs=0.01)
    assert abs(linear_regression(*zip(*wild, strict=True)).slope - 1) > 3


def alike(seed: int, slope: float, memory: float) -> Points:
    """35 days around a line, each of which resembles the day before."""
    chance, off, points = random.Random(seed), 0.0, []  # noqa: S311 - the same numbers each time
    for day in range(35):
        off = memory * off + chance.gauss(0, 1)
        points.append((float(day), slope * day + off))
    return points


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.7])
def test_its_interval_holds_the_truth_though_days_are_alike(memory: float) -> None:
    trends = [theil_sen(alike(seed, 0.3, memory)) for seed in range(150)]
    held = sum(trend is not None and trend.low <= 0.3 <= trend.high for trend in trends)
    assert held >= 0.85 * len(trends)


def test_an_interval_for_independent_days_would_promise_too_much() -> None:
    """Why it is made wider at all."""
    trends = [theil_sen(alike(seed, 0.3, 0.7), independent=True) for seed in range(150)]
    assert sum(trend is not None and trend.low <= 0.3 <= trend.high for trend in trends) < 0.75 * len(trends)


def test_what_is_no_number_is_no_point() -> None:
    numbers = count()
    points = [(float(day), math.nan if day % 3 == 0 else float(next(numbers) * 0 + day)) for day in range(20)]
    trend = theil_sen([*points, (math.inf, 3.0)])
    assert trend and trend.slope == 1.0 and trend.points == 13


@pytest.mark.parametrize("points", [[], [(0.0, 1.0), (1.0, 2.0)], [(1.0, 1.0)] * 9])
def test_too_little_is_no_trend(points: Points) -> None:
    assert theil_sen(points) is None
