# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole release: preflight, pull, hooks, migrations, service by service, observation; then it is good, or all is taken back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from ..containers.client import DockerUnavailable, Engine
from ..core.caller import caller
from ..core.format import duration
from ..core.locks import stack_lock
from ..core.process import CommandError, run
from ..core.progress import Progress
from ..hostconfig.transaction import ConfigSetError
from ..models import versions
from ..release import carried, publish, routing
from ..release.image_user import require_readable
from ..release.journal import LIVE, PARTLY_TAKEN_BACK, TAKEN_BACK, Journal, RolloutInProgress
from ..release.pinning import Declared, certainly_another, pin, relabelled, require_local, unlabelled
from ..release.store import FAILED, GOOD, NEW, ROLLED_BACK, Release, ReleaseError, Store
from ..slo import gate as budget_gate
from . import hand_made, moving, reloading, standby
from .changes import of_stored
from .forced_canary import by_canary
from .host_actions import Site
from .phases import Phase, Phases
from .plan import CREATE, REPLACE, ServicePlan, as_rolling, make, require_bind_sources, require_safe, require_secrets
from .request import DeployFailed, Order, Outcome
from .rerouting import Rerouting
from .rollback import engine_again, take_back
from .transaction import Change
from .verdict import barred, never_good

OPSCTL = "/usr/local/sbin/opsctl"
BACKUP_TIMEOUT = 4 * 3600.0  # seconds for a backup and its proof


