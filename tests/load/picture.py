# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A picture of a rollout under load: requests and lost requests per second, p99, and what happened when. SVG, without a library."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

Second = dict[str, Any]

# Pixels; a letter of the labels is about so wide.
WIDTH, LEFT, RIGHT, PLOT, LETTER, ROW = 960, 64, 64, 200, 6.2, 15
HEADING, FOOT, TITLE = 26, 40, 34

# Colours once as they are and once for the dark, not as variables: not every viewer of SVG knows those.
LIGHT = {"paper": "#ffffff", "ink": "#1f2328", "soft": "#59636e", "grid": "#d8dee4", "area": "#4c8dd6", "line": "#9a6700", "bad": "#cf222e"}
DARK = {"paper": "#0d1117", "ink": "#e6edf3", "soft": "#9198a1", "grid": "#2a313c", "area": "#3f7cc4", "line": "#e3b341", "bad": "#ff6b63"}
COLOURS = (
    "text {{ fill: {ink}; }} .axis {{ fill: {soft}; }} .paper {{ fill: {paper}; }} .grid {{ stroke: {grid}; }} .area {{ fill: {area}; }}"
    " .failed, .bad {{ fill: {bad}; }} .p99 {{ stroke: {line}; }} .p99-text {{ fill: {line}; }} .mark {{ stroke: {soft}; }}"
)
STYLE = (
    "text { font: 12px system-ui, sans-serif; } .title { font-size: 16px; font-weight: 600; } .heading, .bad { font-weight: 600; }"
    " .axis, .p99-text, .label { font-size: 11px; } .area { fill-opacity: 0.55; } .p99 { fill: none; stroke-width: 1.5; }"
    f" .mark {{ stroke-dasharray: 3 3; }} {COLOURS.format(**LIGHT)} @media (prefers-color-scheme: dark) {{ {COLOURS.format(**DARK)} }}"
)


@dataclass(frozen=True)
class Panel:
    """One run: its seconds as client.py wrote them, and what happened at which epoch second."""

    title: str
    seconds: Sequence[Second]
    marks: Sequence[tuple[float, str]] = field(default_factory=tuple)


@dataclass(frozen=True)
class Scales:
    """What all panels have in common: seconds along, requests per second up on the left, decades of ms up on the right."""

    length: float
    requests: float
    low: int
    high: int

    def x(self, seconds: float) -> float:
        return LEFT + seconds / self.length * (WIDTH - LEFT - RIGHT)

    def up(self, requests: float) -> float:
        return requests / self.requests * PLOT

    def up_ms(self, ms: float) -> float:
        share = (math.log10(max(ms, 10.0**self.low)) - self.low) / (self.high - self.low)
        return min(share, 1.0) * PLOT


def timeline(
    path: Path,
    seconds: Sequence[Second] = (),
    marks: Sequence[tuple[float, str]] = (),
    title: str = "",
    *,
    panels: Sequence[Panel] | None = None,
) -> None:
    """Write the picture of one run, or of several under each other on the same scales; marks are (epoch seconds, label)."""
    path.write_text(drawn(list(panels) if panels is not None else [Panel("", seconds, marks)], title), encoding="utf-8")


def drawn(panels: list[Panel], title: str) -> str:
    """The whole picture as text."""
    shown = [Panel(panel.title, whole(panel.seconds), panel.marks) for panel in panels]
    scales = common(shown)
    parts, y = [], float(TITLE)
    for panel in shown:
        labels = placed(panel, scales)
        y += HEADING + ROW * (1 + max((row for _x, _left, _label, row in labels), default=-1))
        parts += plot(panel, labels, scales, y)
        y += PLOT + FOOT
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y:.0f}" viewBox="0 0 {WIDTH} {y:.0f}" role="img">'
        f"<title>{escape(title)}</title><style>{STYLE}</style>"
        f'<rect class="paper" width="{WIDTH}" height="{y:.0f}"/><text class="title" x="{LEFT}" y="22">{escape(title)}</text>'
    )
    return "\n".join([head, *parts, "</svg>\n"])


def whole(seconds: Sequence[Second]) -> list[Second]:
    """The seconds of the run itself: not those after the stop in which only the last requests came to their end, unless one failed."""
    return [second for second in seconds if second["failed"] or not second.get("draining")]


def common(panels: list[Panel]) -> Scales:
    """Scales that all panels fit."""
    seconds = [second for panel in panels for second in panel.seconds]
    length = max([panel.seconds[-1]["t"] - panel.seconds[0]["t"] + 1 for panel in panels if panel.seconds], default=1)
    length = max([length, *(t - start(panel) for panel in panels for t, _label in panel.marks)])
    times = [second["p99_ms"] for second in seconds if second["p99_ms"]]
    low = math.floor(math.log10(min(times, default=1)))
    high = math.ceil(math.log10(max(times, default=10)))
    return Scales(float(length), nice(max((second["requests"] for second in seconds), default=1)), low, max(high, low + 1))


def start(panel: Panel) -> float:
    """The epoch second that is zero on the panel's own axis."""
    return float(panel.seconds[0]["t"]) if panel.seconds else min((t for t, _label in panel.marks), default=0.0)


