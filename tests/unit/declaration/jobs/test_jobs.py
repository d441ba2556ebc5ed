# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs and the freshness of data, as they are declared: what is derived, and what is refused with which words."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.job_settings import JobSettings
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.declaration.advice import advice
from ansible_collections.latentum.ops.plugins.module_utils.declaration.jobs.checks import job_hosts_problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.jobs.daylight import skipped
from ansible_collections.latentum.ops.plugins.module_utils.declaration.jobs.derive import jobs_config
from ansible_collections.latentum.ops.plugins.module_utils.declaration.watchdog.derive import watchdog_config

from ..samples import REMOVED, changed

JOB: dict[str, Any] = {"service": "worker", "command": ["python", "-m", "train"], "schedule": "*-*-* 23:00:00"}
TOKEN = "ghp_0123456789abcdef0123456789abcdef0123"
FRESH: dict[str, Any] = {"newest": "5m", "query": {"database": "app", "sql": "SELECT max(at) FROM prices"}}


def asked(**query: str) -> dict[str, Any]:
    return {"newest": "5m", "query": {"database": "app", "sql": "SELECT now()", **query}}


def declared(**job: Any) -> dict[str, Any]:
    given = {name: value for name, value in {**JOB, **job}.items() if value is not REMOVED}
    return changed(("jobs", {"train": given}))


def derived(**job: Any) -> dict[str, Any]:
    config = jobs_config(loader.load(declared(**job)))
    JobSettings.from_dict(config)
    return config["jobs"][0]


def refusals(stack: dict[str, Any]) -> list[str]:
    return [f"{problem.key}: {problem.problem} -> {problem.fix}" for problem in loader.problems(stack)]


def test_without_jobs_nothing_is_derived() -> None:
    assert jobs_config(loader.load(changed())) == {}
    assert "freshness" not in watchdog_config(loader.load(changed()))


@pytest.mark.parametrize(
    ("given", "schedule"),
    [
        ({}, "*-*-* 23:00:00 UTC"),
        ({"time_zone": "Europe/Berlin"}, "*-*-* 23:00:00 Europe/Berlin"),
        ({"schedule": "*-*-* 23:00:00 America/New_York"}, "*-*-* 23:00:00 America/New_York"),
        ({"schedule": "daily"}, "daily UTC"),
        ({"schedule": "Mon..Fri *-*-* 06:00"}, "Mon..Fri *-*-* 06:00 UTC"),
        ({"schedule": REMOVED}, ""),
    ],
)
def test_a_schedule_always_has_a_zone(given: dict[str, Any], schedule: str) -> None:
    assert derived(**given)["schedule"] == schedule


def test_all_that_is_declared_arrives() -> None:
    job = derived(
        timeout="2h", retries=2, retry_delay="5m", catch_up=False, lock=True, hosts="all", environment={"EPOCHS": 20}, jitter="10m",
        resources={"memory": "2g", "cpus": 1.5}, required_by=["web"], severity="critical", late_after="26h", fresh=FRESH,
    )  # fmt: skip
    wanted = {"timeout": 7200, "retries": 2, "retry_delay": 300, "catch_up": False, "lock": True, "hosts": "all", "jitter": 600}
    wanted |= {"environment": {"EPOCHS": "20"}, "memory": "2g", "cpus": 1.5, "required_by": ["web"], "severity": "critical"}
    assert {name: job[name] for name in wanted} == wanted and job["late_after"] == 93600
    (fresh,) = job["fresh"]
    assert (fresh["name"], fresh["service"], fresh["user"], fresh["newest"]) == ("train", "database", "app", 300)


def test_a_service_that_never_runs_by_itself_may_have_jobs() -> None:
    stack = declared(service="worker", command=REMOVED)
    stack["services"]["worker"] = {"replicas": 0}
    assert refusals(stack) == []


