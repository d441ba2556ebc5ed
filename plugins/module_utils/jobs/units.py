# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of jobs: a service each, and a timer for what has a schedule; written with the settings as one transaction."""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..contracts.job_settings import Job, JobSettings
from ..core import paths
from ..core.atomic_files import read_text
from ..core.process import CommandError, run
from ..core.times import parse_timestamp
from ..hostconfig import service_units
from ..hostconfig.entries import Change, Entry
from ..hostconfig.revert_timer import UNITS
from ..hostconfig.sandbox import ROLLOUT, SANDBOX
from ..hostconfig.service_units import Step
from ..hostconfig.transaction import ConfigSet, apply
from . import state
from .running import LOCK_WAIT
from .settings import FOLDER, file_of

STOP = 300  # seconds that a container has to stop when its unit is stopped
DEPLOYMENT = LOCK_WAIT + 7200  # seconds that the deployment of what a job leaves may take, with the wait for the lock of the stack
_MARK = "X-LatentumOps-Stack="  # systemd passes over what begins with X-
_HEAD = "# Written by latentum.ops; change ops_stack.jobs instead.\n"
# What `docker compose run` needs. Files of a stack, and its lock, may be another user's; credentials of registries are in root's home;
# the watchdog's group may read how a run ended.
_RUN = """\
# Root that talks to Docker's engine is root: what follows keeps mistakes from the host.
CapabilityBoundingSet=CAP_CHOWN CAP_DAC_OVERRIDE
SystemCallFilter=@chown
ReadWritePaths=/run /var/lib/latentum-ops
ProtectHome=read-only
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
# Who holds a lock, and whether the host speaks IPv6.
ProcSubset=all"""


@dataclass
class Outcome:
    """What was, or in check mode would be, changed."""

    changes: list[Change] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """The changed paths."""
        return [str(change.entry.path) for change in self.changes]

    @property
    def changed(self) -> bool:
        """Anything."""
        return bool(self.changes or self.steps)


def unit_name(stack: str, job: str) -> str:
    """The name of its service without its suffix."""
    return f"latentum-ops-job-{stack}-{job}"


def service_text(stack: str, job: Job) -> str:
    """systemd.service(5). Who enforces the timeout is the engine; systemd comes after it, should the engine hang."""
    longest = job.longest + (LOCK_WAIT if job.lock else 0) + (job.attempts + 1) * STOP + (DEPLOYMENT if job.deploys else 0)
    return f"""{_HEAD}[Unit]
Description=Job {job.name} of {stack}
{_MARK}{stack}
After=docker.service network-online.target
Wants=network-online.target
StartLimitIntervalSec=0

[Service]
{SANDBOX}
Type=oneshot
Environment=LATENTUM_OPS_WHO=job
ExecStart=/usr/local/sbin/opsctl jobs execute --stack {stack} {job.name}
TimeoutStartSec={longest:.0f}
TimeoutStopSec={STOP + 30}
# opsctl asks the container to stop; its other processes are none of the container's.
KillMode=mixed
{ROLLOUT if job.deploys else _RUN}
"""


def timer_text(stack: str, job: Job) -> str:
    """systemd.timer(5). A unit that runs is not started once more: a run that takes longer than its interval skips the next one."""
    return f"""{_HEAD}[Unit]
Description=When job {job.name} of {stack} runs
{_MARK}{stack}

[Timer]
OnCalendar={job.schedule}
RandomizedDelaySec={job.jitter:g}
AccuracySec=1s
# A host that was off at that time makes it good.
Persistent={"yes" if job.catch_up else "no"}

[Install]
WantedBy=timers.target
"""


def there(stack: str) -> list[Path]:
    """The unit files that this host has for jobs of a stack: by what is in them, as two names could read alike."""
    files = sorted(UNITS.glob("latentum-ops-job-*.service")) + sorted(UNITS.glob("latentum-ops-job-*.timer"))
    return [file for file in files if f"\n{_MARK}{stack}\n" in (read_text(file) or "")]


