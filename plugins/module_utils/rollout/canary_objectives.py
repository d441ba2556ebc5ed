# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objectives as judges of a canary: a budget that burns as fast as pages somebody, since the new version gets traffic, refuses it.

They only ever refuse. Whoever cannot be asked, or has measured nothing, leaves the verdict to what nginx has seen, and that is said: a good
release is not taken back because Prometheus is gone. Neither is it for what burnt before, or for what both versions suffer from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ..contracts.error_budget import SloSettings
from ..contracts.objectives import EVENTS, Objective
from ..nginx.access_log import Figures
from ..slo import series
from ..slo.promql import selector
from ..slo.source import Source, SourceError
from ..slo.windows import EVALUATION, SHORTEST, length, pairs, shortest, threshold
from .canary import ENOUGH, Verdict, wilson_lower_bound

TIMEOUT = 3.0  # seconds for one answer: while it is waited for, nobody looks at what nginx sees
REST = 30.0  # seconds for which somebody who has not answered is left alone
FRESH = "90s"  # what was recorded before that says nothing about now
LONG = "5m"
_OPEN = Verdict("open", "")


@dataclass(frozen=True)
class Pace:
    """How fast a budget burns: 1 is the pace at which it lasts for exactly its window."""

    objective: Objective
    events: float
    failed: float

    @property
    def burn_rate(self) -> float:
        """Times the pace that the budget allows."""
        return self.failed / self.events / self.objective.budget

    @property
    def pages(self) -> bool:
        """As fast as the alert that pages, with so many failures that they mean something."""
        enough = self.events >= ENOUGH and round(self.failed) >= self.objective.min_failed
        return enough and self.failed / self.events > threshold(self.objective, _factor(self.objective))

    def describe(self) -> str:
        """For whoever reads the verdict."""
        return f"the budget of {self.objective.name} burns {self.burn_rate:.1f} times as fast as it allows"


@dataclass
class ObjectivesJudge:
    """The objectives of one service for one trial.

    :param objectives: of requests to it, and of its routes, that decide something.
    :param address: of Prometheus; empty for none.
    """

    objectives: tuple[Objective, ...]
    address: str = ""
    timeout: float = TIMEOUT
    silent: str = ""
    paces: dict[str, Pace] = field(default_factory=dict)
    before: dict[str, Pace] = field(default_factory=dict)
    _not_before: float = 0.0

    def begin(self) -> None:
        """Ask before the new version gets any traffic: what burns already is not its doing."""
        if self._askable():
            self.before = self._ask(LONG)

    def look(self, elapsed: float, old: Figures, new: Figures) -> Verdict:
        """Ask what was measured since the new version has its share; bad, or open.

        :param elapsed: seconds since then.
        :param old: what nginx has seen of both versions in that time.
        """
        window = self._window(elapsed)
        if not window or elapsed < self._not_before or not self._askable():
            return _OPEN
        self.paces = self._ask(window)
        if self.silent:
            self._not_before = elapsed + REST
        for pace in self.paces.values():
            if pace.pages and not self._excused(pace, old, new):
                return Verdict("bad", f"{pace.describe()}, since it gets traffic")
        return _OPEN

    @property
    def summary(self) -> str:
        """What they say at the end of a trial that was passed."""
        if not self.objectives or not self.address:
            why = "no Prometheus is named (monitoring.prometheus)" if self.objectives else "none is about its requests, or past its burn-in"
            return f"no objective was asked: {why}"
        if self.silent:
            return f"no objective was asked: {self.silent}"
        missing = [objective.name for objective in self.objectives if objective.name not in self.paces]
        said = [pace.describe() + (", as before or as in the old version" if pace.pages else "") for pace in self.paces.values()]
        return "; ".join([*said, *([f"nothing was measured of {', '.join(missing)}"] if missing else [])])

    def _askable(self) -> bool:
        return bool(self.objectives and self.address)

    def _window(self, elapsed: float) -> str:
        """The longest window that lies within the trial; empty while none does."""
        late = EVALUATION + max((objective.scrape_interval for objective in self.objectives), default=0.0)
        if elapsed >= length(LONG) + late:
            return LONG
        return SHORTEST if self.objectives and elapsed >= max(map(shortest, self.objectives)) + late else ""

    def _excused(self, pace: Pace, old: Figures, new: Figures) -> bool:
        """It burnt before, or the new version is no worse than the old one at the same time: something else is wrong with both."""
        known = self.before.get(pace.objective.name)
        if known and known.pages:
            return True
        limit = pace.objective.below if pace.objective.indicator == "latency" else 0.0
        of_old = _bad(old, limit)
        share = of_old[0] / of_old[1] if of_old[1] else 0.0
        return wilson_lower_bound(*_bad(new, limit)) <= share

    def _ask(self, window: str) -> dict[str, Pace]:
        self.silent = ""
        try:
            source = Source(self.address, self.timeout)
            chosen = selector({"stack": self.objectives[0].stack})
            events, failed = (
                {sample.labels.get("slo", ""): sample.value for sample in source.query(f"last_over_time({name(window)}{chosen}[{FRESH}])")}
                for name in (series.events, series.failed)
            )
        except SourceError as error:
            self.silent = str(error)
            return {}
        return {
            objective.name: Pace(objective, events[objective.name], failed.get(objective.name, 0.0))
            for objective in self.objectives
            if events.get(objective.name, 0.0) > 0
        }


def judge_of(service: str, settings: SloSettings | None, now: float) -> ObjectivesJudge:
    """The judge of a service.

    :param now: seconds since the epoch.
    """
    if settings is None:
        return ObjectivesJudge(())
    return ObjectivesJudge(tuple(_about(service, settings.objectives, now)), settings.prometheus, min(TIMEOUT, settings.policy.timeout))


def _about(service: str, objectives: Iterable[Objective], now: float) -> Iterable[Objective]:
    return (
        objective
        for objective in objectives
        if objective.service == service
        and objective.subject in ("route", "service")
        and objective.unit == EVENTS
        and not objective.burns_in(now)
    )


def _bad(figures: Figures, limit: float) -> tuple[int, int]:
    """How many requests failed, or took longer than a limit in seconds, and of how many."""
    if not limit:
        return figures.failed, figures.requests
    return sum(seconds > limit for seconds in figures.seconds), len(figures.seconds)


def _factor(objective: Objective) -> float:
    """Of the alert that pages: 14.4 for a window of 30 days."""
    return next(pair.factor for pair in pairs(objective) if pair.page)
