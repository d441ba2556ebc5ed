# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of Prometheus that measure the objectives of a stack, as data and as the text of a rule file.

Each objective has two groups: what alerts, and what looks back over days. In a group a rule sees what those before it have recorded at the
same time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..compose.yaml_writer import dump
from ..contracts.objectives import Objective
from . import series
from .alerts import alerts
from .indicators import Counted, Looked, indicator
from .promql import duration, number
from .series import of
from .windows import EVALUATION, EVALUATION_LONG, LONG_WINDOWS, SHORT_WINDOWS, SHORTEST, WHOLE, shortest

_OURS = "# Objectives of stack "
_HEAD = _OURS + "{stack}, by latentum.ops from ops_stack.slos; do not edit. Playbook slo writes it.\n"
Rule = dict[str, Any]


def rule_file(stack: str, objectives: Sequence[Objective], more: Callable[[str], Mapping[str, str]] | None = None) -> str:
    """The content of the rule file of a stack.

    :param more: further annotations of an alert, by its name.
    """
    groups = rule_groups(objectives)
    if more:
        for rule in (rule for group in groups for rule in group["rules"] if "alert" in rule):
            rule["annotations"] |= more(rule["alert"])
    return _HEAD.format(stack=stack) + dump({"groups": groups})


def is_ours(text: str) -> bool:
    """Whether a file was written by rule_file, of whichever stack."""
    return text.startswith(_OURS)


def rule_groups(objectives: Iterable[Objective]) -> list[dict[str, Any]]:
    """The groups of a rule file."""
    groups = []
    for objective in objectives:
        name = f"slo/{objective.stack}/{objective.name}"
        groups.append({"name": name, "interval": duration(EVALUATION), "rules": _short(objective)})
        groups.append({"name": f"{name}/days", "interval": duration(EVALUATION_LONG), "rules": _long(objective)})
    return groups


def _short(objective: Objective) -> list[Rule]:
    """What is measured now, and over hours; then the alerts."""
    measured = indicator(objective)
    about = {"indicator": objective.indicator, "window": duration(objective.window)}
    rules = [
        _record(objective, series.OBJECTIVE, expression, {**about, "burn_in": burn_in})
        for burn_in, expression in _burn_in(objective, f"vector({number(1 - objective.budget)})")
    ]
    if isinstance(measured, Looked):
        rules += _looks(objective, measured)
    else:
        rules += _increases(objective, measured, SHORTEST, duration(shortest(objective)))
    for window in SHORT_WINDOWS:
        rules += _increases(objective, measured, window, window) if isinstance(measured, Counted) else _seen(objective, window)
        rules.append(_ratio(objective, window))
    rules.append(_record(objective, series.BURN_RATE, f"{of(objective, series.error_ratio('6h'))} / {number(objective.budget)}"))
    return [*rules, *alerts(objective, measured)]


def _burn_in(objective: Objective, value: str) -> list[tuple[str, str]]:
    """What label C(burn_in) is, and when."""
    if objective.burn_in or not objective.burn_in_until:
        return [(str(objective.burn_in).lower(), value)]
    end = number(objective.burn_in_until)
    return [("true", f"{value} and on() (vector(time()) < {end})"), ("false", f"{value} and on() (vector(time()) >= {end})")]


def _looks(objective: Objective, measured: Looked) -> list[Rule]:
    part = number(EVALUATION / 60)
    good = f"({measured.good})"
    return [
        _record(objective, series.failed(series.NOW), f"(1 - {good}) * {part}"),
        _record(objective, series.events(series.NOW), f"{good} * 0 + {part}"),
    ]


def _increases(objective: Objective, measured: Counted, window: str, span: str) -> list[Rule]:
    failed, events = measured.failed(span), measured.events(span)
    return [_record(objective, series.failed(window), failed), _record(objective, series.events(window), events)]


def _seen(objective: Objective, window: str) -> list[Rule]:
    return [
        _record(objective, name(window), f"sum_over_time({of(objective, name(series.NOW))}[{window}])")
        for name in (series.failed, series.events)
    ]


def _ratio(objective: Objective, window: str) -> Rule:
    """Nothing where there is no event: neither perfect nor bad."""
    ratio = f"{of(objective, series.failed(window))} / ({of(objective, series.events(window))} > 0)"
    return _record(objective, series.error_ratio(window), ratio)


def _long(objective: Objective) -> list[Rule]:
    """Over days, of what was recorded: each evaluation holds what came in five minutes, and so counts for its own part of them."""
    base, part = "5m", f" * {number(EVALUATION / SHORT_WINDOWS['5m'])}"
    if isinstance(indicator(objective), Looked):
        base, part = series.NOW, ""
    rules = []
    for window, span in (*((name, name) for name in LONG_WINDOWS), (WHOLE, duration(objective.window))):
        for name in (series.failed, series.events):
            rules.append(_record(objective, name(window), f"sum_over_time({of(objective, name(base))}[{span}]){part}"))
        rules.append(_ratio(objective, window))
    left = of(objective, series.REMAINING)
    rules.append(_record(objective, series.REMAINING, f"1 - {of(objective, series.error_ratio(WHOLE))} / {number(objective.budget)}"))
    # At a pace that the budget allows it is never spent: what is lost comes back at the other end of the window.
    pace = f"({of(objective, series.BURN_RATE)} > 1)"
    forecast = f"clamp_min({left}, 0) * {number(objective.window)} / {pace} or ({left} <= 0) * 0"
    return [*rules, _record(objective, series.SPENT_IN, forecast)]


def _record(objective: Objective, name: str, expression: str, more: dict[str, str] | None = None) -> Rule:
    return {"record": name, "expr": expression, "labels": {**series.labels(objective), **(more or {})}}