def bring(settings: JobSettings, *, enabled: bool = True, check_mode: bool = False) -> Outcome:
    """Let the host have these jobs of a stack, and no others.

    :param enabled: the timers run.
    :raises ConfigSetError: systemd refuses a schedule; nothing was changed.
    :raises UnitError: a timer does not start.
    """
    here = [job for job in settings.jobs if settings.here(job)]
    scheduled = [job for job in here if job.schedule]
    files = {UNITS / f"{unit_name(settings.stack, job.name)}.service": service_text(settings.stack, job) for job in here}
    files |= {UNITS / f"{unit_name(settings.stack, job.name)}.timer": timer_text(settings.stack, job) for job in scheduled}
    gone = [path for path in there(settings.stack) if path not in files]
    entries = [Entry(path=path, content=text.encode()) for path, text in files.items()]
    entries += [Entry(path=path, state="absent") for path in gone]
    if settings.jobs:
        content = json.dumps(settings.to_dict(), indent=1) + "\n"
        entries = [
            Entry(path=FOLDER, state="directory", mode=paths.LISTED, gid=paths.watchdog_gid()),
            Entry(path=file_of(settings.stack), content=content.encode(), mode=paths.READABLE, gid=paths.watchdog_gid()),
            *entries,
        ]
    elif file_of(settings.stack).exists():
        entries.append(Entry(path=file_of(settings.stack), state="absent"))
    outcome = Outcome(steps=_stopped([path.name for path in gone if path.suffix == ".timer"], check_mode=check_mode))
    judged = [["systemd-analyze", "calendar", job.schedule] for job in scheduled]
    wanted = ConfigSet(
        f"jobs_{settings.stack}", entries, validate=judged, activate=[["systemctl", "daemon-reload"]], parents=True, journal=True
    )
    outcome.changes = apply(wanted, check_mode=check_mode).changes
    timers = {f"{unit_name(settings.stack, job.name)}.timer": job.name for job in scheduled}
    outcome.steps += _timers(list(timers), outcome.changes, enabled=enabled, check_mode=check_mode)
    if enabled and not check_mode:
        _armed(settings.stack, timers.values(), {timers[step.unit] for step in outcome.steps if step.unit in timers})
    return outcome


def _armed(stack: str, jobs: Iterable[str], started: Collection[str]) -> None:
    """Remember since when timers run: of those that were started now, and of those of an engine that did not write it down."""
    for job in jobs:
        record = state.load(stack, job)
        if job in started or not record.armed:
            state.save(stack, job, replace(record, armed=time.time()))


def _stopped(timers: Sequence[str], *, check_mode: bool) -> list[Step]:
    """Timers that go; a run that is under way comes to its end, and then nobody starts another."""
    planned = list(service_units.steps(service_units.look(timers).values(), "stopped", enabled=False))
    for step in planned if not check_mode else ():
        service_units.take(step)
    return planned


def _timers(timers: Sequence[str], changes: Iterable[Change], *, enabled: bool, check_mode: bool) -> list[Step]:
    """A timer whose file is another now takes it over by being started anew."""
    planned = list(service_units.steps(service_units.look(timers).values(), "started" if enabled else "stopped", enabled))
    if enabled:
        changed = {change.entry.path.name for change in changes}
        fresh = {step.unit for step in planned if step.verb == "start"}
        planned += [Step("restart", timer) for timer in timers if timer in changed and timer not in fresh]
    for step in planned if not check_mode else ():
        service_units.take(step)
    return planned


def times(stack: str, jobs: Iterable[str]) -> dict[str, Mapping[str, float]]:
    """By job, when its timer last elapsed and when it does next (epoch seconds; 0 for not known), and whether it is there (C(active)).

    :raises CommandError: systemd does not answer.
    """
    names = {f"{unit_name(stack, job)}.timer": job for job in jobs}
    if not names:
        return {}
    properties = "Id,ActiveState,LastTriggerUSec,NextElapseUSecRealtime"
    shown = run(["systemctl", "show", f"--property={properties}", "--", *names], timeout=10, env={"TZ": "UTC"}).stdout
    timers: dict[str, Mapping[str, float]] = {}
    for block in shown.strip().split("\n\n"):
        fields = dict(entry.split("=", 1) for entry in block.splitlines() if "=" in entry)
        if job := names.get(fields.get("Id", "")):
            last, following = (_at(fields.get(name, "")) for name in ("LastTriggerUSec", "NextElapseUSecRealtime"))
            timers[job] = {"last": last, "next": following, "active": float(fields.get("ActiveState") == "active")}
    return timers


def written(stack: str, job: str) -> float:
    """When its timer got its present file (epoch seconds): what systemd remembers of one before says nothing of this one. 0 for none."""
    try:
        return (UNITS / f"{unit_name(stack, job)}.timer").stat().st_mtime
    except OSError:
        return 0.0


def known_times(stack: str, jobs: Iterable[str]) -> dict[str, Mapping[str, float]]:
    """The same; nothing where systemd does not answer."""
    try:
        return times(stack, jobs)
    except CommandError:
        return {}


def _at(shown: str) -> float:
    """A time as systemctl prints it for UTC: ``Sun 2026-11-29 23:00:00 UTC``; 0 for ``n/a`` and nothing."""
    words = shown.split()
    try:
        return parse_timestamp(f"{words[1]} {words[2]}Z").timestamp()
    except (IndexError, ValueError):
        return 0.0
