# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Alerts of objectives as Prometheus fires them: outages, slow burns, few requests, no data, resets, replicas."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .judge import Check, firing, judged, listed, needs_promtool, objective, requests, series, silent, steps

pytestmark = needs_promtool

WATCHDOG = "latentum_ops_watchdog_"
HOURS_2 = 480  # scrapes
# Two hours of 600 requests a minute, a total failure of twenty minutes, then good again.
GOOD = steps((150, HOURS_2), (0, 80), (150, 240))
BAD = steps((0, HOURS_2), (150, 80), (0, 240))


def looked(name: str, values: str, **labels: str) -> dict[str, str]:
    """A gauge of the watchdog, and the time of its status, which is kept up to date."""
    at = {"instance": "h1:9753", "job": "watchdog"}
    return {
        series(f"{WATCHDOG}{name}", **at, **labels): values,
        f'{WATCHDOG}status_timestamp_seconds{{instance="h1:9753",job="watchdog"}}': "0+15x20000",
    }


@pytest.mark.parametrize("percent", [99.9, *(pytest.param(other, marks=pytest.mark.matrix) for other in (99.99, 99, 95, 80, 50))])
def test_a_total_outage_pages_within_two_minutes_and_ends_soon_after_it(tmp_path: Path, percent: float) -> None:
    """With a low objective, a factor of 14.4 would ask for more than everything to fail; and for 99 % it would take nine minutes."""
    judged(
        tmp_path,
        [objective(percent=percent)],
        {requests("200"): GOOD, requests("502"): BAD},
        [silent("2h"), firing("2h2m", "SLOFastBurn"), firing("2h20m", "SLOFastBurn"), firing("2h52m", "SLOFastBurn", 0)],
    )


@pytest.mark.matrix
def test_a_short_outage_is_over_six_minutes_after_its_end(tmp_path: Path) -> None:
    """Two minutes after seven good hours: only the hour and its five minutes see it."""
    long = 7 * 240
    inputs = {requests("200"): steps((150, long), (0, 8), (150, 120)), requests("502"): steps((0, long), (150, 8), (0, 120))}
    judged(tmp_path, [objective()], inputs, [silent("7h"), firing("7h2m", "SLOFastBurn"), firing("7h8m30s", "SLOFastBurn", 0)])


def test_a_code_that_never_occurred_before_pages_as_well(tmp_path: Path) -> None:
    new = f"_x{HOURS_2} {steps((150, 80))}"
    judged(
        tmp_path,
        [objective()],
        {requests("200"): GOOD, requests("502"): new},
        [Check("1h", "sum(slo:error_ratio:1h == bool 0)", 1), silent("2h"), firing("2h2m", "SLOFastBurn")],
        pace=60,
    )


