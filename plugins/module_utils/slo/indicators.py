# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indicators: what counts as an event, and what as a failed one, in the words of the metrics that there are.

Counters are summed after their increase, so that a reset or a replica that comes and goes is no event, and each host counts once. A gauge
is a look: each evaluation makes a part of a minute of it, good or bad; one that no watchdog keeps up to date any more is no look.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..contracts.objectives import MINUTES, Objective
from .promql import bound, number, quoted, selector

REQUESTS = "http_requests_total"
DURATIONS = "http_request_duration_seconds"
LINES = "nginx_log_lines_total"
WATCHDOG = "latentum_ops_watchdog_"
STALE = 300  # seconds after which a status of the watchdog says nothing any more
SITE = "site:"


@dataclass(frozen=True)
class Counted:
    """Requests or runs, by counters.

    :param events: all of them in a window, by its duration.
    :param failed: those that are bad; 0 where there are events and none is bad.
    :param sources: series without which nothing is measured.
    :param quiet: something while events are counted and there was none, over a window; empty where that cannot be told from no data.
    """

    events: Callable[[str], str]
    failed: Callable[[str], str]
    sources: tuple[str, ...]
    quiet: Callable[[str], str] | None = None


@dataclass(frozen=True)
class Looked:
    """The state at a time, by a gauge.

    :param good: 1 where all is well, 0 where nothing is, nothing at all where nobody looks.
    """

    good: str

    @property
    def sources(self) -> tuple[str, ...]:
        """Series without which nothing is measured."""
        return (self.good,)


def indicator(objective: Objective) -> Counted | Looked:
    """The indicator of an objective."""
    if objective.unit == MINUTES:
        return Looked(_good(objective))
    return {"availability": _answered, "latency": _fast, "success": _succeeded}[objective.indicator](objective)


def _requests(objective: Objective) -> Mapping[str, str]:
    return {"stack": objective.stack, objective.subject: objective.target}


def _increase(metric: str, chosen: str) -> Callable[[str], str]:
    return lambda window: f"sum(increase({metric}{chosen}[{window}]))"


def _answered(objective: Objective) -> Counted:
    labels = _requests(objective)
    events = _increase(REQUESTS, selector(labels))
    bad = _increase(REQUESTS, selector(labels, 'code=~"5.."'))
    # A code that never occurred has no series: without the second half there would be no ratio, or worse, a perfect one.
    sources = (f"sum({REQUESTS}{selector(labels)})",)
    return Counted(events, lambda window: f"{bad(window)} or 0 * {events(window)}", sources, _reads(objective))


def _fast(objective: Objective) -> Counted:
    labels = _requests(objective)
    within = selector(labels, bound(objective.below))
    events = _increase(f"{DURATIONS}_count", selector(labels))
    fast = _increase(f"{DURATIONS}_bucket", within)
    sources = (f"sum({DURATIONS}_count{selector(labels)})", f"sum({DURATIONS}_bucket{within})")
    return Counted(events, lambda window: f"clamp_min({events(window)} - {fast(window)}, 0)", sources, _reads(objective))


def _reads(objective: Objective) -> Callable[[str], str]:
    """Whether requests are counted on a host that has the stack: the watchdog's own are lines of the same log, all day and night.

    An exporter that was just started knows no route that nobody has visited since.
    """
    here = f"{WATCHDOG}site_up{selector({'stack': objective.stack})}"
    return lambda window: f'sum(increase({LINES}{{kind=~"request|probe"}}[{window}]) and on (instance) {here}) > 0'


def _succeeded(objective: Objective) -> Counted:
    """Label C(job) is Prometheus' own: what a target calls so is C(exported_job), unless its labels are honoured."""
    stack = {"stack": objective.stack}
    names = [selector(stack, f"{label}={quoted(objective.target)}") for label in ("exported_job", "job")]

    def either(result: str) -> Callable[[str], str]:
        metric = f"{WATCHDOG}job_{result}_total"
        return lambda window: " or ".join(_increase(metric, chosen)(window) for chosen in names)

    failed, good = either("failures"), either("successes")
    sources = tuple(" or ".join(f"sum({WATCHDOG}job_{kind}_total{chosen})" for chosen in names) for kind in ("successes", "failures"))
    return Counted(lambda window: f"({good(window)}) + ({failed(window)})", failed, sources)


def _good(objective: Objective) -> str:
    """The share of hosts on which all is well; of data, whether it is fresh wherever it is looked at."""
    stack, target = {"stack": objective.stack}, objective.target
    if objective.indicator == "freshness":
        return f"min({_watched(_fresh(objective))})"
    if target.startswith(SITE):
        return f"avg({_watched(WATCHDOG + 'site_up' + selector({**stack, 'domain': target.removeprefix(SITE)}))})"
    service, slash, probe = target.partition("/")
    if slash:
        return f"avg({_watched(WATCHDOG + 'probe_success' + selector({**stack, 'service': service, 'probe': probe}))})"
    down = selector({**stack, "service": service}, 'state=~"down|affected"')
    return f"1 - avg(max by (instance) ({_watched(WATCHDOG + 'service_state' + down)}))"


def _fresh(objective: Objective) -> str:
    chosen = selector({"stack": objective.stack, "data": objective.target})
    fresh = f"{WATCHDOG}data_fresh{chosen}"
    if not objective.newest:
        return fresh
    # Data that is not there at all has no time, and is not fresh.
    return f"((time() - {WATCHDOG}data_newest_timestamp_seconds{chosen} <= bool {number(objective.newest)}) or {fresh} * 0)"


def _watched(series: str) -> str:
    return f"{series} and on (instance) (time() - {WATCHDOG}status_timestamp_seconds < {STALE})"
