# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl about jobs: a run by hand through its unit, who wanted it, its exit status, and what is shown."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.cli import audit, main
from ansible_collections.latentum.ops.plugins.module_utils.cli import jobs as verbs
from ansible_collections.latentum.ops.plugins.module_utils.contracts.registered_model import RegisteredModel
from ansible_collections.latentum.ops.plugins.module_utils.core import progress
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import file_lock
from ansible_collections.latentum.ops.plugins.module_utils.jobs import state, units
from ansible_collections.latentum.ops.plugins.module_utils.jobs.running import lock_of
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import protection
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed

from . import jobs_host
from .jobs_host import JobHost

host = jobs_host.host


def opsctl(*words: str) -> int:
    main.sys.argv = ["opsctl", *words]
    return main.main()


@pytest.fixture(autouse=True)
def units_that_run(host: JobHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[list[str]]]:
    """What systemctl was asked; a unit that is started is a process."""
    asked: list[list[str]] = []

    def start(argv: list[str]) -> None:
        asked.append(list(argv))
        monkeypatch.setenv("LATENTUM_OPS_WHO", "job")
        process = multiprocessing.get_context("fork").Process(target=lambda: opsctl("jobs", "execute", "--stack", "shop", "train"))
        process.start()
        monkeypatch.delenv("LATENTUM_OPS_WHO")

    monkeypatch.setattr(verbs, "run", start)
    monkeypatch.setattr(units, "known_times", lambda _stack, _jobs: {})
    monkeypatch.setattr(audit, "SOCKET", str(host.root / "journal.sock"))
    monkeypatch.setattr(protection, "FILE", host.root / "etc/environment.json")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield asked
    for number, handler in handlers.items():
        signal.signal(number, handler)


def last() -> state.Run:
    run = state.load("shop", "train").last
    assert run
    return run


