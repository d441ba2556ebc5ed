# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs on a real host: seeded before the first start, trained by hand and by its timer, killed, hung, beside a rollout, after a reboot.

The stack of this host declares `seed` (once, before the first start), `train` (with a schedule), and for these tests `hang`
(sleeps longer than its timeout of a few seconds), `long` (sleeps a minute), `fails` (twice), `yearly` and `local` (each day at half past
two in Berlin). Of two hosts one runs a job: scenario rollout.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest
from conftest import HOST, execute
from testinfra.host import Host


class Jobs:
    """The jobs of the stack that has `train`."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.stack = next(entry["stack"] for entry in self.shown() if any(job["job"] == "train" for job in entry["jobs"]))

    def shown(self) -> list[dict[str, Any]]:
        stacks: list[dict[str, Any]] = json.loads(self.sh("opsctl jobs --json"))["stacks"]
        return stacks

    def sh(self, line: str, *, check: bool = True) -> str:
        done = self.host.run("sh -c %s", line)
        assert not check or done.rc == 0, f"{line}: {done.stdout}{done.stderr}"
        return str(done.stdout).strip()

    def status(self, line: str) -> int:
        return int(self.host.run("sh -c %s", line).rc)

    def job(self, name: str) -> dict[str, Any]:
        jobs = next(entry["jobs"] for entry in self.shown() if entry["stack"] == self.stack)
        job: dict[str, Any] = next(job for job in jobs if job["job"] == name)
        return job

    def containers(self, name: str) -> list[str]:
        label = f"--filter label=com.docker.compose.project={self.stack} --filter label=com.latentum.ops.job={name}"
        return self.sh(f"docker ps --all --quiet {label}").split()

    def incident(self, name: str) -> bool:
        opened = json.loads(self.sh("opsctl incidents --json"))["incidents"]
        return any(incident["key"] == f"{self.stack}/job:{name}" for incident in opened)

    def until(self, what: str, look: Callable[[], Any], seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not look():
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
            time.sleep(0.5)


@pytest.fixture(scope="module")
def jobs(host: Host) -> Jobs:
    return Jobs(host)


def test_the_seed_ran_once_before_what_waits_for_it(jobs: Jobs) -> None:
    seed = jobs.job("seed")
    assert seed["successes"] == 1 and seed["last"]["why"] == "first_start"
    ids = jobs.sh(
        f"docker ps --quiet --filter label=com.docker.compose.project={jobs.stack} --filter label=com.docker.compose.service=ingestion"
    )
    assert ids
    for container in ids.split():
        assert float(jobs.sh(f"date --date=$(docker inspect --format '{{{{.Created}}}}' {container}) +%s")) >= seed["last"]["began"]
    assert jobs.status(f"opsctl run --stack {jobs.stack} seed") == 1, "it is done"


def test_a_run_by_hand_ends_as_the_job_does_and_leaves_nothing(jobs: Jobs) -> None:
    assert jobs.status(f"opsctl run --stack {jobs.stack} train --wait") == 0
    last = jobs.job("train")["last"]
    assert last["result"] == "succeeded" and last["why"] == "hand"
    assert jobs.containers("train") == []
    assert "run job train" in jobs.sh("journalctl -t opsctl --no-pager -n 50")


def test_its_timer_waits_with_its_zone(jobs: Jobs) -> None:
    unit = f"latentum-ops-job-{jobs.stack}-train.timer"
    assert "UTC" in jobs.sh(f"systemctl show --property=TimersCalendar {unit}")
    assert jobs.sh(f"systemctl is-enabled {unit}") == "enabled" and jobs.job("train")["next"] > time.time()


def test_the_unit_works_in_its_sandbox(jobs: Jobs) -> None:
    jobs.sh(f"systemctl start latentum-ops-job-{jobs.stack}-train.service")
    assert jobs.job("train")["last"]["result"] == "succeeded"


def test_a_failing_job_is_tried_again_and_told_with_its_reason(jobs: Jobs) -> None:
    assert jobs.status(f"opsctl run --stack {jobs.stack} fails --wait") == 3
    last = jobs.job("fails")["last"]
    assert (last["result"], last["attempts"]) == ("failed", 2) and jobs.containers("fails") == []
    assert jobs.sh(f"opsctl jobs log --stack {jobs.stack} fails").count("no such market") >= 1
    jobs.until("the incident", lambda: jobs.incident("fails"))


@pytest.mark.parametrize(
    ("before", "days"),
    [
        # There is no half past two on 28 March 2027, and it comes twice on 31 October.
        ("2027-03-26 12:00:00 UTC", ["03-27 01:30", "03-29 00:30", "03-30 00:30"]),
        ("2027-10-29 12:00:00 UTC", ["10-30 00:30", "10-31 00:30", "11-01 01:30"]),
    ],
)
def test_a_local_time_is_kept_when_the_clocks_change(jobs: Jobs, before: str, days: list[str]) -> None:
    """systemd's own answer for the expression that the timer has; nobody can turn the clock of a host that shares its kernel."""
    shown = jobs.sh(f"systemctl show --property=TimersCalendar --value latentum-ops-job-{jobs.stack}-local.timer")
    expression = re.search(r"OnCalendar=([^;]+?) ;", shown)
    assert expression and "Europe/Berlin" in expression[1]
    elapses = jobs.sh(f"systemd-analyze calendar --iterations=3 --base-time='{before}' '{expression[1]}'")
    found = re.findall(r"2027-(\d\d-\d\d \d\d:\d\d):\d\d UTC", elapses)
    assert found == days, elapses


