# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs without the engine: a unit each that runs `docker compose run`, and a timer of its own.

They run on time and never twice at once. Retries, limits of their own, the record of what they did and whoever was told of it are lost.
"""

from __future__ import annotations

from pathlib import Path

from ..contracts.job_settings import Job, JobSettings
from ..nginx.site_file import LEFT

COMPOSE = "/usr/bin/docker compose"


def name_of(stack: str, job: str) -> str:
    """The name of its units without their suffix."""
    return f"{stack}-job-{job}"


def units(settings: JobSettings, directory: Path) -> dict[str, str]:
    """The unit files of the jobs of this host, by name. What runs once has been done, and gets none."""
    files: dict[str, str] = {}
    for job in settings.jobs:
        if not settings.here(job) or job.once:
            continue
        files[f"{name_of(settings.stack, job.name)}.service"] = service(settings.stack, job, directory)
        if job.schedule:
            files[f"{name_of(settings.stack, job.name)}.timer"] = timer(settings.stack, job)
    return files


def service(stack: str, job: Job, directory: Path) -> str:
    """The unit that runs a job (systemd.service(5))."""
    name = name_of(stack, job.name)
    given = [word for variable, value in job.environment.items() for word in ("--env", f"{variable}={value}")]
    words = ["run", "--rm", "--no-deps", "--no-TTY", "--interactive=false", f"--name={name}", *given, job.service, *job.command]
    return f"""{LEFT}[Unit]
Description=Job {job.name} of {stack}
After=docker.service network-online.target
Wants=network-online.target

[Service]
Type=oneshot
WorkingDirectory={directory}
ExecStartPre=-/usr/bin/docker rm --force {name}
ExecStart={COMPOSE} {" ".join(map(word_of, words))}
ExecStopPost=-/usr/bin/docker rm --force {name}
TimeoutStartSec={job.timeout:.0f}
UMask=0077
"""


def timer(stack: str, job: Job) -> str:
    """When it runs (systemd.timer(5))."""
    return f"""{LEFT}[Unit]
Description=When job {job.name} of {stack} runs

[Timer]
OnCalendar={job.schedule}
RandomizedDelaySec={job.jitter:g}
Persistent={"yes" if job.catch_up else "no"}

[Install]
WantedBy=timers.target
"""


def word_of(word: str) -> str:
    """A word of a command line as a unit has it: quoted, and without a meaning of its own (systemd.service(5), "Command lines")."""
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'
