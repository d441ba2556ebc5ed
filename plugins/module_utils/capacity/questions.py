# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Questions to a Prometheus about a long time, in parts that it answers: a range has 11,000 points at most, and its memory an end."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..slo.promql import selector
from ..slo.source import Series, Source

_PART = 2 * 86400.0  # seconds of one answer; as text it is many times as large as what is kept of it
HOUR, FINE = 3600.0, 300.0  # seconds between two points: of what fills up, and of what is used
TIMEOUT = 60.0  # seconds for one answer: a month of a host with many containers
Key = tuple[str, ...]  # values of labels


@dataclass
class Gathered:
    """Numbers of one series, in their order; its first and last time."""

    first: float
    last: float = 0.0
    values: array[float] = field(default_factory=lambda: array("d"))


@dataclass(frozen=True)
class Window:
    """What is asked: one host, and a time in seconds since the epoch."""

    source: Source
    host: str
    start: float
    end: float

    def of(self, metric: str, *matchers: str) -> str:
        """A metric of this host."""
        return f"{metric}{selector({'instance': self.host}, *matchers)}"

    @property
    def span(self) -> float:
        """Seconds."""
        return self.end - self.start

    def ask(self, expression: str, labels: Sequence[str], step: float) -> dict[Key, list[tuple[float, float]]]:
        """Points by the values of some labels. Series that differ in others only are one: those of a device that got another name.

        :raises SourceError: it cannot be asked.
        """
        found: dict[Key, dict[float, float]] = {}
        for part in self._parts(expression, step):
            points = found.setdefault(tuple(part.labels.get(label, "") for label in labels), {})
            for at, value in part.points:
                if math.isfinite(value):
                    points[at] = max(value, points.get(at, value))
        return {key: sorted(points.items()) for key, points in found.items() if points}

    def one(self, expression: str, step: float) -> list[tuple[float, float]]:
        """Points of the only series.

        :raises SourceError: it cannot be asked.
        """
        return self.ask(expression, (), step).get((), [])

    def gather(self, expression: str, labels: Sequence[str], step: float) -> dict[Key, Gathered]:
        """Numbers without their times, for what has many: a month of each five minutes of each service would fill the memory.

        :param expression: has one series for the values of these labels.
        :raises SourceError: it cannot be asked.
        """
        found: dict[Key, Gathered] = {}
        for part in self._parts(expression, step):
            points = [(at, value) for at, value in part.points if math.isfinite(value)]
            if points:
                gathered = found.setdefault(tuple(part.labels.get(label, "") for label in labels), Gathered(points[0][0]))
                gathered.values.extend(value for _at, value in points)
                gathered.last = points[-1][0]
        return found

    def _parts(self, expression: str, step: float) -> Iterator[Series]:
        # Points stand at the end of what they are made of, and the last one at the end of the time.
        at = self.end - (math.ceil(self.span / step) - 1) * step
        while at <= self.end:
            until = min(self.end, at + _PART - step)
            yield from self.source.query_range(expression, at, until, step)
            at = until + step
