# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of objectives: one subject and one indicator each, of what there is, with a budget that can hold a failure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...core.units import spell_duration
from ...schema.calendar import longest_gap
from ...schema.nodes import Problem, instead, shown
from ..jobs.model import jobs_of
from ..model import Declaration
from ..monitoring.model import monitoring_of
from .model import ObjectiveEntry, named_route, probes_by_name, routes_by_name, slos_of
from .schema import INDICATORS, SUBJECTS

# What can be said of what.
FITTING: Mapping[str, tuple[str, ...]] = {
    "availability": ("route", "service", "probe"),
    "latency": ("route", "service"),
    "freshness": ("data", "job"),
    "success": ("job",),
}
HOUR = 3600.0


def given(item: ObjectiveEntry, keys: tuple[str, ...]) -> list[str]:
    """Those of some keys that an entry has."""
    return [key for key in keys if item[key] not in (None, "")]


def percent_of(item: ObjectiveEntry, indicator: str) -> float:
    """How much must be good, in percent."""
    value = item[indicator]
    return float({"latency": lambda: value["quantile"], "freshness": lambda: value["objective"]}.get(indicator, lambda: value)())


def check_slos(declaration: Declaration, problems: list[Problem]) -> None:
    """What needs no Compose file."""
    names: dict[str, str] = {}
    for index, item in enumerate(slos_of(declaration)):
        key = f"slos[{index}]"
        if any(problem.key == key or problem.key.startswith(f"{key}.") for problem in problems):
            continue
        if item["name"] in names:
            fix = f"give one of the two another name: series and alerts of {names[item['name']]} have it"
            problems.append(Problem(f"{key}.name", shown(item["name"]), "is there already", fix))
        names.setdefault(item["name"], key)
        if shape := list(_shape(key, item)):
            problems.extend(shape)
            continue
        problems.extend(_alerts(key, item))
        problems.extend(_budget(declaration, key, item))
        if item["latency"]:
            problems.extend(_latency(declaration, key, item["latency"]))


def _shape(key: str, item: ObjectiveEntry) -> Iterator[Problem]:
    subjects, indicators = given(item, SUBJECTS), given(item, INDICATORS)
    if len(subjects) != 1:
        what = f"has {' and '.join(subjects)}, and an objective has one subject" if subjects else "says nowhere what it is about"
        fix = "write each as an entry of its own" if subjects else f"add one of {', '.join(SUBJECTS)}, such as route: app.example.com/"
        yield Problem(key, shown(item["name"]), what, fix)
    if len(indicators) != 1:
        what = f"has {' and '.join(indicators)}: two objectives in one entry" if indicators else "says nowhere what must be good"
        fix = "write each as an entry of its own" if indicators else f"add one of {', '.join(INDICATORS)}, such as availability: 99.9"
        yield Problem(key, shown(item["name"]), what, fix)
    if len(subjects) == len(indicators) == 1 and subjects[0] not in FITTING[indicators[0]]:
        indicator, subject = indicators[0], subjects[0]
        fits = " or ".join(FITTING[indicator])
        others = [name for name, fitting in FITTING.items() if subject in fitting]
        fix = f"write {fits} in place of {subject}, or {' or '.join(others)} in place of {indicator}"
        yield Problem(f"{key}.{indicator}", "", f"cannot be measured of a {subject}", fix)


def _alerts(key: str, item: ObjectiveEntry) -> Iterator[Problem]:
    if item["burn_in"] and item["burn_in_until"]:
        what = "says when it ends, and burn_in: true that it does not"
        yield Problem(f"{key}.burn_in_until", "", what, "remove one of the two")
    if item["page"] == item["ticket"] == "none" and not item["burn_in"]:
        yield Problem(
            f"{key}.ticket", shown("none"), "beside page: none tells nobody anything", "write burn_in: true, which says so, or a severity"
        )
    if item["page"] == "none" and item["floor"]:
        yield Problem(f"{key}.floor", shown(item["floor"]), "is for a page, and page is none", "remove it, or give page a severity")
    events, failed = item["min_events"], item["min_failed"]
    if events and failed and failed > events:
        what = f"are more failures than there are events (min_events {events}): nothing would ever alert"
        yield Problem(f"{key}.min_failed", shown(failed), what, f"write at most {events}")


def _budget(declaration: Declaration, key: str, item: ObjectiveEntry) -> Iterator[Problem]:
    """A budget that holds no failure is an objective of 100 % that does not say so."""
    (indicator,) = given(item, INDICATORS)
    percent, span, scrape = percent_of(item, indicator), float(item["window"]), monitoring_of(declaration).scrape_interval
    place = {"latency": f"{key}.latency.quantile", "freshness": f"{key}.freshness.objective"}.get(indicator, f"{key}.{indicator}")
    budget = span * (100 - percent) / 100
    if budget < scrape:
        what = (
            f"leaves {_rounded(budget)} s of {spell_duration(span)}, less than the {spell_duration(scrape)} between two scrapes:"
            " it could never hold one failing event"
        )
        fix = f"write at most {_most(100 - 100 * scrape / span)}, or a longer window"
        yield Problem(place, shown(percent), what, fix)
    job = jobs_of(declaration).get(item["job"]) if indicator == "success" else None
    gap = longest_gap(job["schedule"]) if job and job["schedule"] else 0.0
    runs = span / gap if gap > HOUR else 0.0
    if runs and runs * (100 - percent) / 100 < 1:
        allowed = _rounded(runs * (100 - percent) / 100)
        what = f"lets {allowed} of about {runs:.0f} runs in {spell_duration(span)} fail: a single failure breaks it"
        most = 100 - 100 / runs
        fix = f"write at most {_most(most)}, or a longer window" if most >= 1 else "write a longer window"
        yield Problem(place, shown(percent), what, fix)


