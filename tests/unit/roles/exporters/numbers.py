# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers in Prometheus' text format, read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)(?: \d+)?$")
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
Labels = frozenset[tuple[str, str]]


@dataclass
class Numbers:
    """Samples by name and labels."""

    samples: dict[str, dict[Labels, float]] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> float:
        """The sum of all samples of a name that have these labels."""
        wanted = set(labels.items())
        return sum(value for given, value in self.samples.get(name, {}).items() if wanted <= given)

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """The samples of a name by the values of these labels, which have to be all that it has."""
        found = {}
        for given, value in self.samples.get(name, {}).items():
            values = dict(given)
            assert set(values) == set(labels), f"{name} has the labels {sorted(values)}"
            found[tuple(values[label] for label in labels)] = value
        return found


def read(text: str) -> Numbers:
    """Numbers from their text."""
    numbers = Numbers()
    for line in text.splitlines():
        if sample := SAMPLE.match(line):
            labels = frozenset(LABEL.findall(sample[2] or ""))
            numbers.samples.setdefault(sample[1], {})[labels] = float(sample[3])
    return numbers
