# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One service from its old containers to its new ones, by its strategy. The old ones go last, or not at all."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..compose.cli import Compose
from ..containers.client import Container
from ..contracts.canary import Quality
from ..contracts.error_budget import SloSettings
from ..contracts.health import Expectation
from ..health.assessment import look
from ..health.report import details, text
from ..nginx import traffic_plan
from ..nginx.access_log import FLUSHED, Meter
from ..release.store import Release
from . import standby
from .canary import Verdict, ask_prometheus, compare_quality, judge
from .canary_objectives import ObjectivesJudge, judge_of
from .host_actions import FIRST_CRASH, Part, RolloutFailed, Site
from .phases import Phase
from .plan import CREATE, JOB, REMOVE, REPLACE, SCALE, ServicePlan, dependencies, dependents, short
from .rerouting import Rerouting

LOOK = 1.0  # seconds between two looks at figures
ASK = 5.0  # seconds between two questions to Prometheus


@dataclass
class Rollout:
    """Carries out the plans of one release.

    :param slo: the objectives of the stack; None without any.
    :param back: it returns to a release that was good: nothing is tried out, nothing is kept warm.
    """

    site: Site
    release: Release
    compose: Compose
    back: bool = False
    slo: SloSettings | None = None

    def carry_out(self, plan: ServicePlan) -> None:
        """Do what a plan says.

        :raises RolloutFailed: the new version is no good. What was there is untouched, or named in the rollout under way.
        """
        started = time.monotonic()
        self.site.touch(plan.service, [*plan.old, *plan.current] if plan.action in (SCALE, JOB) else plan.old)
        self._clear(plan)
        if plan.action == REPLACE and plan.policy.strategy == "recreate":
            self.recreate(plan)
        elif plan.action == REPLACE:
            self.replace(plan)
        elif plan.action == SCALE:
            self.scale(plan)
        elif plan.action == JOB:
            self.job(plan)
        elif plan.action == REMOVE:
            self.site.step(f"remove {len(plan.old)} containers that no release names any more", service=plan.service)
            self.site.stop(plan.old)
        self.site.progress.timed(plan.service, started)

    def _clear(self, plan: ServicePlan) -> None:
        """Away with what a first release that failed has left."""
        if plan.leftover:
            self.site.step(f"remove {len(plan.leftover)} of a release that failed", service=plan.service)
            self.site.stop(plan.leftover)

    def replace(self, plan: ServicePlan) -> None:
        """Rolling, canary and blue-green: new ones beside the old, then traffic, then the old ones go."""
        site, service, target = self.site, plan.service, plan.replicas
        serving, new = list(plan.old), [container for container in plan.current if container.state in ("running", "restarting")]
        site.stop([container for container in plan.current if container not in new])  # left behind by a killed run
        blue_green = self._kept_warm(plan)
        trial = plan.policy.strategy == "canary" and not self.back
        if site.routed(service):
            # Before anything starts: a new container must not serve because it is healthy. Those that a killed run had admitted
            # go on: some of the old ones may be gone already.
            admitted = traffic_plan.load(site.stack).get(service, traffic_plan.Traffic()).serve if not trial else {}
            held = [*serving, *(container for container in new if container.id in admitted)]
            traffic_plan.put(site.stack, {service: traffic_plan.Traffic({container.id: 1 for container in held})})
        kept = bool(standby.ids(site.stack) & {container.id for container in new})
        if kept:
            standby.put(site.stack, service, None)  # what was kept is wanted again
        done = 0
        while done < target:
            goal = 1 if trial and done == 0 else min(target, done + plan.policy.batch(target))
            if goal > len(new):
                site.step(f"start {goal - len(new)} of {short(plan.image)} beside {len(serving)}", service=service)
                started = time.monotonic()
                new += site.start(self.compose, service, goal - len(new))
                site.progress.timed(f"{service}: start", started)
            site.step(f"wait until {goal} of {target} are healthy for {plan.policy.min_healthy:g} s", service=service, phase=Phase.WAITING)
            started = time.monotonic()
            settle = 0 if kept and self.back else plan.policy.min_healthy  # a warm set has proved itself before
            with site.yielding(new[done:goal]):
                site.healthy(self.release, service, new[:goal], plan.policy.healthy_timeout, settle)
            site.progress.timed(f"{service}: healthy", started)
            site.progress.step()
            new = [container for container in site.of(service) if container.id in {known.id for known in new}]  # with their addresses
            site.accepting(site.routed(service), new[:goal])
            if trial and done == 0:
                self.trial(plan, serving, new[:goal])
            staying = serving[: max(0, target - goal)]
            leaving = serving[len(staying) :] + (new[target:] if goal == target else [])
            site.step(
                f"traffic to {goal} new" + (f" and {len(staying)} old" if staying else "") + f", drain {len(leaving)}", service=service
            )
            site.switch(service, {container.id: 1 for container in [*new[:goal], *staying]}, leaving, plan.policy.drain_timeout)
            site.progress.step()
            if blue_green:
                site.step(f"keep {len(leaving)} old running for {plan.policy.keep_for:g} s", service=service)
                standby.put(
                    site.stack, service, standby.Warm(tuple(container.id for container in leaving), time.time() + plan.policy.keep_for)
                )
            elif leaving:
                site.step(f"stop {len(leaving)} old", service=service)
                site.stop(leaving)
            site.progress.step()
            serving, done = staying, goal
        if not blue_green:
            traffic_plan.put(site.stack, {service: None})

    def _kept_warm(self, plan: ServicePlan) -> bool:
        return plan.policy.strategy == "blue_green" and not self.back

    def switch_together(self, plans: Sequence[ServicePlan], rerouting: Rerouting, removed: Sequence[ServicePlan]) -> None:
        """The switch to other routes, together with the services whose locations change by it: all new ones beside, one reload.

        :param plans: those services. They are not tried out by a share of the traffic: the versions answer for different paths.
        :param removed: services that go; whoever waits for an answer of them gets it.
        """
        site, switched = self.site, not rerouting.changes()
        fresh: dict[str, list[Container]] = {}
        for plan in plans:
            site.touch(plan.service, plan.old)
            if not switched:
                traffic_plan.put(site.stack, {plan.service: traffic_plan.Traffic({container.id: 1 for container in plan.old})})
            new = [container for container in plan.current if container.state in ("running", "restarting")]
            if standby.ids(site.stack) & {container.id for container in new}:
                standby.put(site.stack, plan.service, None)
            if plan.replicas > len(new):
                site.step(f"start {plan.replicas - len(new)} of {short(plan.image)} beside {len(plan.old)}", service=plan.service)
                new += site.start(self.compose, plan.service, plan.replicas - len(new))
            fresh[plan.service] = new
        for plan in plans:
            waiting = f"wait until {plan.replicas} are healthy for {plan.policy.min_healthy:g} s"
            site.step(waiting, service=plan.service, phase=Phase.WAITING)
            site.healthy(self.release, plan.service, fresh[plan.service], plan.policy.healthy_timeout, plan.policy.min_healthy)
            ids = {container.id for container in fresh[plan.service]}
            fresh[plan.service] = [container for container in site.of(plan.service) if container.id in ids]  # with their addresses
            site.progress.step()
        self._accepting(rerouting, fresh)
        leaving = {plan.service: plan.old for plan in [*plans, *removed] if plan.old}
        traffic = {name: traffic_plan.Traffic({container.id: 1 for container in new}) for name, new in fresh.items()}
        site.step("switch routes: " + "; ".join(rerouting.sentences()) + (f"; drain {', '.join(leaving)}" if leaving else ""))
        site.reroute(rerouting, traffic, leaving, max((plan.policy.drain_timeout for plan in [*plans, *removed]), default=60.0))
        for plan in plans:
            if self._kept_warm(plan):
                site.step(f"keep {len(plan.old)} old running for {plan.policy.keep_for:g} s", service=plan.service)
                warm = standby.Warm(tuple(container.id for container in plan.old), time.time() + plan.policy.keep_for)
                standby.put(site.stack, plan.service, warm)
                continue
            site.step(f"stop {len(plan.old)} old", service=plan.service)
            site.stop(plan.old)
            traffic_plan.put(site.stack, {plan.service: None})
        site.progress.step()

    def _accepting(self, rerouting: Rerouting, fresh: Mapping[str, Sequence[Container]]) -> None:
        """What new routes lead to must accept connections before they do."""
        for upstream in rerouting.definitions(switched=True).upstreams:
            there = fresh.get(upstream.service) or [container for container in self.site.of(upstream.service) if container.serves]
            self.site.accepting([upstream], [container for container in there if container.id not in standby.ids(self.site.stack)])

    def trial(self, plan: ServicePlan, old: Sequence[Container], new: Sequence[Container]) -> None:
        """Give the new version a share of the traffic and compare what nginx saw of both.

        :raises RolloutFailed: it is worse, it crashed, or there was too little traffic to say.
        """
        site, service, rule = self.site, plan.service, plan.policy.trial
        site.step(f"canary: {rule.share} % of the traffic for {rule.duration:g} s", service=service)
        before, after = site.addresses(service, old), site.addresses(service, new)
        objectives = judge_of(service, self.slo, time.time()) if rule.objectives else ObjectivesJudge(())
        objectives.begin()
        site.switch(
            service, traffic_plan.share_weights([container.id for container in old], [container.id for container in new], rule.share)
        )
        names = {container.name for container in site.routed(service)}
        meter = Meter(lambda upstream: upstream in names)
        began = time.monotonic()
        deadline, asked, compared, heard = began + rule.duration, 0.0, 0.0, 0.0
        while True:
            over = time.monotonic() >= deadline
            time.sleep(FLUSHED if over else min(LOOK, max(0.0, deadline - time.monotonic())))
            meter.look()
            self.assert_healthy(service, new)
            verdict = judge(meter.of(before), meter.of(after), rule, over=over)
            if rule.prometheus and verdict.state != "bad" and (over or time.monotonic() - asked >= ASK):
                asked = time.monotonic()
                verdict = combine(verdict, ask_prometheus(rule.prometheus))
            if rule.quality and verdict.state != "bad" and (over or time.monotonic() - compared >= ASK):
                compared = time.monotonic()
                verdict = combine(verdict, self._compare_quality(rule.quality, service, old, new))
            if rule.objectives and verdict.state != "bad" and (over or time.monotonic() - heard >= ASK):
                heard = time.monotonic()
                verdict = combine(verdict, objectives.look(heard - began, meter.of(before), meter.of(after)))
            if verdict.state == "bad" or (verdict.state == "low_traffic" and rule.on_low_traffic == "abort"):
                raise RolloutFailed(f"{service}: the canary is refused: {verdict.reason}")
            if over:
                site.step(f"canary passed: {verdict.reason}" + (f"; {objectives.summary}" if rule.objectives else ""), service=service)
                return
            site.progress.wait(f"{service}: canary, {max(0, deadline - time.monotonic()):.0f} s to go, {verdict.reason}")

    def _compare_quality(self, quality: Quality, service: str, old: Sequence[Container], new: Sequence[Container]) -> Verdict:
        """What the containers tell of themselves, at the port of the figure or of the route."""

        def servers(containers: Sequence[Container]) -> list[str]:
            if not quality.port:
                return self.site.addresses(service, containers)
            return [f"{address}:{quality.port}" for container in containers if (address := container.address())]

        return compare_quality(quality, servers(old), servers(new))

    def assert_healthy(self, service: str, containers: Sequence[Container]) -> None:
        """:raises RolloutFailed: one of these containers crashed, or is unhealthy."""
        part = Part(self.site.engine, {container.id for container in containers})
        raw = next((spec for spec in self.release.services if spec["service"] == service), {"service": service})
        wanted = Expectation.from_dict({**raw, "replicas": len(containers) or 1, "probe": None}, tolerant=True)
        verdicts = look(part, self.site.stack, [wanted], {container.id: container.restarts for container in containers}, FIRST_CRASH)
        if verdicts[0].state != "ok":
            raise RolloutFailed(text(details(self.site.engine, verdicts)))

    def recreate(self, plan: ServicePlan) -> None:
        """Old ones go first; nginx says 503 with Retry-After for whom that concerns."""
        started = time.monotonic()
        closed = self._close(plan)
        self._start_anew(plan, closed=bool(closed))
        self._open(plan, closed)
        self.site.progress.timed(f"{plan.service}: down", started)
        self.site.progress.step()

    def recreate_together(self, plans: Sequence[ServicePlan], removed: Sequence[ServicePlan], networks: Sequence[str]) -> None:
        """Services that are all down while their networks are removed, which Compose then makes anew.

        :param removed: services in them that go.
        :param networks: their names for Docker.
        """
        started = time.monotonic()
        for plan in [*plans, *removed]:
            self.site.touch(plan.service, plan.old)
        for plan in removed:
            self.site.stop(plan.old)
        closed = {plan.service: self._close(plan) for plan in reversed(plans)}
        self.site.step(f"remove network {', '.join(networks)}")
        for name in networks:
            self.site.engine.remove_network(name)
        for plan in plans:
            self._start_anew(plan, closed=bool(closed[plan.service]))
        for plan in plans:
            self._open(plan, closed[plan.service])
            self.site.progress.timed(f"{plan.service}: down", started)
            self.site.progress.step()

    def _close(self, plan: ServicePlan) -> list[str]:
        """Stop the old ones, behind the maintenance page; returns whose routes show it."""
        site, service = self.site, plan.service
        closed = [name for name in self.concerned(plan) if site.routed(name)]
        if closed:
            site.step(f"maintenance page for {', '.join(closed)}", service=service)
            leaving = [container for name in closed for container in site.of(name)]
            for name in closed[:-1]:
                traffic_plan.put(site.stack, {name: traffic_plan.Traffic(maintenance=True)})
            site.switch(closed[-1], None, leaving, plan.policy.drain_timeout, maintenance=True)
        site.progress.step()
        site.underway.down.append(service)
        site.step(f"stop {len(plan.old)} old", service=service)
        site.stop(plan.old)
        site.progress.step()
        return closed

    def _start_anew(self, plan: ServicePlan, *, closed: bool) -> None:
        site, service = self.site, plan.service
        site.step(f"start {plan.replicas} of {short(plan.image)}", service=service)
        new = [*plan.current, *site.start(self.compose, service, max(0, plan.replicas - len(plan.current)))]
        site.healthy(
            self.release,
            service,
            new,
            plan.policy.healthy_timeout,
            min(plan.policy.min_healthy, 1.0) if closed else plan.policy.min_healthy,
        )

    def _open(self, plan: ServicePlan, closed: Sequence[str]) -> None:
        if closed:
            self.site.step(f"traffic again for {', '.join(closed)}", service=plan.service)
            traffic_plan.put(self.site.stack, dict.fromkeys(closed))
            self.site.sync()

    def concerned(self, plan: ServicePlan) -> list[str]:
        """The services whose routes show the maintenance page while this one is away."""
        if plan.policy.maintenance == "none":
            return []
        if plan.policy.maintenance == "service":
            return [plan.service]
        return [plan.service, *dependents(self.release.project["services"], plan.service)]

    def scale(self, plan: ServicePlan) -> None:
        """More containers, started beside; or fewer, drained before they stop. Stopped ones are started again."""
        site, service = self.site, plan.service
        running = [container for container in plan.current if container.state not in ("exited", "dead", "created")]
        keep = sorted(running, key=lambda container: (not container.serves, container.number))[: plan.replicas]
        if site.routed(service) and running:
            traffic_plan.put(site.stack, {service: traffic_plan.Traffic({container.id: 1 for container in running})})
        if len(running) < plan.replicas:
            site.step(f"start {plan.replicas - len(running)} more of {short(plan.image)}", service=service)
            self.compose.up(service, max(plan.replicas, len(plan.current)))
            keep = [container for container in site.of(service) if container.state == "running"][: plan.replicas]
            site.healthy(self.release, service, keep, plan.policy.healthy_timeout, plan.policy.min_healthy)
        staying = {container.id for container in keep}
        leaving = [
            container for container in site.of(service) if container.id not in staying and container.id not in standby.ids(site.stack)
        ]
        site.step(f"traffic to {len(keep)}" + (f", drain {len(leaving)}" if leaving else ""), service=service)
        site.switch(service, dict.fromkeys(staying, 1), leaving, plan.policy.drain_timeout)
        site.stop(leaving)
        traffic_plan.put(site.stack, {service: None})
        site.progress.step()

    def job(self, plan: ServicePlan) -> None:
        """A service that runs to its end."""
        self.site.step("run to its end", service=plan.service)
        self.compose.up(plan.service, 1, recreate=True)
        self.site.healthy(self.release, plan.service, self.site.of(plan.service), plan.policy.healthy_timeout, 0)
        self.site.progress.step()

    def create(self, plans: Sequence[ServicePlan]) -> None:
        """Services that are not there yet, together: Compose starts them in the order of their dependencies."""
        if not plans:
            return
        for plan in plans:
            self.site.touch(plan.service, [])
            self._clear(plan)
        names = [plan.service for plan in plans]
        self.site.step(f"start {', '.join(f'{plan.service} x{plan.replicas}' if plan.replicas > 1 else plan.service for plan in plans)}")
        started = time.monotonic()
        services = self.release.project["services"]
        self.compose.create(names, alone=any(set(dependencies(services[name])) - set(names) for name in names))
        self.site.progress.timed("start new services", started)
        for plan in plans:
            self.site.healthy(self.release, plan.service, self.site.of(plan.service), plan.policy.healthy_timeout, 0)
            self.site.progress.step()
        self.site.sync()


def combine(verdict: Verdict, other: Verdict) -> Verdict:
    """Two verdicts as one: the one that ends the trial, otherwise the first."""
    return other if other.state == "bad" else verdict


def steps(plans: Sequence[ServicePlan]) -> int:
    """How many steps plans will report as done."""
    count = 0
    for plan in plans:
        if plan.action == REPLACE and plan.policy.strategy != "recreate":
            batches = -(-plan.replicas // plan.policy.batch(plan.replicas))
            count += 3 * (batches + (1 if plan.policy.strategy == "canary" and plan.replicas > 1 else 0))
        elif plan.action in (REPLACE, CREATE, SCALE, JOB):
            count += 3 if plan.action == REPLACE else 1
    return count