def test_a_hanging_job_is_stopped_told_and_forgotten_with_the_next_success(jobs: Jobs) -> None:
    assert jobs.status(f"opsctl run --stack {jobs.stack} hang --wait") == 124
    assert jobs.containers("hang") == []
    jobs.until("the incident", lambda: jobs.incident("hang"))


def test_a_second_run_is_refused_while_one_is_under_way(jobs: Jobs) -> None:
    jobs.sh(f"opsctl run --stack {jobs.stack} long")
    jobs.until("it runs", lambda: jobs.job("long")["running"] and jobs.containers("long"))
    assert jobs.status(f"opsctl run --stack {jobs.stack} long") == 1
    assert len(jobs.containers("long")) == 1


def test_a_rollout_leaves_a_running_job_alone(jobs: Jobs) -> None:
    jobs.until("it runs", lambda: jobs.containers("long"))
    (before,) = jobs.containers("long")
    jobs.sh(f"opsctl deploy --stack {jobs.stack} --recreate serving --force --wait 120")
    assert jobs.containers("long") in ([before], []), "it went on, or came to its end by itself"
    jobs.until("its end", lambda: not jobs.job("long")["running"], 150)
    assert jobs.job("long")["last"]["result"] == "succeeded"


def test_nobody_takes_it_for_a_replica(jobs: Jobs) -> None:
    jobs.sh(f"opsctl run --stack {jobs.stack} long")
    jobs.until("it runs", lambda: jobs.containers("long"))
    assert jobs.status(f"opsctl health --stack {jobs.stack}") == 0
    assert "-job-long" not in jobs.sh(f"opsctl ps --stack {jobs.stack}")


def test_a_killed_run_is_told_and_cleared_away_by_the_next(jobs: Jobs) -> None:
    jobs.until("it runs", lambda: jobs.containers("long"))
    (left,) = jobs.containers("long")
    jobs.sh(f"systemctl kill --signal=KILL --kill-whom=all latentum-ops-job-{jobs.stack}-long.service")
    jobs.until("the incident", lambda: jobs.incident("long"))
    assert jobs.containers("long") == [left], "the container outlives who began it"
    assert jobs.status(f"opsctl run --stack {jobs.stack} long --wait") == 0
    assert jobs.containers("long") == []
    jobs.until("its end", lambda: not jobs.incident("long"))


def test_stopping_the_unit_stops_the_container(jobs: Jobs) -> None:
    jobs.sh(f"opsctl run --stack {jobs.stack} long")
    jobs.until("it runs", lambda: jobs.containers("long"))
    jobs.sh(f"systemctl stop latentum-ops-job-{jobs.stack}-long.service")
    assert jobs.containers("long") == [] and jobs.job("long")["last"]["result"] == "stopped"
    assert jobs.status(f"opsctl run --stack {jobs.stack} long --wait") == 0


def test_a_host_that_dies_in_mid_job_tells_it_and_makes_good_what_it_missed(jobs: Jobs) -> None:
    jobs.sh(f"opsctl run --stack {jobs.stack} long")
    jobs.until("it runs", lambda: jobs.containers("long"))
    before = jobs.job("yearly")["successes"]
    # As if it had been down over New Year: when the timer last elapsed is all that systemd remembers.
    jobs.sh(f"touch --date 2025-06-01 /var/lib/systemd/timers/stamp-latentum-ops-job-{jobs.stack}-yearly.timer")
    for verb in ("kill", "start"):
        assert execute(["docker", verb, HOST]).returncode == 0
    jobs.until("the watchdog runs", lambda: jobs.status("systemctl is-active latentum-ops-watchdog.service") == 0, 180)
    jobs.until("what was cut off is told", lambda: jobs.incident("long"), 120)
    assert jobs.job("long")["state"] == "interrupted"
    jobs.until("what was missed is made good", lambda: jobs.job("yearly")["successes"] == before + 1, 120)
    jobs.until("all is back", lambda: jobs.status("opsctl health") == 0, 300)
    assert jobs.job("yearly")["last"]["why"] == "schedule" and jobs.job("seed")["successes"] == 1
    assert jobs.status(f"opsctl run --stack {jobs.stack} long --wait") == 0
    assert jobs.containers("long") == [] and jobs.job("yearly")["successes"] == before + 1, "however many were missed: one"
    jobs.until("its end", lambda: not jobs.incident("long"))


def test_the_age_of_data_is_published(jobs: Jobs) -> None:
    def ages() -> list[dict[str, Any]]:
        status = json.loads(jobs.sh("cat /run/latentum-ops-watchdog/status.json"))
        found: list[dict[str, Any]] = next(stack["freshness"] for stack in status["stacks"] if stack["name"] == jobs.stack)
        return found

    def states() -> dict[str, str]:
        return {age["name"]: age["state"] for age in ages()}

    # Of the model: there is none before the first deployment of one (test_market_ml.py).
    jobs.until("all are read", lambda: states().get("market_data") == "ok" and "train" in states(), 180)
