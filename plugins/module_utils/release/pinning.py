# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the operator declared to a release: every image by its digest, every service with the hash of its definition."""

from __future__ import annotations

import copy
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..compose.cli import pull
from ..compose.interpolation import Interpolation
from ..compose.scalars import as_text
from ..containers.client import DEFINITION, USES, Engine
from ..contracts.carried_files import Carried
from ..contracts.process_limit import without_default
from ..contracts.registered_model import RegisteredModel, models_from
from ..contracts.routes import Routes
from ..core.process import CommandError
from ..core.progress import Progress
from . import uses
from .store import Release, ReleaseError, fingerprint, is_id


@dataclass(frozen=True)
class Declared:
    """What is to be deployed, as it was declared: arguments of module compose_rollout.

    :param routes: None to stay with those of the live release.
    :param files: what the project mounts by a name of its content, where it is not on this host yet.
    :param models: registered models whose versions belong to the release.
    :param versions: those versions, by the names of the models: what somebody asked for, later what was chosen.
    :param pull: ``missing`` takes an image from this host where its tag is here, ``always`` asks the registry.
    """

    stack: str
    directory: str
    project: Mapping[str, Any]
    environment: Mapping[str, Any]
    services: Sequence[Mapping[str, Any]]
    policies: Sequence[Mapping[str, Any]]
    domains: Sequence[str] = ()
    pull: str = "missing"
    routes: Routes | None = None
    files: Sequence[Carried] = ()
    models: Sequence[RegisteredModel] = ()
    versions: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """A hash of what was declared, before it is pinned."""
        content: dict[str, Any] = {"project": dict(self.project), "environment": dict(self.environment)}
        return fingerprint(content | {"models": [model.to_dict() for model in self.models]} if self.models else content)

    @property
    def variables(self) -> dict[str, str]:
        """The plain values for C(${NAME}), with the versions of the models."""
        return plain(self.environment) | {model.variable: self.versions.get(model.name, model.fallback) for model in self.models}


def plain(environment: Mapping[str, Any]) -> dict[str, str]:
    """Values as Compose reads them: booleans as `true` and `false`."""
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in environment.items()}


def with_references(project: Mapping[str, Any], references: Mapping[str, str]) -> dict[str, Any]:
    """A Compose project with other images for some services, as a promotion brings them.

    :raises ValueError: a service that the project lacks.
    """
    services = dict(project.get("services") or {})
    for service, reference in references.items():
        if service not in services:
            raise ValueError(f"images: {service!r} is no service of the project: write one of {', '.join(services)}")
        services[service] = {**services[service], "image": reference}
    return {**project, "services": services} if references else dict(project)


def images(declared: Declared) -> dict[str, str]:
    """Service to image reference, variables resolved; services without an image are left out."""
    resolver = Interpolation({"COMPOSE_PROJECT_NAME": declared.stack, **declared.variables})
    return {
        name: resolver.resolve(str(service["image"]), f"services.{name}.image")
        for name, service in declared.project["services"].items()
        if service.get("image")
    }


def pin(
    declared: Declared,
    engine: Engine | None,
    progress: Progress,
    *,
    live: Release | None = None,
    others: Collection[str] = (),
    fetch: bool = True,
) -> Release:
    """The release of a declaration.

    :param live: what it would replace: a network that changes gets a new name.
    :param others: networks of a first release whose names networks of somebody else have.
    :param fetch: pull what is missing; without it the registry is asked for digests only.
    :raises CommandError: an image cannot be fetched; nothing else was touched.
    :raises ReleaseError: an image that no registry has is gone.
    """
    references = images(declared)
    pinned: dict[str, str] = {}
    for reference in dict.fromkeys(references.values()):
        pinned[reference] = pinned_reference(reference, declared.pull, engine, progress, fetch=fetch) if engine else reference
    return pinned_release(declared, {service: pinned[reference] for service, reference in references.items()}, live, others)


