# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is told of jobs: the content of their settings of one stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...contracts.job_settings import Job, JobSettings
from ..model import Declaration
from ..watchdog.freshness import freshness
from .checks import ZONE_WORD
from .model import jobs_of

_SAME = ("jitter", "timeout", "retries", "retry_delay", "catch_up", "lock", "hosts", "once", "severity", "notify", "late_after")


def jobs_config(declaration: Declaration) -> dict[str, Any]:
    """All durations in seconds; empty without C(jobs)."""
    jobs = tuple(_job(declaration, name, job) for name, job in jobs_of(declaration).items())
    return JobSettings(declaration.name, declaration.directory, jobs).to_dict() if jobs else {}


def _job(declaration: Declaration, name: str, job: Mapping[str, Any]) -> Job:
    resources = job["resources"] or {}
    return Job(
        name=name,
        service=job["service"],
        command=tuple(job["command"]),
        schedule=_schedule(job),
        host=job["host"] or "",
        environment=dict(job["environment"]),
        memory=resources.get("memory") or "",
        cpus=resources.get("cpus") or 0,
        required_by=tuple(job["required_by"]),
        deploys=tuple(job["deploys"]),
        fresh=(freshness(declaration, name, job["fresh"]),) if job["fresh"] else (),
        **{field: job[field] for field in _SAME},
    )


def _schedule(job: Mapping[str, Any]) -> str:
    """The expression with its time zone: without one a timer follows the zone of whichever host it is on."""
    schedule = str(job["schedule"] or "")
    if not schedule or ZONE_WORD.fullmatch(schedule.split()[-1]):
        return schedule
    return f"{schedule} {job['time_zone'] or 'UTC'}"
