# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one look at a service finds, from containers and readings alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import ServiceSpec
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.findings import Death, Evidence, Finding, judge
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.containers import Reading

from .samples import container, probe, service

NOW = 10_000.0
PROBED = service(probes=(probe("http"),))
LIMITED = service(probes=(probe("http"), probe("redis_queue")))


def failed(name: str = "http", reason: str = "answered 500", **changed: Any) -> Reading:
    return Reading(name, False, 0.1, f"{name}: {reason}", **{"again": True, **changed})


def judged(
    *there: Container,
    spec: ServiceSpec | None = None,
    readings: Mapping[tuple[str, str], Reading | tuple[float, Reading]] | None = None,
    deaths: Mapping[str, Death] | None = None,
    lost: Mapping[str, set[str]] | None = None,
) -> Finding:
    """The finding; a reading was taken just now where no time is given."""
    taken = {key: one if isinstance(one, tuple) else (NOW - 1, one) for key, one in (readings or {}).items()}
    return judge("shop", spec or service(), there, Evidence(taken, deaths or {}, lambda one: (lost or {}).get(one.id, set()), NOW))


def only(finding: Finding) -> tuple[str, str, bool]:
    """Reason, remedy and certainty of the one container that fails."""
    (found,) = finding.faults
    return found.reason, found.remedy, found.sure


@pytest.mark.parametrize(
    ("changes", "reason", "remedy"),
    [
        ({"state": "exited", "exit_code": 3}, "shop-api-1 ended with exit code 3 and does not run", "start"),
        ({"state": "exited", "exit_code": 0}, "shop-api-1 ended with exit code 0 and does not run", "start"),
        ({"state": "exited", "exit_code": 137}, "shop-api-1 was killed by signal 9 and does not run", "start"),
        ({"state": "exited", "exit_code": 137, "oom_killed": True}, "shop-api-1 was killed for memory and does not run", "start"),
        ({"state": "exited", "exit_code": 255}, "shop-api-1 ended with exit code 255 and does not run", "start"),
        ({"state": "dead", "exit_code": 1}, "shop-api-1 ended with exit code 1 and does not run", "start"),
        ({"state": "created"}, "shop-api-1 was never started and does not run", "start"),
        ({"state": "restarting", "exit_code": 2}, "shop-api-1 ended with exit code 2 and is restarted by Docker", "wait"),
        ({"state": "paused"}, "shop-api-1 is paused", "unpause"),
        ({"state": "paused", "health": "healthy"}, "shop-api-1 is paused", "unpause"),
        ({"health": "unhealthy"}, "shop-api-1 is unhealthy (no log)", "restart"),
        ({"health": "unhealthy", "health_log": ("exit 0: fine", "exit 1: refused\nat once")}, "is unhealthy (exit 1: refused)", "restart"),
    ],
)
def test_a_container_that_the_engine_calls_bad(changes: dict[str, Any], reason: str, remedy: str) -> None:
    finding = judged(container(**changes))
    said, found, sure = only(finding)
    assert reason in said and (found, sure) == (remedy, True)
    assert (finding.state, finding.severity, finding.cause, finding.healthy, finding.sure) == ("failing", "critical", said, 0, True)


@pytest.mark.parametrize("health", ["none", "healthy"])
def test_a_container_that_runs_is_well(health: str) -> None:
    finding = judged(container(health=health))
    assert (finding.state, finding.faults, finding.healthy, finding.cause) == ("ok", (), 1, "")


@pytest.mark.parametrize(
    ("changes", "death", "said"),
    [
        ({"health": "starting"}, Death(NOW, 1), "shop-api-1 ended with exit code 1 and starts again"),
        ({"age": 3}, Death(NOW, 137, oom=True), "shop-api-1 was killed for memory and starts again"),
        ({"age": 3}, Death(NOW, 139), "shop-api-1 was killed by signal 11 and starts again"),
        ({"state": "restarting"}, Death(NOW, 9), "shop-api-1 ended with exit code 9 and is restarted by Docker"),
    ],
)
def test_what_died_is_bad_until_it_runs_steadily(changes: dict[str, Any], death: Death, said: str) -> None:
    assert only(judged(container(**changes), deaths={"api1": death})) == (said, "wait", True)


@pytest.mark.parametrize("changes", [{"age": 11}, {"health": "healthy", "age": 3}])
def test_a_death_that_is_overcome_is_no_fault(changes: dict[str, Any]) -> None:
    assert judged(container(**changes), deaths={"api1": Death(NOW, 1)}).state == "ok"


def test_who_is_cut_off_is_put_back() -> None:
    lost = {"api1": {"front", "backend"}}
    assert only(judged(container(), lost=lost)) == ("shop-api-1 was cut off from its network backend, front", "connect", True)


def test_docker_s_own_start_period_is_waited_for() -> None:
    one = container(health="starting")
    finding = judged(one, spec=PROBED, readings={("api1", "http"): failed()})
    assert (finding.state, finding.faults, finding.healthy) == ("starting", (), 0)


