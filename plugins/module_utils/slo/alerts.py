# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts of an objective: a budget that burns, a budget that is spent, a total failure among few requests, no data at all."""

from __future__ import annotations

from typing import Any

from ..contracts.objectives import EVENTS, MINUTES, Objective
from . import series
from .indicators import Counted, Looked
from .promql import duration, number, plain
from .series import of
from .windows import SHORTEST, SPOKEN, WHOLE, Pair, pairs, threshold

FAST, SLOW, SPENT, NO_DATA = "SLOFastBurn", "SLOSlowBurn", "SLOBudgetSpent", "SLONoData"
PAGES = {FAST: "slo-fast-burn", SLOW: "slo-slow-burn", SPENT: "slo-slow-burn", NO_DATA: "slo-no-data"}
# Where failures in a row are looked for. The first ones need usual traffic besides: a few requests of one client are no outage there.
_ROW_BUSY, _ROW = (SHORTEST, "5m"), ("30m", "1h", "6h")
_ROW_OF_RUNS = ("1h", "6h", "1d", "3d")
_HALF = 0.5  # an increase that Prometheus extrapolates is a little beside the whole number
_NOUN = {"availability": "requests failed", "latency": "requests were slow", "success": "runs failed"}


def alerts(objective: Objective, indicator: Counted | Looked) -> list[dict[str, Any]]:
    """The alert rules; none while an objective is burnt in, and none that fires before a burn-in ends by itself."""
    if objective.burn_in:
        return []
    rules = []
    if objective.page != "none":
        rules.append(_fast(objective, indicator))
    if objective.ticket != "none":
        rules += [_slow(objective), _spent(objective), _no_data(objective, indicator)]
    return rules


def _fast(objective: Objective, indicator: Counted | Looked) -> dict[str, Any]:
    """One alert for all that pages, so that one fault is one message. Its value is how many times too fast the budget burns."""
    burning = [_burning(objective, pair) for pair in pairs(objective) if pair.page]
    expression = " or ".join([*burning, *_row(objective, indicator)])
    about = f"{_numbers(objective, '1h')} That is {{{{ $value | humanize }}}} times as fast as the budget allows."
    return _rule(objective, FAST, expression, "burns its error budget fast", about, page=True)


def _slow(objective: Objective) -> dict[str, Any]:
    burning = [_burning(objective, pair) for pair in pairs(objective) if not pair.page]
    about = f"{_numbers(objective, '1d')} That is {{{{ $value | humanize }}}} times as fast as the budget allows."
    return _rule(objective, SLOW, " or ".join(burning), "burns its error budget slowly", about)


def _spent(objective: Objective) -> dict[str, Any]:
    """Also what no shorter window can show: a job of each night, a route with few requests."""
    spent = f"{of(objective, series.REMAINING)} <= 0 and {_enough(objective, WHOLE)}"
    about = f"{_numbers(objective, WHOLE)} Until there is budget again, no release but a rollback or a security fix."
    return _rule(objective, SPENT, spent, "has spent its error budget", about, patience="10m")


def _no_data(objective: Objective, indicator: Counted | Looked) -> dict[str, Any]:
    first, *others = indicator.sources
    missing = [f"absent({source})" for source in indicator.sources]
    if isinstance(indicator, Counted) and indicator.quiet:
        nobody_came = indicator.quiet(duration(objective.no_data))
        missing = [f"(absent({first}) unless on () ({nobody_came}))", *(f"(absent({other}) and on () {first})" for other in others)]
    about = (
        f"Nothing is measured of {objective.subject} {objective.target} since {duration(objective.no_data)} or longer."
        " An objective without data is not met; it is unknown."
    )
    return _rule(objective, NO_DATA, " or ".join(missing), "has no data", plain(about), patience=duration(objective.no_data))


def _burning(objective: Objective, pair: Pair) -> str:
    limit = number(threshold(objective, pair.factor))
    long, short = of(objective, series.error_ratio(pair.long)), of(objective, series.error_ratio(pair.short))
    return f"({long} > {limit} and {short} > {limit} and {_enough(objective, pair.long)}) / {number(objective.budget)}"


