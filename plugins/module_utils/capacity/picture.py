# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pictures of a report, as SVG that needs nothing else: a resource and where it goes, and who pays what."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timezone
from xml.sax.saxutils import escape

from . import words
from .days import DAY
from .report import Cost, Report, Resource

WIDTH, HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 16, 34, 30
_LINE, _LIMIT, _TREND, _INK, _FAINT = "#1f5fa8", "#b3261e", "#8a5a00", "#222222", "#777777"
_BAR, _ROW = 22, 30
_COLOURS = ("#1f5fa8", "#2e7d32", "#8a5a00", "#6a1b9a", "#00838f", "#ad1457")
_AHEAD = 0.5  # of the time that is shown is what comes


class _Scale:
    """From time and value to a place."""

    def __init__(self, start: float, end: float, top: float) -> None:
        self.start, self.end, self.top = start, max(end, start + 1), top or 1.0

    def x(self, at: float) -> float:
        share = (at - self.start) / (self.end - self.start)
        return round(_LEFT + min(1.0, max(0.0, share)) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        share = 1 - min(1.0, max(0.0, value / self.top))
        return round(_TOP + share * (HEIGHT - _TOP - _BOTTOM), 1)


def resource_picture(resource: Resource, report: Report) -> str:
    """Its days, its limit, and the range in which it goes on."""
    values = [point[1] for point in resource.history]
    top = max([resource.capacity or 0.0, *values]) * 1.05
    first = min([report.start, *(point[0] for point in resource.history[:1])])
    ahead = (report.end - first) * _AHEAD if resource.now is not None else 0.0
    scale = _Scale(first, report.end + ahead, top)
    inner = [*_axes(scale, resource), *_range(scale, resource, report.end), *_history(scale, resource)]
    if resource.capacity:
        y = scale.y(resource.capacity)
        inner.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="{_LIMIT}" stroke-dasharray="6 3"/>')
    title = f"{resource.kind} {resource.name}: {words.outlook(resource, report.end)}"
    return _frame(title, HEIGHT, inner)


def _frame(title: str, height: float, inner: list[str]) -> str:
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif" font-size="12" fill="{_INK}">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            _text(10, 20, title, "start", _INK),
            *inner,
            "</svg>",
            "",
        ]
    )


def _axes(scale: _Scale, resource: Resource) -> Iterator[str]:
    for share in (0.0, 0.5, 1.0):
        value = share * scale.top / 1.05
        y = scale.y(value)
        yield f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}" stroke="#cccccc" stroke-width="0.5"/>'
        yield _text(_LEFT - 6, y + 4, words.of_unit(value, resource.unit), "end", _FAINT)
    for number in range(5):
        at = scale.start + (scale.end - scale.start) * number / 4
        place = "start" if not number else "end" if number == 4 else "middle"
        date = datetime.fromtimestamp(at, timezone.utc).strftime("%d %b %Y")
        yield _text(scale.x(at), HEIGHT - 10, date, place, _FAINT)


def _range(scale: _Scale, resource: Resource, end: float) -> Iterator[str]:
    """From now on, between the slowest and the fastest that fits, as far as the picture goes."""
    if resource.now is None or resource.per_day_low is None or resource.per_day_high is None:
        return
    days = (scale.end - end) / DAY
    corners = [
        (end, resource.now),
        (scale.end, resource.now + resource.per_day_high * days),
        (scale.end, resource.now + resource.per_day_low * days),
    ]
    way = " ".join(f"{scale.x(at)},{scale.y(value)}" for at, value in corners)
    yield f'<polygon points="{way}" fill="{_TREND}" opacity="0.2"/>'
    if resource.per_day is not None:
        last = f"{scale.x(scale.end)},{scale.y(resource.now + resource.per_day * days)}"
        yield f'<polyline points="{scale.x(end)},{scale.y(resource.now)} {last}" fill="none" stroke="{_TREND}" stroke-dasharray="4 3"/>'


def _history(scale: _Scale, resource: Resource) -> Iterator[str]:
    """A line for each run of days; a gap is not drawn over."""
    runs: list[list[tuple[float, ...]]] = []
    for point in resource.history:
        if not runs or point[0] - runs[-1][-1][0] > 2.5 * DAY:
            runs.append([])
        runs[-1].append(point)
    for run in runs:
        way = " ".join(f"{scale.x(point[0])},{scale.y(point[1])}" for point in run)
        if len(run) == 1:
            x, y = way.split(",")
            yield f'<circle cx="{x}" cy="{y}" r="2" fill="{_LINE}"/>'
        else:
            yield f'<polyline points="{way}" fill="none" stroke="{_LINE}" stroke-width="2" stroke-linejoin="round"/>'
    if not runs:
        yield _text(WIDTH / 2, HEIGHT / 2, "no data in this time", "middle", _FAINT)


def cost_picture(cost: Cost) -> str:
    """A bar for each line of the bill."""
    most = max((float(row.amount) for row in cost.rows), default=0.0) or 1.0
    inner = []
    for number, row in enumerate(cost.rows):
        y = _TOP + number * _ROW
        width = round(float(row.amount) / most * (WIDTH - 360), 1)
        inner.append(_text(10, y + 15, row.name, "start", _INK))
        inner.append(f'<rect x="200" y="{y}" width="{width}" height="{_BAR}" fill="{_COLOURS[number % len(_COLOURS)]}"/>')
        inner.append(_text(206 + width, y + 15, f"{row.amount} {cost.currency}", "start", _FAINT))
    return _frame(f"{cost.total} {cost.currency} a month, by {cost.by}", _TOP + len(cost.rows) * _ROW + 10, inner)


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{escape(text)}</text>'


def pictures(report: Report) -> dict[str, str]:
    """All of them by a name for a file, in the order of the report; what has neither history nor limit has none."""
    drawn = {}
    for number, resource in enumerate(sorted(report.resources, key=words.moment_of), 1):
        if resource.history:
            drawn[f"{number:02d}-{resource.kind}"] = resource_picture(resource, report)
    if report.cost:
        drawn["cost"] = cost_picture(report.cost)
    return drawn
