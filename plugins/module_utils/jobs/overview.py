# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of a stack as they stand: what each did last, and when it is due."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..contracts.job_settings import Job
from ..core.format import columns
from ..core.masking import line
from ..core.times import lasting, moment
from . import running, settings, state, units
from .running import LOCK_WAIT
from .settings import JobError
from .state import Result, Run

GOOD, BAD = "ok", "!!"
LATE = 120.0  # seconds that a run which was due may take to begin
HANGING = 600.0  # seconds by which a run may exceed all its timeouts


@dataclass(frozen=True)
class JobState:
    """One job of this host.

    :param running: a process carries it out now.
    :param interrupted: its last run has begun and not ended, and nobody carries it out any more.
    :param due: when its timer last elapsed, and `next` when it does next (epoch seconds); 0 where it has none, or nobody knows.
    :param timer: its timer waits; None where it has none, or systemd does not say.
    """

    job: Job
    record: state.Record
    running: bool = False
    due: float = 0.0
    next: float = 0.0
    timer: bool | None = None

    @property
    def last(self) -> Run | None:
        """Its newest run."""
        return self.record.last

    @property
    def interrupted(self) -> bool:
        """Killed in the middle."""
        return self.last is not None and self.last.result == Result.RUNNING.value and not self.running

    def trouble(self, now: float) -> str:
        """What is wrong with it, as a sentence; empty when nothing is.

        :param now: epoch seconds.
        """
        last = self.last
        if self.interrupted and last:
            return f"the run of {moment(last.began)} was interrupted: its process was killed, or the host went down"
        if self.running and last:
            longest = self.job.longest + (LOCK_WAIT if self.job.lock else 0) + HANGING
            over = now - last.began - longest
            return f"it has been running for {lasting(now - last.began)}, longer than all its attempts may take" if over > 0 else ""
        if last and not last.succeeded and last.ended:
            tries = f" ({last.attempts} attempts)" if last.attempts > 1 else ""
            return f"the run of {moment(last.began)} {last.result.replace('_', ' ')}{tries}: {last.reason}"
        return self._missed(now) or self._stale(now)

    def _missed(self, now: float) -> str:
        if self.timer is False:
            return "its timer does not run, so nothing begins: systemctl list-timers 'latentum-ops-job-*'"
        # A run that was under way when the timer elapsed: nothing was missed, two at once are forbidden.
        latest = max((run.ended or run.began for run in self.record.runs), default=0.0)
        seen = max(latest, float(self.record.skipped.get("at", 0)))
        if self.due and now - self.due > LATE and seen < self.due - 1:
            return f"it was due at {moment(self.due)} and did not begin"
        if self.next and now - self.next > LATE:
            return f"it is due since {moment(self.next)} and has not begun"
        return ""

    def _stale(self, now: float) -> str:
        limit = self.job.late_after
        if not limit or not self.record.runs:
            return ""
        age = now - (self.record.success or self.record.runs[0].began)
        if age <= limit:
            return ""
        since = f"its last success was {lasting(age)} ago" if self.record.success else f"it has not succeeded once in {lasting(age)}"
        return f"{since}, and {lasting(limit)} is the limit"

    def as_dict(self) -> dict[str, Any]:
        """Plain data, without what runs have written."""
        last = {name: value for name, value in asdict(self.last).items() if name != "output"} if self.last else None
        return {
            "job": self.job.name,
            "service": self.job.service,
            "schedule": self.job.schedule,
            "severity": self.job.severity,
            "running": self.running,
            "state": "running" if self.running else Result.INTERRUPTED.value if self.interrupted else last["result"] if last else "never",
            "trouble": self.trouble(time.time()),
            "last": last | {"seconds": round(self.last.seconds, 1)} if last and self.last else None,
            "success": self.record.success,
            "successes": self.record.successes,
            "failures": self.record.failures,
            "next": self.next,
        }


def of_stack(stack: str) -> list[JobState]:
    """The jobs of a stack that run on this host.

    :raises JobError: its settings are damaged.
    :raises ValueError: what a job has done is damaged.
    """
    known = settings.load(stack)
    here = [job for job in known.jobs if known.here(job)] if known else []
    times = units.known_times(stack, [job.name for job in here if job.schedule])
    states = []
    for job in here:
        timer, record = times.get(job.name), state.load(stack, job.name)
        due = timer["last"] if timer else 0.0
        states.append(
            JobState(
                job,
                record,
                running.under_way(stack, job.name),
                due if due > max(units.written(stack, job.name), record.armed) else 0.0,
                timer["next"] if timer else 0.0,
                bool(timer["active"]) if timer else None,
            )
        )
    return states


def collect() -> list[dict[str, Any]]:
    """The jobs of all stacks of this host, as plain data."""
    collected = []
    for stack in settings.stacks():
        try:
            collected.append({"stack": stack, "jobs": [job.as_dict() for job in of_stack(stack)]})
        except JobError as error:
            collected.append({"stack": stack, "jobs": [], "error": str(error)})
    return collected


def table(jobs: Sequence[Mapping[str, Any]], now: float) -> list[str]:
    """Lines for a terminal; what needs attention begins with two exclamation marks."""
    rows = [["", "job", "service", "last run", "result", "took", "next"]]
    for job in jobs:
        last = job.get("last") or {}
        when = f"{lasting(now - last['began'])} ago" if last else "never"
        took = lasting(now - last["began"]) if job["running"] else lasting(last["seconds"]) if last.get("ended") else ""
        following = moment(job["next"]) if job["next"] else "by hand" if not job["schedule"] else "not known"
        result = str(job["state"]).replace("_", " ") if last else ""
        rows.append([BAD if job["trouble"] else GOOD, line(job["job"]), line(job["service"]), when, result, took, following])
    lines = list(columns(rows)) if jobs else []
    return [*lines, *(f"{BAD} {line(job['job'])}: {line(job['trouble'], 300)}" for job in jobs if job["trouble"])]
