# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every alert by a real VictoriaMetrics: the cases of Prometheus' own judge, and what differs between the two back ends.

Expressions are asked as vmalert asks for them, minute by minute; how long they have to hold is counted here. The cases stand one after the
other in the years before, since no series is of a case.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.alert_rules import files
from ansible_collections.latentum.ops.plugins.module_utils.alert_rules.backends import backend
from ansible_collections.latentum.ops.plugins.module_utils.contracts.monitoring import VICTORIAMETRICS, HostLimits

from ..victoriametrics import Series, Storage, labels_of, needs_storage, numbers, storage
from .test_firing import CASES, MEASURED, PLANS, SHOP, Case, rules, up

pytestmark = needs_storage
APART = 2 * 86400  # seconds between the beginnings of two cases: longer than any window, and than the longest case
BEGIN = (time.time() // 86400 - 3) * 86400
_OF_PROMETHEUS = {"a rule fails", "no rule fails", "a configuration is taken", "Prometheus does not answer", "Prometheus answers", "always"}


def rule(case: str, values: str, at: int, severities: tuple[str, ...] = (), **labels: str) -> Case:
    """A case of one number of the lighter back end."""
    alert, _space, series = case.partition(" ")
    return Case(alert, {series: values}, at, severities, labels)


AGENT = 'up{job="vmagent",instance="web1"}'
FAILING = 'vmalert_execution_errors_total{job="vmalert",instance="web1"}'
REFUSED = 'vmalert_alerts_send_errors_total{job="vmalert",instance="web1",addr="http://127.0.0.1:9093"}'
OWN: dict[str, Case] = {
    "numbers come": rule(f"Watchdog {AGENT}", "1x10", 5, ("",)),
    "numbers come no more": rule(f"Watchdog {AGENT}", "1x10", 13),
    "numbers were late": rule(f"Watchdog {AGENT}", "1x10 _ 1x10", 11, ("",)),
    "nothing was ever there": Case("Watchdog", {}, 5),
    "vmagent is gone": rule(f"PrometheusNotReady {AGENT}", "1x10 stale", 30, ("critical",), job="vmagent", instance="web1"),
    "vmagent works": rule(f"PrometheusNotReady {AGENT}", "1x40", 30),
    "VictoriaMetrics does not answer": Case(
        "PrometheusNotReady", up("victoria-metrics", "0x40") | up("vmagent", "1x40"), 30, ("critical",), {"job": "victoria-metrics"}
    ),
    "vmalert cannot evaluate": rule(
        f"RuleEvaluationFailing {FAILING}", "0 0 1 2 3x20", 4, ("critical",), rule_group="rules", job="vmalert"
    ),
    "vmalert evaluates": rule(f"RuleEvaluationFailing {FAILING}", "0x20", 4),
    "vmalert has refused its files": rule(
        'ConfigReloadFailed vmalert_config_last_reload_successful{job="vmalert",instance="web1"}', "0x20", 5, ("warning",), job="vmalert"
    ),
    "vmalert does not reach Alertmanager": rule(
        f"AlertsNotDelivered {REFUSED}", "0+1x30", 20, ("warning",), integration="Alertmanager", instance="web1"
    ),
    "vmalert reaches Alertmanager": rule(f"AlertsNotDelivered {REFUSED}", "3x30", 20),
}
JUDGED = {name: case for name, case in CASES.items() if name not in _OF_PROMETHEUS} | OWN


def series_of(case: Case, begin: float) -> Iterator[Series]:
    """Its series, as they would have been written from then on."""
    for series, values in case.series.items():
        labels = labels_of(series)
        name = labels["__name__"]
        # Nobody has a certificate of the first of January 1970: it says that there is none.
        moments = name.endswith(("timestamp_seconds", "mtime_seconds")) and not ("host_certificate" in name and values == "0x60")
        yield labels, tuple(numbers(values, begin, 60, moments=moments))


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    """All cases, one after the other."""
    with storage(tmp_path_factory.mktemp("cases"), "-retentionPeriod=10y") as running:
        running.write(series for number, case in enumerate(JUDGED.values()) for series in series_of(case, begin(number)))
        running.seen()
        yield running


def begin(number: int) -> float:
    """When a case begins."""
    return BEGIN - (number + 1) * APART


@pytest.fixture(scope="module")
def by_alert() -> Mapping[str, list[dict[str, Any]]]:
    """The rules of each alert."""
    host = files.host_file(HostLimits(), measured_by=backend(VICTORIAMETRICS, "web1"))
    found: dict[str, list[dict[str, Any]]] = {}
    for text in (files.stack_file(SHOP, MEASURED), files.stack_file(PLANS), host):
        for one in rules(text):
            found.setdefault(one["alert"], []).append(one)
    return found


def fires(storage: Storage, one: Mapping[str, Any], began: float, at: int) -> list[dict[str, str]]:
    """The labels of the alerts of a rule at a minute: of what has held for long enough."""
    patience = {"": 0, "m": 1, "h": 60, "d": 1440}[one.get("for", "")[-1:]] * int(one.get("for", "0m")[:-1])
    held: dict[str, tuple[int, dict[str, str]]] = {}
    for minute in range(max(0, at - patience - 5), at + 1):
        found = {}
        for result in storage.query(one["expr"], began + 60 * minute):
            labels = {name: value for name, value in result["metric"].items() if name != "__name__"}
            found[str(sorted(labels.items()))] = labels
        held = {key: (held.get(key, (minute, labels))[0], labels) for key, labels in found.items()}
    return [{**labels, **one["labels"]} for since, labels in held.values() if at - since >= patience]


@pytest.mark.parametrize("name", JUDGED)
def test_a_case(measured: Storage, by_alert: Mapping[str, list[dict[str, Any]]], name: str) -> None:
    case = JUDGED[name]
    began = begin(list(JUDGED).index(name))
    alerts = [alert for one in by_alert[case.alert] for alert in fires(measured, one, began, case.at)]
    assert sorted(alert.get("severity", "") for alert in alerts) == sorted(case.severities), alerts
    for alert in alerts:
        shown = {label: alert.get(label, "") for label in case.labels}
        # Templates are filled in by vmalert.
        assert all("{{" in shown[label] or value == shown[label] for label, value in case.labels.items() if label != "alertname"), shown


def test_both_back_ends_have_the_same_alerts_but_for_their_own_expressions() -> None:
    usual, lighter = (
        {(one["alert"], one["labels"].get("severity")): one for one in rules(text)}
        for text in (files.host_file(HostLimits()), files.host_file(HostLimits(), measured_by=backend(VICTORIAMETRICS, "web1")))
    )
    assert usual.keys() == lighter.keys()
    different = {key[0] for key in usual if usual[key] != lighter[key]}
    assert different == {"RuleEvaluationFailing", "ConfigReloadFailed", "PrometheusNotReady", "AlertsNotDelivered", "Watchdog"}
    for key, one in lighter.items():
        assert one["annotations"] == usual[key]["annotations"] and one.get("for") == usual[key].get("for")


def test_what_a_counter_had_when_it_is_seen_first_has_risen(tmp_path: Path) -> None:
    """Up to nine: MetricsQL guesses that it began with nothing, Prometheus says 0. A back end that is new may tell once of what was."""
    with storage(tmp_path, "-retentionPeriod=10y") as running:
        running.write([({"__name__": "x", "began": first}, tuple(numbers(f"{first}x20", BEGIN, 60))) for first in ("7", "70")])
        running.seen()
        risen = {result["metric"]["began"]: result["value"][1] for result in running.query("increase(x[5m])", BEGIN + 240)}
        assert risen == {"7": "7", "70": "0"}


def test_the_cases_are_read_as_promtool_reads_them(tmp_path: Path) -> None:
    """C(1+2x2) are three values; `stale` is none that anybody sees."""
    assert [value for _at, value in numbers("1+2x2 9", 0, 60)] == [1, 3, 5, 9]
    assert [at for at, _value in numbers("0x1 _ 5", 120, 60, moments=True)] == [120, 180, 300]
    with storage(tmp_path, "-retentionPeriod=10y") as running:
        running.write([({"__name__": "x", "a": 'b"\\'}, tuple(numbers("1+2x2 stale", BEGIN, 60)))])
        running.seen()
        values = [[result["value"][1] for result in running.query("x", BEGIN + 60 * minute)] for minute in range(1, 5)]
        assert values == [["3"], ["5"], [], []]
