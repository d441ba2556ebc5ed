# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error budgets for the status page: asked of Prometheus every few minutes beside the loop, and drawn there; the page only shows what is
known, and since when."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..slo import settings as slo_settings
from ..slo.alerts import sentence
from ..slo.measured import Measured, measure
from ..slo.picture import picture
from ..slo.source import Source, SourceError
from ..status import budget_marks
from .looks import Observation, Token
from .page.public import public

KIND = "budgets"
EVERY = 300.0  # seconds between two questions
POINTS = 200  # of a picture: it is a few hundred pixels wide


@dataclass(frozen=True)
class Budgets:
    """The budgets of a stack.

    :param entries: plain data, an objective each.
    :param pictures: as SVG, by the names of the objectives.
    :param at: when they were measured, epoch seconds; 0 for never.
    :param error: why nobody has answered since then; empty where somebody has. It names addresses, and is for operators.
    """

    entries: tuple[dict[str, Any], ...] = ()
    pictures: Mapping[str, str] = field(default_factory=dict, repr=False)
    at: float = 0.0
    error: str = ""
    ok: bool = True  # the next round is soon enough for it (inbox)


class Budgeting:
    """The budgets of all stacks of a host; outlives the settings of the watchdog.

    :param begin: runs a look beside the loop; its result comes back through `take`.
    """

    def __init__(self, begin: Callable[[Token, Callable[[], Any]], None]) -> None:
        self.begin = begin
        self.known: dict[str, Budgets] = {}
        self._due: dict[str, float] = {}
        self._running: set[str] = set()

    def look(self, stacks: Sequence[str], incidents: Callable[[], list[dict[str, Any]]], now: float) -> None:
        """Begin what is due; forget stacks that are none any more.

        :param incidents: those that are known, open and ended.
        """
        self.known = {stack: budgets for stack, budgets in self.known.items() if stack in stacks}
        for stack in stacks:
            if stack in self._running or now < self._due.get(stack, now):
                continue
            self._running.add(stack)
            self._due[stack] = now + EVERY
            known = incidents()
            self.begin((KIND, stack), lambda stack=stack, known=known: _ask(stack, known))  # type: ignore[misc]

    def take(self, observation: Observation) -> None:
        """What a look has brought. What was measured before stays where nobody answers."""
        _kind, stack = observation.token
        self._running.discard(stack)
        found = observation.value
        if found is None:
            self.known.pop(stack, None)
        elif isinstance(found, Budgets):
            before = self.known.get(stack, found)
            self.known[stack] = found if not found.error else Budgets(before.entries, before.pictures, before.at, found.error)

    def of(self, stack: str) -> dict[str, Any] | None:
        """As the status has it; None for a stack without objectives, and where nobody is asked."""
        known = self.known.get(stack)
        return {"at": known.at, "error": known.error, "objectives": list(known.entries)} if known else None

    def pictures(self, stack: str) -> Mapping[str, str]:
        """As SVG, by the names of the objectives."""
        known = self.known.get(stack)
        return known.pictures if known else {}


def _ask(stack: str, incidents: Sequence[Mapping[str, Any]]) -> Budgets | None:
    try:
        settings = slo_settings.load(stack)
        if settings is None or not settings.prometheus or not settings.objectives:
            return None
        now = time.time()
        source = Source(settings.prometheus, settings.policy.timeout)
        measured = measure(settings.objectives, source, now, settings.policy, history=True, points=POINTS)
        happened = [*budget_marks.releases(stack, public=True), *budget_marks.incidents(stack, incidents, public=True)]
        marks = [replace(mark, text=public(mark.text)) for mark in happened]
    except (SourceError, OSError, ValueError, KeyError) as error:
        return Budgets(error=str(error))
    pictures = {entry.objective.name: picture(entry, now, marks, fluid=True) for entry in measured}
    return Budgets(tuple(map(_plain, measured)), pictures, now)


def _plain(entry: Measured) -> dict[str, Any]:
    """What the page shows of one."""
    budget, objective = entry.budget, entry.objective
    return {
        "objective": objective.name,
        "sentence": sentence(objective),
        "window": objective.window,
        "unit": objective.unit,
        "state": entry.state.value,
        "remaining": budget.remaining,
        "failed": budget.failed,
        "allowed": budget.allowed,
        "spent_in": entry.spent_in,
    }
