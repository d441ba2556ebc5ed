# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of objectives, and the picture of a budget."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.slo.budget import Budget
from ansible_collections.latentum.ops.plugins.module_utils.slo.measured import Measured, unmeasured
from ansible_collections.latentum.ops.plugins.module_utils.slo.picture import HEIGHT, WIDTH, picture
from ansible_collections.latentum.ops.plugins.module_utils.slo.table import as_data, table

from .judge import objective

DAY = 86400
NOW = 1_800_000_000.0
SVG = "{http://www.w3.org/2000/svg}"


def measured(events: float, failed: float, *history: float | None) -> Measured:
    """An objective of a day, with what was left each half hour, until now."""
    about = objective(window=DAY)
    start = NOW - 1800 * (len(history) - 1)
    points = tuple((start + 1800 * number, value) for number, value in enumerate(history) if value is not None)
    return Measured(about, Budget(about.budget, about.window, events, failed), {}, points)


def test_the_table_says_what_is_declared() -> None:
    entries = [
        unmeasured(objective()),
        unmeasured(objective(name="slow", indicator="latency", percent=95, below=0.3, burn_in=True)),
        unmeasured(objective(name="train", subject="job", target="train", indicator="success", percent=90)),
        unmeasured(objective(name="site", subject="probe", target="site:a.example.com", unit="minutes", percent=99.5, window=7 * DAY)),
    ]
    lines = [re.split(r" {2,}", line) for line in table(entries, measured=False)]
    assert lines[0] == ["objective", "indicator", "must be good", "window", "budget"]
    assert lines[1] == ["shop/api", "availability of route a.example.com/", "99.9 %", "30d", "43.2 min"]
    assert lines[2] == ["shop/slow (burn-in)", "latency of route a.example.com/ below 0.3 s", "95 %", "30d", "5 % of requests"]
    assert lines[3][-1] == "10 % of runs" and lines[4][-2:] == ["7d", "50.4 min"]
    assert "no objective is declared" in table([], measured=False)[0]


def test_the_table_says_what_was_measured() -> None:
    entries = [
        measured(100_000, 30),
        replace(measured(100_000, 95), ratios={"1h": 0.004, "6h": 0.002}, at=NOW),
        measured(100_000, 200),
        unmeasured(objective()),
    ]
    lines = [re.split(r" {2,}", line) for line in table(entries, measured=True)][1:]
    assert lines[0][5:] == ["99.97 %", "70.0% (70.0 of 100 failures)", "-, -, -, -", "never at this pace", "normal: release as usual"]
    assert lines[1][6:9] == ["5.0% (5.0 of 100 failures)", "4.0, 2.0, -, -", "36m 0s (2027-01-15)"] and lines[1][9].startswith("refuse")
    assert lines[2][6:9] == ["-100.0% (-100 of 100 failures)", "-, -, -, -", "spent"]
    assert lines[3][5:7] == ["no data", "no data"] and "nobody knows" in lines[3][-1]
    assert as_data(entries[3])["budget_remaining"] is None and as_data(entries[0])["state"] == "normal"


@pytest.mark.parametrize("history", [(), (0.5,), (1.0, 0.9, 0.9, 0.2), (1.0, 0.4, -0.4, -30.0), (1.0, *[None] * 20, 0.5, 0.4)])
def test_a_picture_is_whole_and_stays_within_its_frame(history: tuple[float | None, ...]) -> None:
    root = ElementTree.fromstring(picture(measured(1000, 0, *history), NOW))  # noqa: S314 - our own
    lines = [line.attrib["points"].split() for line in root.iter(f"{SVG}polyline")]
    for point in (point for line in lines for point in line):
        x, y = map(float, point.split(","))
        assert 0 <= x <= WIDTH and 0 <= y <= HEIGHT
    drawn = sum(map(len, lines)) + len(list(root.iter(f"{SVG}circle")))
    assert drawn == len([value for value in history if value is not None])
    assert ("no data in this time" in "".join(root.itertext())) == (not history)


def test_a_gap_is_not_drawn_over() -> None:
    root = ElementTree.fromstring(picture(measured(1000, 0, 1.0, 0.9, *[None] * 10, 0.5, 0.4), NOW))  # noqa: S314 - our own
    assert len(list(root.iter(f"{SVG}polyline"))) == 2


def test_names_cannot_break_out_of_a_picture() -> None:
    about = objective(subject="probe", unit="minutes", target="web/queue <script>&\"'")
    text = picture(unmeasured(about), NOW)
    assert "<script>" not in text and ElementTree.fromstring(text) is not None  # noqa: S314 - our own
