# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of jobs with real processes: what goes wrong for people who run work by cron and `docker compose run`."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import file_lock, holder, stack_lock
from ansible_collections.latentum.ops.plugins.module_utils.jobs import running, state
from ansible_collections.latentum.ops.plugins.module_utils.jobs.container import Stopped
from ansible_collections.latentum.ops.plugins.module_utils.jobs.running import JobBusy, JobDone, NotYet, Order, lock_of
from ansible_collections.latentum.ops.plugins.module_utils.jobs.settings import JobError
from ansible_collections.latentum.ops.plugins.module_utils.jobs.state import Result, Run

from . import jobs_host
from .jobs_host import JobHost

host = jobs_host.host
BY_TIMER = Order("timer", running.SCHEDULE)


def script(text: str) -> tuple[str, ...]:
    return ("sh", "-c", text)


def until(condition: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def test_a_run_is_written_down_with_its_release_and_output_and_leaves_nothing(host: JobHost) -> None:
    release = host.release()
    ended = host.runner(command=script("echo one; echo two >&2")).run(BY_TIMER)
    assert (ended.succeeded, ended.exit_code, ended.attempts, ended.release, ended.who) == (True, 0, 1, release.id, "timer")
    assert {"one", "two"} <= set(ended.output)
    assert host.engine.boxes == {} and host.engine.removed == ["shop-job-train"]
    record = state.load("shop", "train")
    assert record.last == ended and record.successes == 1 and record.success == ended.ended
    assert not list(lock_of("shop", "train").parent.glob("*.yaml")), "the project with its environment is not left in /run"


def test_the_container_is_that_of_the_live_release_and_nobodys_replica(host: JobHost) -> None:
    host.release()
    host.runner(command=("true",), environment={"EPOCHS": "20", "PRICE": "$5"}, memory="2g", cpus=2).run(BY_TIMER)
    request = host.engine.requests[0]
    spec = request["spec"]
    assert spec["image"] == "modeling@sha256:2" and spec["user"] == "10001:10001" and spec["secrets"]
    assert spec["labels"] == {"team": "ml", "com.latentum.ops.job": "train"}
    assert (
        not {"ports", "depends_on", "container_name"} & set(spec) and spec["restart"] == "no" and spec["healthcheck"] == {"disable": True}
    )
    assert spec["networks"] == {"backend": {}}, "an address exists once, and a name would be found by clients of the service"
    assert spec["environment"] == {"EPOCHS": "20", "PRICE": "$$5"}, "what an operator wrote there is no variable of Compose"
    assert (spec["mem_limit"], spec["cpus"]) == ("2g", 2) and "deploy" not in spec
    assert {"--detach", "--no-deps", "--no-TTY", "--interactive=false"} <= set(request["words"])
    assert "--service-ports" not in request["words"] and "--use-aliases" not in request["words"]


def test_a_failure_is_tried_again_and_counts_once(host: JobHost) -> None:
    host.release()
    marks = host.root / "tries"
    ended = host.runner(command=script(f"echo x >> {marks}; [ $(wc -l < {marks}) = 3 ]"), retries=2, retry_delay=0).run(BY_TIMER)
    assert ended.succeeded and ended.attempts == 3
    assert state.load("shop", "train").failures == 0


def test_a_failure_of_all_attempts_keeps_the_exit_status(host: JobHost) -> None:
    host.release()
    ended = host.runner(command=script("echo no data; exit 3"), retries=1, retry_delay=0).run(BY_TIMER)
    assert (ended.result, ended.exit_code, ended.attempts) == (Result.FAILED.value, 3, 2)
    assert "exit status 3" in ended.reason and ended.output.count("no data") == 2
    assert host.engine.boxes == {}


def test_a_job_that_hangs_is_asked_to_stop_and_then_killed(host: JobHost) -> None:
    host.release()
    host.engine.heard_first = True
    ended = host.runner(command=script("trap '' TERM; echo waiting; while :; do sleep 0.1; done"), timeout=1).run(BY_TIMER)
    assert ended.result == Result.TIMED_OUT.value and ended.exit_code == 137
    assert "did not end within 1 s" in ended.reason and "waiting" in ended.output


def test_a_job_that_heeds_its_stop_signal_may_save_what_it_has(host: JobHost) -> None:
    host.release()
    host.engine.heard_first, host.engine.grace = True, 60
    ended = host.runner(command=script("trap 'echo saved; exit 0' TERM; echo ready; while :; do sleep 0.1; done"), timeout=1).run(BY_TIMER)
    assert ended.result == Result.TIMED_OUT.value, "an exit status of 0 after the time was up is no success"
    assert "saved" in ended.output


def test_a_job_that_is_killed_for_memory_says_so(host: JobHost) -> None:
    host.release()
    host.engine.out_of_memory = True
    ended = host.runner(command=script("kill -9 $$")).run(BY_TIMER)
    assert ended.exit_code == 137 and "killed for memory" in ended.reason


def test_a_program_that_is_not_in_the_image_is_a_failure_and_leaves_no_container(host: JobHost) -> None:
    host.release()
    ended = host.runner(command=("no-such-program",)).run(BY_TIMER)
    assert ended.result == Result.FAILED.value and "could not be started" in ended.reason
    assert host.engine.boxes == {}, "a container that was made and not started would hold the name"


def test_compose_that_refuses_is_a_failure_with_its_words(host: JobHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.release()
    monkeypatch.setenv("REFUSE", "secret file /etc/latentum-ops/secrets/shop/services/modeling/token is not there")
    ended = host.runner().run(BY_TIMER)
    assert ended.result == Result.FAILED.value and "is not there" in ended.reason


def test_two_runs_at_once_are_forbidden_and_the_second_names_the_first(host: JobHost) -> None:
    host.release()
    runner = host.runner(command=script("echo begun; sleep 30"), timeout=60)
    with file_lock(lock_of_ready("shop", "train"), timeout=0):
        record = state.begun(state.Record(), Run("a1", time.time(), "alice (pid 7)", running.HAND))
        state.save("shop", "train", record)
        with pytest.raises(JobBusy, match="wanted by alice"):
            runner.run(BY_TIMER)
    assert host.engine.requests == []


def lock_of_ready(stack: str, job: str) -> Path:
    path = lock_of(stack, job)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_of_many_that_begin_at_once_one_runs(host: JobHost) -> None:
    host.release()
    runner, outcomes = host.runner(command=script("sleep 1")), []

    def begin() -> None:
        try:
            outcomes.append(runner.run(BY_TIMER).result)
        except JobBusy:
            outcomes.append("busy")

    threads = [threading.Thread(target=begin) for _number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["busy"] * 4 + ["succeeded"] and len(host.engine.requests) == 1


def test_a_killed_run_is_told_and_its_container_stopped_before_the_next(host: JobHost) -> None:
    host.release()
    runner = host.runner(command=script("echo $$ > $TMPDIR/left; sleep 60"))
    child = multiprocessing.get_context("fork").Process(target=lambda: runner.run(BY_TIMER))
    child.start()
    until(lambda: host.engine.boxes)
    assert child.pid
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    (left,) = host.engine.boxes.values()
    assert left.running, "the container outlives who began it"
    ended = host.runner(command=script("echo again")).run(BY_TIMER)
    assert ended.succeeded and not left.running
    first, second = state.load("shop", "train").runs
    assert first.result == Result.INTERRUPTED.value and "killed" in first.reason and second.id == ended.id
    assert any("left a container behind" in line for line in ended.output)


def test_a_unit_that_is_stopped_stops_the_container(host: JobHost) -> None:
    host.release()
    runner = host.runner(command=script("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.1; done"))

    def stop(*_given: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGUSR1, stop)
    try:
        threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGUSR1)).start()
        ended = runner.run(BY_TIMER)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert ended.result == Result.STOPPED.value and host.engine.boxes == {}


def test_somebody_removes_the_container(host: JobHost) -> None:
    host.release()
    runner = host.runner(command=script("echo up; sleep 600"))

    def remove() -> None:
        until(lambda: "up" in host.said)
        host.engine.boxes.clear()

    thread = threading.Thread(target=remove)
    thread.start()
    ended = runner.run(BY_TIMER)
    thread.join()
    assert ended.result == Result.FAILED.value and "somebody removed" in ended.reason


def test_a_log_that_cannot_be_read_fails_nothing(host: JobHost) -> None:
    host.release()
    host.engine.readable = False
    ended = host.runner(command=script("echo unseen; sleep 0.5")).run(BY_TIMER)
    assert ended.succeeded and any("cannot be read" in line for line in ended.output)


def test_long_output_is_kept_at_its_end(host: JobHost) -> None:
    host.release()
    ended = host.runner(command=script("seq 1 5000")).run(BY_TIMER)
    assert "5000" in ended.output and "1" not in ended.output
    assert len(state.load("shop", "train").runs[-1].output) <= state.LINES


def test_without_a_live_release_nothing_is_due(host: JobHost) -> None:
    with pytest.raises(NotYet, match="no live release"):
        host.runner().run(BY_TIMER)
    assert state.load("shop", "train").runs == ()


def test_a_release_without_the_service_is_a_failure_that_says_so(host: JobHost) -> None:
    host.release({"name": "shop", "services": {"web": {"image": "web@sha256:1"}}})
    ended = host.runner().run(BY_TIMER)
    assert ended.result == Result.FAILED.value and "has no service modeling" in ended.reason


def test_after_a_rollback_it_runs_in_the_release_that_is_live(host: JobHost) -> None:
    first = host.release()
    changed = {**jobs_host.PROJECT, "services": {**jobs_host.PROJECT["services"], "modeling": {"image": "modeling@sha256:9", "labels": {}}}}
    host.release(changed)
    runner = host.runner()
    assert runner.run(BY_TIMER).release != first.id
    running.Store("shop").set_live(first.id, "rollback")
    assert runner.run(BY_TIMER).release == first.id
    assert [request["spec"]["image"] for request in host.engine.requests] == ["modeling@sha256:9", "modeling@sha256:2"]


def test_what_runs_once_has_been_done(host: JobHost) -> None:
    host.release()
    runner = host.runner(once="before_first_start", name="seed")
    assert runner.run(BY_TIMER).succeeded
    with pytest.raises(JobDone, match="--again"):
        runner.run(BY_TIMER)
    assert runner.run(Order("alice", again=True)).succeeded
    assert len(host.engine.requests) == 2


def test_what_runs_once_and_failed_is_not_done(host: JobHost) -> None:
    host.release()
    assert not host.runner(once="before_first_start", command=("false",)).run(BY_TIMER).succeeded
    assert host.runner(once="before_first_start", command=("true",)).run(BY_TIMER).succeeded


def test_another_host_runs_it(host: JobHost) -> None:
    host.release()
    with pytest.raises(JobError, match="runs on app2, and this host is app1"):
        host.runner(host="app2").run(BY_TIMER)
    assert host.runner(host="app2", hosts="all").run(BY_TIMER).succeeded


def test_with_lock_nobody_else_works_on_the_stack(host: JobHost) -> None:
    host.release()
    seen: list[object] = []
    runner = host.runner(command=script("sleep 1"), lock=True)
    thread = threading.Thread(target=lambda: (until(lambda: host.engine.boxes), seen.append(holder("shop"))))
    thread.start()
    assert runner.run(BY_TIMER).succeeded
    thread.join()
    assert isinstance(seen[0], dict) and (seen[0]["who"], seen[0]["what"]) == ("job", "job train")


def test_with_lock_it_waits_for_a_rollout(host: JobHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.release()
    monkeypatch.setattr(running, "LOCK_WAIT", 0.2)
    with stack_lock("shop", "ci (pid 1)", what="deploy"):
        ended = host.runner(lock=True).run(BY_TIMER)
        assert host.runner(lock=False).run(BY_TIMER).succeeded, "one without goes on beside a rollout"
    assert ended.result == Result.FAILED.value and "locked by ci" in ended.reason


def test_an_engine_that_is_down_is_a_failure(host: JobHost) -> None:
    host.release()
    host.engine.close()
    ended = host.runner().run(BY_TIMER)
    assert ended.result == Result.FAILED.value and "does not answer" in ended.reason


def test_secrets_do_not_reach_the_record(host: JobHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.release()
    ended = host.runner(command=script("echo postgres://shop:hunter2hunter2@database/shop")).run(BY_TIMER)
    assert not any("hunter2" in line for line in [*ended.output, *host.said])


def test_the_record_of_an_older_or_newer_engine_is_read(host: JobHost) -> None:
    folder = state.folder_of("shop")
    folder.mkdir(parents=True)
    (folder / "train.json").write_text(
        '{"runs": [{"id": "a", "began": 1, "who": "x", "why": "hand", "mood": "good"}], "success": 5, "later": {}}'
    )
    record = state.load("shop", "train")
    assert record.success == 5 and record.runs[0].id == "a" and record.successes == 0


def test_only_so_many_runs_are_kept_and_fewer_outputs(host: JobHost) -> None:
    record = state.Record()
    for number in range(40):
        run = Run(str(number), float(number + 1), "timer", running.SCHEDULE, output=("x",))
        record = state.ended(state.begun(record, run), state.replace(run, ended=number + 2.0, result=Result.SUCCEEDED.value))
        state.save("shop", "train", record)
        record = state.load("shop", "train")
    assert [run.id for run in record.runs] == [str(number) for number in range(20, 40)]
    assert [len(run.output) for run in record.runs] == [0] * 15 + [1] * 5 and record.successes == 40


def test_systemd_reads_schedules_as_the_guide_says() -> None:
    """A local time that a day does not have is skipped; one that a day has twice elapses once."""

    def elapses(expression: str, base: str, count: int = 2) -> list[str]:
        argv = ["systemd-analyze", "calendar", f"--base-time={base}", f"--iterations={count}", expression]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, env={**os.environ, "TZ": "UTC"})
        return [
            line.split(": ", 1)[1].split(" ", 1)[1]
            for line in done.stdout.splitlines()
            if "UTC" in line and ("Next" in line or "Iter" in line)
        ]

    if not Path("/usr/bin/systemd-analyze").exists():
        pytest.skip("systemd is not here")
    assert elapses("*-*-* 02:30:00 Europe/Berlin", "2026-03-28 12:00:00 UTC", 1) == ["2026-03-30 00:30:00 UTC"], "29 March has no 02:30"
    autumn = elapses("*-*-* 02:30:00 Europe/Berlin", "2026-10-24 12:00:00 UTC")
    assert len({stamp[:10] for stamp in autumn}) == 2, f"25 October has 02:30 twice: {autumn}"
    assert elapses("*-*-* 23:00:00 UTC", "2026-03-28 12:00:00 UTC") == ["2026-03-28 23:00:00 UTC", "2026-03-29 23:00:00 UTC"]
