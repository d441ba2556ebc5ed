# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Compose project as it is written on the host: the operator's file, plus what production must have.

Nothing the operator wrote is weakened or replaced, except the source of declared secrets: each service gets a copy of
its own, owned by its user. File-based secrets are bind mounts, whose C(uid), C(gid), C(mode) Compose ignores outside
Swarm.
"""

from __future__ import annotations

import copy
from typing import Any

from ..compose.model import Service
from ..compose.paths import literal
from ..compose.syntax import parse_mount
from ..contracts.carried_files import EXTENSION
from ..core.paths import SECRETS
from .files.derive import host_path, reloads
from .model import Declaration
from .routes.static_files import static_files
from .services.confinement import confine

LOG_OPTIONS = {"max-size": "10m", "max-file": "5"}
STOP_GRACE = "30s"
_DROPPED = ("build", "scale")


def compose_project(declaration: Declaration) -> dict[str, Any]:
    """A new mapping in the order of the operator's file; Compose resolves its variables from C(.env)."""
    raw = declaration.compose.raw
    services = {name: _service(declaration, name) for name in declaration.compose.services}
    project: dict[str, Any] = {"name": declaration.name, "services": services}
    networks = _networks(declaration)
    if networks:
        project["networks"] = networks
    secrets = _secrets(declaration)
    if secrets:
        project["secrets"] = secrets
    for name, value in raw.items():
        if name not in project and name not in ("version", "networks", "secrets") and not name.startswith("x-"):
            project[name] = copy.deepcopy(value)
    _place_configs(declaration, project)
    networks_beside = [access.to_dict() for access in declaration.networks]
    extension = {"reload": reloads(declaration), "static": static_files(declaration), "networks": networks_beside}
    if any(extension.values()):
        project[EXTENSION] = {name: items for name, items in extension.items() if items}
    return project


def _volumes(declaration: Declaration, written: list[Any], resolved: list[Any]) -> list[Any]:
    """Mounts of what the release carries, from where it is on the host, and read-only."""
    return [_mount(declaration, mount, judged) for mount, judged in zip(written, resolved, strict=True)]


def _mount(declaration: Declaration, written: Any, resolved: Any) -> Any:
    mount = parse_mount(resolved)
    target = host_path(declaration.name, declaration.files, mount.source) if mount.kind == "bind" else ""
    if not target:
        return written
    if isinstance(written, dict):
        return {**written, "source": target, "read_only": True}
    _source, _colon, rest = resolved.partition(":")
    container, colon, options = rest.partition(":")
    kept = [option for option in options.split(",") if option not in ("", "rw", "ro")] if colon else []
    return literal(f"{target}:{container}:{','.join(['ro', *kept])}")


def _place_configs(declaration: Declaration, project: dict[str, Any]) -> None:
    """Configs in files that the release carries."""
    for name, spec in (project.get("configs") or {}).items():
        file = (declaration.compose.resolved["configs"][name] or {}).get("file")
        if file and not file.startswith("/") and (target := host_path(declaration.name, declaration.files, file)):
            spec["file"] = target


def _service(declaration: Declaration, name: str) -> dict[str, Any]:
    parsed = declaration.compose.services[name]
    service: dict[str, Any] = copy.deepcopy(dict(declaration.compose.raw["services"][name]))
    completes = declaration.expect(parsed) == "completed"
    for key in _DROPPED:
        service.pop(key, None)
    if built := declaration.builds.get(name):
        service["image"] = built.reference(declaration.name)
        if service.get("pull_policy") == "build":
            del service["pull_policy"]  # who builds is the role, before the release
    if declaration.replicas(parsed) != 1 or "replicas" in (service.get("deploy") or {}):
        service["deploy"] = {**(service.get("deploy") or {}), "replicas": declaration.replicas(parsed)}
    if not completes and not (service.get("deploy") or {}).get("restart_policy"):
        service.setdefault("restart", "unless-stopped")
    service.setdefault("init", True)
    service.setdefault("stop_grace_period", STOP_GRACE)
    judged = declaration.compose.resolved["services"][name]
    service["logging"] = _logging(service.get("logging"), (judged.get("logging") or {}).get("driver"))
    service["security_opt"] = _security_options(service.get("security_opt"), judged.get("security_opt"))
    options = declaration.options(name)
    confine(service, judged, options.limits, options.confinement)
    if declaration.files and service.get("volumes"):
        service["volumes"] = _volumes(declaration, service["volumes"], judged["volumes"])
    uses = _secret_uses(declaration, parsed, service.get("secrets"))
    if uses:
        service["secrets"] = uses
    if declaration.takes_environment(parsed):
        _take_environment(declaration, parsed, service)
    if _secret_variables(declaration, name):
        service["env_file"] = [*_env_files(service.get("env_file")), environment_file(declaration, name)]
    return service


