# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a deployment that changes the host: whatever goes wrong in it is taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

from ..compose.cli import Compose, pull
from ..containers import taken_over
from ..containers.api import EngineError
from ..containers.client import Container, DockerUnavailable
from ..containers.image_folder import ImageFolderError
from ..contracts.job_settings import Job, JobSettings
from ..contracts.rollout_policy import Policy, Task, policies_from
from ..contracts.static_files import static_files_of
from ..core.caller import caller
from ..core.masking import foreign, lines
from ..core.process import CommandError, run
from ..jobs import gate
from ..models import versions
from ..nginx import sync as upstreams
from ..nginx.access_log import FLUSHED, Figures, Meter
from ..release import publish, routing, static_files
from ..release.journal import LIVE, PARTLY_TAKEN_BACK, TAKEN_BACK
from ..release.store import FAILED, GOOD, ROLLED_BACK, Release, Store
from . import containment, hand_made, moving, process_limits, reloading, standby
from .canary import FEW, wilson_lower_bound
from .changes import changes
from .host_actions import RolloutFailed, Site
from .phases import Phase
from .plan import CREATE, JOB, REMOVE, REPLACE, ServicePlan
from .request import ROTATION, DeployFailed, Order, Outcome
from .rerouting import Rerouting
from .rollback import retire, take_back
from .service import Rollout, steps
from .verdict import judged_by

TASK_LINES, TASK_WIDTH = 20, 300  # of the output of a task that failed
OBSERVED_ERRORS = 5.0  # percentage points by which a release may fail more often than the one before it, while it is observed


