# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jobs that come before services are started for the first time: which of them, before which services, and that they have succeeded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..contracts.job_settings import FIRST_START, Job, JobSettings
from ..core.caller import caller
from ..release.store import Release
from . import running, settings, state
from .running import Order, Runner
from .settings import JobError

Services = Mapping[str, Mapping[str, Any]]


class JobNotDone(Exception):
    """A job that services wait for did not succeed; the message says how it ended. It is no fault of the release: it may be tried again."""


@dataclass(frozen=True)
class Gate:
    """A job, and who waits for it.

    :param needs: services that its own depends on, directly or not.
    :param waiting: services that are not started before it has succeeded.
    """

    job: Job
    needs: frozenset[str]
    waiting: frozenset[str]


def gates(known: JobSettings | None, services: Services, created: Collection[str], *, first: bool) -> list[Gate]:
    """The jobs that are still to be done before some of these services are created, in the order in which they are declared.

    :param services: of the release, as its project has them.
    :param created: services that have no container yet, and get one.
    :param first: nothing of the stack was ever started here.
    """
    closed = []
    for job in known.jobs if known else ():
        if not known or not known.here(job) or not (job.required_by or (job.once and first)):
            continue
        if job.service not in services or state.load(known.stack, job.name).successes:
            continue
        needs = _closure(services, job.service)
        at_first = job.once == FIRST_START and first and not job.required_by
        if job.once and not first:
            continue  # whoever has data already does not want it made anew; `opsctl run` does it
        waiting = set(created) - needs if at_first else _with_dependents(services, job.required_by)
        if waiting & set(created):
            closed.append(Gate(job, frozenset(needs), frozenset(waiting)))
    return closed


def phases(order: Sequence[str], closed: Sequence[Gate]) -> Iterator[tuple[list[str], Job | None]]:
    """The services in their order, cut where a job comes between; the job after each part, None after the last one."""
    left = list(order)
    for index, gate in enumerate(closed):
        held = {name for later in closed[index:] for name in later.waiting} - gate.needs
        part = [name for name in left if name not in held]
        left = [name for name in left if name in held]
        yield part, gate.job
    yield left, None


def require(known: JobSettings, job: Job, release: Release, tell: Callable[[str], None]) -> None:
    """Run a job in the container of a release that is being started.

    :raises JobNotDone: it did not succeed.
    """
    try:
        ended = Runner(known, job, tell).run(Order(caller(), running.FIRST_START), release)
    except JobError as error:
        raise JobNotDone(str(error)) from error
    if not ended.succeeded:
        last = "\n".join(f"    {written}" for written in ended.output[-20:])
        raise JobNotDone(f"job {job.name}: {ended.reason or ended.result}; what waits for it was not started:\n{last}")


def known_jobs(stack: str) -> JobSettings | None:
    """The jobs of a stack.

    :raises JobNotDone: nobody can say, so nobody knows what must come first.
    """
    try:
        return settings.load(stack)
    except JobError as error:
        raise JobNotDone(str(error)) from error


def _closure(services: Services, name: str) -> set[str]:
    """What a service depends on, directly or not, without itself."""
    needed: set[str] = set()
    waiting = list(services[name].get("depends_on") or ())
    while waiting:
        other = waiting.pop()
        if other not in needed and other in services:
            needed.add(other)
            waiting += list(services[other].get("depends_on") or ())
    return needed - {name}


def _with_dependents(services: Services, names: Collection[str]) -> set[str]:
    """Services, and those that depend on them: they would bring them along."""
    waiting = set(names)
    while more := {name for name, spec in services.items() if waiting & set(spec.get("depends_on") or ())} - waiting:
        waiting |= more
    return waiting