def nice(value: float) -> float:
    """The next round number, for four steps of an axis."""
    power = 10.0 ** math.floor(math.log10(max(value, 4)))
    return next(factor * power for factor in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if factor * power >= max(value, 4))


def placed(panel: Panel, scales: Scales) -> list[tuple[float, float, str, int]]:
    """For each mark its line's x, its label's left edge, the label, and the row above the plot in which it meets no other."""
    ends: list[float] = []
    labels = []
    for t, label in sorted(panel.marks):
        x = scales.x(t - start(panel))
        left = max(min(x + 3, WIDTH - 4 - len(label) * LETTER), 4)
        row = next((row for row, end in enumerate(ends) if left > end), len(ends))
        ends[row : row + 1] = [left + len(label) * LETTER + 8]
        labels.append((x, left, label, row))
    return labels


def plot(panel: Panel, labels: list[tuple[float, float, str, int]], scales: Scales, top: float) -> list[str]:
    """One panel whose plot begins at this y."""
    floor, right = top + PLOT, WIDTH - RIGHT
    rows = 1 + max((row for _x, _left, _label, row in labels), default=-1)
    return [
        *heading(panel, top - ROW * rows - 9),
        *axes(scales, top),
        *curves(panel, scales, floor),
        *(
            f'<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{top - ROW * (rows - row):.1f}" y2="{floor:.1f}"/>'
            f'<text class="label" x="{left:.1f}" y="{top - ROW * (rows - row) + 10:.1f}">{escape(label)}</text>'
            for x, left, label, row in labels
        ),
        f'<text class="axis" x="{(LEFT + right) / 2}" y="{floor + 32:.1f}" text-anchor="middle">time since the start (s)</text>',
    ]


def heading(panel: Panel, y: float) -> list[str]:
    """The panel's name on the left, what it came to on the right."""
    requests, failed = (sum(second[key] for second in panel.seconds) for key in ("requests", "failed"))
    return [
        f'<text class="heading" x="{LEFT}" y="{y:.1f}">{escape(panel.title)}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{y:.1f}" text-anchor="end">{grouped(requests)} requests, '
        f'<tspan class="{"bad" if failed else "good"}">{grouped(failed)} failed</tspan></text>',
    ]


def grouped(number: float) -> str:
    """Digits in groups of three, by a narrow space that does not break."""
    return f"{number:,.0f}".replace(",", "\u202f")


def axes(scales: Scales, top: float) -> list[str]:
    """Grid and numbers; units stand beside the axes."""
    floor, right = top + PLOT, WIDTH - RIGHT
    parts = []
    for step in range(5):
        y = floor - PLOT * step / 4
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{right}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="axis" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{grouped(scales.requests * step / 4)}</text>')
    for decade in range(scales.low, scales.high + 1):
        y = floor - scales.up_ms(10.0**decade)
        parts.append(f'<line class="p99" x1="{right}" x2="{right + 4}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="p99-text" x="{right + 7}" y="{y + 4:.1f}">{10.0**decade:g}</text>')
    width = next((width for width in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600) if scales.length / width <= 14), 1200)
    for second in range(0, int(scales.length) + 1, width):
        parts.append(f'<text class="axis" x="{scales.x(second):.1f}" y="{floor + 15:.1f}" text-anchor="middle">{second}</text>')
    middle = top + PLOT / 2
    parts.append(
        f'<text class="axis" transform="translate(14 {middle:.1f}) rotate(-90)" text-anchor="middle">requests per second (1/s)</text>'
    )
    parts.append(
        f'<text class="p99-text" transform="translate({WIDTH - 10} {middle:.1f}) rotate(-90)" text-anchor="middle">p99 (ms, log)</text>'
    )
    return parts


def curves(panel: Panel, scales: Scales, floor: float) -> list[str]:
    """The requests as an area in steps of a second, the failed ones as bars, the p99 as a line that breaks where there is none."""
    if not panel.seconds:
        return []
    zero, steps, bars, lines = start(panel), "", [], ""
    pen = "M"
    for second in panel.seconds:
        left, wide = scales.x(second["t"] - zero), scales.x(second["t"] - zero + 1)
        steps += f"L{left:.1f} {floor - scales.up(second['requests']):.1f}H{wide:.1f}"
        if second["failed"]:
            tall = max(scales.up(second["failed"]), 4)
            bars.append(
                f'<rect class="failed" x="{left:.1f}" y="{floor - tall:.1f}" width="{max(wide - left, 2):.1f}" height="{tall:.1f}">'
                f"<title>{second['failed']} failed</title></rect>"
            )
        if second["p99_ms"]:
            lines += f"{pen}{(left + wide) / 2:.1f} {floor - scales.up_ms(second['p99_ms']):.1f}"
        pen = "L" if second["p99_ms"] else "M"
    first, last = scales.x(0), scales.x(panel.seconds[-1]["t"] - zero + 1)
    return [
        f'<path class="area" d="M{first:.1f} {floor:.1f}{steps}L{last:.1f} {floor:.1f}Z"/>',
        *bars,
        *([f'<path class="p99" d="{lines}"/>'] if lines else []),
    ]
