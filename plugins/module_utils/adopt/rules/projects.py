# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compose projects, containers without one, and volumes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ...core.process import CommandError
from ...release.pinning import Declared
from ...rollout.hand_made import foreseen
from ..finding import DeclaredStack, Finding, Given, Verdict, spelled
from ..survey.containers import Container

# Images that change containers of others, by themselves.
MEDDLERS = {
    "watchtower": "replaces containers by newer images, past releases, health and rollbacks",
    "ouroboros": "replaces containers by newer images, past releases, health and rollbacks",
    "diun": "",
    "autoheal": "restarts unhealthy containers, as the watchdog does",
    "docker-gc": "removes stopped containers and images, among them those to roll back to",
    "meltwater/docker-cleanup": "removes stopped containers and images, among them those to roll back to",
}
OTHER_NAME = "another name, when this is another application"
_ANONYMOUS = re.compile(r"[0-9a-f]{64}")


def judge(given: Given) -> Iterator[Finding]:
    """A finding a project, a container without one, and for volumes."""
    projects: dict[str, list[Container]] = {}
    for container in given.survey.containers:
        projects.setdefault(container.project, []).append(container)
    for project, containers in projects.items():
        if project:
            yield _project(given, project, containers)
        else:
            yield from (_alone(given, container) for container in containers)
    for container in given.survey.containers:
        yield from _meddler(given, container)
    yield from _logs(given)
    yield from _volumes(given)


def _project(given: Given, project: str, containers: Sequence[Container]) -> Finding:
    running = sum(container.state == "running" for container in containers)
    where = next((container.working_directory for container in containers if container.working_directory), "")
    files = next((container.config_files for container in containers if container.config_files), ())
    details = f"{running} of {len(containers)} containers run, {' '.join(files) or where or 'of files that are not recorded'}"
    base = Finding("compose project", project, details)
    stack = given.stack(project)
    if stack is None or given.role("stack") is None:
        return base.judged(Verdict.MANAGED if project in {stack.name for stack in given.survey.engine.stacks} else Verdict.STAYS)
    if all(container.ours for container in containers):
        return base.judged(Verdict.MANAGED, "stack")
    return _taken_over(given, stack, base, containers)


def _taken_over(given: Given, stack: DeclaredStack, base: Finding, containers: Sequence[Container]) -> Finding:
    """A project that somebody has started by hand under the name of a declared stack."""
    foreign = sorted({container.service for container in containers if container.service not in stack.services})
    volumes = sorted({volume for container in containers for volume in container.volumes if not _ANONYMOUS.fullmatch(volume)})
    new = sorted(volume for volume in volumes if volume not in stack.volumes)
    if new:
        effect = f"would start {stack.name} without the volumes {', '.join(new)}, which its containers use now"
        key = "compose.volumes"
        fix = f"declare them by their names, such as {new[0].removeprefix(stack.name + '_')}: {{name: {new[0]}}}"
        return base.judged(Verdict.CONFLICT, "stack", effect, key, fix)
    effect = "takes it over as a release: containers that are what it would start go on, others are replaced one by one, its volumes stay"
    if sentences := _foreseen(given, stack, containers):
        effect = f"takes it over as a release, its volumes stay; {'; '.join(sentences)}"
        return base.judged(Verdict.TAKEN_OVER, "stack", effect, "ops_stack.name", OTHER_NAME)
    if foreign:
        effect += f"; removes {', '.join(foreign)}, which the Compose file does not have"
    return base.judged(Verdict.TAKEN_OVER, "stack", effect, "ops_stack.name", OTHER_NAME)


def _foreseen(given: Given, stack: DeclaredStack, containers: Sequence[Container]) -> list[str]:
    """What becomes of each service, where that can be said: Docker and Compose run, and no release of ours is there."""
    engine, wanted = given.host.engine, stack.rollout
    if engine is None or wanted is None or any(container.ours for container in containers):
        return []
    try:
        declared = Declared(
            stack.name, stack.directory, wanted["project"], wanted["environment"], services=wanted["services"], policies=wanted["policies"]
        )
        return foreseen(engine, declared)
    except (OSError, ValueError, KeyError, TypeError, CommandError):
        return []  # the run says what it does; the finding stays


def _alone(given: Given, container: Container) -> Finding:
    base = Finding("container", container.name, f"{container.image}, {container.state}, of no project")
    for stack in given.stacks:
        if container.name in stack.container_names and given.role("stack") is not None:
            effect = f"cannot start {stack.name}: its Compose file has a container of this name"
            return base.judged(Verdict.CONFLICT, "stack", effect, "compose.services.<name>.container_name", "leave it out")
    return base


def _meddler(given: Given, container: Container) -> Iterator[Finding]:
    does = next((text for image, text in MEDDLERS.items() if image in container.image), "")
    if does and given.role("stack") is not None and container.state == "running":
        base = Finding("container that changes others", container.name, container.image)
        fix = f"exclude our containers there, or stop it: `docker stop {container.name}`"
        yield base.judged(Verdict.CONFLICT, "stack", f"{does}", "", fix)


def _logs(given: Given) -> Iterator[Finding]:
    """Role log_rotation ends with a check of all running containers, those of others among them."""
    wanted = given.role("log_rotation")
    if wanted is None or not wanted.get("docker_limits", True):
        return
    allowed = [str(name) for name in wanted.get("unlimited") or ()]
    unbounded = [
        container
        for container in given.survey.containers
        if not container.bounded_log and container.state == "running" and container.name not in allowed
    ]
    foreign = sorted(project.name for project in unbounded if not given.stack(project.project))
    if foreign:
        base = Finding("container logs", ", ".join(foreign), "no limit of their logs")
        effect = "fails at the end of the run: a log without a limit fills the disk"
        variable = "log_rotation_docker_unlimited"
        yield base.judged(Verdict.CONFLICT, "log_rotation", effect, variable, spelled([*allowed, *foreign]))


def _volumes(given: Given) -> Iterator[Finding]:
    named = [volume.name for volume in given.survey.volumes if not _ANONYMOUS.fullmatch(volume.name)]
    anonymous = len(given.survey.volumes) - len(named)
    declared = {name: stack.name for stack in given.stacks for name in stack.volumes}
    ours = {stack.name for stack in given.survey.engine.stacks}
    for name in named:
        base = Finding("volume", name)
        if name in declared and declared[name] not in ours:
            yield base.judged(Verdict.TAKEN_OVER, "stack", f"{declared[name]} uses it with what is in it")
        else:
            yield base.judged(Verdict.MANAGED if name in declared else Verdict.STAYS)
    if anonymous:
        yield Finding("volume", f"{anonymous} without a name", "")