def test_one_failure_among_ten_requests_tells_nobody(tmp_path: Path) -> None:
    good, bad = listed([min(9, number // 4) for number in range(2880)]), listed([int(number > 20) for number in range(2880)])
    checks = [silent(at) for at in ("6m", "10m", "30m", "1h", "6h")]
    judged(
        tmp_path,
        [objective()],
        {requests("200"): good, requests("500"): bad},
        [*checks, Check("30m", "sum(slo:error_ratio:1h > bool 0.05)", 1)],
        pace=120,
    )


@pytest.mark.matrix
def test_one_failure_among_a_hundred_requests_tells_nobody_although_it_is_ten_times_the_budget(tmp_path: Path) -> None:
    good, bad = listed([min(99, number) for number in range(2880)]), listed([int(number > 90) for number in range(2880)])
    judged(
        tmp_path, [objective()], {requests("200"): good, requests("500"): bad}, [silent(at) for at in ("24m", "1h", "6h", "11h")], pace=120
    )


def test_twice_as_fast_as_the_budget_allows_is_a_ticket_and_no_page(tmp_path: Path) -> None:
    inputs = {requests("200"): steps((998, 600)), requests("500"): steps((2, 600))}
    judged(tmp_path, [objective()], inputs, [firing("9h", "SLOSlowBurn"), firing("9h", "SLOFastBurn", 0)], interval="1m", pace=300)


@pytest.mark.matrix
def test_a_slow_burn_becomes_a_ticket_and_never_a_page(tmp_path: Path) -> None:
    """Twice as fast as the budget allows, after three good days: half of them have to be bad."""
    day = 1440
    judged(
        tmp_path,
        [objective()],
        {requests("200"): steps((1000, 3 * day), (998, 3 * day)), requests("500"): steps((0, 3 * day), (2, 3 * day))},
        [
            silent("3d"),
            silent("4d"),
            firing("4d14h", "SLOSlowBurn"),
            firing("5d", "SLOFastBurn", 0),
            Check("5d23h", "sum(round(slo:burn_rate:6h, 0.01))", 2),
        ],
        interval="1m",
        pace=300,
    )


def test_no_data_is_told_within_its_time_and_is_never_perfect(tmp_path: Path) -> None:
    """The series end: five minutes later they are gone, and after ten more that is told."""
    gone = f"{steps((150, 240))} stale"
    judged(
        tmp_path,
        [objective(no_data=600)],
        {requests("200"): gone},
        [silent("1h9m"), firing("1h12m", "SLONoData"), Check("1h12m", "slo:error_ratio:5m", None)],
    )
    judged(
        tmp_path,
        [objective(no_data=600)],
        {"up": "1x200"},
        [
            silent("9m"),
            firing("11m", "SLONoData"),
            *(Check("11m", name, None) for name in ("slo:error_ratio:window", "slo:budget_remaining:ratio", "slo:events:1h")),
        ],
    )


@pytest.mark.parametrize("indicator", ["availability", "latency"])
def test_a_route_that_nobody_has_visited_since_its_exporter_started_is_quiet(tmp_path: Path, indicator: str) -> None:
    """The lines of the watchdog's own requests show that the log is read; without them, or on a host of another stack, nobody knows."""
    about = objective(indicator=indicator, below=0.5, no_data=600)
    at = {"instance": "h1"}
    lines = 'nginx_log_lines_total{instance="h1",job="requests",kind="probe"}'  # of the log as a whole: it names no stack
    site = series(f"{WATCHDOG}site_up", domain="a.example.com", **at)
    here = {lines: steps((3, 400)), site: "1x400"}
    judged(tmp_path, [about], here, [silent("11m"), silent("1h")])
    ends = {lines: steps((3, 200), (0, 200)), site: "1x400"}
    judged(tmp_path, [about], ends, [silent("50m"), firing("1h15m", "SLONoData")])
    unread = {lines.replace("probe", "unread"): steps((3, 400)), site: "1x400"}
    judged(tmp_path, [about], unread, [firing("11m", "SLONoData")])
    judged(tmp_path, [about], {lines: steps((3, 400)), site.replace("shop", "blog"): "1x400"}, [firing("11m", "SLONoData")])


def test_a_bound_that_is_not_measured_is_missing_data_however_much_is_read(tmp_path: Path) -> None:
    at = {"instance": "h1"}
    inputs = {
        series("nginx_log_lines_total", kind="request", **at): steps((3, 400)),
        series(f"{WATCHDOG}site_up", domain="a.example.com", **at): "1x400",
        series("http_request_duration_seconds_count", route="a.example.com/", service="web", **at): steps((3, 400)),
    }
    judged(tmp_path, [objective(indicator="latency", below=0.5, no_data=600)], inputs, [silent("9m"), firing("11m", "SLONoData")])


def test_a_quiet_night_is_neither_missing_data_nor_perfect(tmp_path: Path) -> None:
    judged(
        tmp_path,
        [objective()],
        {requests("200"): steps((150, 240), (0, 2000))},
        [silent("2h"), silent("9h"), Check("9h", "slo:error_ratio:6h", None), Check("9h", "sum(slo:error_ratio:window)", 0)],
        pace=120,
    )


def test_few_requests_that_all_fail_page_by_the_floor(tmp_path: Path) -> None:
    """One in ten minutes: far from enough for a pace. Five failures without a success between them are."""
    good = listed([min(number, HOURS_2) // 40 for number in range(1200)])
    bad = listed([max(0, number - HOURS_2) // 40 for number in range(1200)])
    inputs = {requests("200"): good, requests("503"): bad}
    without = objective(name="without", floor=0, min_events=200)
    told = Check("3h10m", 'sum(ALERTS{alertname="SLOFastBurn",alertstate="firing",slo="api"})', 1)
    judged(tmp_path, [objective(), without], inputs, [silent("2h25m"), told, firing("3h10m", "SLOFastBurn")], pace=120)


@pytest.mark.matrix
def test_a_success_among_failures_keeps_the_floor_silent(tmp_path: Path) -> None:
    """Every fifth request succeeds."""
    good = listed([number // 200 for number in range(2000)])
    bad = listed([number // 40 - number // 200 for number in range(2000)])
    judged(
        tmp_path,
        [objective(min_events=1000)],
        {requests("200"): good, requests("503"): bad},
        [firing(at, "SLOFastBurn", 0) for at in ("1h30m", "3h", "6h", "8h")],
        pace=120,
    )


def test_a_counter_that_begins_again_is_no_failure(tmp_path: Path) -> None:
    """A thousand failures of long ago are in the counter; then nginx' reader begins again, twice."""
    calm = "100000+150x400 0+150x400 0+150x400"
    failures = "1000x400 0x400 0x400"
    judged(
        tmp_path,
        [objective()],
        {requests("200"): calm, requests("500"): failures},
        [*(silent(at) for at in ("1h30m", "1h41m", "1h42m", "1h45m", "3h25m", "4h")), Check("4h", "sum(slo:failed_events:6h)", 0)],
        pace=60,
    )


def test_burn_in_measures_and_never_alerts(tmp_path: Path) -> None:
    judged(
        tmp_path,
        [objective(burn_in=True)],
        {requests("200"): GOOD, requests("502"): BAD},
        [
            *(Check(at, "count(ALERTS) or vector(0)", 0) for at in ("2h2m", "2h10m", "2h20m", "3h")),
            Check("2h20m", "sum(slo:error_ratio:1h > bool 0.3)", 1),
        ],
        pace=60,
    )


def test_a_burn_in_that_ends_alerts_from_then_on(tmp_path: Path) -> None:
    """Two outages, one on each side of the end; time begins at 0 in this judge."""
    outage = [(0, 80), (150, 400)]
    inputs = {
        requests("200"): steps((150, HOURS_2), *outage, *outage),
        requests("502"): steps((0, HOURS_2), (150, 80), (0, 400), (150, 80), (0, 400)),
    }
    judged(
        tmp_path,
        [objective(burn_in_until=4 * 3600)],
        inputs,
        [
            silent("2h10m"),
            silent("2h20m"),
            firing("4h10m", "SLOFastBurn"),
            Check("3h59m", 'count(slo:objective:ratio{burn_in="true"})', 1),
            Check("3h59m", 'count(slo:objective:ratio{burn_in="false"})', None),
            Check("4h10m", 'count(slo:objective:ratio{burn_in="false"})', 1),
            Check("4h10m", 'count(slo:objective:ratio{burn_in="true"})', None),
        ],
        pace=60,
    )


def test_replicas_and_hosts_are_summed_once(tmp_path: Path) -> None:
    """Two hosts, one of which fails a tenth of its requests and is then gone for good: 100 + 100 requests at each scrape, 10 bad."""
    inputs = {
        requests("200", instance="h1:9113"): steps((100, 400)),
        requests("200", instance="h2:9113"): f"{steps((60, 240))} stale",
        requests("200", instance="h2:9113", method="POST"): f"{steps((30, 240))} stale",
        requests("500", instance="h2:9113"): f"{steps((10, 240))} stale",
    }
    judged(
        tmp_path,
        [objective(burn_in=True)],
        inputs,
        [
            Check("1h", "count(slo:error_ratio:5m)", 1),
            Check("1h", "sum(round(slo:error_ratio:5m, 0.0001))", 0.05),
            Check("1h", "sum(round(slo:events:5m))", 4000),
            Check("1h20m", "sum(slo:error_ratio:5m)", 0),
            Check("1h20m", "sum(round(slo:events:5m))", 2000),
        ],
    )


def test_other_routes_and_stacks_are_not_counted(tmp_path: Path) -> None:
    inputs = {
        requests("200"): steps((100, 400)),
        requests("500", route="a.example.com/api"): steps((100, 400)),
        requests("500", stack="blog"): steps((100, 400)),
    }
    judged(tmp_path, [objective()], inputs, [silent("1h"), Check("1h", "sum(slo:error_ratio:1h)", 0)])


@pytest.mark.parametrize("bound", ["1.0", pytest.param("1", marks=pytest.mark.matrix)])
def test_slow_requests_are_counted_however_the_bound_is_written(tmp_path: Path, bound: str) -> None:
    """A third is slower than a second."""
    labels = {"route": "a.example.com/", "service": "web"}
    inputs = {
        series("http_request_duration_seconds_count", **labels): steps((90, 480)),
        series("http_request_duration_seconds_bucket", le=bound, **labels): steps((60, 480)),
        series("http_request_duration_seconds_bucket", le="+Inf", **labels): steps((90, 480)),
        series("http_request_duration_seconds_bucket", le="10", **labels): steps((90, 480)),
    }
    slow = objective(indicator="latency", percent=95, below=1)
    judged(tmp_path, [slow], inputs, [Check("1h", "sum(round(slo:error_ratio:1h, 0.001))", 0.333), firing("1h", "SLOFastBurn")])


def test_a_bound_that_nobody_counts_is_missing_data(tmp_path: Path) -> None:
    labels = {"route": "a.example.com/", "service": "web"}
    inputs = {
        series("http_request_duration_seconds_count", **labels): steps((90, 480)),
        series("http_request_duration_seconds_bucket", le="0.25", **labels): steps((90, 480)),
    }
    slow = objective(indicator="latency", percent=95, below=0.3)
    judged(tmp_path, [slow], inputs, [firing("20m", "SLONoData"), Check("20m", "slo:error_ratio:5m", None)])


PROBE: dict[str, Any] = {"subject": "probe", "unit": "minutes", "min_events": 10, "min_failed": 1, "floor": 5}


@pytest.mark.parametrize(
    ("target", "name", "labels", "well", "ill"),
    [
        ("web/http /health", "probe_success", {"service": "web", "probe": "http /health"}, 1, 0),
        pytest.param("site:a.example.com", "site_up", {"domain": "a.example.com"}, 1, 0, marks=pytest.mark.matrix),
        ("web", "service_state", {"service": "web", "state": "down"}, 0, 1),
    ],
)
def test_what_the_watchdog_sees_is_counted_in_minutes(
    tmp_path: Path, target: str, name: str, labels: dict[str, str], well: int, ill: int
) -> None:
    values = listed([*[well] * 480, *[ill] * 40, *[well] * 200])
    judged(
        tmp_path,
        [objective(target=target, **PROBE)],
        looked(name, values, **labels),
        [
            silent("2h"),
            firing("2h2m", "SLOFastBurn"),
            firing("2h9m", "SLOFastBurn"),
            firing("2h42m", "SLOFastBurn", 0),
            Check("2h20m", "sum(slo:failed_events:1h)", 10),
            Check("2h20m", "sum(slo:failed_events:window)", 10),
        ],
    )


def test_a_watchdog_that_stands_still_is_missing_data_and_not_well(tmp_path: Path) -> None:
    """Its metrics are served on, and say that all is well."""
    inputs = looked("probe_success", "1x2000", service="web", probe="tcp 80")
    inputs = {name: "0+15x240 3600x1000" if "timestamp" in name else values for name, values in inputs.items()}
    judged(
        tmp_path,
        [objective(target="web/tcp 80", **PROBE)],
        inputs,
        [silent("1h"), firing("1h17m", "SLONoData"), Check("1h17m", "slo:error_ratio:5m", None)],
    )


def test_half_of_the_hosts_is_half_of_the_minutes(tmp_path: Path) -> None:
    inputs = looked("probe_success", "1x2000", service="web", probe="tcp 80")
    other = {name.replace("h1:", "h2:"): "0x2000" if "success" in name else values for name, values in inputs.items()}
    judged(tmp_path, [objective(target="web/tcp 80", **PROBE)], {**inputs, **other}, [Check("1h", "sum(slo:error_ratio:30m)", 0.5)])


@pytest.mark.parametrize(("newest", "ratio"), [pytest.param(0, 0, marks=pytest.mark.matrix), (570, 0.5)])
def test_data_is_as_fresh_as_the_objective_or_its_watch_wants(tmp_path: Path, newest: float, ratio: float) -> None:
    """It is twenty minutes old at most, which the watch allows; it comes every twenty minutes."""
    at = [number * 15 // 1200 * 1200 for number in range(1000)]
    inputs = {
        **looked("data_fresh", "1x1000", data="prices"),
        **looked("data_newest_timestamp_seconds", listed(at), data="prices"),
    }
    fresh = objective(**{**PROBE, "subject": "data", "indicator": "freshness", "percent": 90, "target": "prices", "newest": newest})
    judged(tmp_path, [fresh], inputs, [Check("4h", "sum(round(slo:error_ratio:2h, 0.1))", ratio)], pace=60)


def test_data_that_is_not_there_at_all_is_not_fresh(tmp_path: Path) -> None:
    fresh = objective(**{**PROBE, "subject": "data", "indicator": "freshness", "percent": 90, "target": "prices", "newest": 600})
    judged(tmp_path, [fresh], looked("data_fresh", "0x1000", data="prices"), [Check("1h", "sum(slo:error_ratio:30m)", 1)])


JOB: dict[str, Any] = {"subject": "job", "target": "train", "indicator": "success", "min_events": 10, "min_failed": 2, "floor": 3}


@pytest.mark.parametrize("label", ["exported_job", pytest.param("job", marks=pytest.mark.matrix)])
def test_runs_of_a_job_are_found_under_either_label(tmp_path: Path, label: str) -> None:
    """Prometheus has a label `job` of its own, and calls that of the target `exported_job` unless it is told to honour it."""
    names = {"instance": "h1:9753", "job": "watchdog", label: "train"}
    every = 60  # minutes
    inputs = {
        series(f"{WATCHDOG}job_successes_total", **names): listed([number // every for number in range(1441)]),
        series(f"{WATCHDOG}job_failures_total", **names): listed([number // (3 * every) for number in range(1441)]),
    }
    checks = [Check("23h50m", "sum(round(slo:events:1d))", 30), Check("23h50m", "sum(round(slo:error_ratio:1d, 0.05))", 0.25)]
    judged(tmp_path, [objective(**{**JOB, "percent": 90})], inputs, [*checks, firing("23h50m", "SLOSlowBurn")], interval="1m", pace=300)


@pytest.mark.matrix
def test_three_nights_in_a_row_page_and_one_does_not(tmp_path: Path) -> None:
    night = 1440
    inputs = {
        series(f"{WATCHDOG}job_successes_total", job="train"): listed([min(number // night, 3) for number in range(8 * night)]),
        series(f"{WATCHDOG}job_failures_total", job="train"): listed([max(0, number // night - 3) for number in range(8 * night)]),
    }
    checks = [firing("4d1h", "SLOFastBurn", 0), firing("5d1h", "SLOFastBurn", 0), firing("6d1h", "SLOFastBurn")]
    judged(tmp_path, [objective(**{**JOB, "percent": 90})], inputs, checks, interval="1m", pace=300)


@pytest.mark.matrix
def test_a_spent_budget_is_a_ticket_even_where_no_pace_can_be_seen(tmp_path: Path) -> None:
    """Ten requests a day and one failure each day: never enough for a pace; the month's budget is spent all the same."""
    minute = range(12 * 1440)
    inputs = {
        requests("200"): listed([number // 160 for number in minute]),
        requests("500"): listed([number // 1440 for number in minute]),
    }
    checks = [Check("2d", "count(ALERTS) or vector(0)", 0), firing("10d", "SLOBudgetSpent"), firing("10d", "SLOFastBurn", 0)]
    judged(tmp_path, [objective(percent=99)], inputs, checks, interval="1m", pace=300)


def test_the_forecast_is_never_at_a_pace_that_the_budget_allows(tmp_path: Path) -> None:
    """After half a day at twice the pace a rolling window of a day is at -100 %; at half the pace it stays above 0 for ever."""
    fast = {requests("200"): steps((98, 1440)), requests("500"): steps((2, 1440))}
    slow = {requests("200"): steps((995, 1440)), requests("500"): steps((5, 1440))}
    one_day = objective(percent=99, window=86400)
    judged(tmp_path, [one_day], fast, [Check("23h", "sum(slo:budget_spent_in:seconds)", 0)], interval="1m", pace=600)
    judged(tmp_path, [one_day], slow, [Check("23h", "slo:budget_spent_in:seconds", None)], interval="1m", pace=600)


@pytest.mark.matrix
def test_the_forecast_is_what_is_left_at_the_present_pace(tmp_path: Path) -> None:
    one_day = objective(percent=99, window=86400)
    late = {requests("200"): steps((1000, 1080), (980, 360)), requests("500"): steps((0, 1080), (20, 360))}
    # The last six hours of a day are at twice the pace: half of the budget is gone at their end, and the rest lasts for a quarter of a day.
    checks = [
        Check("19h", "round(sum(slo:budget_remaining:ratio), 0.05)", 0.9),
        Check("23h55m", "sum(slo:budget_spent_in:seconds > bool 20000)", 1),
    ]
    judged(tmp_path, [one_day], late, checks, interval="1m", pace=300)


def test_a_message_has_the_numbers(tmp_path: Path) -> None:
    inputs = {requests("200"): steps((98, 480)), requests("502"): steps((2, 480))}
    labels = {"stack": "shop", "slo": "api", "service": "web", "indicator": "availability"}
    expected = {
        "exp_labels": {**labels, "severity": "critical", "reaction": "page"},
        "exp_annotations": {
            "summary": "shop: api (route a.example.com/) burns its error budget fast",
            "description": "Objective: 99.9 % of the requests to a.example.com/ are answered without a 5xx, over 30d."
            " In the last hour 480 of 24k requests failed; -1900% of the budget is left. That is 20 times as fast as the budget allows.",
            "runbook": "opsctl runbook slo-fast-burn",
            "runbook_url": "https://wiki.example.com/slo-fast-burn?of=web",
        },
    }
    told = [{"eval_time": "1h50m", "alertname": "SLOFastBurn", "exp_alerts": [expected]}]
    about = objective(runbook="https://wiki.example.com/{runbook}?of={service}")
    judged(tmp_path, [about], inputs, [], pace=60, alert_rule_test=told)