def test_a_unit_carries_the_job_out_for_the_timer(host: JobHost, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    host.release()
    host.runner(command=("sh", "-c", "echo trained"))
    monkeypatch.setenv("LATENTUM_OPS_WHO", "job")
    assert opsctl("jobs", "execute", "--stack", "shop", "train") == 0
    assert (last().who, last().why, last().succeeded) == ("timer", "schedule", True)
    assert "trained" in capsys.readouterr().out


@pytest.mark.parametrize(("command", "code"), [("exit 3", 3), ("kill -9 $$", 137)])
def test_the_unit_fails_with_the_job(command: str, code: int, host: JobHost) -> None:
    host.release()
    host.runner(command=("sh", "-c", command))
    assert opsctl("jobs", "execute", "train") == code


def test_before_the_first_release_a_due_run_is_no_failure(host: JobHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.runner()
    monkeypatch.setenv("LATENTUM_OPS_WHO", "job")
    assert opsctl("jobs", "execute", "train") == 0
    assert "no live release" in state.load("shop", "train").skipped["why"]


def test_a_run_by_hand_waits_and_ends_as_the_job_does(host: JobHost, units_that_run: list[list[str]], capsys: Any) -> None:
    host.release()
    host.runner(command=("sh", "-c", "echo epoch 1; exit 4"))
    assert opsctl("run", "train", "--wait") == 4
    assert units_that_run == [["systemctl", "start", "--no-block", "--", "latentum-ops-job-shop-train.service"]]
    assert last().why == "hand" and "(pid" in last().who and last().exit_code == 4
    assert "epoch 1" in capsys.readouterr().out


def test_what_a_job_writes_between_a_look_and_its_end_is_shown(
    host: JobHost, units_that_run: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    host.release()
    host.runner(command=("sh", "-c", "echo epoch 1; exit 4"))
    real, looks = progress.follow, 0

    def before_it_writes(stack: str, attempt: str, offset: int, patience: float) -> tuple[list[str], int, bool]:
        nonlocal looks
        looks += 1
        if looks > 1:
            return real(stack, attempt, offset, patience)
        while not state.load("shop", "train").runs or not last().ended:
            time.sleep(0.05)
        return [], offset, False

    monkeypatch.setattr(progress, "follow", before_it_writes)
    assert opsctl("run", "train", "--wait") == 4 and "epoch 1" in capsys.readouterr().out
    assert not list(lock_of("shop", "train").parent.glob("*.request"))


def test_a_run_by_hand_is_refused_while_one_is_under_way(host: JobHost, units_that_run: list[list[str]], capsys: Any) -> None:
    host.release()
    host.runner()
    path = lock_of("shop", "train")
    path.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(path, timeout=0):
        assert opsctl("run", "train") == 1
    assert units_that_run == [] and "is running" in capsys.readouterr().err


def test_what_was_done_once_wants_a_word(host: JobHost, capsys: Any) -> None:
    host.release()
    host.runner(once="before_first_start")
    state.save("shop", "train", state.Record(success=1.0, successes=1))
    assert opsctl("run", "train") == 1 and "--again" in capsys.readouterr().err
    assert opsctl("run", "train", "--again", "--wait") == 0


def test_a_job_of_another_host_is_not_run_here(host: JobHost, capsys: Any) -> None:
    host.release()
    host.runner(host="app2")
    assert opsctl("run", "train") == 1 and "runs on app2" in capsys.readouterr().err


def test_a_name_that_was_meant(host: JobHost, capsys: Any) -> None:
    host.runner()
    assert opsctl("run", "trian") == 1 and "did you mean train" in capsys.readouterr().err


def test_a_host_without_jobs(capsys: Any) -> None:
    assert opsctl("jobs") == 0 and "no jobs run on this host" in capsys.readouterr().out
    assert opsctl("run", "train") == 1 and "no jobs are declared" in capsys.readouterr().err


def test_what_is_shown(host: JobHost, capsys: Any) -> None:
    host.release()
    host.runner(command=("sh", "-c", "echo first; exit 1")).run(verbs_order())
    assert opsctl("jobs") == 0
    table = capsys.readouterr().out
    assert "!!" in table and "failed" in table and "exit status 1" in table
    assert opsctl("jobs", "--json") == 0
    (stack,) = json.loads(capsys.readouterr().out)["stacks"]
    assert stack["jobs"][0]["last"]["exit_code"] == 1 and stack["jobs"][0]["trouble"]
    assert opsctl("jobs", "log", "train") == 0 and "first" in capsys.readouterr().out
    assert opsctl("jobs", "log", "train", "--run", "zz") == 1 and "has no run" in capsys.readouterr().err


def verbs_order() -> Any:
    from ansible_collections.latentum.ops.plugins.module_utils.jobs.running import Order

    return Order("alice")


def test_an_old_request_of_nobody_is_passed_over(host: JobHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.release()
    host.runner()
    path: Path = lock_of("shop", "train").with_suffix(".request")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"id": "old", "who": "alice", "at": 5.0}))
    monkeypatch.setenv("LATENTUM_OPS_WHO", "job")
    assert opsctl("jobs", "execute", "train") == 0
    assert last().who == "timer" and last().id != "old" and not path.exists()


# What a job leaves, deployed


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What was deployed; a text in it first is the failure of the next deployment."""
    given: list[Any] = []

    def deploy(_deployment: Deployment, declared: Any) -> None:
        given.append((dict(declared.versions), _deployment.order.automatic, _deployment.order.wait))
        if isinstance(given[0], str):
            raise DeployFailed(given.pop(0))

    monkeypatch.setattr(Deployment, "deploy", deploy)
    model = RegisteredModel("volatility", "market", "MODEL_VERSION", service="mlflow")
    monkeypatch.setattr(Store, "live", lambda _store, live=Store.live: replace(live(_store), models=[{**model.to_dict(), "version": "6"}]))
    return given


def test_a_model_that_was_trained_is_deployed_when_nobody_else_works_on_the_stack(host: JobHost, deployed: list[Any]) -> None:
    host.release()
    host.runner(deploys=("volatility",))
    assert opsctl("jobs", "execute", "train") == 0
    assert last().succeeded and deployed == [({"volatility": "@candidate"}, True, 3600.0)]


def test_a_version_that_is_taken_back_is_a_failure_of_the_job(host: JobHost, deployed: list[Any]) -> None:
    host.release()
    host.runner(deploys=("volatility",))
    deployed.append("deploy of 5f failed; it was taken back: 3a is live\nserving: the canary is refused: rmse is 4")
    assert opsctl("jobs", "execute", "train") == 1
    assert (last().result, last().exit_code) == ("failed", 0)
    assert "volatility was not deployed" in last().reason and "the canary is refused: rmse is 4" in last().reason


def test_nothing_is_deployed_after_a_failure(host: JobHost, deployed: list[Any]) -> None:
    host.release()
    host.runner(command=("false",), deploys=("volatility",))
    assert opsctl("jobs", "execute", "train") == 1 and deployed == []
