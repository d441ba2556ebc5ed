# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verbs of opsctl about jobs: what they did, and a run by hand."""

from __future__ import annotations

import argparse
import json
import os
import signal
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from ..contracts.job_settings import Job, JobSettings
from ..core import progress
from ..core.atomic_files import read_text, write_atomic
from ..core.caller import caller
from ..core.journal import Level, log
from ..core.locks import LockHeld
from ..core.process import run
from ..core.progress import Progress
from ..core.times import lasting, moment
from . import audit, confirmation, stack_choice
from .arguments import confirmable, shared
from .output import Output

LATE = 30.0  # seconds in which a unit that was started must have begun with its job
OLDEST = 600.0  # seconds after which a request that nobody took up means nothing any more
FOLLOWED = 1 << 20  # characters of its output that whoever waits is shown; they lie in /run, which is memory
TEMPORARY = 75  # exit status of what cannot be now, and may be later (sysexits(3), EX_TEMPFAIL)
STATUS = {"timed_out": 124, "stopped": 143, "interrupted": 137}  # of what ended otherwise than by itself, as a shell shows it


def add_parsers(verbs: Any) -> None:
    """The command line of these verbs."""
    everywhere = shared(stack="only of this stack; all when none is named or stood in")
    listed = verbs.add_parser("jobs", parents=[everywhere])
    ways = listed.add_subparsers(dest="way", required=False)
    shown = ways.add_parser("log", parents=[shared()], help="the runs of a job, and what one of them wrote")
    shown.add_argument("job", metavar="JOB")
    shown.add_argument("--run", default="", metavar="ID", help="which run; the last one when not given")
    begin = ways.add_parser("execute", parents=[shared(as_json=False)], help="carry a job out (run by systemd)")
    begin.add_argument("job", metavar="JOB")
    wanted = verbs.add_parser("run", parents=[shared(), confirmable()])
    wanted.add_argument("job", metavar="JOB")
    wanted.add_argument("--wait", action="store_true", help="until it ends: what it writes, and its exit status")
    wanted.add_argument("--again", action="store_true", help="also a job that runs once, and has")


def run_verb(options: argparse.Namespace, output: Output) -> int:
    """Carry out one of these verbs."""
    if options.verb == "run":
        return _run(options, output)
    if options.way == "log":
        return _log(options, output)
    return _execute(options) if options.way == "execute" else _jobs(options, output)


def _jobs(options: argparse.Namespace, output: Output) -> int:
    from ..jobs import overview, settings

    names = [name for name in _selected(options) if name in settings.stacks()]
    known = {name: [job.as_dict() for job in overview.of_stack(name)] for name in names}
    listed = [{"stack": name, "jobs": jobs} for name, jobs in known.items()]
    lines = []
    for name, jobs in known.items():
        lines += [*([f"stack {name}"] if len(names) > 1 else []), *overview.table(jobs, time.time()), ""]
    output.result({"stacks": listed}, "\n".join(lines).rstrip() or "no jobs run on this host")
    return 0


def _selected(options: argparse.Namespace) -> list[str]:
    """Also a stack that was not started yet."""
    from ..jobs import settings

    known = {**{name: Path(f"/opt/{name}") for name in settings.stacks()}, **stack_choice.directories()}
    return stack_choice.selected(options.stack, known)


def _job(options: argparse.Namespace) -> tuple[JobSettings, Job]:
    from ..jobs import settings

    known = {name: place for name, place in stack_choice.directories().items() if name in settings.stacks()}
    known = {**{name: Path(f"/opt/{name}") for name in settings.stacks()}, **known}
    stack = stack_choice.chosen(options.stack, options.argv, known) if known else str(options.stack or "")
    if not known:
        raise settings.JobError("no jobs are declared on this host: write ops_stack.jobs, and run site.yml with --tags jobs")
    return settings.job_of(stack, options.job)


def _log(options: argparse.Namespace, output: Output) -> int:
    from ..jobs import state
    from ..jobs.settings import JobError

    settings, job = _job(options)
    runs = state.load(settings.stack, job.name).runs
    shown = next((known for known in reversed(runs) if known.id.startswith(options.run)), None)
    if shown is None:
        what = f"has no run {options.run!r}: write one of {', '.join(known.id for known in runs)}" if runs else "has never run on this host"
        raise JobError(f"{job.name} of {settings.stack} {what}")
    lines = [
        f"{known.id}  {moment(known.began)}  {known.result.replace('_', ' ')}"
        + (f" after {lasting(known.seconds)}" if known.ended else "")
        + f"  {known.why} ({known.who})"
        for known in runs
    ]
    written = list(shown.output) or [f"(journalctl -u latentum-ops-job-{settings.stack}-{job.name} has what it wrote)"]
    plain = [{name: value for name, value in vars(known).items() if name != "output"} for known in runs]
    output.result({"job": job.name, "runs": plain, "run": shown.id, "output": list(shown.output)}, "\n".join([*lines, "", *written]))
    return 0


# A run by hand goes through the unit as well: it outlives the connection of whoever wants it, and its log is where all others are.


def _request_of(stack: str, job: str) -> Path:
    from ..jobs.running import lock_of

    return lock_of(stack, job).with_suffix(".request")


