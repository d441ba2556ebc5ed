# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs and data as the watchdog sees them: findings, incidents, successes that are told once, what is published."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.freshness import Freshness
from ansible_collections.latentum.ops.plugins.module_utils.contracts.job_settings import Job, JobSettings
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import stack_lock
from ansible_collections.latentum.ops.plugins.module_utils.jobs import settings as job_settings
from ansible_collections.latentum.ops.plugins.module_utils.jobs.overview import JobState
from ansible_collections.latentum.ops.plugins.module_utils.jobs.state import Record, Run
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import jobs
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import message
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import Route, routes_for
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import Spool
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.metrics import Collector
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.overall import shown_subject
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.page.document import render
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.freshness import Age
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.suppression import Suppression

from . import samples
from .samples import Clock, Host
from .test_looks import Watch

host, clock = samples.host, samples.clock
DATA = Freshness("prices", "query", 300, service="db", database="shop", user="shop", sql="SELECT now()")
TRAIN = Job("train", "api", schedule="daily UTC", notify="success", severity="critical")


def state_of(result: str = "succeeded", ago: float = 60.0, job: Job = TRAIN) -> JobState:
    ended = time.time() - ago
    run = Run("r1", ended - 720, "timer", "schedule", "abc", ended, result, reason="it ended with exit status 3", output=("epoch 1",))
    return JobState(job, Record((run,), ended if run.succeeded else 0.0), timer=True)


