# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of an error budget over its window, as SVG that needs nothing else: no font, no script, no style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import pairwise
from xml.sax.saxutils import escape, quoteattr

from .alerts import sentence
from .measured import Measured

WIDTH, HEIGHT = 860, 320
LEFT, RIGHT, TOP, BOTTOM = 62, 18, 64, 40
_COLOURS = ("#e7f4ea", "#fbf6da", "#fce8d2", "#f8dcdc")  # normal, warn, canary, refuse
_LINE, _SPENT, _INK, _FAINT = "#1f5fa8", "#b3261e", "#222222", "#777777"
_LOWEST = -1.0  # what is below is drawn at the edge
_GAP = 5  # steps without a number, after which the line is broken
_TICKS = 6
Point = tuple[float, float]


@dataclass(frozen=True)
class Mark:
    """What happened in the window of a budget.

    :param at: seconds since the epoch.
    :param until: its end, of what lasted; 0 for a moment, such as a release.
    """

    at: float
    text: str
    until: float = 0.0


def report(entries: Sequence[Measured], now: float, marks: Sequence[Mark] = ()) -> str:
    """The pictures of several objectives, one below the other."""
    height = HEIGHT * max(1, len(entries))
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    inner = [picture(entry, now, marks).replace("<svg ", f'<svg y="{HEIGHT * number}" ', 1) for number, entry in enumerate(entries)]
    return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size}>', *inner, "</svg>", ""])


def picture(entry: Measured, now: float, marks: Sequence[Mark] = (), *, fluid: bool = False) -> str:
    """The picture.

    :param now: seconds since the epoch; its right edge.
    :param marks: releases and incidents; those beside its window are left out.
    :param fluid: as wide as the page that it stands in.
    """
    points = [(at, value) for at, value in entry.history if math.isfinite(value)]
    lowest = min([0.0, *(max(_LOWEST, value) for _at, value in points)])
    policy = entry.policy
    bounds = [bound / 100 for bound in (policy.warn_below, policy.canary_below, policy.refuse_below)]
    size = 'width="100%"' if fluid else f'width="{WIDTH}" height="{HEIGHT}"'
    scale = Scale(now - entry.objective.window, now, lowest)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {size} role="img"'
            f" aria-label={quoteattr(_title(entry))}"
            f' font-family="sans-serif" font-size="12" fill="{_INK}">',
            f"<title>{escape(_title(entry))}</title>",
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
            *_heading(entry),
            *_bands(scale, bounds),
            *_marks(scale, marks),
            *_axes(scale, bounds),
            *_line(scale, points),
            *([] if points else [_text(WIDTH / 2, HEIGHT / 2, "no data in this time", "middle", _FAINT)]),
            "</svg>",
            "",
        ]
    )


class Scale:
    """From a time and what was left then to a place in the picture."""

    def __init__(self, start: float, end: float, lowest: float) -> None:
        self.start, self.end, self.lowest = start, end, lowest

    def x(self, at: float) -> float:
        """Across."""
        share = (at - self.start) / (self.end - self.start)
        return round(LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        """Down."""
        share = (1 - min(1.0, max(self.lowest, value))) / (1 - self.lowest)
        return round(TOP + share * (HEIGHT - TOP - BOTTOM), 1)


def _title(entry: Measured) -> str:
    return f"Error budget of {entry.objective.stack}/{entry.objective.name}"


def _heading(entry: Measured) -> list[str]:
    remaining = entry.budget.remaining
    left = "unknown" if remaining is None else f"{remaining:.1%} left"
    about = f"{sentence(entry.objective)}. {entry.state.sentence}"
    return [
        f'<text x="{LEFT}" y="24" font-size="16" font-weight="bold">{escape(_title(entry))}: {left}</text>',
        f'<text x="{LEFT}" y="44" fill="{_FAINT}">{escape(about)}</text>',
    ]


def _bands(scale: Scale, bounds: Sequence[float]) -> Iterator[str]:
    """What each part of the budget means, as colours behind the line."""
    for colour, (high, low) in zip(_COLOURS, pairwise([1.0, *bounds, 0.0]), strict=True):
        yield _rectangle(scale.y(high), scale.y(low), colour)
    if scale.lowest < 0:
        yield _rectangle(scale.y(0), scale.y(scale.lowest), "#f1c4c4")


def _rectangle(top: float, bottom: float, colour: str) -> str:
    return f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - RIGHT}" height="{round(bottom - top, 1)}" fill="{colour}"/>'


def _marks(scale: Scale, marks: Sequence[Mark]) -> Iterator[str]:
    """A line for each release, a bar for each incident, with its text where a pointer rests."""
    top, bottom = scale.y(1.0), scale.y(scale.lowest)
    for mark in marks:
        if max(mark.at, mark.until) < scale.start or mark.at > scale.end:
            continue
        title, x = f"<title>{escape(mark.text)}</title>", scale.x(mark.at)
        if mark.until:
            width = max(1.5, round(scale.x(mark.until) - x, 1))
            yield f'<rect x="{x}" y="{top}" width="{width}" height="{round(bottom - top, 1)}" fill="{_SPENT}" opacity="0.25">{title}</rect>'
        else:
            yield f'<line x1="{x}" x2="{x}" y1="{top}" y2="{bottom}" stroke="{_LINE}" stroke-dasharray="3 3">{title}</line>'


def _axes(scale: Scale, bounds: Sequence[float]) -> Iterator[str]:
    for value in [1.0, *bounds, 0.0, *([scale.lowest] if scale.lowest < -0.05 else [])]:
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{scale.y(value)}" y2="{scale.y(value)}" stroke="#cccccc" stroke-width="0.5"/>'
        yield _text(LEFT - 8, scale.y(value) + 4, f"{value:.0%}", "end", _FAINT)
    span = scale.end - scale.start
    form = "%d %b" if span > 3 * 86400 else "%d %b %H:%M"
    for number in range(_TICKS + 1):
        at = scale.start + span * number / _TICKS
        place = "start" if not number else "end" if number == _TICKS else "middle"
        yield _text(scale.x(at), HEIGHT - BOTTOM + 20, datetime.fromtimestamp(at, timezone.utc).strftime(form), place, _FAINT)


def _line(scale: Scale, points: Sequence[Point]) -> Iterator[str]:
    """A line for each run of numbers; where none were recorded there is none."""
    for run in _runs(points):
        way = " ".join(f"{scale.x(at)},{scale.y(value)}" for at, value in run)
        colour = _SPENT if run[-1][1] <= 0 else _LINE
        if len(run) == 1:
            x, y = way.split(",")
            yield f'<circle cx="{x}" cy="{y}" r="2" fill="{colour}"/>'
        else:
            yield f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'


def _runs(points: Sequence[Point]) -> Iterator[list[Point]]:
    steps = sorted(later[0] - earlier[0] for earlier, later in pairwise(points))
    usual = steps[len(steps) // 2] if steps else 0.0
    run: list[Point] = []
    for point in points:
        if run and point[0] - run[-1][0] > _GAP * usual:
            yield run
            run = []
        run.append(point)
    if run:
        yield run


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'
