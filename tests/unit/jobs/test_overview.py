# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a job, and what is not: the sentence that becomes an incident."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.job_settings import Job
from ansible_collections.latentum.ops.plugins.module_utils.jobs.overview import HANGING, LATE, JobState, table
from ansible_collections.latentum.ops.plugins.module_utils.jobs.state import Record, Result, Run

NOW = 1_800_000_000.0
HOUR = 3600.0
SCHEDULED = Job("train", "modeling", schedule="*-*-* 23:00:00 UTC", timeout=HOUR)


def run(began: float, result: Result = Result.SUCCEEDED, lasted: float = 60, **more: Any) -> Run:
    """One that began so many seconds ago."""
    ended = 0.0 if result is Result.RUNNING else NOW - began + lasted
    return Run("r1", NOW - began, "timer", "schedule", "abc", ended, result.value, **more)


def known(*runs: Run, job: Job = SCHEDULED, **more: Any) -> JobState:
    success = max((one.ended for one in runs if one.succeeded), default=0.0)
    return JobState(job, Record(runs, success, skipped=more.pop("skipped", {})), **more)


@pytest.mark.parametrize(
    "state",
    [
        known(timer=True, next=NOW + HOUR),
        known(run(HOUR), timer=True, due=NOW - HOUR - 1, next=NOW + HOUR),
        known(run(HOUR), job=Job("train", "modeling")),
        known(run(HOUR), timer=None),
        known(run(30, Result.RUNNING), running=True, timer=True, due=NOW - 31),
        known(timer=True, due=NOW - 60),
        known(timer=True, due=NOW - HOUR, skipped={"at": NOW - HOUR + 1, "why": "no live release"}),
        # It was due while a run by hand was under way, which has ended since.
        known(run(2 * HOUR, lasted=1.5 * HOUR), timer=True, due=NOW - HOUR),
        known(run(HOUR), job=Job("train", "modeling", late_after=2 * HOUR)),
    ],
    ids=["new", "well", "by hand", "no systemd", "runs", "just due", "no release yet", "overlapped", "not late"],
)
def test_nothing_is_wrong(state: JobState) -> None:
    assert state.trouble(NOW) == ""


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (
            known(run(HOUR, Result.FAILED, reason="it ended with exit status 3", attempts=3)),
            "failed (3 attempts): it ended with exit status 3",
        ),
        (known(run(HOUR, Result.TIMED_OUT, reason="it did not end within 1 h, and was stopped")), "timed out: it did not end"),
        (known(run(HOUR, Result.RUNNING), running=False), "was interrupted: its process was killed, or the host went down"),
        (known(run(HOUR + HANGING + 60, Result.RUNNING), running=True), "longer than all its attempts may take"),
        (known(run(25 * HOUR), timer=True, due=NOW - HOUR), "and did not begin"),
        (known(run(25 * HOUR), timer=True, next=NOW - LATE - 1), "has not begun"),
        (known(run(HOUR), timer=False), "its timer does not run"),
        (known(run(27 * HOUR), job=Job("train", "modeling", late_after=26 * HOUR)), "its last success was"),
        (known(run(27 * HOUR, Result.SUCCEEDED), run(1, Result.STOPPED, reason="it was stopped")), "stopped: it was stopped"),
    ],
    ids=["failed", "hung", "killed", "hangs", "missed", "timer late", "no timer", "late", "stopped"],
)
def test_what_is_wrong_is_a_sentence(state: JobState, words: str) -> None:
    assert words in state.trouble(NOW)


def test_never_succeeded_counts_from_the_first_run() -> None:
    job = Job("train", "modeling", late_after=HOUR)
    failed = Record((run(3 * HOUR, Result.FAILED),))
    assert "failed" in JobState(job, failed).trouble(NOW)


def test_the_table_marks_what_needs_attention(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    rows = [known(run(HOUR), timer=True, next=NOW + HOUR).as_dict(), known(run(HOUR, Result.FAILED, reason="exit status 3")).as_dict()]
    lines = table(rows, NOW)
    assert lines[1].startswith("ok") and "1 h ago" in lines[1] and "succeeded" in lines[1]
    assert lines[2].startswith("!!") and lines[-1].startswith("!! train: the run of")
    assert "never" in table([known(timer=True).as_dict()], NOW)[1]
    assert table([], NOW) == []
