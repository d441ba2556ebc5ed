# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack that fails, brought back in the order of a runbook: look, restart, roll back, restore.

Each step is shown before it is taken, is taken only when somebody agreed to it, is written into the journal of the stack, and ends
the recovery as soon as all checks of the stack pass. A restore replaces data, so it is the last, and is never implied by another step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from ..backup import restoring
from ..backup import settings as backup_settings
from ..backup.restic_errors import TargetError
from ..backup.settings import BackupError
from ..containers.client import Container, DockerUnavailable, Engine
from ..contracts.health import expectations_from
from ..contracts.rollout_policy import policies_from
from ..core.caller import caller
from ..core.locks import LockHeld, stack_lock
from ..core.process import CommandError
from ..core.progress import Progress
from ..health.assessment import wait
from ..nginx import sync as upstreams
from ..release.journal import Journal
from ..release.pinning import redeclared
from ..release.stacks import stacks
from ..release.store import GOOD, Release, ReleaseError, Store
from ..rollout import plan as rollout_plan
from ..rollout.deployment import EXPECTED, Deployment
from ..rollout.request import Order
from .check import Report, Row, State, check

KIND = "recover"  # in the journal
SETTLED = 10.0  # seconds for nginx to reach what is healthy again
PATIENCE = 120.0  # seconds for a service without a policy to become healthy
IN_THE_WAY = ("disk", "docker", "nginx")  # checks of the host that a restart of containers does not cure


class Step(str, Enum):
    """What is tried, in this order."""

    RESTART = "restart"
    ROLLBACK = "rollback"
    RESTORE = "restore"


@dataclass(frozen=True)
class Course:
    """A step as it would be taken.

    :param sentences: what would be done.
    :param refusal: why it cannot be; empty when it can.
    """

    step: Step
    sentences: tuple[str, ...]
    refusal: str = ""


@dataclass(frozen=True)
class Taken:
    """A step that was taken: how it went, and whether the checks pass now. `outcome`: well, not enough, failed, impossible or refused."""

    step: str
    outcome: str
    sentence: str
    seconds: float = 0.0