def certainly_another(declared: Declared, live: Release, engine: Engine | None, progress: Progress) -> bool:
    """Whether a declaration is not the live release, as far as that is known before images are fetched and nginx' sites are made.

    Another declaration may be the same release, where a tag still is the digest that a promotion has brought.
    """
    if live.source == declared.source and (declared.pull != "always" or declared.models):
        return False
    try:
        there = pin(declared, engine, progress, live=live, fetch=False)
    except (CommandError, ReleaseError):
        return True  # of an image that nobody has, no live release is made
    return (there.project, there.environment) != (live.project, live.environment)


def pinned_reference(reference: str, policy: str, engine: Engine, progress: Progress, *, fetch: bool) -> str:
    """``name:tag@sha256:…``: what the tag is now, and will still be at a rollback. An image without a registry is its id."""
    local = engine.image(reference)
    if is_id(reference):
        if local is None:
            raise ReleaseError(lost(reference))
        return reference
    if local is None or (policy == "always" and "@" not in reference):
        if not fetch:
            digest = None if "@" in reference else engine.remote_digest(reference)
            return f"{reference}@{digest}" if digest else reference
        progress.say(f"pull {reference}")
        pull(reference)
        local = engine.image(reference)
    if "@" in reference or local is None:
        return reference
    repository = re.sub(r":[^:/]*$", "", reference)
    digests = [
        repodigest.rpartition("@")[2]
        for repodigest in local.get("RepoDigests") or []
        if repodigest.startswith(f"{_long(repository)}@") or repodigest.startswith(f"{repository}@")
    ]
    return f"{reference}@{digests[0]}" if digests else str(local["Id"])


def lost(reference: str) -> str:
    """What to say of an image that was here alone, and is gone."""
    return (
        f"the image {reference} is not on this host any more, and no registry has it: it was built here, or loaded, and somebody has"
        " removed it (`docker image prune --all` removes what no container uses). Deploy its revision, which builds it, or load it; nothing"
        " was changed"
    )


def require_local(release: Release, services: Sequence[str], engine: Engine) -> None:
    """:raises ReleaseError: an image that these services need was here alone, and is gone."""
    for service in services:
        reference = release.images.get(service, "")
        if is_id(reference) and engine.image(reference) is None:
            raise ReleaseError(f"{service}: {lost(reference)}")


def _long(repository: str) -> str:
    """Docker prints ``library/`` images by their short name."""
    return repository.removeprefix("docker.io/").removeprefix("library/")


def pinned_release(declared: Declared, pinned: Mapping[str, str], live: Release | None = None, others: Collection[str] = ()) -> Release:
    """The release with these images."""
    project = copy.deepcopy(dict(declared.project))
    variables = declared.variables
    if networks := uses.named_networks(declared.stack, project, variables, live, others):
        project["networks"] = networks
    for name, service in project["services"].items():
        if name in pinned:
            service["image"] = pinned[name]
        own = {DEFINITION: definition(service, variables), USES: uses.label(project, name, variables, declared.directory)}
        service["labels"] = {**_labels(service.get("labels")), **own}
    return Release(
        stack=declared.stack,
        directory=declared.directory,
        project=project,
        environment=variables,
        services=[dict(service) for service in declared.services],
        policies=[dict(policy) for policy in declared.policies],
        domains=list(declared.domains),
        images=dict(pinned),
        source=declared.source,
        routes=declared.routes,
        models=[{**model.to_dict(), "version": declared.versions.get(model.name, model.fallback)} for model in declared.models],
    )