@pytest.fixture
def watch(host: Host, clock: Clock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setattr(job_settings, "FOLDER", tmp_path / "jobs")
    monkeypatch.setattr(paths, "JOBS", tmp_path / "records")
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs/shop.json").write_text("{}")
    return Watch(clock, freshness=(DATA,))


JOBS, FRESH = ("jobs", "shop", jobs.ALL), ("fresh", "shop", "fresh:prices")


def test_jobs_and_data_are_looked_at(watch: Watch) -> None:
    watch.due()
    assert {JOBS, FRESH} <= set(watch.due(3))


def test_a_job_that_failed_is_a_finding_of_its_stack(watch: Watch) -> None:
    watch.due()
    watch.take(JOBS, [state_of("failed")])
    finding = watch.found()["shop/job:train"]
    assert finding.failing and finding.severity == "critical" and "exit status 3" in finding.cause
    watch.take(JOBS, [state_of()])
    assert not watch.found()["shop/job:train"].failing


def test_what_is_remembered_is_kept_until_the_first_look(watch: Watch) -> None:
    known = {"shop/job:train", "shop/job:gone"}
    assert known <= set(watch.looks.known(known))
    watch.due()
    watch.take(JOBS, [state_of()])
    assert "shop/job:gone" not in watch.looks.known(known) and "shop/job:train" in watch.looks.known(known)


def test_data_that_a_job_leaves_is_watched_as_well(watch: Watch) -> None:
    watch.due()
    watch.take(JOBS, [state_of(job=Job("train", "api", fresh=(Freshness("model", "file", 60, service="api", path="/m"),)))])
    watch.due()
    assert ("fresh", "shop", "fresh:model") in watch.due(3)


def test_old_data_is_looked_at_twice_before_it_is_told(watch: Watch) -> None:
    watch.due()
    watch.due(3)
    watch.take(FRESH, Age(1.0, "the newest prices is 2 h old"))
    finding = watch.found()["shop/fresh:prices"]
    assert finding.failing and not finding.sure and "shop/db" in finding.needs
    assert FRESH in watch.due(2.1), "again after `confirm`, not after its interval of a minute"


def test_a_job_that_holds_the_lock_hides_nothing(host: Host, clock: Clock) -> None:
    with stack_lock("shop", "job", what="job train"):
        assert Suppression.work_on("shop") is None
    with stack_lock("shop", "ci", what="deploy"):
        assert Suppression.work_on("shop") is not None


def test_successes_are_news_for_an_hour_and_only_where_wanted() -> None:
    now = time.time()
    (told,) = jobs.successes("shop", [state_of()], now)
    assert (told.severity, told.stack, told.subject) == ("info", "shop", "job:train") and "done in 12 min" in told.cause
    assert list(jobs.successes("shop", [state_of(ago=2 * jobs.RECENT)], now)) == []
    assert list(jobs.successes("shop", [state_of("failed")], now)) == []
    assert list(jobs.successes("shop", [state_of(job=Job("train", "api"))], now)) == []


def route(name: str, *severities: str) -> Route:
    return Route(f"shop/{name}", "shop", name, "slack", severities, 0, 10, 600, {"url_file": f"/secrets/{name}"})


def notice(incident: Incident) -> dict[str, Any]:
    return {"what": "success", "host": "app1", "at": incident.ended, "incident": incident.as_dict(), "runbook": ""}


def test_a_success_goes_to_those_who_want_it_and_once(tmp_path: Path) -> None:
    routes = {"shop/chat": route("chat", "critical", "info"), "shop/pager": route("pager", "critical", "warning")}
    (told,) = jobs.successes("shop", [state_of()], time.time())
    assert routes_for(notice(told), routes) == ["shop/chat"]
    spool = Spool(tmp_path / "spool", tmp_path / "spare")
    spool.tell(notice(told), routes)
    Spool(tmp_path / "spool", tmp_path / "spare").tell(notice(told), routes)
    assert len(spool.waiting()) == 1, "a watchdog that was started anew tells nothing twice"


def test_the_message_says_done_and_where_to_look() -> None:
    (told,) = jobs.successes("shop", [state_of()], time.time())
    made = message.compose(notice(told), time.time())
    assert made.headline.startswith("DONE app1: shop/job:train: done in 12 min") and made.log == ["epoch 1"]
    assert "ssh app1 sudo opsctl jobs log --stack shop train" in made.commands


def test_subjects_in_words() -> None:
    subjects = [shown_subject({"subject": subject}) for subject in ("job:train", "fresh:prices", "site:x.example", "certificate:x", "api")]
    assert subjects == ["job train", "freshness of prices", "site x.example", "certificate of x", "api"]


STATUS: dict[str, Any] = {
    "at": 1_800_000_000.0,
    "host": "app1",
    "stacks": [{
        "name": "shop", "state": "ok", "services": [], "sites": [], "busy": "",
        "freshness": [{"name": "prices", "state": "late", "at": 1_799_990_000.0, "newest": 300.0, "reason": "too old"}],
    }],
}  # fmt: skip


def test_the_page_and_the_metrics_have_them() -> None:
    status = {**STATUS, "stacks": [{**STATUS["stacks"][0], "jobs": [state_of("failed").as_dict()]}]}
    page = render(status, "shop")
    assert "train" in page and "no success yet" in page and "prices" in page and "late" in page
    assert "exit status 3" not in page, "what went wrong is said by the incident alone"
    pytest.importorskip("prometheus_client")
    from ansible_collections.latentum.ops.plugins.module_utils.watchdog import metrics

    families = {family.name: family for family in [*metrics._jobs(status["stacks"]), *metrics._ages(status["stacks"])]}
    prefix = "latentum_ops_watchdog_"
    assert families[f"{prefix}job_last_run_success"].samples[0].value == 0
    assert families[f"{prefix}job_trouble"].samples[0].labels == {"stack": "shop", "job": "train"}
    assert families[f"{prefix}data_fresh"].samples[0].value == 0
    assert list(metrics._jobs([{"name": "shop"}])) == [] and Collector


def test_settings_of_one_host_leave_jobs_of_another_alone() -> None:
    here = JobSettings("shop", "", (TRAIN, Job("seed", "api", host="app2"), Job("report", "api", hosts="all")), "app1", "app1")
    assert [job.name for job in here.jobs if here.here(job)] == ["train", "report"]