def _most(percent: float) -> str:
    """A percentage rounded down, so that it is one that is taken."""
    for digits in range(1, 9):
        floored = int(percent * 10**digits) / 10**digits
        if percent - floored < (100 - percent) / 5:
            return f"{floored:.{digits}f}".rstrip("0").rstrip(".")
    return f"{percent:.8f}"


def _rounded(number: float) -> str:
    return f"{number:.2g}"


def _latency(declaration: Declaration, key: str, latency: Mapping[str, Any]) -> Iterator[Problem]:
    buckets, below = monitoring_of(declaration).buckets, float(latency["below"])
    if buckets and below not in buckets:
        near = sorted(buckets, key=lambda bound: abs(bound - below))[:2]
        what = "is no bound of a bucket, so that nothing counts how many requests are faster"
        fix = f"write {' or '.join(spell_duration(bound) for bound in sorted(near))}, or add it to monitoring.buckets"
        yield Problem(f"{key}.latency.below", shown(spell_duration(below)), what, fix)


def check_slo_subjects(declaration: Declaration, problems: list[Problem]) -> None:
    """What an objective is about is there."""
    for index, item in enumerate(slos_of(declaration)):
        key = f"slos[{index}]"
        if any(problem.key == key or problem.key.startswith(f"{key}.") for problem in problems):
            continue
        (subject,) = given(item, SUBJECTS)
        problems.extend(_KNOWN[subject](declaration, f"{key}.{subject}", item))


def _route(declaration: Declaration, key: str, item: ObjectiveEntry) -> Iterator[Problem]:
    routes = routes_by_name(declaration)
    name = named_route(item["route"])
    if name not in routes:
        yield Problem(key, shown(item["route"]), "is not one of routes, by domain and path", instead(item["route"], routes, "route"))
    elif item["latency"] and routes[name][1]:
        what = "is for WebSockets, whose requests last as long as their connections"
        yield Problem(key, shown(item["route"]), what, "write availability in place of latency, or name another route")


def _service(declaration: Declaration, key: str, item: ObjectiveEntry) -> Iterator[Problem]:
    name = item["service"]
    if lacking := declaration.compose.lacking(name, "names"):
        yield Problem(key, shown(name), *lacking)
    elif not any(route.service == name for route in declaration.routes):
        fix = f"write probe: {name}, which is the judgement of the watchdog, or add a route to it"
        yield Problem(key, shown(name), "has no route, so that no requests to it are counted", fix)


def _job(declaration: Declaration, key: str, item: ObjectiveEntry) -> Iterator[Problem]:
    jobs, name = jobs_of(declaration), item["job"]
    if name not in jobs:
        yield Problem(key, shown(name), "is not one of jobs", instead(name, jobs, "job"))
    elif item["freshness"] and not jobs[name]["fresh"]:
        what = "has no freshness watch, so that nobody knows the age of what it makes"
        yield Problem(key, shown(name), what, f"add fresh: {{newest: 26h, …}} to jobs.{name}, or write success: in place of freshness")
    elif item["freshness"]:
        yield from _newest(key, item, jobs[name]["fresh"])


def _probe(declaration: Declaration, key: str, item: ObjectiveEntry) -> Iterator[Problem]:
    probes, name = probes_by_name(declaration), item["probe"]
    if name not in probes:
        what = "is nothing that the watchdog looks at (SERVICE, SERVICE/PROBE or site:DOMAIN)"
        yield Problem(key, shown(name), what, instead(name, probes, "probe"))


def _data(declaration: Declaration, key: str, item: ObjectiveEntry) -> Iterator[Problem]:
    watches, name = declaration.watchdog.freshness, item["data"]
    if name in watches:
        yield from _newest(key, item, watches[name])
        return
    fix = instead(name, watches, "freshness watch")
    if name in jobs_of(declaration):
        fix = f"write job: {name}"
    elif not watches:
        fix = f"add watchdog: {{freshness: {{{name}: {{newest: 5m, …}}}}}}, which says where the age is read"
    yield Problem(key, shown(name), "has no freshness watch", fix)


def _newest(key: str, item: ObjectiveEntry, watch: Mapping[str, Any]) -> Iterator[Problem]:
    newest = float(item["freshness"]["newest"] or 0)
    interval = float(watch["interval"] or 0)
    if newest and newest < interval:
        what = f"is shorter than the {spell_duration(interval)} between two looks of the watch"
        fix = f"write at least {spell_duration(interval)}, or a shorter interval at the watch"
        yield Problem(f"{key.rpartition('.')[0]}.freshness.newest", shown(spell_duration(newest)), what, fix)


_KNOWN = {"route": _route, "service": _service, "job": _job, "probe": _probe, "data": _data}
