# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment would do: compares the containers that run with a release, service by service, in the order of `depends_on`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..compose import model as compose_model
from ..containers.client import Container
from ..contracts.rollout_policy import Policy, policies_from
from ..contracts.update_safety import Unsafe, unsafe
from ..core import paths
from ..release import uses
from ..release.pinning import definition_of
from ..release.store import Release

NONE, CREATE, REPLACE, SCALE, JOB, REMOVE = "none", "create", "replace", "scale", "job", "remove"


class UnsafeUpdate(ValueError):
    """Updates that would break something, all of them, each with the line to change; nothing was changed."""


@dataclass
class ServicePlan:
    """One service: what is to be done, why, and with which containers.

    :param action: none, create, replace, scale, job (run to its end) or remove.
    :param current: containers that are as the release wants them.
    :param old: containers that are not.
    :param leftover: containers of a first release that failed. They never served, so they are no old set: they go before anything starts.
    """

    service: str
    action: str
    policy: Policy
    replicas: int = 0
    current: list[Container] = field(default_factory=list)
    old: list[Container] = field(default_factory=list)
    leftover: list[Container] = field(default_factory=list)
    reason: str = ""
    image: str = ""

    @property
    def changes(self) -> bool:
        """Something is to be done."""
        return self.action != NONE

    def sentence(self) -> str:
        """The plan of this service for a person."""
        return self._sentence() + (f"; remove {len(self.leftover)} of a release that failed" if self.leftover else "")

    def _sentence(self) -> str:
        count = f"{self.replicas} container{'' if self.replicas == 1 else 's'}"
        if self.action == CREATE:
            return f"{self.service}: start {count} of {short(self.image)}"
        if self.action == REPLACE:
            how = self.policy.strategy
            if how in ("rolling", "canary"):
                how += f", {min(self.replicas, self.policy.batch(self.replicas))} at once"
            return f"{self.service}: replace {len(self.old)} by {count} ({how}): {self.reason}"
        if self.action == SCALE:
            return f"{self.service}: {len(self.current)} -> {count}"
        if self.action == JOB:
            return f"{self.service}: run to its end ({short(self.image)})"
        if self.action == REMOVE:
            return f"{self.service}: remove {len(self.old)}: the release has no such service"
        return f"{self.service}: nothing to do"


def short(reference: str) -> str:
    """An image reference as people read it: without registry, digest by its first letters."""
    name, _at, digest = reference.partition("@")
    name = name.rpartition("/")[2]
    return f"{name}@{digest.removeprefix('sha256:')[:12]}" if digest else name.removeprefix("sha256:")[:30]


def make(
    release: Release,
    containers: Sequence[Container],
    *,
    live: Release | None = None,
    warm: Collection[str] = (),
    never_good: Collection[str] = (),
    recreate: Collection[str] = (),
    by_hand: Mapping[str, Sequence[str]] | None = None,
) -> list[ServicePlan]:
    """The plan, dependencies first, removals last.

    :param live: the release that is live: a container without a label of what it uses is adopted as one of it.
    :param warm: ids of containers that are kept for an instant rollback; they are no part of the service now, unless they are
        what the release wants.
    :param never_good: definitions whose containers never served: of a first release that failed.
    :param recreate: services to replace although nothing differs.
    :param by_hand: containers that somebody has started by hand, by their ids, with the keys in which they differ (`hand_made`).
    """
    policies, by_hand = policies_from(release.policies), by_hand or {}
    plans = []
    for name in order(release.project["services"]):
        spec = release.project["services"][name]
        policy = policies.get(name) or Policy(name)
        replicas = release.replicas(name)
        if spec.get("profiles") or not replicas:
            continue
        wanted = definition_of(release, name)
        mine = [container for container in containers if container.service == name]
        changed_at = secrets_changed(release, spec)
        used, adopted = uses.of(release, name), uses.of(live or release, name)
        current = [
            container
            for container in mine
            if (
                not by_hand[container.id]
                if container.id in by_hand
                else container.definition == wanted and (container.uses or adopted) == used
            )
            and container.created >= changed_at
            and name not in recreate
        ]
        leftover = [
            container for container in mine if container.definition in never_good and not (container in current and _promising(container))
        ]
        if policy.job:
            leftover = []  # it has had its effect, or is run again
        current = [container for container in current if container not in leftover]
        old = [container for container in mine if container not in [*current, *leftover] and container.id not in warm]
        plan = ServicePlan(name, NONE, policy, replicas, current, old, leftover, image=release.images.get(name, ""))
        plan.reason = _reason(plan, release, live, changed_at, name in recreate, by_hand)
        plan.action = _action(plan)
        plans.append(plan)
    gone = {container.service for container in containers} - set(release.project["services"])
    for name in sorted(gone):
        orphans = [container for container in containers if container.service == name]
        plans.append(ServicePlan(name, REMOVE, Policy(name), old=orphans))
    return plans


def _promising(container: Container) -> bool:
    """A container of a first release that failed may go on: it was not what failed, or only needs more time."""
    return container.state in ("created", "running") and container.health != "unhealthy" and not container.restarts


def _action(plan: ServicePlan) -> str:
    if plan.policy.job:
        ran = [container for container in plan.current if container.state == "exited" and container.exit_code == 0]
        return NONE if ran or any(container.state == "running" for container in plan.current) else JOB
    if plan.old:
        return REPLACE
    if not plan.current:
        return CREATE
    running = [container for container in plan.current if container.state not in ("exited", "dead", "created")]
    return NONE if len(plan.current) == len(running) == plan.replicas else SCALE