# What is written, and what is said of it.
MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({"service": REMOVED}, r"jobs\.train\.service: is required"),
    ({"service": "modelling"}, r"jobs\.train\.service: runs in a service that the Compose file lacks"),
    ({"command": "python -m train"}, r"jobs\.train\.command: must be a list -> write a list, such as \[python, -m, train\]"),
    ({"schedule": "0 23 * * *"}, r"jobs\.train\.schedule: is a line of cron"),
    ({"schedule": "*-*-* 24:00"}, r"jobs\.train\.schedule: is not a calendar expression"),
    ({"schedule": "*-*-* 23:00 UTC", "time_zone": "Europe/Berlin"}, r"jobs\.train\.time_zone: stands beside UTC in schedule"),
    ({"time_zone": "Europe/Berln"}, r"jobs\.train\.time_zone: is not a time zone -> did you mean Europe/Berlin"),
    ({"schedule": REMOVED, "time_zone": "UTC"}, r"jobs\.train\.time_zone: is of no use without schedule"),
    ({"schedule": REMOVED, "jitter": "5m"}, r"jobs\.train\.jitter: is of no use without schedule"),
    ({"timeout": "8d"}, r"jobs\.train\.timeout: is not between"),
    ({"timeout": "0s"}, r"jobs\.train\.timeout: is not between"),
    ({"retries": -1}, r"jobs\.train\.retries: must be a whole number"),
    ({"overlap": "allow"}, r"jobs\.train\.overlap: must be one of forbid"),
    ({"catch_up": "yes"}, r"jobs\.train\.catch_up: must be true or false"),
    ({"hosts": "two"}, r"jobs\.train\.hosts: must be one of one, all"),
    ({"hosts": "all", "host": "app1"}, r"jobs\.train\.host: stands beside hosts: all"),
    ({"once": "before_first_start"}, r"jobs\.train\.schedule: runs it again and again, and once runs it once"),
    ({"once": True}, r"jobs\.train\.once: must be a string"),
    ({"required_by": ["api"]}, r"jobs\.train\.required_by\[0\]: names a service that the Compose file lacks"),
    ({"required_by": ["web", "web"]}, r"jobs\.train\.required_by\[1\]: stands in it twice"),
    ({"required_by": ["database"]}, r"jobs\.train\.required_by\[0\]: is what the job waits for: worker depends on database"),
    ({"environment": {"API_TOKEN": TOKEN}}, r"jobs\.train\.environment\.API_TOKEN: looks like a secret"),
    ({"environment": {"EP-OCHS": "1"}}, r"jobs\.train\.environment\.EP-OCHS: is not the name of an environment variable"),
    ({"command": ["train", "--password=hunter2hunter2"]}, r"jobs\.train\.command\[1\]: looks like a secret"),
    ({"resources": {"memory": "much"}}, r"jobs\.train\.resources\.memory: is not a size"),
    ({"resources": {"memory": "1m"}}, r"jobs\.train\.resources\.memory: is less than Docker gives"),
    ({"resources": {"cpu": 1}}, r"jobs\.train\.resources\.cpu: is not a key that can stand here -> did you mean cpus"),
    ({"severity": "info"}, r"jobs\.train\.severity: must be one of critical, warning"),
    ({"notify": "success"}, r"jobs\.train\.notify: reaches nobody: no alert has the severity info"),
    ({"service": "database", "command": REMOVED}, r"jobs\.train\.command: is needed: that of database would start a second server"),
    ({"service": "migrate", "command": REMOVED}, r"jobs\.train\.service: is run to its end by each release already"),
    ({"command": REMOVED, "schedule": REMOVED}, r"jobs\.train\.command: is needed: that of worker is to stay up"),
    ({"sheduled": "daily"}, r"jobs\.train\.sheduled: is not a key that can stand here -> did you mean schedule"),
    ({"fresh": {"newest": "5m"}}, r"jobs\.train\.fresh: says nowhere where the age is read"),
    ({"fresh": {**FRESH, "file": {"service": "web", "path": "/x"}}}, r"jobs\.train\.fresh: has query and file"),
    ({"fresh": {"query": FRESH["query"]}}, r"jobs\.train\.fresh\.newest: is required"),
    ({"fresh": asked(database="ap")}, r"fresh\.query\.database: is not one of databases -> did you mean app"),
    ({"fresh": asked(sql="DELETE FROM prices")}, r"fresh\.query\.sql: is not a query"),
    ({"fresh": asked(sql="SELECT 1; DROP TABLE x")}, r"fresh\.query\.sql: has more than one statement"),
    ({"fresh": {"newest": "5m", "file": {"service": "web", "path": "models/*.pkl"}}}, r"fresh\.file\.path: is not the path of one file"),
    ({"fresh": {"newest": "5m", "file": {"service": "migrate", "path": "/x"}}}, r"fresh\.file\.service: does not run all the time"),
    ({"fresh": {"newest": "5m", "url": {"service": "web"}}}, r"fresh\.url\.port: is required with service"),
    ({"fresh": {"newest": "5m", "url": {"path": "/x"}}}, r"fresh\.url\.address: is needed, or service with port"),
    ({"fresh": {"newest": "5m", "url": {"address": "file:///etc/passwd"}}}, r"fresh\.url\.address: is not the address of a service"),
    ({"fresh": {"newest": "5m", "mlflow": {"service": "web", "port": 5000}}}, r"fresh\.mlflow\.model: is required"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "refusal"), MALFORMED, ids=[refusal for _given, refusal in MALFORMED])