@dataclass
class Recovery:
    """One attempt to bring a stack back.

    :param agree: asked before each step.
    :param tell: gets each line.
    :param engine: how Docker is reached.
    """

    stack: str
    agree: Callable[[Course], bool]
    tell: Callable[[str], None]
    engine: Callable[[], Engine] = Engine
    settled: float = SETTLED
    taken: list[Taken] = field(default_factory=list)
    attempt: str = field(default_factory=lambda: Order().attempt)
    declined: Step | None = None
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        self.journal = Journal(self.stack)

    def run(self) -> Report:
        """Until the checks pass, somebody does not agree, or nothing is left; the last look.

        :raises ValueError: the host itself is in the way; the message says what to do first.
        """
        report = self._look()
        if not _ailing(self.stack, report):
            self._note("look", "well", f"nothing of {self.stack} fails")
            return report
        self._note("look", "found", "; ".join(f"{row.area} {row.name}: {row.reason or row.state.value}" for row in self._rows(report)))
        if obstacle := _obstacle(report):
            raise ValueError(f"recover: the host itself is in the way, and neither a restart nor a rollback cures it: {obstacle}")
        for step in Step:
            course = self._course(step, report)
            self.tell(f"next: {step.value}")
            for sentence in course.sentences:
                self.tell(f"  {sentence}")
            if course.refusal:
                self._note(step.value, "impossible", course.refusal)
                continue
            if not self.agree(course):
                self.declined = step
                self._note(step.value, "refused", "nobody agreed to it")
                return report
            report = self._take(step, report)
            if not _ailing(self.stack, report):
                return report
        return report

    def _look(self) -> Report:
        report = check([self.stack], self.engine)
        for row in self._rows(report):
            self.tell(f"!! {row.area} {row.name}: {row.reason or row.state.value}")
        return report

    def _rows(self, report: Report) -> list[Row]:
        return [row for row in report.troubles if row.stack == self.stack or (not row.stack and row.state is State.CRITICAL)]

    def _note(self, step: str, outcome: str, sentence: str, seconds: float = 0.0) -> None:
        self.taken.append(Taken(step, outcome, sentence, round(seconds, 1)))
        self.tell(f"{step}: {outcome}: {sentence}" + (f" ({seconds:.1f} s)" if seconds else ""))
        live = Store(self.stack).live()
        release = live.id if live else ""
        self.journal.write(attempt=self.attempt, kind=KIND, release=release, step=f"{step}: {outcome}", reason=sentence, who=caller())

    def _course(self, step: Step, report: Report) -> Course:
        """The step as it would be taken now."""
        return {Step.RESTART: self._restart_course, Step.ROLLBACK: self._rollback_course, Step.RESTORE: self._restore_course}[step](report)

    def _take(self, step: Step, report: Report) -> Report:
        began = time.monotonic()
        action = {Step.RESTART: self._restart, Step.ROLLBACK: self._rollback, Step.RESTORE: self._restore}[step]
        self.journal.write(attempt=self.attempt, kind=KIND, step=f"{step.value}: begun", who=caller())
        try:
            sentence = action(report)
            self._await_health()
        except (LockHeld, BackupError, TargetError, *EXPECTED) as error:
            self._note(step.value, "failed", _sentence(error), time.monotonic() - began)
            return self._look()
        report = self._look_until_settled()
        outcome = "not enough" if _ailing(self.stack, report) else "well"
        self._note(step.value, outcome, sentence, time.monotonic() - began)
        return report

    def _look_until_settled(self) -> Report:
        """Look until the checks pass, for as long as nginx may need."""
        deadline = time.monotonic() + self.settled
        while True:
            report = check([self.stack], self.engine)
            if not _ailing(self.stack, report) or time.monotonic() >= deadline:
                for row in self._rows(report):
                    self.tell(f"!! {row.area} {row.name}: {row.reason or row.state.value}")
                return report
            time.sleep(0.5)  # what is looked at does not tell when it changes

    def _await_health(self) -> None:
        """Wait for every service, as long as its policy gives it; then nginx is told where they are."""
        live = Store(self.stack).live()
        policies = policies_from(live.policies) if live else {}
        timeout = max((policy.healthy_timeout for policy in policies.values()), default=PATIENCE)
        engine = self.engine()
        wanted = expectations_from(next((entry["services"] for entry in stacks() if entry["name"] == self.stack), []))
        wait(engine, self.stack, wanted, timeout)
        upstreams.sync(engine)

    # Restart

    def _restart_course(self, report: Report) -> Course:
        there, missing = self._failing(report)
        sentences = [f"{_verb(container)} {container.name}" for container in there]
        sentences += [f"start what is missing of {service}, from the live release" for service in missing]
        if underway := self.journal.underway():
            sentences.append(f"finish or take back the interrupted {underway.describe()}")
        live = Store(self.stack).live()
        refusal = "" if sentences else f"{self.stack} has no container to restart, and no live release to start one from"
        refusal = f"{self.stack} has no live release: run playbooks/site.yml" if missing and live is None else refusal
        return Course(Step.RESTART, tuple(sentences), refusal)

    def _failing(self, report: Report) -> tuple[list[Container], list[str]]:
        """The containers of services that fail, what others need first, and the services that lack some; all where only a site fails."""
        bad = {row.name for row in report.troubles if row.area == "service" and row.stack == self.stack}
        containers = self.engine().containers(self.stack)
        live = Store(self.stack).live()
        once = {str(entry["service"]) for entry in live.services if entry.get("expect") == "completed"} if live else set()
        services = bad or {container.service for container in containers} - once
        order = _order(live, services)
        there = sorted((entry for entry in containers if entry.service in services), key=lambda entry: order.index(entry.service))
        missing = []
        for service in order:
            count = sum(container.service == service for container in containers)
            if live and service in bad and count < live.replicas(service):
                missing.append(service)
        return there, missing

    def _restart(self, report: Report) -> str:
        there, missing = self._failing(report)
        if self.journal.underway():
            self._redeploy()
            there, missing = self._failing(check([self.stack], self.engine))
        with stack_lock(self.stack, caller(), 30, what=KIND):
            for container in there:
                engine = Engine(timeout=60 + container.grace) if self.engine is Engine else self.engine()
                self.tell(f"  {_verb(container)} {container.name}")
                {"start": engine.start, "unpause": engine.unpause, "restart": engine.restart}[_verb(container)](container)
        if missing:
            self._redeploy()
        names = [container.name for container in there]
        return ", ".join([f"{_verb(container)} {container.name}" for container in there] + [f"started {name}" for name in missing]) or (
            f"looked at {len(names)} containers"
        )

    def _redeploy(self) -> None:
        live = Store(self.stack).live()
        if live is None:
            raise ReleaseError(f"{self.stack} has no live release")
        order = Order(kind="deploy", force=True, automatic=False, tell=self._beneath)
        Deployment(self.stack, order).deploy(redeclared(live, "missing"))

    def _beneath(self, line: str) -> None:
        self.tell(f"  {line}")

    # Roll back

    def _rollback_course(self, _report: Report) -> Course:
        store = Store(self.stack)
        good = [release for release in store.previous() if store.load(release).state == GOOD]
        live = store.live()
        if not good or live is None:
            return Course(Step.ROLLBACK, (), "there is no good release before the live one")
        since = self.journal.live_since(live.id)
        sentences = [f"from {live.id}" + (f", live since {since}" if since else "") + f", to {good[0]}, as a rolling update"]
        if any(policy.migration for policy in policies_from(live.policies).values()):
            sentences.append("its migrations stay: the release before must bear the database as it is now")
        return Course(Step.ROLLBACK, tuple(sentences))

    def _rollback(self, _report: Report) -> str:
        outcome = Deployment(self.stack, Order(kind="rollback", automatic=False, tell=self._beneath)).rollback()
        return f"{outcome.release} is live"

    # Restore

    def _restore_course(self, _report: Report) -> Course:
        try:
            configuration = backup_settings.load(self.stack)
        except BackupError as error:
            return Course(Step.RESTORE, (), str(error))
        lines: list[str] = []
        progress = Progress(self.stack, f"{self.attempt}-plan", silent=True)
        try:
            restoring.restore(self.engine(), configuration, restoring.Request("everything"), progress, lines.extend)
        except restoring.Unconfirmed:
            pass
        except (BackupError, CommandError, DockerUnavailable, OSError, TargetError, ValueError) as error:
            return Course(Step.RESTORE, tuple(lines), _sentence(error))
        return Course(
            Step.RESTORE, (*lines, "what was written since is lost to the application, and kept aside until `opsctl restore confirm`")
        )

    def _restore(self, _report: Report) -> str:
        configuration = backup_settings.load(self.stack)
        progress = Progress(self.stack, self.attempt, tell=self._beneath)
        try:
            request = restoring.Request("everything", confirmed=True)
            report = restoring.restore(self.engine(), configuration, request, progress)
        finally:
            progress.close()
        if self.journal.underway():  # the rollback before could neither end nor be taken back without the data
            self._await_health()
            self._redeploy()
        return f"all is back as of {time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(report.upto))} UTC; `opsctl restore undo` or `confirm`"

    def as_dict(self, report: Report) -> dict[str, Any]:
        """Plain data."""
        return {
            "stack": self.stack,
            "recovered": not _ailing(self.stack, report),
            "steps": [asdict(step) for step in self.taken],
            "declined": self.declined.value if self.declined else "",
            "check": report.as_dict(),
        }


