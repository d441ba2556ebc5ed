# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs of the stacks of this host, as module jobs wrote them."""

from __future__ import annotations

import json
from pathlib import Path

from ..contracts.job_settings import Job, JobSettings
from ..core.atomic_files import read_text
from ..schema.nodes import close_to

FOLDER = Path("/etc/latentum-ops/jobs")


class JobError(Exception):
    """Something about a job cannot be; one sentence says what, and what to do."""


def file_of(stack: str) -> Path:
    """The settings of a stack."""
    return FOLDER / f"{stack}.json"


def stacks() -> list[str]:
    """The stacks of this host that have jobs."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def load(stack: str) -> JobSettings | None:
    """The jobs of a stack; None where it has none.

    :raises JobError: the file is damaged.
    """
    text = read_text(file_of(stack))
    if text is None:
        return None
    try:
        return JobSettings.from_dict(json.loads(text), tolerant=True)
    except ValueError as error:  # no JSON, or of another form
        raise JobError(f"{file_of(stack)} is damaged ({error}): run site.yml with --tags jobs") from error


def job_of(stack: str, name: str) -> tuple[JobSettings, Job]:
    """A job by its name.

    :raises JobError: there is none.
    """
    settings = load(stack)
    if settings is None:
        raise JobError(f"{stack} has no jobs on this host: declare ops_stack.jobs, and run site.yml with --tags jobs")
    if job := settings.job(name):
        return settings, job
    names = [known.name for known in settings.jobs]
    near = close_to(name, names)
    raise JobError(f"there is no job {name!r} of {stack}: " + (f"did you mean {near}?" if near else f"write one of {', '.join(names)}"))