def test_what_is_wrong_is_refused_with_what_to_write(given: dict[str, Any], refusal: str) -> None:
    said = refusals(declared(**given))
    assert any(re.search(refusal, line) for line in said), said


@pytest.mark.parametrize("name", ["train-model", "Train", "1st", "a" * 40, ""])
def test_a_name_is_a_part_of_the_name_of_a_unit(name: str) -> None:
    assert any("is not a name for a job" in line for line in refusals(changed(("jobs", {name: JOB}))))


def test_values_that_look_secret_are_never_shown() -> None:
    text = loader.report(loader.problems(declared(environment={"API_TOKEN": TOKEN})))
    assert "ghp_" not in text


def test_a_success_is_told_to_an_alert_that_takes_it() -> None:
    stack = declared(notify="success")
    alert = {"name": "chat", "kind": "slack", "url_secret": "slack_webhook", "severities": ["critical", "info"]}
    stack["secrets"]["slack_webhook"] = {"kind": "provided", "value": "https://hooks.example.com/x"}
    stack["watchdog"] = {**stack.get("watchdog", {}), "alerts": [alert]}
    assert refusals(stack) == []
    stack["watchdog"]["alerts"] = [{**alert, "kind": "pagerduty", "key_secret": "slack_webhook"}]
    del stack["watchdog"]["alerts"][0]["url_secret"]
    assert any("cannot be told by PagerDuty" in line for line in refusals(stack))


@pytest.mark.parametrize(
    ("schedule", "day"),
    [
        ("*-*-* 02:30:00 Europe/Berlin", date(2026, 3, 29)),
        ("Sun *-*-* 02:30 America/New_York", date(2026, 3, 8)),
        ("*-*-* 03:30 Europe/Berlin", None),
        ("*-*-* 02:30 UTC", None),
        ("*-*-* 02:30 Asia/Tokyo", None),
        ("daily Europe/Berlin", None),
        ("*-*-* *:30 Europe/Berlin", None),
        ("*-*-* 02:30 Nowhere/Land", None),
    ],
)
def test_an_hour_that_a_day_lacks(schedule: str, day: date | None) -> None:
    assert skipped(schedule, date(2026, 1, 1)) == day


def test_advice_names_that_day() -> None:
    (item,) = [item for item in advice(loader.load(declared(time_zone="Europe/Berlin", schedule="*-*-* 02:30"))) if "jobs" in item.key]
    assert item.key == "jobs.train.schedule" and "is not made good" in item.problem
    assert not [item for item in advice(loader.load(declared())) if "jobs" in item.key]


def test_a_host_that_the_inventory_lacks() -> None:
    declaration = loader.load(declared(host="ap1"))
    (problem,) = job_hosts_problems(declaration, ["app1", "app2"])
    assert problem.key == "jobs.train.host" and "did you mean app1" in problem.fix
    assert job_hosts_problems(loader.load(declared(host="app2")), ["app1", "app2"]) == []


def test_freshness_without_a_job() -> None:
    stack = changed(
        ("watchdog", {"freshness": {"market_data": FRESH, "model": {"newest": "1d", "file": {"service": "web", "path": "/m/../m/x"}}}})
    )
    assert any("is not the path of one file" in line for line in refusals(stack))
    stack["watchdog"]["freshness"]["model"]["file"]["path"] = "/m//x"
    market, model = watchdog_config(loader.load(stack))["freshness"]
    assert (market["kind"], market["database"], market["newest"]) == ("query", "app", 300)
    assert (model["kind"], model["path"], model["service"]) == ("file", "/m/x", "web")


def test_models_that_a_job_deploys() -> None:
    assert "deploys" not in derived()
    models = {"volatility": {"url": "https://mlflow.example.com", "model": "market", "variable": "LOG_LEVEL"}}
    given = {**JOB, "deploys": ["volatility"]}
    stack = changed(("jobs", {"train": given}), ("models", models), ("environment", REMOVED))
    assert not [problem for problem in loader.problems(stack) if problem.key.startswith("jobs")]
    (refused,) = refusals(changed(("jobs", {"train": {**given, "deploys": ["volatilty"]}})))
    assert refused.startswith("jobs.train.deploys[0]: is no declared model")
    once = {"service": "worker", "command": ["seed"], "once": "before_first_start", "deploys": ["volatility"]}
    stack = changed(("jobs", {"train": once}), ("models", models), ("environment", REMOVED))
    assert any("is of no use for a job that runs before there is a release" in refusal for refusal in refusals(stack))
