# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which jobs come before which services, and how a rollout is cut at them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.job_settings import Job, JobSettings
from ansible_collections.latentum.ops.plugins.module_utils.jobs import gate, state
from ansible_collections.latentum.ops.plugins.module_utils.jobs.gate import JobNotDone

from . import jobs_host
from .jobs_host import JobHost

host = jobs_host.host
SERVICES: dict[str, dict[str, Any]] = {
    "database": {},
    "mlflow": {"depends_on": ["database"]},
    "modeling": {"depends_on": {"database": {"condition": "service_healthy"}, "mlflow": {}}},
    "seeder": {"depends_on": ["database"]},
    "serving": {"depends_on": ["mlflow"]},
    "api": {"depends_on": ["serving"]},
    "proxy": {},
}
ORDER = ["database", "mlflow", "serving", "api", "proxy"]
SEED = Job("seed", "seeder", once="before_first_start")
TRAIN = Job("train", "modeling", required_by=("serving",))


def cut(*jobs: Job, first: bool = True, created: list[str] | None = None) -> list[tuple[list[str], str]]:
    known = JobSettings("shop", "/opt/shop", jobs, "app1", "app1")
    closed = gate.gates(known, SERVICES, ORDER if created is None else created, first=first)
    return [(part, job.name if job else "") for part, job in gate.phases(ORDER, closed)]


@pytest.fixture(autouse=True)
def there(host: JobHost) -> JobHost:
    return host


def test_without_jobs_nothing_is_cut() -> None:
    assert cut() == [(ORDER, "")]
    assert gate.gates(None, SERVICES, ORDER, first=True) == []


def test_a_seed_comes_after_what_it_needs_and_before_all_else() -> None:
    assert cut(SEED) == [(["database"], "seed"), (["mlflow", "serving", "api", "proxy"], "")]


def test_a_seed_for_some_services_lets_the_others_start() -> None:
    seed = Job("seed", "seeder", once="before_first_start", required_by=("api",))
    assert cut(seed) == [(["database", "mlflow", "serving", "proxy"], "seed"), (["api"], "")]


def test_who_depends_on_what_waits_waits_as_well() -> None:
    """Compose would start it along with them."""
    assert cut(TRAIN) == [(["database", "mlflow", "proxy"], "train"), (["serving", "api"], "")]


def test_one_after_the_other() -> None:
    assert cut(SEED, TRAIN) == [(["database"], "seed"), (["mlflow", "proxy"], "train"), (["serving", "api"], "")]


def test_after_the_first_start_a_seed_is_nobodys_business() -> None:
    assert cut(SEED, first=False) == [(ORDER, "")]


def test_a_service_that_comes_later_waits_for_its_job_as_well() -> None:
    assert cut(TRAIN, first=False, created=["serving"])[0][1] == "train"
    assert cut(TRAIN, first=False, created=["proxy"]) == [(ORDER, "")], "what runs already is not stopped for it"


def test_what_has_succeeded_is_not_run_again() -> None:
    state.save("shop", "seed", state.Record(success=1.0, successes=1))
    assert cut(SEED) == [(ORDER, "")]


def test_another_host_has_done_it() -> None:
    assert cut(Job("seed", "seeder", once="before_first_start", host="app2")) == [(ORDER, "")]


def test_a_job_that_fails_starts_nothing_and_says_what_it_wrote(host: JobHost) -> None:
    release = host.release(live=False)
    runner = host.runner(name="seed", once="before_first_start", command=("sh", "-c", "echo relation exists; exit 1"))
    with pytest.raises(JobNotDone, match=r"(?s)job seed: it ended with exit status 1.*relation exists"):
        gate.require(runner.settings, runner.job, release, host.said.append)
    good = host.runner(name="seed", once="before_first_start", command=("true",))
    gate.require(good.settings, good.job, release, host.said.append)
    assert [run.why for run in state.load("shop", "seed").runs] == ["first_start", "first_start"]


def test_settings_that_are_damaged_stop_a_rollout(host: JobHost) -> None:
    host.runner()
    (host.root / "etc/jobs/shop.json").write_text("{")
    with pytest.raises(JobNotDone, match="damaged"):
        gate.known_jobs("shop")
