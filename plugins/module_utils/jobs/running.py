# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a job, from its lock to the record of how it ended."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..compose.cli import Compose
from ..containers.client import DockerUnavailable, Engine
from ..contracts.job_settings import Job, JobSettings
from ..core import locks
from ..core.locks import LockBusy, LockHeld, file_lock, stack_lock
from ..core.masking import clean
from ..core.process import CommandError
from ..core.times import lasting, moment
from ..release.store import Release, Store
from . import state
from .container import Gone, Output, Stopped, left_behind, of_name
from .project import container_name, project
from .settings import JobError
from .state import Result, Run

TAKER = "job"  # as a job writes itself into the lock of the stack
LOCK_WAIT = 3600.0  # seconds that a job with `lock` waits for whoever works on the stack
SCHEDULE, HAND, FIRST_START = "schedule", "hand", "first_start"


class JobBusy(JobError):
    """A run of this job is under way."""


class JobDone(JobError):
    """It runs once, and has."""


class NotYet(JobError):
    """There is nothing that it could run in: the stack was never started."""


@dataclass(frozen=True)
class Order:
    """Who wants a run, and why.

    :param id: names the run, for whoever waits for it.
    :param again: also one that runs once, and has.
    """

    who: str
    why: str = HAND
    id: str = ""
    again: bool = False


