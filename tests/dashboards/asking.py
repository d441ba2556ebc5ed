# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dashboards ask Prometheus, as Grafana would ask it: variables are looked up and filled in, windows are those of the data source.

For unit tests and the scenario C(monitoring), which ask the same of another Prometheus.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

Document = Mapping[str, Any]
# A path of Prometheus' API below /api/v1, and what is in its answer; it fails where that is an error.
Ask = Callable[[str], Any]
_NAME = re.compile(r"\$(\w+)|\$\{(\w+)(?::\w+)?\}")
_LABEL_VALUES = re.compile(r"label_values\((.+), (\w+)\)")
_ESCAPED = re.compile(r"[\\^$*+?.()|\[\]{}/]")
ALL = "$__all"


@dataclass(frozen=True)
class Question:
    """One question of one panel.

    :param empty: it may have no answer; the panel says what that means.
    """

    dashboard: str
    panel: str
    expression: str
    instant: bool = False
    empty: bool = False

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.dashboard} / {self.panel}: {self.expression}"


@dataclass
class Look:
    """Somebody who looks at a dashboard.

    :param scrape: seconds between two scrapes, as the data source says.
    :param span: of seconds that is looked at.
    :param points: that a graph is wide.
    :param chosen: a value that is chosen where there is a choice of one.
    """

    ask: Ask
    now: float
    scrape: float
    span: float = 300
    points: int = 600
    chosen: Mapping[str, str] = field(default_factory=dict)

    @property
    def step(self) -> float:
        """Seconds between two points: never less than between two scrapes."""
        return max(self.span / self.points, self.scrape)

    def windows(self) -> dict[str, str]:
        """Grafana's own variables."""
        rate = max(self.step + self.scrape, 4 * self.scrape)
        return {"__rate_interval": f"{rate:g}s", "__interval": f"{self.step:g}s", "__range": f"{self.span:g}s"}

    def variables(self, document: Document) -> dict[str, str]:
        """The value of each variable, as it stands in a question."""
        values = self.windows()
        for variable in document["templating"]["list"]:
            found = self.options(variable, values)
            assert found, f"{document['title']}: nothing to choose from for {variable['name']}: {variable['definition']}"
            if ALL in variable["current"].get("value", ()):
                values[variable["name"]] = variable["allValue"] or "(" + "|".join(map(_escaped, found)) + ")"
            else:
                chosen = self.chosen.get(variable["name"], found[0])
                assert chosen in found, f"{chosen} is none of {found}"
                values[variable["name"]] = chosen
        return values

    def options(self, variable: Document, values: Mapping[str, str]) -> list[str]:
        """What there is to choose from."""
        shape = _LABEL_VALUES.fullmatch(filled(variable["query"]["query"], values))
        assert shape, variable["query"]
        window = {"start": self.now - self.span, "end": self.now}
        found: list[str] = self.ask(f"label/{quote(shape[2])}/values?{urlencode([('match[]', shape[1]), *window.items()])}")
        return sorted(found)

    def answer(self, question: Question, values: Mapping[str, str]) -> list[dict[str, Any]]:
        """The series that a panel would show."""
        expression = filled(question.expression, values)
        if question.instant:
            query = {"query": expression, "time": self.now}
            return list(self.ask(f"query?{urlencode(query)}")["result"])
        query = {"query": expression, "start": self.now - self.span, "end": self.now, "step": self.step}
        return list(self.ask(f"query_range?{urlencode(query)}")["result"])


def questions(document: Document) -> Iterator[Question]:
    """All questions of a dashboard: of its panels, and of its marks."""
    for panel in document["panels"]:
        for target in panel.get("targets", ()):
            empty = bool(panel["fieldConfig"]["defaults"].get("noValue"))
            yield Question(document["title"], panel["title"], target["expr"], target["instant"], empty)
    for marks in document["annotations"]["list"]:
        if "expr" in marks:
            yield Question(document["title"], marks["name"], marks["expr"], empty=True)


def filled(text: str, values: Mapping[str, str]) -> str:
    """A question with its variables filled in; what is no variable stays, as in Grafana."""
    return _NAME.sub(lambda found: values.get(found[1] or found[2], found[0]), text)


def _escaped(value: str) -> str:
    """A value among several, in a string of PromQL."""
    return _ESCAPED.sub(lambda sign: f"\\\\{sign[0]}", value)
