# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules as data: what Prometheus reads, the factors of other windows, names that could break a rule, declarations at random."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.contracts.objectives import Objective
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.declaration.slos.derive import slo_objectives
from ansible_collections.latentum.ops.plugins.module_utils.emergency import runbook
from ansible_collections.latentum.ops.plugins.module_utils.slo import alerts, promql, windows
from ansible_collections.latentum.ops.plugins.module_utils.slo.rules import rule_file, rule_groups

from ..declaration.slos.test_slos import stack
from .judge import assert_read, needs_promtool, objective

DAY = 86400
CHOICES: dict[str, list[dict[str, Any]]] = {
    "subject": [
        {"route": "app.example.com/", "availability": 99.9}, {"route": "app.example.com/ws", "availability": 95},
        {"service": "web", "latency": {"quantile": 0.99, "below": "1s"}}, {"service": "web", "latency": {"quantile": 0.5, "below": "5ms"}},
        {"service": "web", "availability": 1}, {"probe": "web", "availability": 99.99}, {"probe": "web/http /health", "availability": 50},
        {"probe": "worker/queue a\"b\\c {{ x }}`", "availability": 90}, {"probe": "site:app.example.com", "availability": 99.95},
        {"job": "train", "success": 90}, {"job": "report", "success": 99}, {"data": "prices", "freshness": {"objective": 99}},
        {"data": "prices", "freshness": {"objective": 99, "newest": "2h"}}, {"job": "train", "freshness": {"objective": 90}},
    ],
    "window": [{}, {"window": "1d"}, {"window": "36h"}, {"window": "7d"}, {"window": "90d"}, {"window": "366d"}],
    "page": [{}, {"page": "none"}, {"page": "warning", "ticket": "none"}, {"burn_in": True}],
    "least": [{}, {"min_events": 1}, {"min_events": 1000000, "min_failed": 1000}, {"min_failed": 1}],
    "no_data": [{}, {"no_data": "1m"}, {"no_data": "90s"}, {"no_data": "24h"}],
}  # fmt: skip
QUEUES = {
    "services": {
        "web": {"probe": {"path": "/health", "port": 8080}},
        "migrate": {"expect": "completed"},
        "worker": {"watch": {"queues": [{"list": 'a"b\\c {{ x }}`', "max": 5}]}},
    }
}

SEEDS = pytest.mark.parametrize("seeds", [range(6), pytest.param(range(6, 60), marks=pytest.mark.matrix)], ids=["few", "many"])


def drawn(seed: int) -> dict[str, Any]:
    """A declaration with some objectives."""
    chance = random.Random(seed)  # noqa: S311 - not for secrets
    entries = []
    for number in range(chance.randint(1, 6)):
        entry: dict[str, Any] = {"name": f"slo-{number}"}
        for choices in CHOICES.values():
            entry |= chance.choice(choices)
        entries.append(entry)
    monitoring = {"scrape_interval": chance.choice(["1s", "15s", "60s", "7.5s"])}
    return stack(*entries, monitoring=monitoring, **QUEUES)


@SEEDS
def test_declarations_at_random_make_rules_that_can_be_read_back(seeds: range) -> None:
    taken = 0
    for seed in seeds:
        declared = drawn(seed)
        if errors := loader.problems(declared):
            assert all(problem.fix for problem in errors)
            continue
        taken += 1
        objectives = [Objective.from_dict(entry) for entry in slo_objectives(loader.load(declared))]
        groups = rule_groups(objectives)
        assert yaml.safe_load(rule_file("acme", objectives)) == {"groups": groups}
        names = [group["name"] for group in groups]
        assert len(names) == len(set(names)) == 2 * len(objectives)
    assert taken > len(seeds) // 3


@needs_promtool
@SEEDS
def test_declarations_at_random_make_rules_that_prometheus_reads(tmp_path: Path, seeds: range) -> None:
    faultless = [declared for declared in map(drawn, seeds) if not loader.problems(declared)]
    texts = [rule_file("acme", [Objective.from_dict(entry) for entry in slo_objectives(loader.load(declared))]) for declared in faultless]
    assert len(texts) > len(seeds) // 3
    assert_read(tmp_path, texts)


@needs_promtool
def test_a_broken_rule_is_seen(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="error"):
        assert_read(tmp_path, [rule_file("shop", [objective()]).replace("sum(increase(", "sum(increase((", 1)])


@pytest.mark.parametrize(
    ("days", "factors"),
    [
        (30, [14.4, 6, 3, 1]),
        (90, [43.2, 18, 9, 1]),
        (15, [7.2, 3, 1.5, 1]),
        (7, [3.36, 1.5, 1, 1]),
        (3, [2, 1.5, 1, 1]),
        (1, [2, 1.5, 1]),
    ],
)
def test_factors_stand_for_the_same_share_of_the_budget(days: int, factors: list[float]) -> None:
    assert [pair.factor for pair in windows.pairs(objective(window=days * DAY))] == factors


@pytest.mark.parametrize("percent", [1, 5, 50, 80, 90, 93, 95, 99, 99.9, 99.999])
def test_a_threshold_can_be_reached_and_is_never_within_the_objective(percent: float) -> None:
    about = objective(percent=percent)
    for pair in windows.pairs(about):
        assert about.budget <= windows.threshold(about, pair.factor) < 1


def test_every_alert_has_severity_numbers_and_a_runbook_that_there_is() -> None:
    everything = [rule for group in rule_groups([objective()]) for rule in group["rules"] if "alert" in rule]
    assert {rule["alert"] for rule in everything} == set(alerts.PAGES)
    for rule in everything:
        assert {"stack", "slo", "service", "severity"} <= set(rule["labels"])
        assert {"summary", "description", "runbook"} == set(rule["annotations"])
        assert rule["annotations"]["runbook"].removeprefix("opsctl runbook ") in runbook.names()


def test_burn_in_and_none_leave_alerts_out_and_measure_all_the_same() -> None:
    def told(**given: Any) -> list[str]:
        return [rule["alert"] for group in rule_groups([objective(**given)]) for rule in group["rules"] if "alert" in rule]

    records = {rule.get("record") for group in rule_groups([objective()]) for rule in group["rules"]}
    assert told(burn_in=True) == []
    assert {rule.get("record") for group in rule_groups([objective(burn_in=True)]) for rule in group["rules"]} | {None} == records
    assert told(page="none") == ["SLOSlowBurn", "SLOBudgetSpent", "SLONoData"]
    assert told(ticket="none") == ["SLOFastBurn"]


def test_words_of_promql() -> None:
    assert promql.selector({"a": 'x"y\\z'}, 'b=~"5.."') == '{a="x\\"y\\\\z",b=~"5.."}'
    assert [promql.duration(seconds) for seconds in (60, 90, 3600, 86400, 129600)] == ["1m", "90s", "1h", "1d", "36h"]
    assert promql.plain("{{ x }}") == '{{ "{{" }} x }}'
    assert promql.bound(0.3) == 'le="0.3"' and promql.bound(10.0) == 'le=~"10|10[.]0"' and promql.bound(0.005) == 'le="0.005"'
    assert promql.number(1 - 0.999) == "0.001"