def _reason(
    plan: ServicePlan, release: Release, live: Release | None, changed_at: float, recreate: bool, by_hand: Mapping[str, Sequence[str]]
) -> str:
    if not plan.old:
        return ""
    if differing := by_hand.get(plan.old[0].id):
        return f"it differs from what was started by hand: {', '.join(differing)}"
    before, after = plan.old[0].image, release.images.get(plan.service, "")
    if before != after and plan.old[0].id not in by_hand:
        return f"{short(before)} -> {short(after)}"
    if recreate:
        return "asked for"
    if plan.old[0].created < changed_at:
        return "a secret of it was changed"
    if plan.old[0].definition != definition_of(release, plan.service):
        return "its definition changed"
    known = uses.changed(live, release, plan.service) if live else []
    return f"{', '.join(known)} changed" if known else "what it uses changed"


def secrets_changed(release: Release, spec: Mapping[str, Any]) -> float:
    """When the newest file that the service gets its secrets from was written (epoch seconds); 0 without one.

    Such a file is replaced as a whole, and a running container still has the old one: it must be replaced as well.
    """
    return max((path.stat().st_mtime for path in secret_files(release, spec) if path.exists()), default=0.0)


def secret_files(release: Release, spec: Mapping[str, Any]) -> list[Path]:
    """The files that a service gets its secrets from: mounted ones, and those of its environment."""
    files = [str(entry.get("path")) if isinstance(entry, Mapping) else str(entry) for entry in _list(spec.get("env_file"))]
    known = release.project.get("secrets") or {}
    for use in _list(spec.get("secrets")):
        source = use.get("source") if isinstance(use, Mapping) else use
        if file := (known.get(source) or {}).get("file"):
            files.append(str(file))
    return [Path(release.directory) / file for file in files]


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value] if value else []


def dependencies(spec: Mapping[str, Any]) -> list[str]:
    """What a service depends on."""
    return list(spec.get("depends_on") or [])


def order(services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Names so that each comes after what it depends on, otherwise as they are written. Compose has refused circles."""
    done: list[str] = []

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in done or name in above or name not in services:
            return
        for other in dependencies(services[name]):
            add(other, (*above, name))
        done.append(name)

    for name in services:
        add(name, ())
    return done


def dependents(services: Mapping[str, Mapping[str, Any]], service: str) -> list[str]:
    """The services that depend on one, directly or not, as they are written."""
    depending = {service}
    grown = True
    while grown:
        more = {name for name, spec in services.items() if depending & set(dependencies(spec))} - depending
        depending |= more
        grown = bool(more)
    return [name for name in services if name in depending and name != service]


def require_safe(release: Release, plans: Iterable[ServicePlan], others: Iterable[Unsafe] = ()) -> None:
    """Refuse what would break a service.

    :param others: further reasons, of what several services use.
    :raises UnsafeUpdate: a service is to be replaced in a way that would break it; all of them at once.
    """
    parsed = compose_model.parse(release.project, {"COMPOSE_PROJECT_NAME": release.stack, **release.environment}, [])
    reasons = [
        problem
        for plan in plans
        if plan.action == REPLACE and plan.service in parsed.services
        for problem in unsafe(parsed.services[plan.service], plan.policy.strategy, plan.policy.allow)
    ]
    reasons += others
    if reasons:
        lines = [f"{number}. {reason.key}: {reason.value} {reason.problem}: {reason.fix}" for number, reason in enumerate(reasons, 1)]
        raise UnsafeUpdate("\n".join(["this update is not safe; nothing was changed:", *lines]))


def require_bind_sources(release: Release, plans: Iterable[ServicePlan]) -> None:
    """:raises UnsafeUpdate: a container would be started on a path of the host that is not there: Docker makes an empty folder of it."""
    parsed = compose_model.parse(release.project, {"COMPOSE_PROJECT_NAME": release.stack, **release.environment}, [])
    lines = [
        f"services.{plan.service}.volumes: {mount.source} is not on this host"
        for plan in plans
        if plan.action in (CREATE, REPLACE, SCALE, JOB) and plan.service in parsed.services
        for mount in parsed.services[plan.service].mounts
        if mount.kind == "bind" and not mount.creates and not (Path(release.directory) / Path(mount.source).expanduser()).exists()
    ]
    if lines:
        fix = "put it there first, or write `type: bind` with `bind: {create_host_path: true}` where an empty folder is meant"
        raise UnsafeUpdate(
            "\n".join(["Docker would mount an empty folder in place of what is missing; nothing was changed:", *lines, f"-> {fix}"])
        )


def require_secrets(release: Release, plans: Iterable[ServicePlan]) -> None:
    """:raises UnsafeUpdate: a container would be started without a file of the secret store; Docker would say so in the middle of it."""
    lines = [
        f"services.{plan.service}.secrets: {path} is not on this host"
        for plan in plans
        if plan.action in (CREATE, REPLACE, SCALE, JOB)
        for path in dict.fromkeys(secret_files(release, release.project["services"].get(plan.service) or {}))
        if path.is_relative_to(paths.SECRETS) and not path.exists()
    ]
    if lines:
        fix = "role secrets writes it: run playbook rolling_update, or site with `--tags secrets`, for this declaration"
        raise UnsafeUpdate("\n".join(["secrets of this release are missing; nothing was changed:", *lines, f"-> {fix}"]))


def as_rolling(plan: ServicePlan) -> ServicePlan:
    """The same without a trial: for returning to what was good before."""
    if plan.policy.strategy == "canary":
        plan.policy = replace(plan.policy, strategy="rolling")
    return plan
