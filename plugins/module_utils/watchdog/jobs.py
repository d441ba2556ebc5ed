# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What jobs and the freshness of data are, as findings; and the successes that people want to hear of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..contracts.freshness import Freshness
from ..core.masking import line
from ..core.times import lasting
from ..jobs.overview import JobState
from .findings import Finding
from .incidents import Incident
from .probes.freshness import Age

RECENT = 3600.0  # seconds after its end in which a success is news
TAIL = 20  # lines of its output
ALL = "job:"  # stands for all jobs of a stack; no service has this name


def job_subject(name: str) -> str:
    """The subject of a job, within its stack."""
    return f"job:{name}"


def fresh_subject(name: str) -> str:
    """The subject of data that must not get old."""
    return f"fresh:{name}"


def of_job(stack: str, state: JobState, seen: float, now: float) -> Finding:
    """The finding of a job.

    :param seen: monotonic time of the look.
    :param now: epoch seconds.
    """
    subject, trouble = job_subject(state.job.name), state.trouble(now)
    return Finding(
        f"{stack}/{subject}", stack, subject, "failing" if trouble else "ok", state.job.severity, trouble, ("host/docker",), seen=seen
    )


def of_data(stack: str, spec: Freshness, age: Age, seen: float) -> Finding:
    """The finding of data."""
    subject = fresh_subject(spec.name)
    needs = ("host/docker", f"{stack}/{spec.service}") if spec.service else ()
    state = "ok" if age.ok else "failing"
    return Finding(f"{stack}/{subject}", stack, subject, state, spec.severity, age.reason, needs, seen=seen, sure=False)


def successes(stack: str, states: Iterable[JobState], now: float) -> Iterator[Incident]:
    """Runs that have succeeded not long ago, of jobs that tell of it; each has the same id each time.

    :param now: epoch seconds.
    """
    for state in states:
        if state.job.notify != "success":
            continue
        for run in state.record.runs:
            if run.succeeded and now - run.ended < RECENT:
                subject = job_subject(state.job.name)
                cause = line(f"done in {lasting(run.seconds)}, wanted by {run.who}, release {run.release}")
                yield Incident(
                    f"{stack}/{subject}", stack, subject, "info", cause, run.began, run.ended, run.ended, log=list(run.output[-TAIL:])
                )