def _enough(objective: Objective, window: str) -> str:
    """So many events, and so many failures among them, that they mean something."""
    slack = _HALF if objective.unit == EVENTS else 0.0
    events, failed = of(objective, series.events(window)), of(objective, series.failed(window))
    return f"{events} >= {number(objective.min_events - slack)} and {failed} >= {number(objective.min_failed - slack)}"


def _row(objective: Objective, indicator: Counted | Looked) -> list[str]:
    """Failures without one success between them: a total failure of what has too few events for a pace."""
    if not objective.floor:
        return []
    if objective.indicator == "success":
        return [_failures_only(objective, window) for window in _ROW_OF_RUNS if _fits(objective, window)]
    rows = [_failures_only(objective, window) for window in _ROW]
    if isinstance(indicator, Looked):
        return [_failures_only(objective, "5m"), *rows] if objective.floor <= 5 else rows
    busy = f"{of(objective, series.events('1h'))} >= {number(objective.min_events - _HALF)}"
    return [*(f"({_failures_only(objective, window)} and {busy})" for window in _ROW_BUSY), *rows]


def _fits(objective: Objective, window: str) -> bool:
    return window in ("1h", "6h", "1d") or objective.window >= 3 * 86400


def _failures_only(objective: Objective, window: str) -> str:
    failed, events = of(objective, series.failed(window)), of(objective, series.events(window))
    slack = _HALF if objective.unit == EVENTS else 0.01
    worst = number(1 / objective.budget)
    return f"(({failed} >= {number(objective.floor - slack)} and ({events} - {failed}) < {number(slack)}) * 0 + {worst})"


def _rule(
    objective: Objective, name: str, expression: str, what: str, about: str, *, page: bool = False, patience: str = ""
) -> dict[str, Any]:
    labels = {
        **series.labels(objective),
        "indicator": objective.indicator,
        "severity": objective.page if page else objective.ticket,
        "reaction": "page" if page else "ticket",
    }
    annotations = {
        "summary": plain(f"{objective.stack}: {objective.name} ({objective.subject} {objective.target}) {what}"),
        "description": f"Objective: {plain(sentence(objective))}. {about}",
        "runbook": f"opsctl runbook {PAGES[name]}",
    }
    if objective.runbook:
        address = objective.runbook.replace("{runbook}", PAGES[name]).replace("{service}", objective.service or objective.name)
        annotations["runbook_url"] = plain(address)
    waits = {"for": patience} if patience else {}
    if objective.burn_in_until:
        expression = f"({expression}) and on() (vector(time()) >= {number(objective.burn_in_until)})"
    return {"alert": name, "expr": expression, **waits, "labels": labels, "annotations": annotations}


def sentence(objective: Objective) -> str:
    """What must be good, in words."""
    share, span = f"{objective.percent:.10g} %", duration(objective.window)
    if objective.unit == MINUTES:
        state = "fresh" if objective.indicator == "freshness" else "well"
        return f"{objective.subject} {objective.target} is {state} for {share} of {span}"
    if objective.indicator == "latency":
        return f"{share} of the requests to {objective.target} are answered within {number(objective.below)} s, over {span}"
    if objective.indicator == "success":
        return f"{share} of the runs of {objective.target} succeed, over {span}"
    return f"{share} of the requests to {objective.target} are answered without a 5xx, over {span}"


def _numbers(objective: Objective, window: str) -> str:
    """What was counted in a window, and what is left of the budget, as Prometheus fills it in."""
    span = duration(objective.window) if window == WHOLE else SPOKEN[window]
    bad, total = _value(objective, series.failed(window)), _value(objective, series.events(window))
    what = "minutes were bad" if objective.unit == MINUTES else _NOUN[objective.indicator]
    left = _value(objective, series.REMAINING, "humanizePercentage")
    return f"In the last {span} {bad} of {total} {what}; {left} of the budget is left."


def _value(objective: Objective, name: str, form: str = "humanize") -> str:
    return f"{{{{ with query `{of(objective, name)}` }}}}{{{{ . | first | value | {form} }}}}{{{{ else }}}}an unknown part{{{{ end }}}}"
