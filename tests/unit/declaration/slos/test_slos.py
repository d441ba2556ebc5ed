# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objectives, as they are declared: what is derived, and what is refused with which words."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import BUCKETS
from ansible_collections.latentum.ops.plugins.module_utils.contracts.objectives import Objective
from ansible_collections.latentum.ops.plugins.module_utils.contracts.routes import route_name
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.declaration.slos.derive import slo_objectives

from ..samples import REMOVED, changed

JOBS: dict[str, Any] = {
    "train": {
        "service": "worker",
        "command": ["train"],
        "schedule": "*-*-* 23:00:00",
        "fresh": {"newest": "26h", "file": {"service": "web", "path": "/models/x"}, "interval": "5m"},
    },
    "report": {"service": "worker", "command": ["report"], "schedule": "hourly"},
}
PRICES = {"newest": "5m", "query": {"database": "app", "sql": "SELECT max(at) FROM prices"}}
SLO: dict[str, Any] = {"name": "api", "route": "app.example.com/", "availability": 99.9}
PLACES = ("name", "route", "service", "job", "probe", "data", "availability", "latency", "freshness", "success")


def stack(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A declaration with these objectives."""
    slos = [{name: value for name, value in entry.items() if value is not REMOVED} for entry in entries]
    given = {"jobs": JOBS, "watchdog": {"freshness": {"prices": PRICES}}, "slos": slos, **more}
    return changed(*given.items())


def of(**more: Any) -> dict[str, Any]:
    """One entry; without what is REMOVED."""
    return {**SLO, **more}


def about(subject: str, target: str, **more: Any) -> dict[str, Any]:
    """An entry with another subject."""
    return {"name": "x", subject: target, **more}


def derived(*entries: dict[str, Any], **more: Any) -> list[Objective]:
    return [Objective.from_dict(entry) for entry in slo_objectives(loader.load(stack(*entries, **more)))]


def test_without_objectives_nothing_is_derived() -> None:
    assert slo_objectives(loader.load(changed())) == []


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (of(), ("route", "app.example.com/", "web", "events", 99.9, 50, 5, 5)),
        (of(route="app.example.com"), ("route", "app.example.com/", "web", "events", 99.9, 50, 5, 5)),
        (of(route="app.example.com/ws/"), ("route", "app.example.com/ws", "web", "events", 99.9, 50, 5, 5)),
        (about("service", "web", availability="99.5%"), ("service", "web", "web", "events", 99.5, 50, 5, 5)),
        (about("probe", "web/http /health", availability=99), ("probe", "web/http /health", "web", "minutes", 99, 10, 1, 5)),
        (about("probe", "worker", availability=99), ("probe", "worker", "worker", "minutes", 99, 10, 1, 5)),
        (
            about("probe", "database/postgresql app", availability=99),
            ("probe", "database/postgresql app", "database", "minutes", 99, 10, 1, 5),
        ),
        (about("probe", "site:api.example.com", availability=99), ("probe", "site:api.example.com", "web", "minutes", 99, 10, 1, 5)),
        (about("job", "train", success=90), ("job", "train", "worker", "events", 90, 10, 2, 3)),
        (about("data", "prices", freshness={"objective": 99}), ("data", "prices", "", "minutes", 99, 10, 1, 5)),
        (about("job", "train", freshness={"objective": 99}), ("job", "train", "worker", "minutes", 99, 10, 1, 5)),
        (of(min_events=3), ("route", "app.example.com/", "web", "events", 99.9, 3, 3, 5)),
        (of(min_failed=70), ("route", "app.example.com/", "web", "events", 99.9, 70, 70, 5)),
        (of(page="none"), ("route", "app.example.com/", "web", "events", 99.9, 50, 5, 0)),
    ],
)
def test_what_is_declared_arrives_with_its_service_and_its_least_numbers(entry: dict[str, Any], expected: tuple[Any, ...]) -> None:
    (one,) = derived(entry)
    assert (one.subject, one.target, one.service, one.unit, one.percent, one.min_events, one.min_failed, one.floor) == expected


def test_a_bound_a_window_and_an_age_are_seconds() -> None:
    slow, fresh = derived(
        about("service", "web", latency={"quantile": 0.95, "below": "300ms"}, window="7d"),
        {"name": "y", "data": "prices", "freshness": {"objective": 99, "newest": "10m"}, "no_data": "15m"},
        monitoring={"scrape_interval": "30s", "buckets": ["100ms", "300ms", 1]},
    )
    assert (slow.percent, slow.below, slow.window, slow.scrape_interval) == (95, 0.3, 7 * 86400, 30)
    assert (fresh.newest, fresh.no_data, round(fresh.budget, 9)) == (600, 900, 0.01)


def test_a_route_has_one_name_in_metrics_and_objectives() -> None:
    assert route_name("a.example.com", "/") == "a.example.com/"
    assert route_name("a.example.com", "/api/") == route_name("a.example.com", "/api") == "a.example.com/api"
    assert list(BUCKETS) == sorted(set(BUCKETS)) and 0.3 in BUCKETS


# (entries, more of the declaration, key of the error, a part of what is wrong, a part of what to write instead)
REFUSED: list[tuple[list[dict[str, Any]], dict[str, Any], str, str, str]] = [
    ([of(availability=100)], {}, "slos[0].availability", "leaves no budget", "write 99.9"),
    ([of(availability=0)], {}, "slos[0].availability", "always down", "such as 99.9"),
    ([of(availability=0.999)], {}, "slos[0].availability", "looks like a ratio", "99.9"),
    ([of(availability=101)], {}, "slos[0].availability", "not a percentage", "99.9"),
    ([of(availability="-1")], {}, "slos[0].availability", "not a percentage", "99.9"),
    ([of(availability="nan")], {}, "slos[0].availability", "not a percentage", "99.9"),
    ([of(availability="three nines")], {}, "slos[0].availability", "not a percentage", "99.9"),
    ([of(availability=[99.9])], {}, "slos[0].availability", "must be a string", "99.9"),
    (
        [of(availability=99.9999, window="1d")],
        {},
        "slos[0].availability",
        "leaves 0.086 s of 24h, less than the 15s",
        "write at most 99.98",
    ),
    ([of(availability=99.99999)], {}, "slos[0].availability", "leaves 0.26 s of 30d", "write at most 99.999"),
    ([of(window="12h")], {}, "slos[0].window", "shorter than a day", "write 30d"),
    ([of(window="10s")], {}, "slos[0].window", "shorter than a day", "write 30d"),
    ([of(window="2000d")], {}, "slos[0].window", "longer than a year", "write 30d"),
    ([of(window="30 days")], {}, "slos[0].window", "not a duration", "such as"),
    ([of(window="86401s")], {}, "slos[0].window", "not of whole minutes", "30d"),
    ([of()], {"monitoring": {"scrape_interval": "5m"}}, "monitoring.scrape_interval", "not between 1s and 1m", "between 1s and 1m"),
    ([of(route="app.example.com/nowhere")], {}, "slos[0].route", "is not one of routes", "did you mean app.example.com/"),
    ([of(route="/api")], {}, "slos[0].route", "is not one of routes", ""),
    ([of(route=REMOVED)], {}, "slos[0]", "says nowhere what it is about", "add one of route"),
    ([of(availability=REMOVED)], {}, "slos[0]", "says nowhere what must be good", "availability: 99.9"),
    ([of(service="web")], {}, "slos[0]", "has route and service", "an entry of its own"),
    ([of(latency={"quantile": 0.95, "below": "300ms"})], {}, "slos[0]", "two objectives in one entry", "an entry of its own"),
    ([of(name=REMOVED)], {}, "slos[0].name", "is required", "add name"),
    ([of(name="My SLO")], {}, "slos[0].name", "not a name", "lower case"),
    ([of(), of()], {}, "slos[1].name", "is there already", "slos[0]"),
    ([of(avialability=99)], {}, "slos[0].avialability", "not a key", "did you mean availability?"),
    ([about("service", "wbe", availability=99)], {}, "slos[0].service", "the Compose file lacks", "did you mean web?"),
    ([about("service", "worker", availability=99)], {}, "slos[0].service", "has no route", "write probe: worker"),
    ([about("job", "trian", success=90)], {}, "slos[0].job", "is not one of jobs", "did you mean train?"),
    ([about("job", "train", success=99.5)], {}, "slos[0].success", "lets 0.15 of about 30 runs in 30d fail", "write at most 96.6"),
    ([about("job", "train", success=90, window="2d")], {}, "slos[0].success", "lets 0.2 of about 2 runs", "write at most 50"),
    ([about("job", "train", availability=99)], {}, "slos[0].availability", "cannot be measured of a job", "success"),
    (
        [about("probe", "web/http /helth", availability=99)],
        {},
        "slos[0].probe",
        "nothing that the watchdog looks at",
        "did you mean web/http /health?",
    ),
    (
        [about("probe", "site:www.example.org", availability=99)],
        {},
        "slos[0].probe",
        "nothing that the watchdog looks at",
        "site:app.example.com",
    ),
    ([about("probe", "migrate", availability=99)], {}, "slos[0].probe", "nothing that the watchdog looks at", ""),
    (
        [about("probe", "web", latency={"quantile": 0.9, "below": "1s"})],
        {},
        "slos[0].latency",
        "cannot be measured of a probe",
        "route or service",
    ),
    ([about("data", "quotes", freshness={"objective": 99})], {}, "slos[0].data", "has no freshness watch", "prices"),
    ([about("data", "train", freshness={"objective": 99})], {}, "slos[0].data", "has no freshness watch", "write job: train"),
    ([about("job", "report", freshness={"objective": 99})], {}, "slos[0].job", "has no freshness watch", "jobs.report"),
    (
        [about("data", "prices", freshness={"objective": 99, "newest": "30s"})],
        {},
        "slos[0].freshness.newest",
        "shorter than the 1m",
        "at least 1m",
    ),
    ([about("data", "prices", freshness={})], {}, "slos[0].freshness.objective", "is required", "objective: 99"),
    ([about("data", "prices", freshness=99)], {}, "slos[0].freshness", "must be a mapping", "{objective: 99}"),
    ([about("service", "web", latency={"quantile": 95, "below": "1s"})], {}, "slos[0].latency.quantile", "is a percentage", "write 0.95"),
    ([about("service", "web", latency={"quantile": 1, "below": "1s"})], {}, "slos[0].latency.quantile", "leaves no budget", "0.99"),
    ([about("service", "web", latency={"quantile": 0.95})], {}, "slos[0].latency.below", "is required", "300ms"),
    (
        [about("service", "web", latency={"quantile": 0.95, "below": "310ms"})],
        {},
        "slos[0].latency.below",
        "no bound of a bucket",
        "200ms or 300ms",
    ),
    ([about("service", "web", latency={"quantile": 0.95, "below": "fast"})], {}, "slos[0].latency.below", "not a duration", "500ms"),
    (
        [of(route="app.example.com/ws", availability=REMOVED, latency={"quantile": 0.95, "below": "1s"})],
        {},
        "slos[0].route",
        "WebSockets",
        "availability",
    ),
    ([of(page="urgent")], {}, "slos[0].page", "must be one of", "critical"),
    ([of(page="none", ticket="none")], {}, "slos[0].ticket", "tells nobody", "burn_in: true"),
    ([of(page="none", floor=5)], {}, "slos[0].floor", "is for a page", "remove it"),
    ([of(min_events=5, min_failed=9)], {}, "slos[0].min_failed", "nothing would ever alert", "at most 5"),
    ([of(min_events=0)], {}, "slos[0].min_events", "whole number", "from 1"),
    ([of(no_data="5s")], {}, "slos[0].no_data", "not between 1m and 24h", "between"),
    ([of(burn_in="yes")], {}, "slos[0].burn_in", "true or false", "without quotes"),
    ([of()], {"monitoring": {"buckets": ["1s", "300ms"]}}, "monitoring.buckets[1]", "does not follow", "sort them"),
    ([of()], {"monitoring": {"buckets": []}}, "monitoring.buckets", "has no bound", "100ms"),
    ([of()], {"monitoring": {"buckets": list(range(1, 40))}}, "monitoring.buckets", "more than 30", "keep those"),
    ([of()], {"slos": {"name": "api"}}, "slos", "must be a list", "write a list"),
    ([of()], {"slos": ["api"]}, "slos[0]", "must be a mapping", "write a mapping"),
]


@pytest.mark.parametrize(("entries", "more", "key", "wrong", "fix"), REFUSED)
def test_what_cannot_be_measured_is_refused(entries: list[dict[str, Any]], more: dict[str, Any], key: str, wrong: str, fix: str) -> None:
    found = loader.problems(stack(*entries, **more))
    assert [problem.key for problem in found] == [key], loader.report(found)
    assert wrong in found[0].problem and fix in found[0].fix, str(found[0])


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", [None, "", [], {}, 0, -1, True, "x" * 400, "{{ x }}", float("inf"), 10**400, {"a": 1}, "\0"])
def test_no_value_is_a_traceback(place: str, value: Any) -> None:
    for problem in loader.problems(stack({**SLO, place: value})):
        assert problem.key and problem.problem and problem.fix


def test_what_is_written_instead_is_taken() -> None:
    """The number of a fix is one that is not refused again."""
    for entry in (of(availability=99.9999, window="1d"), about("job", "train", success=99.5), of(availability=99.9999999)):
        (problem,) = loader.problems(stack(entry))
        key = problem.key.rpartition(".")[2]
        most = problem.fix.removeprefix("write at most ").partition(",")[0]
        assert loader.problems(stack({**entry, key: most})) == ()
