# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vocabulary of dashboards: a panel, the questions that it asks Prometheus, and what its numbers are.

A dashboard is written in these words, and rendered to Grafana's own (C(render)). A new kind of panel is one function here and one entry
there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

# Of Grafana's units those that are used here; another name would be shown as a suffix of the number.
NUMBER, SHARE, SECONDS, BYTES, BYTES_PER_SECOND = "short", "percentunit", "s", "bytes", "Bps"
PER_SECOND, REQUESTS_PER_SECOND, PACKETS, MOMENT = "ops", "reqps", "pps", "dateTimeFromNow"
UNITS = (NUMBER, SHARE, SECONDS, BYTES, BYTES_PER_SECOND, PER_SECOND, REQUESTS_PER_SECOND, PACKETS, MOMENT)
WHOLE, HALF, THIRD, QUARTER, SIXTH = 24, 12, 8, 6, 4  # widths, of 24


class Kind(Enum):
    """How a panel shows its numbers, by Grafana's name of it."""

    GRAPH = "timeseries"
    NUMBER = "stat"
    TABLE = "table"
    STATES = "state-timeline"


@dataclass(frozen=True)
class Query:
    """A question.

    :param expression: of PromQL, with Grafana's variables.
    :param legend: of each series, with labels in double braces.
    """

    expression: str
    legend: str = ""


@dataclass(frozen=True)
class Bounds:
    """From where on a number is orange, and from where on red.

    :param falling: less is worse.
    """

    warning: float | None = None
    critical: float | None = None
    falling: bool = False


@dataclass(frozen=True)
class Panel:
    """One panel.

    :param about: a sentence for whoever points at it; what no title can say.
    :param least, most: ends of the axis; None for what the numbers are.
    :param stacked: the series add up to a whole.
    :param empty: what is shown where nothing answers, and why that is no fault. Without it a panel always has numbers on a host on which
        all is well.
    """

    kind: Kind
    title: str
    queries: tuple[Query, ...]
    unit: str = NUMBER
    about: str = ""
    width: int = HALF
    height: int = 8
    least: float | None = 0
    most: float | None = None
    bounds: Bounds = field(default_factory=Bounds)
    stacked: bool = False
    empty: str = ""
    decimals: int | None = None


@dataclass(frozen=True)
class Row:
    """Panels under a heading; those that are None are left out, and a row without any as well."""

    title: str
    panels: tuple[Panel | None, ...]


@dataclass(frozen=True)
class Variable:
    """What whoever looks may choose: the values of a label.

    :param series: that have the label.
    :param several: any number of them, or all.
    """

    name: str
    label: str
    series: str
    title: str = ""
    several: bool = True


@dataclass(frozen=True)
class Marks:
    """Events that are drawn into all graphs.

    :param expression: a series each; its value is when, in milliseconds, where C(at_value), else they are where it is there.
    """

    name: str
    expression: str
    title: str
    labels: tuple[str, ...]
    color: str
    at_value: bool = False


@dataclass(frozen=True)
class Dashboard:
    """One dashboard.

    :param name: of its file, and part of its identity (C(contracts.dashboards)).
    :param span: of time that it shows at first, as Grafana has it.
    """

    name: str
    title: str
    about: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    marks: tuple[Marks, ...] = ()
    span: str = "3h"


def graph(title: str, unit: str, *queries: tuple[str, str], **more: object) -> Panel:
    """Numbers over time; each question with its legend."""
    return _panel(Kind.GRAPH, title, unit, queries, more)


def number(title: str, unit: str, expression: str, **more: object) -> Panel:
    """One number, now."""
    return _panel(Kind.NUMBER, title, unit, ((expression, ""),), {"width": SIXTH, "height": 4, "least": None, **more})


def table(title: str, unit: str, expression: str, **more: object) -> Panel:
    """A line for each series, now; its labels are the columns."""
    return _panel(Kind.TABLE, title, unit, ((expression, ""),), {"least": None, **more})


def states(title: str, *queries: tuple[str, str], **more: object) -> Panel:
    """Where each series is 1, all is well; where it is 0, it is not."""
    return _panel(Kind.STATES, title, NUMBER, queries, {"least": None, "width": WHOLE, **more})


def _panel(kind: Kind, title: str, unit: str, queries: tuple[tuple[str, str], ...], more: dict[str, object]) -> Panel:
    return Panel(kind, title, tuple(Query(expression, legend) for expression, legend in queries), unit, **more)  # type: ignore[arg-type]