def recovered(stack: str, report: Report) -> bool:
    """Nothing of the stack fails any more."""
    return not _ailing(stack, report)


def _ailing(stack: str, report: Report) -> list[Row]:
    """What fails of a stack, as far as these steps could cure it: not its certificates and the age of its backups."""
    bad = (State.CRITICAL, State.WARNING, State.STARTING)
    return [row for row in report.rows if row.stack == stack and row.area in ("service", "site", "route") and row.state in bad]


def _obstacle(report: Report) -> str:
    """What of the host itself fails so that no step can work."""
    for row in report.troubles:
        if row.area == "host" and row.state is State.CRITICAL and row.name.partition(" ")[0] in IN_THE_WAY:
            return f"{row.reason}; opsctl runbook {row.runbook}"
    return ""


def _sentence(error: Exception) -> str:
    """What it says first: a line, with the next one where it only leads to that."""
    first, *more = str(error).splitlines() or [type(error).__name__]
    return f"{first} {more[0].strip()}" if more and first.endswith(":") else first


def _verb(container: Container) -> str:
    if container.state in ("exited", "created", "dead"):
        return "start"
    return "unpause" if container.state == "paused" else "restart"


def _order(live: Release | None, services: Collection[str]) -> Sequence[str]:
    """What others need comes first."""
    known = rollout_plan.order(live.project.get("services", {})) if live else []
    return [*known, *sorted(set(services) - set(known))]