def _run(options: argparse.Namespace, output: Output) -> int:
    from ..jobs import running, state, units
    from ..jobs.settings import JobError

    settings, job = _job(options)
    stack = settings.stack
    confirmation.require(options, stack)
    if not settings.here(job):
        raise JobError(f"{job.name} of {stack} runs on {job.host or settings.leader}, and this host is {settings.host}: run it there")
    if running.under_way(stack, job.name):
        last = state.load(stack, job.name).last
        raise running.JobBusy(f"{job.name} of {stack} is running" + (f", wanted by {last.who}: nothing was begun" if last else ""))
    if job.once and state.load(stack, job.name).successes and not options.again:
        raise running.JobDone(f"{job.name} of {stack} runs once, and has: --again runs it all the same")
    identity, unit = uuid.uuid4().hex[:12], f"{units.unit_name(stack, job.name)}.service"
    request = {"id": identity, "who": caller(), "at": time.time(), "again": bool(options.again)}
    path = _request_of(stack, job.name)
    path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
    write_atomic(path, json.dumps(request), 0o640, 0, 0)
    if refused := audit.note(f"run job {job.name} of {stack}", OPSCTL_STACK=stack, OPSCTL_JOB=job.name):
        output.line(f"(the journal does not take a note of it: {refused})")
    run(["systemctl", "start", "--no-block", "--", unit])
    if not options.wait:
        output.result({"stack": stack, "job": job.name, "run": identity}, f"{job.name} begins: journalctl -fu {unit}")
        return 0
    return _waited(stack, job, identity, unit, output)


def _waited(stack: str, job: Job, identity: str, unit: str, output: Output) -> int:
    """Until it ends; its exit status."""
    from ..jobs import running, state
    from ..jobs.settings import JobError

    offset, deadline = 0, time.monotonic() + LATE
    while True:
        lines, offset, ended = progress.follow(stack, _attempt(identity), offset, 1.0)
        for written in lines:
            output.line(written)
        known = next((known for known in state.load(stack, job.name).runs if known.id == identity), None)
        if known and known.ended:
            break
        if known and not running.under_way(stack, job.name):
            # It may have ended between the two looks.
            known = next((known for known in state.load(stack, job.name).runs if known.id == identity), known)
            if known.ended:
                break
            raise JobError(f"{job.name} of {stack} was killed: journalctl -u {unit}")
        if known is None and (ended or time.monotonic() > deadline):
            raise JobError(f"{unit} did not begin with {job.name}: journalctl -u {unit}")
    # What it wrote between the last look and its end.
    for written in progress.follow(stack, _attempt(identity), offset, 0.0)[0]:
        output.line(written)
    plain = {name: value for name, value in vars(known).items() if name != "output"}
    output.result({"stack": stack, "job": job.name, **plain, "output": list(known.output)}, None)
    return 0 if known.succeeded else STATUS.get(known.result) or known.exit_code or 1


def _attempt(identity: str) -> str:
    """How the progress of a run is called."""
    return f"job-{identity}"


def _execute(options: argparse.Namespace) -> int:
    """What a unit does; nothing of it raises for what a job does."""
    from ..jobs import running, state
    from ..jobs.container import Stopped

    signals = (signal.SIGTERM, signal.SIGHUP)

    def stop(*_given: object) -> None:
        for number in signals:
            signal.signal(number, signal.SIG_IGN)  # the container has its grace period, whoever asks again
        raise Stopped

    settings, job = _job(options)
    for number in signals:
        signal.signal(number, stop)
    order = _order(settings.stack, job.name)
    follower = Progress(settings.stack, _attempt(order.id), tell=log)
    left = FOLLOWED

    def tell(text: str) -> None:
        nonlocal left
        before, left = left, left - len(text)
        if left > 0:
            follower.say(text)
            return
        if before > 0:
            follower.say("(from here on only the journal has what it writes)")
        log(text)

    try:
        ended = running.Runner(settings, job, tell, partial(_deploy, settings.stack, job, tell)).run(order)
    except Stopped:  # before it began, or while its end was written down
        return STATUS["stopped"]
    except running.JobDone as error:
        follower.say(str(error))
        return 0
    except (running.JobBusy, running.NotYet) as error:
        # Due and not begun: nothing has failed.
        record = state.load(settings.stack, job.name)
        if isinstance(error, running.NotYet):
            state.save(settings.stack, job.name, state.skipped(record, time.time(), str(error)))
        log(f"{job.name}: {error}", Level.WARNING)
        return TEMPORARY if order.why == running.HAND else 0
    finally:
        follower.close()
    return 0 if ended.succeeded else STATUS.get(ended.result) or ended.exit_code or 1


def _deploy(stack: str, job: Job, tell: Callable[[str], None]) -> str:
    """Deploy the models that the job has made, with the version that their alias has now; why that failed."""
    if not job.deploys:
        return ""
    from ..jobs.running import LOCK_WAIT
    from ..release.pinning import redeclared, with_versions
    from ..release.store import Store
    from ..rollout.deployment import EXPECTED, Deployment
    from ..rollout.request import Order

    try:
        live = Store(stack).live()
        if live is None:
            return "the stack has no live release any more"
        wanted = with_versions(redeclared(live, "missing"), dict.fromkeys(job.deploys, ""))
        Deployment(stack, Order(kind="deploy", automatic=True, wait=LOCK_WAIT, tell=tell)).deploy(wanted)
    except (LockHeld, *EXPECTED) as error:
        return f"{', '.join(job.deploys)} was not deployed: {error}"
    return ""


def _order(stack: str, job: str) -> Any:
    """Who wants it: whoever has left a request, else the timer."""
    from ..jobs.running import HAND, SCHEDULE, Order

    path = _request_of(stack, job)
    text = read_text(path)
    with suppress(OSError):
        path.unlink()
    with suppress(ValueError, KeyError, TypeError):
        raw = json.loads(text or "")
        if abs(time.time() - float(raw["at"])) < OLDEST:
            return Order(str(raw["who"]), HAND, str(raw["id"]), bool(raw.get("again")))
    by_timer = "TRIGGER_UNIT" in os.environ or bool(os.environ.get("LATENTUM_OPS_WHO"))
    return Order("timer" if by_timer else caller(), SCHEDULE if by_timer else HAND, uuid.uuid4().hex[:12])
