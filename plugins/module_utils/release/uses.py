# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service uses beside its own definition: networks, volumes, configs and secrets at the top of the Compose file, and variables.

Its hash is a second label, beside that of the definition, which stays as it is: every container would be replaced for a new one. A
container from before there was this label uses what the live release says, so it is adopted with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ..compose.interpolation import Interpolation
from ..containers import network_names
from ..containers.client import USES
from .store import Release, fingerprint

DEFAULT = "default"


def parts(project: Mapping[str, Any], service: str, variables: Mapping[str, str], directory: str) -> dict[str, str]:
    """Hashes of what a service uses by ``network default``, ``config app`` …; of a config in a file also its content.

    Labels of a volume are left out: Docker cannot change them, and no container sees them. A variable that the service takes over by its
    name alone (``environment: [LOG_LEVEL]``) has its value outside of the definition.
    """
    spec = project["services"].get(service) or {}
    resolver = Interpolation(variables)
    used: dict[str, Any] = {f"network {name}": network(project, name) for name in networks_of(spec)}
    for name in _volumes(spec, project):
        used[f"volume {name}"] = {key: value for key, value in _section(project, "volumes", name).items() if key != "labels"}
    for kind in ("configs", "secrets"):
        for name in _sources(spec.get(kind)):
            used[f"{kind[:-1]} {name}"] = _section(project, kind, name)
    resolved = {name: resolver.resolve(value, name) for name, value in used.items()}
    for name, value in resolved.items():
        if name.startswith("config ") and value.get("file"):
            value["content"] = _content(Path(directory) / str(value["file"]))
    resolved |= {f"variable {name}": variables[name] for name in _taken_over(spec) if name in variables}
    return {name: fingerprint(value) for name, value in resolved.items()}


def label(project: Mapping[str, Any], service: str, variables: Mapping[str, str], directory: str) -> str:
    """The value of the label."""
    return fingerprint(parts(project, service, variables, directory))


def of(release: Release, service: str) -> str:
    """What the containers of a release use: as its label says, or, of an older engine, as the rest of it says."""
    spec = release.project["services"].get(service) or {}
    given = (spec.get("labels") or {}).get(USES)
    return str(given or label(release.project, service, release.environment, release.directory))


def changed(before: Release, after: Release, service: str) -> list[str]:
    """Which of it differs, for a person."""
    old, new = (parts(release.project, service, release.environment, release.directory) for release in (before, after))
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def network(project: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The definition of a network; Compose has one named default that no file needs to write."""
    return _section(project, "networks", name)


def networks_of(spec: Mapping[str, Any]) -> list[str]:
    """The networks of a service by their names in the Compose file."""
    if spec.get("network_mode"):
        return []
    return list(spec.get("networks") or [DEFAULT])


def resolved(release: Release, kind: str, name: str) -> dict[str, Any]:
    """A definition at the top of a release's project, with the values of its variables."""
    definition: dict[str, Any] = Interpolation(release.environment).resolve(_section(release.project, kind, name), f"{kind}.{name}")
    return definition


def _section(project: Mapping[str, Any], kind: str, name: str) -> dict[str, Any]:
    return dict((project.get(kind) or {}).get(name) or {})


def _volumes(spec: Mapping[str, Any], project: Mapping[str, Any]) -> list[str]:
    """Named volumes that a service mounts; a source that is a path is none."""
    known = project.get("volumes") or {}
    sources = [
        volume.get("source") if isinstance(volume, Mapping) else str(volume).partition(":")[0] for volume in spec.get("volumes") or []
    ]
    return [str(fromkey) for fromkey in dict.fromkeys(sources) if fromkey in known]


def _taken_over(spec: Mapping[str, Any]) -> list[str]:
    """Variables that stand in a service's environment without a value."""
    environment = spec.get("environment") or {}
    if isinstance(environment, Mapping):
        return [str(name) for name, value in environment.items() if value is None]
    return [str(item) for item in environment if "=" not in str(item)]


def _sources(uses: Any) -> list[str]:
    return list(dict.fromkeys(str(use.get("source") if isinstance(use, Mapping) else use) for use in uses or []))


def _content(path: Path) -> str:
    """A hash of a file; empty while there is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def real_name(stack: str, project: Mapping[str, Any], name: str) -> str:
    """A network's name for Docker."""
    return str(network(project, name).get("name") or (name if external(network(project, name)) else f"{stack}_{name}"))


def external(definition: Mapping[str, Any]) -> bool:
    """Somebody else makes it."""
    return bool(definition.get("external"))


def named_networks(
    stack: str, project: Mapping[str, Any], variables: Mapping[str, str], live: Release | None, others: Collection[str] = ()
) -> dict[str, Any]:
    """The networks of a project, so that one whose definition is another than that of the live release is another for Docker as well.

    A network cannot be changed while containers are in it. Under a name of its own the new one stands beside the old one, and services
    go over to it one after the other.

    :param others: those of a first release that somebody has made by hand, with another definition.
    """
    networks = {name: dict(spec or {}) for name, spec in (project.get("networks") or {}).items()}
    for name in sorted(others) if live is None else ():
        wanted, first = network(project, name), f"{stack}_{name}"
        networks[name] = {**wanted, "name": network_names.following(first, first, _resolved(wanted, variables))}
    for name in sorted(all_networks(live)) if live else ():
        wanted = _declared(stack, name, network(project, name))
        if live is None or external(wanted) or wanted.get("name") or name not in {*networks, *_used(project)}:
            continue
        there = real_name(stack, live.project, name)
        same = _resolved(wanted, variables) == _resolved(_declared(stack, name, network(live.project, name)), live.environment)
        own = there if same else network_names.following(f"{stack}_{name}", there, _resolved(wanted, variables))
        if own != f"{stack}_{name}":
            networks[name] = {**wanted, "name": own}
        elif name in networks:
            networks[name] = wanted
    return networks


def _used(project: Mapping[str, Any]) -> set[str]:
    return {name for spec in project["services"].values() for name in networks_of(spec)}


def all_networks(release: Release) -> set[str]:
    """The networks that its services are in."""
    return _used(release.project)


def _declared(stack: str, name: str, definition: Mapping[str, Any]) -> dict[str, Any]:
    """A network as the operator wrote it, without a name of ours."""
    given = str(definition.get("name") or "")
    ours = network_names.generation(given) and network_names.first(given) == f"{stack}_{name}"
    return {key: value for key, value in definition.items() if key != "name" or not ours}


def _resolved(definition: Mapping[str, Any], variables: Mapping[str, str]) -> str:
    return fingerprint(Interpolation(variables).resolve(dict(definition), "networks"))


def moved_networks(before: Release, after: Release) -> dict[str, tuple[str, str]]:
    """Networks that are others for Docker: name in the Compose file to the real names before and after."""
    moved = {}
    for name in sorted(all_networks(before) & all_networks(after)):
        names = (real_name(before.stack, before.project, name), real_name(after.stack, after.project, name))
        if names[0] != names[1]:
            moved[name] = names
    return moved