@dataclass
class Runner:
    """Runs of one job on this host.

    :param tell: called with each line of what happens, and of what the job writes.
    :param after: what follows a success; says why it failed, which is a failure of the job.
    """

    settings: JobSettings
    job: Job
    tell: Callable[[str], None]
    after: Callable[[], str] = lambda: ""

    @property
    def stack(self) -> str:
        """Whose job it is."""
        return self.settings.stack

    def run(self, order: Order, release: Release | None = None) -> Run:
        """A run, with all its attempts; how it ended.

        :param release: in whose container; that which is live where none is given. Who gives one holds the lock of the stack.
        :raises JobBusy: one is under way.
        :raises JobDone: it runs once, and has.
        :raises NotYet: the stack has no live release.
        :raises JobError: it runs on another host.
        """
        if not self.settings.here(self.job):
            where = self.job.host or self.settings.leader
            raise JobError(f"{self.job.name} of {self.stack} runs on {where}, and this host is {self.settings.host}: run it there")
        with self._locked(order):
            record = self._settled()
            if self.job.once and record.successes and not order.again:
                raise JobDone(
                    f"{self.job.name} of {self.stack} runs once, and was done at {moment(record.success)}: nothing was done;"
                    " --again runs it all the same"
                )
            if release is None and Store(self.stack).live() is None:
                raise NotYet(f"{self.stack} has no live release on this host: {self.job.name} runs once there is one")
            run = Run(order.id or uuid.uuid4().hex[:12], time.time(), order.who, order.why)
            record = state.begun(record, run)
            state.save(self.stack, self.job.name, record)
            output = Output(self.tell, deque(maxlen=state.LINES))
            output.say(f"{self.job.name}: begins, wanted by {order.who}")
            ended = self._carried_out(run, release, output)
            if ended.succeeded and (reason := self.after()):
                ended = replace(ended, result=Result.FAILED.value, reason=reason)
            ended = replace(ended, ended=time.time())
            verdict = ended.result.replace("_", " ") + (f": {ended.reason}" if ended.reason else "")
            output.say(f"{self.job.name}: {verdict}, after {lasting(ended.seconds)}")
            ended = replace(ended, output=tuple(output.lines))
            state.save(self.stack, self.job.name, state.ended(record, ended))
            return ended

    @contextmanager
    def _locked(self, order: Order) -> Iterator[None]:
        """One run at a time, whoever wants it."""
        path = lock_of(self.stack, self.job.name)
        path.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        try:
            with file_lock(path, timeout=0, mode=0o640):
                yield
        except LockBusy:
            last = state.load(self.stack, self.job.name).last
            since = f", since {moment(last.began)}, wanted by {last.who}" if last else ""
            raise JobBusy(
                f"{self.job.name} of {self.stack} is running{since}: nothing was begun; `opsctl jobs log {self.job.name}` shows it"
            ) from None

    def _settled(self) -> state.Record:
        """What is known, with the end of a run that was killed: the lock is free, so nobody carries it out any more."""
        record = state.load(self.stack, self.job.name)
        last = record.last
        if last is None or last.result != Result.RUNNING.value:
            return record
        what = "its process was killed, or the host went down, while it ran"
        interrupted = replace(last, ended=time.time(), result=Result.INTERRUPTED.value, reason=what)
        self.tell(f"{self.job.name}: the run of {moment(last.began)} was interrupted: {what}")
        record = state.ended(record, interrupted)
        state.save(self.stack, self.job.name, record)
        return record

    def _carried_out(self, run: Run, release: Release | None, output: Output) -> Run:
        """All attempts; never raises for what a job, the engine or somebody else does."""
        try:
            with ExitStack() as held:
                if self.job.lock and release is None:
                    held.enter_context(stack_lock(self.stack, TAKER, LOCK_WAIT, what=f"job {self.job.name}"))
                used = release or Store(self.stack).live()
                if used is None:
                    return _failed(run, "the stack has no live release any more")
                run = replace(run, release=used.id)
                if self.job.service not in used.project["services"]:
                    return _failed(run, f"the release {used.id} has no service {self.job.service}: deploy one that has it")
                engine = Engine()
                self._clear(engine, output)
                return self._attempts(run, used, engine, output)
        except (Stopped, KeyboardInterrupt):
            return replace(run, result=Result.STOPPED.value, reason="it was stopped: its unit was, or the host went down")
        except (LockHeld, DockerUnavailable, OSError, ValueError) as error:
            return _failed(run, str(error))

    def _clear(self, engine: Engine, output: Output) -> None:
        """What a killed run has left behind is stopped and removed first: two at once would be worse."""
        for identity in left_behind(engine, self.stack, self.job.name):
            output.say(f"{self.job.name}: an interrupted run has left a container behind: it is stopped and removed")
            if container := of_name(engine, identity, self.tell):
                container.stop()
                container.remove()

    def _attempts(self, run: Run, release: Release, engine: Engine, output: Output) -> Run:
        for number in range(1, self.job.attempts + 1):
            if number > 1:
                output.say(f"{self.job.name}: attempt {number} of {self.job.attempts} in {lasting(self.job.retry_delay)}")
                time.sleep(self.job.retry_delay)
            run = self._attempt(replace(run, attempts=number), release, engine, output)
            if run.succeeded:
                break
            if number < self.job.attempts:
                output.say(f"{self.job.name}: attempt {number} failed: {run.reason}")
        return run

    def _attempt(self, run: Run, release: Release, engine: Engine, output: Output) -> Run:
        compose = Compose(self.stack, release.directory, Store(self.stack).path(release.id))
        name = container_name(self.stack, self.job.name)
        file = lock_of(self.stack, self.job.name).with_suffix(".yaml")
        gone = False
        try:
            compose.begin_once(project(release, self.job), file, self.job.service, self.job.command, name)
            container = of_name(engine, name, output.say)
            if container is None:
                return _failed(run, "its container was gone as soon as it was started")
            end = container.wait(self.job.timeout)
        except CommandError as error:
            return _failed(run, f"its container could not be started: {(error.stderr or str(error)).strip()[-500:]}", error.rc)
        except Gone as error:
            gone = True
            return _failed(run, str(error))
        finally:
            if not gone:
                _away(engine, name)
        if end.late:
            reason = f"it did not end within {lasting(self.job.timeout)}, and was stopped"
            return replace(run, result=Result.TIMED_OUT.value, exit_code=end.exit_code, reason=reason)
        if end.out_of_memory:
            return _failed(run, "it was killed for memory: give it more, or let it take less", end.exit_code)
        if end.exit_code:
            return _failed(run, f"it ended with exit status {end.exit_code}", end.exit_code)
        return replace(run, result=Result.SUCCEEDED.value, exit_code=0, reason="")


def lock_of(stack: str, job: str) -> Path:
    """The file that a run of a job locks."""
    return locks.FOLDER / "jobs" / f"{stack}.{job}.lock"


def under_way(stack: str, job: str) -> bool:
    """A process carries out a run of this job now; asked without taking its lock."""
    return locks.is_held(lock_of(stack, job))


def _away(engine: Engine, name: str) -> None:
    """Stop a container, which still runs where a signal ended the wait for it, and remove it."""
    with suppress(OSError):  # the next run finds it
        if container := of_name(engine, name, lambda _line: None):
            container.stop()
            container.remove()


def _failed(run: Run, reason: str, exit_code: int | None = None) -> Run:
    return replace(run, result=Result.FAILED.value, reason=clean(reason), exit_code=exit_code)