class Deployment:
    """One attempt to bring a stack to a release."""

    def __init__(self, stack: str, order: Order) -> None:
        self.stack = stack
        self.order = order
        self.store = Store(stack)
        self.journal = Journal(stack)
        self.progress = Progress(stack, order.attempt, order.tell, silent=order.check)
        self.outcome = Outcome(phases=Phases(self.progress.say))
        self._ruling: budget_gate.Ruling | None = None

    def deploy(self, declared: Declared) -> Outcome:
        """Bring a declaration about.

        :raises DeployFailed: it was refused or taken back.
        :raises LockHeld: somebody else works on this stack.
        """
        self._ask_early(declared)
        self._back_up(declared)
        with self._locked():
            engine = self._engine()
            if not self.order.check:
                carried.put(self.stack, declared.files)
                carried.begin(declared.project)
            live = self._live()
            declared = self._with_versions(declared, live, engine)
            if live and live.source == declared.source and declared.pull != "always" and versions.held(live) == declared.versions:
                release = self._refreshed(live, declared)
            else:
                began = time.monotonic()
                try:
                    others = hand_made.other_networks(engine, declared) if engine and live is None else ()
                    release = pin(declared, engine, self.progress, live=live, others=others, fetch=not self.order.check)
                except (CommandError, ReleaseError) as error:
                    raise self._refused(str(error), declared.stack) from error
                self.outcome.phases.took(Phase.IMAGES, time.monotonic() - began)
            return self._bring(release, engine)

    def _with_versions(self, declared: Declared, live: Release | None, engine: Engine | None) -> Declared:
        """A declaration with the versions of its models.

        :raises DeployFailed: one that was asked for is not to be had.
        """
        try:
            chosen = versions.choose(
                declared.models,
                declared.versions,
                live,
                engine,
                self.progress.say,
                stack=declared.stack,
                ask=declared.pull == "always",
            )
        except ReleaseError as error:
            raise self._refused(str(error), declared.stack) from error
        return replace(declared, versions=chosen)

    def rollback(self, to: str | None = None) -> Outcome:
        """Return to the last good release, or to a named one.

        :raises DeployFailed: there is none to return to, or it did not work.
        """
        with self._locked():
            engine = self._engine()
            if recovered := self._recovered(engine, None):
                self.outcome.found = recovered
                if to is None:
                    live = self.store.live()
                    self.outcome.release = live.id if live else ""
                    self.progress.finish(f"{recovered}; that was the rollback: {self.outcome.release or 'nothing'} is live")
                    return self.outcome
            before = self.store.live()
            good = [release for release in self.store.previous() if self.store.load(release).state == GOOD]
            if to is None and not good:
                raise self._refused("there is no good release before the live one to go back to (`opsctl releases`)", self.stack)
            release = self.store.find(to) if to else self.store.load(good[0])
            if before and release.id == before.id:
                self.progress.say(f"{release.id} is live already")
            return self._bring(release, engine)

    def _ask_budgets(self) -> budget_gate.Ruling:
        """What the error budgets mean for a new release; asked once."""
        if self._ruling is None:
            self._ruling = budget_gate.ask(self.order.slo, self.order.passage)
            self._say_of_budgets(self._ruling.lines)
        return self._ruling

    def _say_of_budgets(self, lines: Sequence[str]) -> None:
        self.outcome.budget += lines
        for sentence in lines:
            self.progress.say(sentence)

    def _ask_early(self, declared: Declared) -> None:
        """Refuse a release that is certainly a new one before its backup, before its images are fetched, and before anybody has to wait.

        :raises DeployFailed: there is too little of an error budget left.
        """
        live = self.store.live()
        if self.order.kind != "deploy" or live is None or self.journal.underway() or not self._may_differ(declared, live):
            return
        refusal = self._ask_budgets().refusal
        if refusal and certainly_another(declared, live, self._engine(), self.progress):
            raise self._refused(refusal, declared.stack)

    def _may_differ(self, declared: Declared, live: Release) -> bool:
        return live.source != declared.source or declared.pull == "always"

    def _gated(self, plans: list[ServicePlan], release: Release, live: Release | None) -> list[ServicePlan]:
        """The plans as the error budgets let them be. A rollout that was begun before is not refused: it would stay half done.

        :raises DeployFailed: there is too little of one left.
        """
        if self.order.kind != "deploy" or live is None or live.id == release.id:
            return plans
        ruling = self._ask_budgets()
        if ruling.refusal and not self.journal.underway():
            raise self._refused(ruling.refusal, release.id)
        if ruling.canary is None:
            return plans
        upstreams = release.routes.upstreams if release.routes else ()
        rerouting = Rerouting(live, release)
        switched = {plan.service for plan in rerouting.together(plans)} if rerouting.needed else ()
        routed = {str(one.get("service")) for one in upstreams if not one.get("stream")}
        tried, lines = by_canary(plans, ruling.canary, routed, switched)
        self.outcome.forced = [new.service for plan, new in zip(plans, tried, strict=True) if new.policy != plan.policy]
        self._say_of_budgets(lines)
        return tried

    def _note_passage(self, attempt: str, release: str) -> None:
        """Who deploys past the error budgets is in the journal before anything is done, and told with the end of the deployment."""
        if self._ruling and (passage := self._ruling.passed):
            entry = {"attempt": attempt, "kind": self.order.kind, "release": release, "step": passage.exemption.step}
            self.journal.write(**entry, reason=passage.reason, exemption=passage.exemption.value, who=caller())

    def _back_up(self, declared: Declared) -> None:
        """Have a backup that was restored and is young enough, before the stack is locked: a backup takes that lock itself.

        :raises DeployFailed: it could not be made or proven; nothing was changed.
        """
        live, limit = self.store.live(), self.order.backup_max_age
        same = live and live.source == declared.source and declared.pull != "always" and not self.order.recreate
        if self.order.check or not limit or self.order.kind != "deploy" or live is None or (same and not self.journal.underway()):
            return
        began, phases = time.monotonic(), self.outcome.phases
        phases.enter(Phase.BACKUP)
        argv = [OPSCTL, "backup", "run", "--stack", self.stack, "--if-older", f"{limit:.0f}s", "--json"]
        try:
            answer = json.loads(run(argv, timeout=BACKUP_TIMEOUT).stdout)
        except (CommandError, ValueError) as error:
            raise self._refused(f"the backup before the deployment failed, nothing was changed: {error}", declared.stack) from error
        age = answer.get("age")
        outcome = f"proven {duration(int(age))} ago" if age is not None else "taken and proven"
        phases.note(Phase.BACKUP, outcome)
        phases.took(Phase.BACKUP, time.monotonic() - began)
        self.progress.say(f"backup: {outcome}")
        seconds = round(time.monotonic() - began, 1)
        entry = {"attempt": self.order.attempt, "kind": self.order.kind, "release": declared.stack, "phase": Phase.BACKUP.heading}
        self.journal.write(**entry, step=f"backup {outcome} ({seconds:g} s)")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if self.order.check or self.order.held:
            yield
            return
        with stack_lock(self.stack, caller(), self.order.wait, what=self.order.kind):
            yield

    def _engine(self) -> Engine | None:
        try:
            return Engine() if self.order.check else engine_again()
        except DockerUnavailable:
            # On a bare host the engine comes earlier in the same run; a check must be able to say what would be done.
            if not self.order.check:
                raise
            return None

    def _refused(self, reason: str, release: str) -> DeployFailed:
        if not self.order.check:
            self.journal.write(attempt=self.order.attempt, kind=self.order.kind, release=release, step="refused", reason=reason)
        self.progress.finish(f"refused: {reason.splitlines()[0]}")
        return DeployFailed(reason)

    def _live(self) -> Release | None:
        """The release that is live, with the routes that nginx has, and with labels of what its services use.

        A release of an engine from before releases had routes, or of a host without nginx, is adopted: its routes are read from
        the host, nothing is changed. So is what role nginx has written anew: other headers, a newer template.
        """
        live = self.store.live()
        if live is None or self.journal.underway() is not None:
            return live
        sites = [*live.domains, *(live.routes.sites if live.routes else ())]
        there = routing.published(self.stack, dict.fromkeys(sites))
        foreign = there is None or (live.routes and not routing.same_structure(live.routes, there))
        adopted = live if foreign else replace(live, routes=there)
        if unlabelled(live):
            adopted = relabelled(adopted)
        if adopted == live:
            return live
        if not self.order.check:
            self.store.adopt(live.id, adopted)
        return adopted

    def _refreshed(self, live: Release, declared: Declared) -> Release:
        """The live release, its images as they are, with the rest as it is declared, and the files of its configs as they are now."""
        return replace(
            relabelled(live),
            services=[dict(service) for service in declared.services],
            policies=[dict(policy) for policy in declared.policies],
            domains=list(declared.domains),
            routes=declared.routes,
            models=[{**model.to_dict(), "version": declared.versions[model.name]} for model in declared.models],
            # What is known of it, if it is known: the store keeps that.
            state=NEW,
            reason="",
            created="",
        )

    def _recovered(self, engine: Engine | None, target: str | None) -> str:
        """Deal with a rollout that somebody did not end; returns what was found.

        The same release again is simply finished: everything in a rollout begins with what it finds. Another one: first back.
        """
        underway = self.journal.underway()
        if underway is None:
            return ""
        interrupted = f"found an interrupted {underway.describe()}"
        if self.order.check or engine is None:
            return interrupted
        live = self.store.live()
        if live and live.id == underway.target and not underway.failing:
            # Killed between the last decision and the last file.
            publish.write(live)
            self._tell(live, engine)
            Rerouting(self.store.load(underway.before) if underway.before else None, live).finish()
            origin = self.store.origin(live.id) if underway.kind == "deploy" else ""
            self._note_end(underway, LIVE, **({"promoted_from": origin} if origin else {}))
            self.journal.ended()
            return f"{interrupted}; it was finished"
        if underway.target == target and not underway.failing:
            self.progress.say(f"{interrupted}: it is finished now")
            return f"{interrupted}; it was finished"
        self.progress.say(f"{interrupted}: it is taken back first")
        lost = take_back(Site(self.stack, engine, self.progress, self.journal, underway), self.store)
        if lost:
            self._note_end(underway, PARTLY_TAKEN_BACK, live=underway.before, reason="\n".join(lost)[:4000])
            raise self._refused("\n".join([f"{interrupted}, and it cannot be taken back:", *lost]), underway.target)
        reason = {} if underway.failing else {"reason": f"interrupted at: {underway.step or 'its beginning'}"}
        self._note_end(underway, TAKEN_BACK, live=underway.before, **reason)
        self.journal.ended()
        return f"{interrupted}; it was taken back"

    def _note_end(self, underway: RolloutInProgress, step: str, **more: object) -> None:
        """The end of a rollout that another run began, once: the killed run may have come to write it down."""
        if self.journal.ending(underway.attempt) != step:
            entry: dict[str, Any] = {"attempt": underway.attempt, "kind": underway.kind, "release": underway.target, "step": step}
            entry["changes"] = of_stored(self.store, underway.target, underway.before or "")
            self.journal.write(**entry, before=underway.before, who=underway.who, ended_by=caller(), **more)

    def _tell(self, release: Release, engine: Engine) -> None:
        for failure in versions.tell(release, engine):
            self.progress.say(failure)

    def _routed(self, release: Release, live: Release | None) -> Release:
        """A release that says nothing about routes is served by those that are live; one to return to is left as it was."""
        if release.routes or live is None or live.routes is None:
            return release
        if self.order.kind == "rollback":
            self.progress.say(f"{release.id} is of an engine that kept no routes: those that are live stay")
            return release
        return replace(release, routes=live.routes)

    def _bring(self, release: Release, engine: Engine | None) -> Outcome:
        """Bring the stack to a release."""
        outcome = self.outcome
        release = self._routed(release, self._live())
        outcome.found = self._recovered(engine, release.id) or outcome.found
        live = self._live()
        outcome.release, outcome.previous = release.id, live.id if live else None
        containers = engine.containers(self.stack) if engine else []
        recreate = [] if self.order.kind == "rollback" else self.order.recreate
        unserved = never_good(self.store) if live is None else ()
        by_hand = hand_made.compare(engine, release, containers) if engine and live is None else {}
        plans = make(release, containers, live=live, warm=standby.ids(self.stack), never_good=unserved, recreate=recreate, by_hand=by_hand)
        outcome.kept = hand_made.kept(plans, by_hand)
        changing = [as_rolling(plan) if self.order.kind == "rollback" else plan for plan in plans if plan.changes]
        outcome.plans = self._gated(changing, release, live)
        outcome.models = versions.sentences(live, release)
        rerouting = Rerouting(live, release)
        outcome.routes = rerouting.sentences() if rerouting.needed else []
        outcome.reloads = reloading.sentences(release)
        outcome.files = [*publish.write(release, check=True), *rerouting.changes()]
        outcome.digests = _digests(outcome.plans, release, engine)
        self._refuse_again(release)
        try:
            require_safe(release, outcome.plans, moving.unsafe(live, release, plans) if self.order.kind == "deploy" else ())
            if not self.order.check:  # what another role would put there is not there yet
                require_bind_sources(release, outcome.plans)
                require_secrets(release, outcome.plans)
            started = [plan.service for plan in outcome.plans if plan.action in (CREATE, REPLACE)]
            if engine:
                require_local(release, started, engine)
            if engine and self.order.kind != "rollback":
                require_readable(release, started, engine)
        except (ValueError, ReleaseError) as error:
            raise self._refused(str(error), release.id) from error
        if self.order.check or engine is None:
            return outcome
        if not outcome.plans and not outcome.files and not outcome.reloads and live and live.id == release.id:
            self.store.save(release)
            self._tell(release, engine)
            self.journal.ended()
            self.progress.finish(f"nothing to do: {release.id} is live")
            return outcome
        before = live.id if live else None
        underway = self.journal.underway() or RolloutInProgress(self.order.attempt, self.order.kind, release.id, before, caller())
        self._note_passage(underway.attempt, release.id)
        site = Site(self.stack, engine, self.progress, self.journal, underway, outcome.phases)
        Change(self.order, self.store, site, outcome, release, live).carry_out()
        return outcome

    def _refuse_again(self, release: Release) -> None:
        """:raises DeployFailed: it failed or was rolled back, and nothing that it was judged by has changed, or nobody asked for it."""
        known = next((stored for stored in self.store.all() if stored.id == release.id), None)
        if not known or known.state not in (FAILED, ROLLED_BACK) or not self.outcome.sentences:
            return
        if self.order.force or self.order.kind != "deploy":
            return
        refusal, lifted = barred(self.store, release, known, self.order, self.outcome.forced)
        if refusal:
            raise self._refused(refusal, release.id)
        self.progress.say(lifted)


def _digests(plans: Sequence[ServicePlan], release: Release, engine: Engine | None) -> list[tuple[str, str, str]]:
    """Service, digest now, digest to come."""
    digests = []
    for plan in plans:
        old = engine.digest(plan.old[0]) if engine and plan.old else ""
        digests.append((plan.service, old, release.images.get(plan.service, "").rpartition("@")[2]))
    return digests


EXPECTED = (DeployFailed, ReleaseError, CommandError, ConfigSetError, DockerUnavailable, OSError, ValueError)
