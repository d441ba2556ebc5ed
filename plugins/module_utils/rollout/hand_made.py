# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Compose project that somebody has started by hand under the name of a stack: what of it a first release keeps as it is.

Each container is compared with what the release would start (`equality`). Those that are equal go on, and are written down when the release
is good. Of the others the plan says in what they differ. Networks are compared before that: one that differs cannot be changed under its
containers, so the release gets one of its own beside it (`moving`).
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..compose.cli import Compose
from ..containers.api import NotFound
from ..containers.client import Container, Engine
from ..containers.taken_over import Standing
from ..contracts.rollout_policy import Policy, policies_from
from ..core.process import CommandError
from ..release import uses
from ..release.pinning import Declared, definition_of, images, pinned_release, plain
from ..release.store import Release, compose_text, environment_text
from .equality import Wanted, differences
from .plan import ServicePlan, make
from .request import Outcome
from .same_network import same


def other_networks(engine: Engine, declared: Declared) -> list[str]:
    """Networks of a project, by their names in the Compose file, that are there under the name that Compose gives, and are others."""
    there = engine.described_networks(declared.stack)
    if not there:
        return []
    try:
        wanted = resolved(declared.stack, declared.directory, declared.project, plain(declared.environment)).get("networks") or {}
    except CommandError:
        return []  # the rollout itself says what Compose refuses
    own = {name: spec for name, spec in wanted.items() if spec.get("name") == f"{declared.stack}_{name}" and not spec.get("external")}
    return sorted(name for name, spec in own.items() if spec["name"] in there and not same(there[spec["name"]], name, spec))


def compare(engine: Engine, release: Release, containers: Iterable[Container]) -> dict[str, list[str]]:
    """Containers without labels of a release, by their ids, with the keys in which they are not what the release would start."""
    made = [container for container in containers if not container.definition and container.service in release.project["services"]]
    if not made:
        return {}
    try:
        project = resolved(release.stack, release.directory, release.project, release.environment)
    except CommandError as error:
        return {container.id: [f"cannot be compared: {error}"] for container in made}
    policies, there = policies_from(release.policies), engine.described_networks(release.stack)
    return {
        container.id: _differences(engine, release, project, container, policies.get(container.service) or Policy(container.service), there)
        for container in made
    }


def _differences(
    engine: Engine, release: Release, project: Mapping[str, Any], container: Container, policy: Policy, networks: Mapping[str, Any]
) -> list[str]:
    if state := _state(container, policy):
        return [state]
    image = engine.image(release.images.get(container.service, ""))
    if image is None:
        return ["image"]
    try:
        raw = engine.described(container)
    except NotFound:
        return ["it is gone"]
    wanted = Wanted(project, container.service, image, engine.cgroups)
    differing = differences(raw, wanted)
    known = project.get("networks") or {}
    for key in uses.networks_of(release.project["services"][container.service]):
        spec = known.get(key) or {}
        if not spec.get("external") and spec.get("name") in networks and not same(networks[spec["name"]], key, spec):
            differing.append(f"network {key}")
    return [*differing, *_written_since(project, wanted.service, container)]


def _state(container: Container, policy: Policy) -> str:
    """Why a container is not worth to be kept, whatever it was made of."""
    if policy.job:
        return "" if container.state == "running" or (container.state, container.exit_code) == ("exited", 0) else container.state
    if container.state != "running":
        return f"it is {container.state}"
    return "it is unhealthy" if container.health == "unhealthy" else ""


def _written_since(project: Mapping[str, Any], service: Mapping[str, Any], container: Container) -> list[str]:
    """Configs whose files are newer than the container: a file that was replaced is still the old one in there."""
    files = {use["source"]: ((project.get("configs") or {}).get(use["source"]) or {}).get("file") for use in service.get("configs") or ()}
    newer = [name for name, file in files.items() if file and Path(file).exists() and Path(file).stat().st_mtime > container.created]
    return [f"config {name}, which was written since" for name in newer]


def kept(plans: Iterable[ServicePlan], by_hand: Mapping[str, Sequence[str]]) -> dict[str, list[Container]]:
    """Containers that go on as they are, by their services."""
    by_service = {plan.service: [container for container in plan.current if container.id in by_hand] for plan in plans}
    return {service: containers for service, containers in by_service.items() if containers}


def foreseen(engine: Engine, declared: Declared) -> list[str]:
    """What a first release would do to a project by hand, a sentence a service. Images are those of the host; nothing changes."""
    release = pinned_release(declared, images(declared), others=other_networks(engine, declared))
    containers = engine.containers(declared.stack)
    by_hand = compare(engine, release, containers)
    plans = make(release, containers, by_hand=by_hand)
    return Outcome(kept=kept(plans, by_hand), plans=[plan for plan in plans if plan.changes]).every_sentence


def standing(release: Release, containers: Sequence[Container]) -> dict[str, Standing]:
    """What containers that are kept stand for."""
    return {
        container.id: Standing(definition_of(release, container.service), uses.of(release, container.service)) for container in containers
    }


def resolved(stack: str, directory: str, project: Mapping[str, Any], environment: Mapping[str, str]) -> dict[str, Any]:
    """A project as Compose resolves it. Files of the secret store need not be there yet: what they hold is missing then.

    :raises CommandError: Compose refuses it.
    """
    services = {
        name: {**spec, "env_file": _optional(spec["env_file"])} if spec.get("env_file") else spec
        for name, spec in project["services"].items()
    }
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "compose.yaml").write_text(compose_text({**project, "services": services}))
        Path(folder, "environment").write_text(environment_text(environment))
        return Compose(stack, directory, Path(folder)).resolved()


def _optional(files: Any) -> list[dict[str, Any]]:
    listed = files if isinstance(files, list) else [files]
    return [{**(file if isinstance(file, Mapping) else {"path": file}), "required": False} for file in listed]