@dataclass
class Change:
    """From the live release to another one.

    :param live: what to go back to; None for a first release.
    """

    order: Order
    store: Store
    site: Site
    outcome: Outcome
    release: Release
    live: Release | None

    @cached_property
    def rerouting(self) -> Rerouting:
        """From the routes of the one to those of the other."""
        return Rerouting(self.live, self.release)

    def carry_out(self) -> None:
        """All of it, or nothing.

        :raises DeployFailed: it was taken back; the message says why.
        """
        order, outcome, site, release, live = self.order, self.outcome, self.site, self.release, self.live
        progress = site.progress
        compose = Compose(site.stack, release.directory, self.store.save(release))
        meter = Meter(self._named())
        started = time.monotonic()
        progress.total = steps(outcome.plans) + 3
        try:
            self._note_phases()
            site.step(f"{order.kind} {release.id}" + (f", live is {live.id}" if live else ""), phase=Phase.CONFIGURATION)
            for sentence in [*outcome.kept_sentences, *(plan.sentence() for plan in outcome.plans)]:
                progress.say(sentence)
            for sentence in outcome.models:
                progress.say(sentence)
            for sentence in self.rerouting.sentences() if self.rerouting.needed else ():
                progress.say(sentence)
            compose.check()
            self._fetch()
            self._static_files()
            self._hooks()
            for plan in outcome.plans if order.kind == "deploy" else ():
                if plan.action == REPLACE:
                    self._migrate(plan, compose)
            if order.kind != "rollback":
                kept = standby.ids(site.stack)
                retire(site.engine, site.stack, [plan.service for plan in outcome.plans if not kept & {c.id for c in plan.current}])
            if self.rerouting.needed and self.rerouting.old.upstreams:
                # From here on a new container is named at the port of its own release.
                routing.define(site.stack, self.rerouting.definitions(switched=not self.rerouting.changes()))
            moving.join(site, compose, live, release)
            containment.begin(site, compose, release)
            rollout = Rollout(site, release, compose, back=order.kind == "rollback", slo=order.slo)
            reloads = reloading.bring(site, release)
            new = self._roll(rollout)
            reloading.tell(site, release, reloads, [plan.service for plan in outcome.plans if plan.action in (CREATE, REPLACE)])
            self._observe(rollout, meter, new)
            self._finish(rollout)
            if live is None:
                self._verify()
            self._tasks(required=True)
            self._settle()
        except BaseException as error:
            self._undo(error)
        meter.look()
        outcome.served, outcome.failed, outcome.maintenance = meter.total.requests, meter.total.failed, meter.maintenance
        progress.timed("in all", started)
        outcome.timings, outcome.lines = progress.timings, progress.lines
        figures = {"seconds": round(time.monotonic() - started, 1), "served": outcome.served, "failed": outcome.failed}
        # First the line, then the end: whoever is killed between them leaves a rollout whose end the next run finds written down.
        self._note(LIVE, before=live.id if live else None, who=caller(), changes=changes(release, live), **figures, **order.origin)
        site.journal.ended()
        moving.sweep(site.engine, release)
        containment.settle(site, release)
        self._settle_static_files()
        self._tasks(required=False)
        progress.finish(f"{release.id} is live")

    def _finish(self, rollout: Rollout) -> None:
        """What goes, goes last; what stays is given its limits."""
        for plan in self._removed:
            rollout.carry_out(plan)
        for problem in process_limits.bring(self.site.engine, self.release):
            self.site.progress.say(problem)

    def _settle(self) -> None:
        """The release is good: it is published and written down as what is live."""
        order, site, release, live = self.order, self.site, self.release, self.live
        site.step("good", phase=Phase.HEALTH)
        publish.write(release)
        if self.rerouting.needed:
            self.rerouting.finish()
        self.store.mark(release.id, GOOD)
        if taken := hand_made.standing(release, [container for containers in self.outcome.kept.values() for container in containers]):
            taken_over.put(site.stack, taken)
        if order.kind == "rollback" and live and live.id != release.id:
            # The verdict of a person stands, whatever is changed around the release.
            judged = judged_by(live, order) if order.automatic else None
            self.store.mark(live.id, ROLLED_BACK, f"rolled back by {caller()}", judged)
        self.store.set_origin(release.id, order.promoted_from)
        self.store.set_live(release.id, order.kind)
        for failure in versions.tell(release, site.engine):
            site.progress.say(failure)
        site.done()

    def _named(self) -> Callable[[str], bool]:
        """Whether an upstream is of this stack, by the old or by the new routes."""
        names = {container.name for container in upstreams.load() if container.project == self.site.stack}
        names |= {upstream.name for upstream in self.rerouting.new.upstreams}
        return lambda upstream: upstream in names

    def _note(self, step: str, **more: object) -> None:
        # The attempt of the rollout under way: that of a killed run where this one finishes it.
        self.site.journal.write(attempt=self.site.underway.attempt, kind=self.order.kind, release=self.release.id, step=step, **more)

    def _fetch(self) -> None:
        """Every image is here before anything moves."""
        for plan in self.outcome.plans:
            reference = self.release.images.get(plan.service)
            if plan.action in (CREATE, REPLACE) and reference and self.site.engine.image(reference) is None:
                self.site.step(f"pull {reference}", phase=Phase.IMAGES)
                pull(reference)
        self.site.progress.step()

    def _static_files(self) -> None:
        """Files that nginx gives out itself are on the disk before a container of this release answers.

        :raises RolloutFailed: they cannot be taken out. A rollback goes on: its services have them, too.
        """
        wanted = static_files_of(self.release.project)
        try:
            for reference in sorted({self.release.images.get(files.service, "") for files in wanted} - {""}):
                if self.site.engine.image(reference) is None:
                    pull(reference)
            static_files.bring(self.release, self.site.engine, self.site.progress.say)
        except ImageFolderError as error:
            if self.order.kind != "rollback":
                raise RolloutFailed(str(error)) from error
            self.site.progress.say(f"{error}; the service gives them out itself")
        except (EngineError, CommandError, OSError) as error:
            if self.order.kind != "rollback":
                raise
            self.site.progress.say(f"static files: {error}; the services give them out themselves")

    def _settle_static_files(self) -> None:
        """Nothing that fails here takes back a release that is good: the next one tries it again."""
        try:
            static_files.settle(self.release, self.site.engine)
        except (DockerUnavailable, EngineError, OSError, ValueError) as error:
            self.site.progress.say(f"static files of releases before this one stay: {error}")

    def _hooks(self) -> None:
        """What the operator wants done before a change, for example a backup."""
        for argv in self.order.before or () if self.order.kind == "deploy" else ():
            self.site.step(f"run {argv[0]}", phase=Phase.BACKUP)
            run(list(argv), timeout=self.order.before_timeout)

    def _migrate(self, plan: ServicePlan, compose: Compose) -> None:
        """A one-shot command with the new image, while the old version still serves.

        :raises RolloutFailed: with the end of what the command said.
        """
        migration = plan.policy.migration
        if migration is None:
            return
        name = f"{self.site.stack}-{plan.service}-migration"
        self._wait_for_left_behind(name, migration.timeout)
        self.site.step(f"migration: {' '.join(migration.command)}", service=plan.service, phase=Phase.MIGRATIONS)
        started = time.monotonic()
        result = compose.once(plan.service, migration.command, name, migration.timeout)
        self.site.progress.timed(f"{plan.service}: migration", started)
        if result.rc != 0:
            lines = result.shown(8000).splitlines()[-20:]
            text = "\n".join(f"    {line}" for line in lines)
            raise RolloutFailed(f"{plan.service}: the migration failed with exit status {result.rc}:\n{text}")

    def _wait_for_left_behind(self, name: str, timeout: float) -> None:
        """A migration whose run was killed goes on in its container: two at once would be worse than waiting."""
        deadline = time.monotonic() + timeout
        while (state := self.site.engine.named(name)) == "running" and time.monotonic() < deadline:
            self.site.progress.wait(f"waiting for {name}, which an interrupted run left behind")
            time.sleep(0.5)
        if state is not None:
            run(["docker", "rm", "--force", name])

    def _note_phases(self) -> None:
        """What is known beforehand of the steps: how much there is to do, or that there is nothing."""
        phases, outcome, deploys = self.site.phases, self.outcome, self.order.kind == "deploy"
        started = [plan for plan in outcome.plans if plan.action in (CREATE, REPLACE)]
        migrations = [plan.service for plan in started if plan.policy.migration and deploys]
        tasks = [task for plan in started for task in plan.policy.after if deploys]
        images = {self.release.images.get(plan.service, "") for plan in started} - {""}
        if self.order.before and deploys:
            phases.note(Phase.BACKUP, ", ".join(argv[0] for argv in self.order.before))
        elif Phase.BACKUP not in phases.outcomes:
            phases.note(Phase.BACKUP, "none is asked for" if deploys else f"none before a {self.order.kind}")
        came = f"{self.live.id} -> {self.release.id}" if self.live and self.live.id != self.release.id else self.release.id
        phases.note(Phase.CONFIGURATION, came)
        phases.note(Phase.IMAGES, f"{len(images)} by digest" if images else "none changes")
        phases.note(Phase.MIGRATIONS, ", ".join(migrations) or "none")
        phases.note(Phase.ROLLOUT, ", ".join(plan.service for plan in outcome.plans) or "no container changes")
        phases.note(Phase.WAITING, "all are healthy" if started else "for nothing")
        phases.note(Phase.HEALTH, "passed")
        phases.note(Phase.AFTER, f"{len(tasks)} done" if tasks else "none")

    def _tasks(self, *, required: bool) -> None:
        """What runs in a new container of each service that has one, once it serves.

        :raises RolloutFailed: one that is required has failed.
        """
        if self.order.kind != "deploy":
            return
        started = [plan for plan in self.outcome.plans if plan.action in (CREATE, REPLACE)]
        for service, task in [(plan.service, task) for plan in started for task in plan.policy.after if task.required is required]:
            command = " ".join(task.command)
            began = time.monotonic()
            if required:
                self.site.step(f"task: {command}", service=service, phase=Phase.AFTER)
            else:  # the release is good: nothing is under way any more that somebody could find
                self.site.phases.enter(Phase.AFTER)
                self.site.progress.say(f"{service}: task: {command}")
            failure = self._task(service, task)
            self.site.progress.timed(f"{service}: task {task.command[0]}", began)
            if failure and required:
                raise RolloutFailed(f"{service}: the task {failure}")
            if required:
                continue
            seconds = time.monotonic() - began
            self.site.phases.took(Phase.AFTER, seconds)
            self._note(f"task: {command}", service=service, phase=Phase.AFTER.heading)
            more = {"reason": failure} if failure else {"done": round(seconds, 1)}
            self._note(f"task failed: {command}" if failure else f"task: {command}", service=service, phase=Phase.AFTER.heading, **more)
            if failure:
                self.outcome.failed_tasks.append(f"{service}: {failure}")
                self.site.progress.say(f"{service}: the task {failure.splitlines()[0]}; the release stays")
        if self.outcome.failed_tasks:
            self.site.phases.note(Phase.AFTER, f"{len(self.outcome.failed_tasks)} failed")

    def _task(self, service: str, task: Task) -> str:
        """Carry one out; what was wrong, with the end of its output; empty where nothing was."""
        command = " ".join(task.command)
        container = next((container for container in self._live_ones(service) if container.serves), None)
        if container is None:
            return f"`{command}` found no container that serves"
        try:
            code, output = self.site.engine.run(container, task.command, task.timeout)
        except (DockerUnavailable, EngineError, OSError) as error:
            return f"`{command}` could not run in {container.name}: {error}"
        if code == 0:
            return ""
        text = "\n".join(f"    {line}" for line in lines([foreign(output)], TASK_LINES, TASK_WIDTH))
        return f"`{command}` failed in {container.name} with exit status {code}:\n{text}"

    def _roll(self, rollout: Rollout) -> dict[str, list[str]]:
        """All services in order, new ones together, then the routes; returns per service the addresses of its new containers."""
        needed = self.rerouting.needed
        together = self.rerouting.together(self.outcome.plans) if needed else []
        down = self._recreate_networks(rollout)
        apart = [*together, *down, *self._removed]
        new: dict[str, list[str]] = {}
        for part, job in self._parts([plan for plan in self.outcome.plans if plan not in apart]):
            new |= self._roll_each(rollout, part)
            if job:
                job()
        if needed:
            rollout.switch_together(together, self.rerouting, self._removed)
            for service in self.rerouting.moved():
                new[service] = rollout.site.addresses(service, self._live_ones(service))
        return new

    def _parts(self, plans: Sequence[ServicePlan]) -> Iterator[tuple[list[ServicePlan], Callable[[], None] | None]]:
        """The plans, cut where a job must have succeeded before the next services are started at all; each part with that job."""
        known = gate.known_jobs(self.site.stack) if self.order.kind == "deploy" else None
        created = [plan.service for plan in plans if plan.action in (CREATE, JOB)]
        first = self.live is None and not self.outcome.kept
        closed = gate.gates(known, self.release.project["services"], created, first=first)
        for names, job in gate.phases([plan.service for plan in plans], closed):
            yield [plan for plan in plans if plan.service in names], partial(self._job, known, job) if known and job else None

    def _job(self, known: JobSettings, job: Job) -> None:
        """:raises JobNotDone: it did not succeed."""
        self.site.step(f"job {job.name}, before what waits for it is started", service=job.service)
        started = time.monotonic()
        gate.require(known, job, self.release, self.site.progress.wait)  # all of what it writes is in its record
        self.site.progress.timed(f"{job.service}: job {job.name}", started)

    def _recreate_networks(self, rollout: Rollout) -> list[ServicePlan]:
        """First of all, what is down while a network is made anew in its place; returns its services."""
        networks = moving.in_place(self.live, self.release)
        plans = [plan for plan in self.outcome.plans if plan.action == REPLACE and moving.uses_one(self.release, plan.service, networks)]
        if not plans or any(plan.policy.strategy != "recreate" for plan in plans):  # the second only in a rollback; others are refused
            return []
        removed = [plan for plan in self._removed if self.live and moving.uses_one(self.live, plan.service, networks)]
        rollout.recreate_together(plans, removed, list(networks.values()))
        return plans

    @property
    def _removed(self) -> list[ServicePlan]:
        """Services that go, last: as long as the release may be taken back they need not be started again."""
        return [plan for plan in self.outcome.plans if plan.action == REMOVE]

    def _roll_each(self, rollout: Rollout, plans: Sequence[ServicePlan]) -> dict[str, list[str]]:
        fresh: list[ServicePlan] = []
        new: dict[str, list[str]] = {}
        for plan in [*plans, None]:
            if plan is not None and plan.action == CREATE:
                if plan.policy.migration and self.order.kind == "deploy":
                    # Of a first release, what the command needs must be there before it.
                    rollout.create(fresh)
                    fresh = []
                    self._migrate(plan, rollout.compose)
                fresh.append(plan)
                continue
            if fresh:
                rollout.create(fresh)
                fresh = []
            if plan is not None:
                rollout.carry_out(plan)
                if plan.action == REPLACE:
                    new[plan.service] = rollout.site.addresses(plan.service, self._live_ones(plan.service))
        return new

    def _live_ones(self, service: str) -> list[Container]:
        return [container for container in self.site.of(service) if container.id not in standby.ids(self.site.stack)]

    def _observe(self, rollout: Rollout, meter: Meter, new: Mapping[str, list[str]]) -> None:
        """Watch what is live now: it must stay healthy, and not fail more often than what was there before.

        :raises RolloutFailed: it does.
        """
        policies = policies_from(self.release.policies)
        replaced = [plan.service for plan in self.outcome.plans if plan.action == REPLACE]
        observed = list(dict.fromkeys([*replaced, *new])) if self.live else replaced
        window = max(((policies.get(service) or Policy(service)).observe for service in observed), default=0.0)
        if not window or self.order.kind == "rollback":
            return
        self.site.step(f"observe {', '.join(observed)} for {window:g} s", phase=Phase.HEALTH)
        watched = {service: self._live_ones(service) for service in observed}
        meter.look()
        addresses = [address for of_service in new.values() for address in of_service]
        before = meter.of([address for address in meter.by_address if address not in addresses])
        deadline = time.monotonic() + window
        while True:
            over = time.monotonic() >= deadline
            time.sleep(FLUSHED if over else min(1.0, max(0.0, deadline - time.monotonic())))
            meter.look()
            for service, containers in watched.items():
                rollout.assert_healthy(service, containers)
            _refuse_worse(before, meter.of(addresses))
            if over:
                return
            self.site.progress.wait(f"observing, {max(0, deadline - time.monotonic()):.0f} s to go")

    def _verify(self) -> None:
        """A first release: also what an interrupted or failed run before it has started must be healthy.

        :raises RolloutFailed: it is not.
        """
        policies = policies_from(self.release.policies)
        for raw in self.release.services:
            service = str(raw["service"])
            timeout = policies[service].healthy_timeout if service in policies else 120.0
            self.site.healthy(self.release, service, self.site.of(service), timeout, 0)

    def _undo(self, error: BaseException) -> None:
        """Take back, remember, and say what happened; always raises."""
        site, reason = self.site, str(error) or type(error).__name__
        site.begun = None  # it was not done
        site.progress.say(f"failed: {reason.splitlines()[0]}")
        self._note("failed", reason=reason[:4000])
        # Of a rotation the release is the one that is live: what failed is the secret.
        if isinstance(error, RolloutFailed) and self.order.kind not in ("rollback", ROTATION):
            self.store.mark(self.release.id, FAILED, reason.splitlines()[0], judged_by(self.release, self.order, self.outcome.forced))
        site.underway.failing = True
        site.journal.keep(site.underway)
        lost = take_back(site, self.store)
        containment.settle(site, self.live)
        site.done()
        live = self.live.id if self.live else None
        ending = {"live": live, "before": live, "who": caller(), "changes": changes(self.release, self.live)}
        if lost:
            self._note(PARTLY_TAKEN_BACK, reason="\n".join(lost)[:4000], **ending)
            state = "\n".join(["it could NOT be taken back completely; the next run goes on with it:", *lost])
        else:
            self._note(TAKEN_BACK, **ending)
            site.journal.ended()
            state = f"it was taken back: {live} is live" if live else self._remains()
        site.progress.finish(state.splitlines()[0])
        if not isinstance(error, Exception):
            raise error
        raise DeployFailed(f"{self.order.kind} of {self.release.id} failed; {state}\n{reason}") from error

    def _remains(self) -> str:
        """What a first release leaves when it fails: nothing is taken away that may still write to its data."""
        there = [f"{container.name} ({container.state})" for container in self.site.engine.containers(self.site.stack)]
        if not there:
            return "there is no release before it, and no container of it is left"
        return (
            f"there is no release before it; left to be looked at: {', '.join(there)}. The next deployment replaces what is not well of "
            f"these, and what differs; to remove them now: docker compose --project-name {self.site.stack} down (named volumes stay)"
        )


def _refuse_worse(before: Figures, after: Figures) -> None:
    if after.failed >= FEW and wilson_lower_bound(after.failed, after.requests) > before.rate + OBSERVED_ERRORS / 100:
        raise RolloutFailed(
            f"{after.failed} of {after.requests} requests failed after the update ({after.rate:.1%}), before {before.rate:.1%}: "
            "nginx saw it in its access log"
        )