def _take_environment(declaration: Declaration, parsed: Service, service: dict[str, Any]) -> None:
    """The variables of C(env_file: .env), one by one, so that a value that changes is a change of the service.

    The file itself is not there before the first release, and is that of the release before in each later one. What the service sets
    itself wins, and so do its secrets.
    """
    written_files = zip(_env_files(service.pop("env_file")), parsed.env_files, strict=True)
    files = [written for written, file in written_files if not declaration.own_env_file(file)]
    if files:
        service["env_file"] = files
    given = {*parsed.environment, *_secret_variables(declaration, parsed.name)}
    taken = [name for name in declaration.environment if name not in given]
    written = service.get("environment")
    if isinstance(written, list):
        service["environment"] = [*written, *(f"{name}=${{{name}}}" for name in taken)]
    elif taken:
        service["environment"] = {**(written or {}), **{name: f"${{{name}}}" for name in taken}}


def _secret_variables(declaration: Declaration, service: str) -> set[str]:
    return {secret.environment[service] for secret in declaration.secrets.values() if service in secret.environment}


def environment_file(declaration: Declaration, service: str) -> str:
    return f"{SECRETS}/{declaration.name}/env/{service}.env"


def secret_file(declaration: Declaration, secret: str) -> str:
    """The master of a secret, which root's own services read; empty for none."""
    return f"{SECRETS}/{declaration.name}/{secret}" if secret else ""


def _logging(given: Any, driver: str | None) -> dict[str, Any]:
    """Log limits where the driver, its variables resolved, writes to the host's disk and none are given."""
    logging = dict(given or {})
    logging.setdefault("driver", "json-file")
    if driver in (None, "json-file", "local"):
        logging["options"] = {**LOG_OPTIONS, **(logging.get("options") or {})}
    return logging


def _security_options(given: Any, resolved: Any) -> list[str]:
    options = list(given or [])
    if not any(option.startswith("no-new-privileges") for option in resolved or ()):
        options.append("no-new-privileges:true")
    return options


def _env_files(given: Any) -> list[Any]:
    return list(given) if isinstance(given, list) else [given] if given else []


def _secret_uses(declaration: Declaration, service: Service, given: Any) -> list[Any]:
    """References to declared secrets point to the copy of this service; the others stay."""
    uses = []
    for use, written in zip(service.secrets, given or [], strict=False):
        if use.source in declaration.secrets:
            uses.append({"source": f"{service.name}.{use.source}", "target": use.target})
        else:
            uses.append(written)
    return uses


def _secrets(declaration: Declaration) -> dict[str, Any]:
    secrets: dict[str, Any] = {}
    folder = f"{SECRETS}/{declaration.name}/services"
    for service in declaration.compose.services.values():
        for use in service.secrets:
            if use.source in declaration.secrets:
                secrets[f"{service.name}.{use.source}"] = {"file": f"{folder}/{service.name}/{use.source}"}
    for name, value in (declaration.compose.raw.get("secrets") or {}).items():
        if name not in declaration.secrets:
            secrets[name] = copy.deepcopy(value)
    return secrets


def _networks(declaration: Declaration) -> dict[str, Any]:
    """Networks are internal unless the Compose file says otherwise: containers reach each other, nothing else."""
    written = declaration.compose.raw.get("networks") or {}
    used = {network for service in declaration.compose.services.values() for network in service.networks}
    networks: dict[str, Any] = {}
    for name in [*written, *(["default"] if "default" in used and "default" not in written else [])]:
        spec = copy.deepcopy(dict(written.get(name) or {}))
        if name in declaration.compose.internal_networks:
            spec["internal"] = True
        networks[name] = spec
    return networks
