# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of how a stack is measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from ...contracts.alerts import STACK_ALERTS
from ...contracts.canary import Rule, seen_after
from ...contracts.error_budget import REFUSE
from ...contracts.monitoring import Monitoring
from ...core.units import spell_duration
from ...schema.nodes import Problem, instead, shown
from ..model import Declaration
from ..watchdog.checks import check_secret
from .dashboards import check_dashboards
from .model import monitoring_of, monitoring_secrets
from .schema import MOST_BUCKETS


def _check_budget(monitoring: Monitoring, problems: list[Problem]) -> None:
    """Bounds that become stricter, and somebody who can be asked."""
    policy = monitoring.budget
    for mild, strict in pairwise(("warn_below", "canary_below", "refuse_below")):
        above, below = getattr(policy, mild), getattr(policy, strict)
        if below > above:
            what = f"is more than {mild}, which is {above:g}: what is stricter would come before what is milder"
            problems.append(Problem(f"monitoring.budget.{strict}", shown(below), what, f"write at most {above:g}"))
    if policy.canary:
        problems.extend(too_short(policy.canary, monitoring.scrape_interval, "monitoring.budget.canary"))
    if policy.unknown == REFUSE and not monitoring.prometheus:
        what = "would refuse each release: no monitoring.prometheus is named, so that nobody knows a budget"
        problems.append(
            Problem("monitoring.budget.unknown", shown(policy.unknown), what, "add prometheus: http://127.0.0.1:9090, or remove it")
        )


def too_short(canary: Rule, scrape_interval: float, key: str) -> Iterator[Problem]:
    """A trial that is over before its objectives have seen anything of it."""
    least = seen_after(scrape_interval)
    if canary.objectives and canary.duration < least:
        what = f"is over before anything was measured of it, with objectives: true and scrapes each {spell_duration(scrape_interval)}"
        fix = f"write at least {spell_duration(least)}, such as 5m"
        yield Problem(f"{key}.duration", shown(spell_duration(canary.duration)), what, fix)


def check_monitoring(declaration: Declaration, problems: list[Problem]) -> None:
    """Bounds that a histogram can have, limits that can be crossed, a switch that somebody else does not call."""
    if any(problem.key.startswith("monitoring") for problem in problems):
        return
    _check_budget(monitoring_of(declaration), problems)
    _check_buckets(monitoring_of(declaration).buckets, problems)
    problems.extend(_limits(declaration))
    problems.extend(_deadman(declaration))
    problems.extend(check_dashboards(declaration))
    problems.extend(_report(declaration))
    for key, name in monitoring_secrets(declaration):
        check_secret(key, name, declaration.secrets, problems)


def _limits(declaration: Declaration) -> Iterator[Problem]:
    monitoring = monitoring_of(declaration)
    limits, key = monitoring.limits, "monitoring.limits"
    if limits["error_warning"] >= limits["error_critical"]:
        what = f"is not below error_critical ({limits['error_critical']:g}), so that nothing would ever only be warned of"
        yield Problem(f"{key}.error_warning", shown(limits["error_warning"]), what, "write less, or raise error_critical")
    if monitoring.buckets and limits["latency"] and limits["latency"] >= monitoring.buckets[-1]:
        last = spell_duration(monitoring.buckets[-1])
        what = f"is not below {last}, the last of monitoring.buckets: beyond it nothing is told apart, and the alert could never fire"
        yield Problem(f"{key}.latency", shown(spell_duration(limits["latency"])), what, f"write less than {last}, or add a bucket")
    for index, name in enumerate(limits["disabled"]):
        place = f"{key}.disabled[{index}]"
        if name not in STACK_ALERTS:
            yield Problem(place, shown(name), "is no alert of a stack", instead(name, STACK_ALERTS, "alert"))
        elif name in limits["disabled"][:index]:
            yield Problem(place, shown(name), "stands in it twice", "remove one of the two")


def _deadman(declaration: Declaration) -> Iterator[Problem]:
    """One that the watchdog calls, too, would miss neither of them."""
    own, watchdogs = monitoring_of(declaration).deadman, declaration.watchdog.deadman
    if own and watchdogs and own["url_secret"] and own["url_secret"] == watchdogs["url_secret"]:
        what = "is that of watchdog.deadman, which goes on calling it when Prometheus is gone, so that nobody would miss it"
        yield Problem("monitoring.deadman.url_secret", shown(own["url_secret"]), what, "give Prometheus a switch and a secret of its own")


def _report(declaration: Declaration) -> Iterator[Problem]:
    """Prices that say one thing, and somebody who gets the mail."""
    report, key = monitoring_of(declaration).report, "monitoring.report"
    if report is None:
        return
    if report.prices and (contradiction := report.prices.contradiction()):
        what, _colon, fix = contradiction.partition(": ")
        yield Problem(f"{key}.prices", "", what, fix)
    if report.monthly and not any(alert["kind"] == "email" for alert in declaration.watchdog.alerts):
        what = "would reach nobody: no entry of watchdog.alerts is of kind email"
        yield Problem(f"{key}.monthly", shown(True), what, "add one, or write monthly: false")


def _check_buckets(buckets: Sequence[float], problems: list[Problem]) -> None:
    if not buckets:
        problems.append(
            Problem("monitoring.buckets", "an empty list", "has no bound", "write some, such as [100ms, 300ms, 1s], or remove it")
        )
    if len(buckets) > MOST_BUCKETS:
        what = f"has more than {MOST_BUCKETS} bounds, and each is a series for each route"
        problems.append(Problem("monitoring.buckets", f"a list of {len(buckets)}", what, "keep those that objectives and people ask for"))
    for index, (before, bound) in enumerate(pairwise(buckets), 1):
        if bound <= before:
            what = f"does not follow {spell_duration(before)}: bounds rise"
            problems.append(Problem(f"monitoring.buckets[{index}]", shown(spell_duration(bound)), what, "sort them, each once"))