@pytest.mark.parametrize(
    ("age", "reading", "state"),
    [
        (29, None, "starting"),
        (29, failed(), "starting"),
        (29, Reading("http", True), "ok"),
        (29, failed(limit=True), "ok"),  # it answers
        (31, failed(), "failing"),
        (31, None, "starting"),  # not proven yet
    ],
)
def test_probes_judge_after_the_start_period_of_what_has_no_healthcheck(age: float, reading: Reading | None, state: str) -> None:
    readings = {("api1", "http"): reading} if reading else {}
    assert judged(container(age=age), spec=PROBED, readings=readings).state == state


def test_a_healthcheck_that_is_content_ends_the_start_period() -> None:
    finding = judged(container(age=1, health="healthy"), spec=PROBED, readings={("api1", "http"): failed()})
    assert only(finding) == ("shop-api-1: http: answered 500", "restart", False)
    assert (finding.sure, finding.seen, finding.severity) == (False, NOW - 1, "critical")


@pytest.mark.parametrize(("again", "severity", "healthy"), [(False, "warning", 1), (True, "critical", 0)])
def test_one_answer_does_not_make_a_container_lost(again: bool, severity: str, healthy: int) -> None:
    finding = judged(container(), spec=PROBED, readings={("api1", "http"): failed(again=again)})
    assert (finding.state, finding.severity, finding.healthy, finding.faults[0].confirmed) == ("failing", severity, healthy, again)


def test_what_the_engine_says_needs_no_second_answer() -> None:
    assert judged(container(health="unhealthy")).faults[0].confirmed


def test_a_limit_is_a_warning_and_no_restart_cures_it() -> None:
    finding = judged(container(), spec=LIMITED, readings={("api1", "redis_queue"): failed("redis_queue", "9 wait", limit=True)})
    assert only(finding) == ("shop-api-1: redis_queue: 9 wait", "none", False)
    assert (finding.state, finding.severity, finding.healthy) == ("failing", "warning", 1)


def test_who_does_not_answer_is_worse_than_who_has_much_to_do() -> None:
    queue, silent = failed("redis_queue", "9 wait", limit=True), failed(reason="no answer")
    both = {("api1", "redis_queue"): queue, ("api1", "http"): silent}
    turned = service(probes=tuple(reversed(LIMITED.probes)))
    for spec in (LIMITED, turned):
        finding = judged(container(), spec=spec, readings=both)
        assert only(finding)[:2] == ("shop-api-1: http: no answer", "restart") and finding.severity == "critical"


@pytest.mark.parametrize(
    ("there", "cause", "severity"),
    [
        ([container(1), container(2)], "1 of 3 containers is missing", "warning"),
        ([container(1)], "2 of 3 containers are missing", "warning"),
        ([], "3 of 3 containers are missing", "critical"),
    ],
)
def test_missing_replicas_are_brought_back(there: list[Container], cause: str, severity: str) -> None:
    finding = judged(*there, spec=service(replicas=3))
    assert (finding.cause, finding.severity, finding.healthy) == (cause, severity, len(there))
    assert only(finding)[1] == "replace" and finding.faults[0].container is None


def test_more_containers_than_wanted_are_no_fault() -> None:
    assert judged(container(1), container(2)).state == "ok"


@pytest.mark.parametrize(
    ("declared", "others", "severity"), [("warning", 0, "warning"), ("critical", 0, "critical"), ("critical", 1, "warning")]
)
def test_a_service_that_still_serves_only_warns(declared: str, others: int, severity: str) -> None:
    there = [container(1, state="paused"), *(container(2 + number) for number in range(others))]
    assert judged(*there, spec=service(severity=declared)).severity == severity


def test_a_starting_container_serves_nobody_yet() -> None:
    finding = judged(container(1, state="paused"), container(2, health="starting"), spec=service(replicas=2))
    assert (finding.state, finding.severity, finding.healthy) == ("failing", "critical", 0)


def test_a_cause_names_three_and_counts_the_rest() -> None:
    finding = judged(*(container(number, state="paused") for number in range(1, 6)))
    assert finding.cause == "shop-api-1 is paused; shop-api-2 is paused; shop-api-3 is paused; and 2 more"
    assert len(finding.faults) == 5


def test_a_service_stands_on_docker_and_what_it_needs() -> None:
    finding = judged(spec=service(needs=("cache", "db")))
    assert (finding.key, finding.stack, finding.subject) == ("shop/api", "shop", "api")
    assert finding.needs == ("host/docker", "shop/cache", "shop/db")


def test_the_evidence_is_as_old_as_the_oldest_probe_that_failed() -> None:
    readings = {("api1", "http"): (NOW - 9, failed()), ("api2", "http"): (NOW - 2, failed())}
    finding = judged(container(1), container(2), spec=PROBED, readings=readings)
    assert (finding.seen, finding.sure) == (NOW - 9, False)
    assert judged(container(1), container(2, state="paused"), spec=PROBED, readings=readings).sure


def test_a_probe_that_is_well_is_no_second_look_at_one_that_failed() -> None:
    spec = service(probes=(probe("http"), probe("command")))
    readings = {("api1", "http"): (NOW - 9, failed()), ("api1", "command"): (NOW - 1, Reading("command", True))}
    assert judged(container(), spec=spec, readings=readings).seen == NOW - 9