def definition(service: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    """A hash of all that makes a container what it is; not how many there are, nor the order in which they start.

    Our own, because the one of Compose changes with its version, and then everything would be replaced.
    """
    spec = {key: value for key, value in without_default(service).items() if key not in ("depends_on", "scale", "profiles")}
    spec["labels"] = _labels(service.get("labels"))
    if isinstance(spec.get("deploy"), Mapping):
        spec["deploy"] = {key: value for key, value in spec["deploy"].items() if key != "replicas"}
    spec = {key: value for key, value in spec.items() if value not in (None, {}, [])}
    resolver = Interpolation(variables)
    return fingerprint(resolver.resolve(spec, ""))


def definition_of(release: Release | None, service: str) -> str:
    """The label that a release's containers of a service have; empty when it has no such service."""
    spec = release.project["services"].get(service, {}) if release else {}
    return str((spec.get("labels") or {}).get(DEFINITION, ""))


def _labels(given: Any) -> dict[str, str]:
    """Labels as a mapping, without our own."""
    if isinstance(given, list):
        given = dict(str(label).partition("=")[::2] for label in given)
    return {name: as_text(value) for name, value in (given or {}).items() if name not in (DEFINITION, USES)}


def relabelled(release: Release) -> Release:
    """A release with labels of what its services use now: one of an older engine had none, and the file of a config may be another."""
    project = copy.deepcopy(release.project)
    for name, service in project["services"].items():
        service["labels"] = {**(service.get("labels") or {}), USES: uses.label(project, name, release.environment, release.directory)}
    return replace(release, project=project)


def unlabelled(release: Release) -> bool:
    """An older engine made it."""
    return any(USES not in (service.get("labels") or {}) for service in release.project["services"].values())


def with_images(release: Release, changed: Mapping[str, str], pull_policy: str = "always") -> Declared:
    """The declaration of a release with other images for some services, as `opsctl deploy --image` wants it.

    :raises ValueError: a service that the release lacks.
    """
    declared = redeclared(release, pull_policy)
    for service, reference in changed.items():
        if service not in declared.project["services"]:
            known = ", ".join(declared.project["services"])
            raise ValueError(f"image: {service!r} is not a service of {release.stack}: write one of {known}")
        declared.project["services"][service]["image"] = reference
    return declared


def with_versions(declared: Declared, wanted: Mapping[str, str]) -> Declared:
    """A declaration with other versions of its models.

    :param wanted: by name: a version, C(@alias), or empty for what the declared alias is now.
    :raises ValueError: a model that is not declared.
    """
    models = {model.name: model for model in declared.models}
    for name in wanted:
        if name not in models:
            raise ValueError(f"model: {name!r} is not a model of {declared.stack}: write one of {', '.join(models) or '(it has none)'}")
    asked = {name: version or f"@{models[name].alias}" for name, version in wanted.items()}
    return replace(declared, versions={**declared.versions, **asked})


def with_replicas(release: Release, wanted: Mapping[str, int]) -> Declared:
    """The declaration of a release with other numbers of containers.

    :raises ValueError: a service that the release lacks, or a number below one.
    """
    declared = redeclared(release, "missing")
    known = {str(service["service"]) for service in declared.services}
    for service, count in wanted.items():
        if service not in known:
            raise ValueError(f"scale: {service!r} is not a running service of {release.stack}: write one of {', '.join(sorted(known))}")
        if count < 1:
            raise ValueError(f"scale: {service}={count}: write a number from 1 on; to stop a service, remove it from the Compose file")
        spec = declared.project["services"][service]
        spec["deploy"] = {**(spec.get("deploy") or {}), "replicas": count}
    services = [{**service, "replicas": wanted.get(str(service["service"]), service.get("replicas") or 1)} for service in declared.services]
    return Declared(**{**declared.__dict__, "services": services})


def redeclared(release: Release, pull_policy: str) -> Declared:
    """A release as a declaration again; its images stay pinned, so that they stay what they are."""
    return Declared(
        stack=release.stack,
        directory=release.directory,
        project=copy.deepcopy(release.project),
        environment=release.environment,
        services=copy.deepcopy(release.services),
        policies=copy.deepcopy(release.policies),
        domains=list(release.domains),
        pull=pull_policy,
        models=models_from(release.models),
        versions={str(entry["name"]): str(entry.get("version", "")) for entry in release.models},
    )
