# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Back to what was there before: after a failure, and after somebody was killed half-way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from ..compose.cli import Compose
from ..containers.client import Container, DockerUnavailable, Engine
from ..contracts.rollout_policy import Policy, policies_from
from ..hostconfig.transaction import ConfigSetError
from ..nginx import traffic_plan
from ..release import publish
from ..release.store import Release, Store
from . import moving, reloading, standby
from .host_actions import RolloutFailed, Site
from .plan import dependents, short
from .rerouting import Rerouting

PATIENCE = 90.0  # seconds in which a dead engine may come back


def engine_again() -> Engine:
    """The engine, waited for: live-restore keeps containers, and traffic, while it is away.

    :raises DockerUnavailable: it does not come back.
    """
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return Engine()
        except DockerUnavailable:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.5)


@dataclass
class Returning:
    """A service that is taken back.

    :param keep: its containers from before.
    :param others: what the rollout has added to them.
    """

    service: str
    policy: Policy
    keep: list[Container]
    others: list[Container]


def take_back(site: Site, store: Store) -> list[str]:
    """Undo the rollout under way, the last service first; returns what could not be brought back.

    The containers from before that still exist go on; missing ones are started from the release that was live; then routes and
    traffic, then what is not wanted any more goes. Nothing here depends on how far the rollout had come.
    """
    site.engine = engine_again()
    before = store.load(site.underway.before) if site.underway.before else None
    failed = store.load(site.underway.target)
    rerouting = Rerouting(failed, before) if before else None
    lost: list[str] = []
    services: list[Returning] = []
    if before:
        moving.clear(site, failed, before)
        moving.rejoin(site, Compose(site.stack, before.directory, store.path(before.id)), failed, before)
    for service in reversed(list(site.underway.old)):
        known = set(site.underway.old[service])
        there = [container for container in site.of(service) if container.id not in standby.ids(site.stack) or container.id in known]
        keep, others = (
            [container for container in there if container.id in known],
            [container for container in there if container.id not in known],
        )
        standby.put(site.stack, service, None)  # what was kept is what serves again, or is not known and goes
        if before is None and not known:
            continue  # a first deployment: nothing to go back to, and the evidence stays
        wanted = before.replicas(service) if before else len(known)
        policy = policies_from(failed.policies).get(service) or Policy(service)
        if policy.job:
            continue  # what ran to its end has had its effect; the job of the old release is not run once more
        returning = Returning(service, policy, keep, others)
        try:
            _revive(site, before, returning, wanted)
            services.append(returning)
        except (RolloutFailed, ConfigSetError) as error:
            lost.append(f"{service}: {error}")
    if lost and rerouting and rerouting.changes():
        return lost  # the new routes need what is new: the next run goes on with it
    try:
        if rerouting and rerouting.changes():
            _reroute(site, rerouting, services)
    except ConfigSetError as error:
        return [f"routes: {error}"]
    lost += _return_all(site, before, services)
    # A service with a warm set keeps its entry: without one the warm containers would serve.
    traffic_plan.put(site.stack, dict.fromkeys(set(traffic_plan.load(site.stack)) - set(standby.load(site.stack))))
    if not lost:
        site.sync()
        lost += _as_before(site, failed, before)
        if rerouting:
            rerouting.finish()
    return lost


def _as_before(site: Site, failed: Release, before: Release | None) -> list[str]:
    """What is beside the containers, as it was: the description, networks, and files that services read again."""
    if before:
        publish.write(before)
    moving.leave(site, failed, before)
    if before is None:
        return []
    try:
        reloading.tell(site, before, reloading.bring(site, before), ())
    except RolloutFailed as error:
        return [str(error)]
    return []


def _revive(site: Site, before: Release | None, returning: Returning, wanted: int) -> None:
    """Have the containers from before running again, as many as there were."""
    service = returning.service
    compose = Compose(site.stack, before.directory, Store(site.stack).path(before.id)) if before else None
    if service in site.underway.down:
        site.stop(returning.others)  # never two of them at once
        returning.others = []
    stopped = [container for container in returning.keep if container.state in ("exited", "created", "dead")]
    for container in stopped:
        site.engine.start(container)
    missing = wanted - len(returning.keep)
    if missing > 0 and compose and before:
        site.step(f"start {missing} of {short(before.images.get(service, ''))} again", service=service)
        returning.keep = returning.keep + site.start(compose, service, missing)
    if (missing > 0 or stopped) and before:
        site.healthy(before, service, returning.keep, returning.policy.healthy_timeout, 0)


def _reroute(site: Site, rerouting: Rerouting, services: Sequence[Returning]) -> None:
    """The routes that were there before, together with the containers that answer for them."""
    traffic = {
        service.service: traffic_plan.Traffic({kept.id: 1 for kept in service.keep})
        for service in services
        if service.keep and service.others
    }
    leaving = {service.service: service.others for service in services if service.others}
    site.step("routes back: " + "; ".join(rerouting.sentences()) + (f"; drain {', '.join(leaving)}" if leaving else ""))
    site.reroute(rerouting, traffic, leaving, max((service.policy.drain_timeout for service in services), default=60.0))


def _return_all(site: Site, before: Release | None, services: Sequence[Returning]) -> list[str]:
    lost = []
    for returning in services:
        try:
            _return(site, before, returning)
        except (RolloutFailed, ConfigSetError) as error:
            lost.append(f"{returning.service}: {error}")
    return lost


def _return(site: Site, before: Release | None, returning: Returning) -> None:
    """Traffic to the containers from before; what the rollout has added goes."""
    service, keep, others = returning.service, returning.keep, returning.others
    if others:
        site.step(f"traffic back to {len(keep)} old, remove {len(others)} new", service=service)
        site.switch(service, {container.id: 1 for container in keep} if keep else None, others, returning.policy.drain_timeout)
        site.stop(others)
    else:
        site.step("nothing new is left", service=service)
    closed = [service, *dependents(before.project["services"], service)] if before and service in site.underway.down else [service]
    traffic_plan.put(site.stack, dict.fromkeys(closed))


def retire(site_engine: Engine, stack: str, services: Sequence[str] | None = None, *, due_only: bool = False) -> list[str]:
    """Remove warm sets: those of these services, or of all; returns the names of their containers."""
    gone = []
    for service, kept in standby.load(stack).items():
        if (services is not None and service not in services) or (due_only and not kept.due):
            continue
        for container in site_engine.containers(stack):
            if container.id in kept.ids:
                site_engine.remove(container)
                gone.append(container.name)
        standby.put(stack, service, None)
        traffic_plan.put(stack, {service: None})
    return gone
