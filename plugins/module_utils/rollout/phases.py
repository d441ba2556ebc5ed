# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The eight steps of a deployment as people know them: which one is under way, what came of each, and how long it took.

The journal and the progress have many finer steps; each belongs to one of these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Phase(Enum):
    """One of the eight, by its number and its name."""

    BACKUP = (1, "backup")
    CONFIGURATION = (2, "code and configuration")
    IMAGES = (3, "images")
    MIGRATIONS = (4, "migrations")
    ROLLOUT = (5, "rollout")
    WAITING = (6, "waiting")
    HEALTH = (7, "health checks")
    AFTER = (8, "post-deployment tasks")

    @property
    def number(self) -> int:
        """From 1 on."""
        return self.value[0]

    @property
    def title(self) -> str:
        """In words."""
        return self.value[1]

    @property
    def heading(self) -> str:
        """As the progress and the history have it: ``3/8 images``."""
        return f"{self.number}/{len(Phase)} {self.title}"


@dataclass
class Phases:
    """What came of each step of one deployment.

    :param say: gets a line when a step is entered for the first time, and for one that is not needed.
    """

    say: Callable[[str], None] = lambda _line: None
    outcomes: dict[Phase, str] = field(default_factory=dict)
    seconds: dict[Phase, float] = field(default_factory=dict)
    _entered: set[Phase] = field(default_factory=set)

    def enter(self, phase: Phase) -> None:
        """It is under way; those before it that had nothing to do are told."""
        for earlier in Phase:
            if earlier is phase:
                break
            if earlier not in self._entered and earlier in self.outcomes:
                self._entered.add(earlier)
                self.say(f"{earlier.heading}: {self.outcomes[earlier]}")
        if phase not in self._entered:
            self._entered.add(phase)
            self.say(phase.heading)

    def note(self, phase: Phase, outcome: str) -> None:
        """What came of it."""
        self.outcomes[phase] = outcome

    def took(self, phase: Phase, seconds: float) -> None:
        """It went on for so long, in addition."""
        self.seconds[phase] = self.seconds.get(phase, 0.0) + seconds

    def rows(self) -> list[list[str]]:
        """Number, name, what came of it, seconds."""
        return [
            [
                str(phase.number),
                phase.title,
                self.outcomes.get(phase, "done"),
                f"{self.seconds[phase]:.1f} s" if phase in self.seconds else "",
            ]
            for phase in Phase
            if phase in self.outcomes or phase in self._entered
        ]

    def as_list(self) -> list[dict[str, Any]]:
        """Plain data."""
        return [
            {
                "number": phase.number,
                "step": phase.title,
                "outcome": self.outcomes.get(phase, "done"),
                "seconds": round(self.seconds.get(phase, 0.0), 1),
            }
            for phase in Phase
            if phase in self.outcomes or phase in self._entered
        ]
