# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ninety days of a service: the share of time it was up, and a bar for each day."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from ...core.times import lasting
from ..days import KEPT
from .html import Html, element, join

# A bar is drawn in a box of STEP by HEIGHT, of which WIDTH are filled; the browser stretches it to the page.
STEP, WIDTH, HEIGHT = 8, 6, 40
# A day is filled to LEAST for the shortest trouble and to the top for FULL seconds of it: a minute must not look like a day, but be seen.
LEAST, FULL = 0.3, 4 * 3600.0


@dataclass(frozen=True)
class Day:
    """One day (UTC) of a service; all values in seconds. `seen` is 0 for a day without data."""

    day: date
    down: float = 0.0
    degraded: float = 0.0
    seen: float = 0.0

    def describe(self) -> str:
        """In words."""
        if self.seen <= 0:
            return "no data"
        lengths = (("down", self.down), ("degraded", self.degraded))
        trouble = [f"{word} for {lasting(max(1, length))}" for word, length in lengths if length > 0]
        return ", ".join([f"{percent(1 - self.down / self.seen)} up", *trouble])

    def plain(self) -> Day:
        """As it is shown: of a day without trouble it does not matter how long it was watched."""
        return self if self.down or self.degraded or not self.seen else Day(self.day, seen=1.0)


def calendar(days: Sequence[Mapping[str, Any]], at: float) -> list[Day]:
    """The last ninety days up to that of `at` (epoch seconds), oldest first; those without data too."""
    known = {day.day: day for day in map(_day, days)}
    today = datetime.fromtimestamp(at, timezone.utc).date()
    return [known.get(day, Day(day)) for day in (today - timedelta(days=back) for back in range(KEPT - 1, -1, -1))]


def uptime(days: Sequence[Mapping[str, Any]]) -> float | None:
    """The share of the watched time that a service was not down, 0 to 1; degraded is up. None: never watched."""
    every = list(map(_day, days))
    seen = sum(day.seen for day in every)
    return None if seen <= 0 else max(0.0, 1 - sum(day.down for day in every) / seen)


def percent(share: float) -> str:
    """Two decimals, cut rather than rounded: what was down once is never 100 %."""
    # A share such as 0.9999 is no exact number: without the small addition it would be cut to 99.98.
    hundredths = math.floor(share * 10_000 + 1e-6)
    return "100 %" if hundredths >= 10_000 else f"{hundredths / 100:.2f} %"


def bars(days: Sequence[Mapping[str, Any]], at: float, name: str) -> Html:
    """The picture, its scale, and the days with trouble as text for whoever cannot point at a bar."""
    shown = calendar(days, at)
    share = uptime(days)
    up = "no data yet" if share is None else f"{percent(share)} uptime"
    bad = [day for day in shown if day.down > 0 or day.degraded > 0]
    unseen = sum(1 for day in shown if day.seen <= 0)
    label = f"{name}, last {KEPT} days: {up}; days with trouble: {len(bad)}; days without data: {unseen}"
    picture = element(
        "svg",
        *(_bar(index, day.plain()) for index, day in enumerate(shown)),
        class_="bars",
        role="img",
        aria_label=label,
        viewBox=f"0 0 {STEP * KEPT - (STEP - WIDTH)} {HEIGHT}",
        preserveAspectRatio="none",
    )
    ends = (element("span", f"{KEPT} days ago"), element("span", "today"))
    return join(picture, element("div", ends[0], element("span", up, class_="uptime"), ends[1], class_="scale"), _trouble(bad))


def _trouble(bad: Sequence[Day]) -> Html | None:
    if not bad:
        return None
    summary = "1 day with trouble" if len(bad) == 1 else f"{len(bad)} days with trouble"
    listing = (element("li", element("time", str(day.day), datetime=day.day), f": {day.describe()}") for day in reversed(bad))
    return element("details", element("summary", summary), element("ul", *listing), class_="days")


@lru_cache(4 * KEPT)  # days without trouble look the same for every service
def _bar(index: int, day: Day) -> Html:
    return element("g", element("title", f"{day.day}: {day.describe()}"), *_rectangles(index * STEP, day))


def _rectangles(x: int, day: Day) -> Iterator[Html]:
    """The whole day, and over it from below its trouble: the longer, the higher. What was down lies lowest."""
    yield element("rect", x=x, width=WIDTH, height=HEIGHT, class_=None if day.seen > 0 else "none")
    filled = 0
    for kind, value in (("down", day.down), ("degraded", day.degraded)):
        height = min(HEIGHT - filled, math.ceil(HEIGHT * (LEAST + (1 - LEAST) * min(1.0, value / FULL) ** 0.5))) if value > 0 else 0
        if height > 0:
            filled += height
            yield element("rect", x=x, y=HEIGHT - filled, width=WIDTH, height=height, class_=kind)


def _day(raw: Mapping[str, Any]) -> Day:
    return Day(date.fromisoformat(str(raw["day"])), float(raw["down"]), float(raw["degraded"]), float(raw["seen"]))
