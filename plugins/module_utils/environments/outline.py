# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outline of a declaration: what it means, by section, name and attribute, so that those of two environments can be compared.

Lists have no order here but by what their entries are known by (a route by its path and service, a firewall opening by its port): an entry
that moved is no difference. Of secrets there are names and kinds; a value that could be a secret is held as a hash, and shown as hidden.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..compose.model import Service
from ..compose.plain_secrets import COMMAND_KEYS, looks_secret, secret_in
from ..compose.scalars import as_text
from ..core.masking import HIDDEN, Masker
from ..declaration.backups.derive import backup_config
from ..declaration.compose_project import compose_project
from ..declaration.jobs.derive import jobs_config
from ..declaration.model import Declaration
from ..declaration.routes.model import Route
from ..declaration.slos.derive import slo_objectives
from ..declaration.updates.derive import rollout_policies
from ..declaration.watchdog.derive import watchdog_config

Attributes = dict[str, Any]
Sections = dict[str, dict[str, Attributes]]
# Of a service's watchdog settings: what stands in other sections as well.
_ELSEWHERE = ("service", "replicas", "expect", "needs", "routed")
_LONG = ("content",)  # a config's text: shown by its hash


@dataclass(frozen=True)
class Hidden:
    """A value that is compared and never shown."""

    digest: str

    def __str__(self) -> str:
        return HIDDEN


@dataclass(frozen=True)
class Outline:
    """What one environment declares of a stack.

    :param names: what stands for the environment in other values: the stack's name, then its domains in the order of the routes.
    :param given: secrets whose value the inventory has, with its hash.
    """

    stack: str
    names: tuple[str, ...]
    sections: Sections
    given: Mapping[str, Hidden]


def outline(declaration: Declaration) -> Outline:
    """The outline of a faultless declaration."""
    sections: Sections = {
        "stack": {declaration.name: {"contact": declaration.contact, "directory": declaration.directory}},
        "services": {name: _service(declaration, service) for name, service in declaration.compose.services.items()},
        "routes": _routes(declaration.routes),
        "environment": {name: {"value": _variable(name, value)} for name, value in declaration.environment.items()},
        "secrets": {secret.name: {"kind": secret.kind} for secret in declaration.secrets.values()},
        "databases": {
            f"{base.service or base.engine}/{base.name}": _without(base, "key", "service", "name") for base in declaration.databases
        },
        "firewall": {f"{opening.port}/{opening.protocol}": {"from": sorted(opening.sources)} for opening in declaration.firewall},
        # One that is read again at a signal has the same path with any content: nothing else says that it differs.
        "files": {path: {"digest": entry.carried.digest} for path, entry in declaration.files.items() if entry.carried},
        "update": {"": declaration.update.to_dict()},
        "backups": _backups(backup_config(declaration)),
        "watchdog": _watchdog(watchdog_config(declaration)),
        "slos": {entry["name"]: {key: value for key, value in entry.items() if key != "stack"} for entry in slo_objectives(declaration)},
        "jobs": {job["name"]: _job(job) for job in jobs_config(declaration).get("jobs", ())},
    }
    project = compose_project(declaration)
    for section in ("volumes", "networks", "configs"):
        sections[section] = {name: dict(spec or {}) for name, spec in (project.get(section) or {}).items()}
    masker = Masker([secret.value for secret in declaration.secrets.values() if secret.value])
    plain = {section: {name: _flat(_masked(item, masker)) for name, item in items.items()} for section, items in sections.items()}
    domains = [name for route in declaration.routes for name in (route.domain, *route.aliases)]
    given = {secret.name: _hidden(secret.value) for secret in declaration.secrets.values() if secret.value}
    return Outline(declaration.name, (declaration.name, *dict.fromkeys(domains)), plain, given)


def _service(declaration: Declaration, service: Service) -> Attributes:
    """What makes its containers, how many there are, and how they are updated and judged."""
    project = compose_project(declaration)["services"][service.name]
    policies = {policy["service"]: policy for policy in rollout_policies(declaration)}
    options = declaration.options(service.name)
    made: Attributes = {key: value for key, value in project.items() if key not in ("environment", "secrets", "deploy")}
    for key in COMMAND_KEYS:
        if key in made and secret_in(made[key].get("test") if isinstance(made[key], Mapping) else made[key]):
            made[key] = _hidden(made[key])
    return {
        **made,
        # Variables resolved: what is pulled.
        "image": str(declaration.compose.resolved["services"][service.name].get("image") or ""),
        "environment": {name: _variable(name, value) for name, value in _written(project.get("environment")).items()},
        "secrets": sorted(use.source for use in service.secrets),
        "deploy": {key: value for key, value in (project.get("deploy") or {}).items() if key != "replicas"},
        "replicas": declaration.replicas(service),
        "expect": declaration.expect(service),
        "probe": options.probe.to_dict() if options.probe else None,
        "update": {key: value for key, value in policies[service.name].items() if key != "service"},
    }


def _routes(routes: Iterable[Route]) -> dict[str, Attributes]:
    """By path and service: domains are what environments differ in. Several domains with the same route are one entry."""
    entries: dict[str, Attributes] = {}
    for route in routes:
        key = f"{route.path} -> {route.service}:{route.port}"
        options = _without(route, "key", "domain", "aliases", "path", "service", "port")
        known = next((name for name, entry in entries.items() if name.partition(" #")[0] == key and _options(entry) == options), "")
        if not known:
            count = sum(name.partition(" #")[0] == key for name in entries)
            known = f"{key} #{count + 1}" if count else key
            entries[known] = {"domains": [], **options}
        entries[known]["domains"] += [route.domain, *(f"{alias} (alias)" for alias in route.aliases)]
    return entries


def _options(entry: Attributes) -> Attributes:
    return {name: value for name, value in entry.items() if name != "domains"}


def _backups(config: Mapping[str, Any]) -> dict[str, Attributes]:
    """The settings, and an entry each for what is backed up and where to; without files of the host, which hold secrets."""
    if not config:
        return {}
    known_by = {"targets": "name", "volumes": "name", "clusters": "service", "caches": "service"}
    lists = {key: config[key] for key in known_by}
    entries = {f"{key[:-1]} {item[known_by[key]]}": _without_files(item) for key, items in lists.items() for item in items}
    settings = {key: value for key, value in config.items() if key not in (*known_by, "stack", "directory")}
    return {"": settings, **entries}


def _without_files(item: Mapping[str, Any]) -> Attributes:
    kept = {key: value for key, value in item.items() if not key.endswith("_file")}
    return {**kept, "environment": sorted(item["environment"])} if "environment" in item else kept


def _watchdog(config: Mapping[str, Any]) -> dict[str, Attributes]:
    """Its settings, and an entry for each service, site and receiver."""
    entries: dict[str, Attributes] = {
        "": {key: value for key, value in config.items() if key not in ("name", "services", "sites", "alerts", "deadman", "status_page")}
    }
    if config.get("deadman"):
        entries["deadman"] = {"interval": config["deadman"]["interval"]}
    for service in config["services"]:
        probes = {
            probe["name"]: _without_files({key: value for key, value in probe.items() if key != "name"}) for probe in service["probes"]
        }
        entries[f"service {service['service']}"] = {**{k: v for k, v in service.items() if k not in _ELSEWHERE}, "probes": probes}
    for number, site in enumerate(config["sites"], 1):
        entries[f"site {number}"] = dict(site)
    for number, alert in enumerate(config["alerts"], 1):
        entries[f"alert {number} ({alert.get('kind', '')})"] = _without_files(alert)
    return entries


def _job(job: Mapping[str, Any]) -> Attributes:
    """One job; each kind of data that it leaves by its name."""
    made = {key: value for key, value in job.items() if key not in ("name", "fresh")}
    return {**made, "fresh": {fresh["name"]: {key: value for key, value in fresh.items() if key != "name"} for fresh in job["fresh"]}}


def _without(record: Any, *names: str) -> Attributes:
    return {name: value for name, value in asdict(record).items() if name not in names}


def _written(environment: Any) -> dict[str, str]:
    """Variables of a service as they are written: what ${NAME} is, stands once, in section environment."""
    if isinstance(environment, list):
        return dict(str(item).partition("=")[::2] for item in environment)
    return {name: "" if value is None else as_text(value) for name, value in (environment or {}).items()}


def _variable(name: str, value: str) -> Any:
    return _hidden(value) if looks_secret(name, value) else value


def _hidden(value: Any) -> Hidden:
    return Hidden(hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest())


def _masked(value: Any, masker: Masker) -> Any:
    """The value with texts that hold a secret hidden, and long texts by their hash."""
    if isinstance(value, Mapping):
        masked: Attributes = {}
        for key, item in value.items():
            short = key not in _LONG or not isinstance(item, str)
            masked[str(key)] = _masked(item, masker) if short else f"{len(item.splitlines())} lines ({_hidden(item).digest[:12]})"
        return masked
    if isinstance(value, (list, tuple)):
        return [_masked(item, masker) for item in value]
    if isinstance(value, str) and masker.mask(value) != value:
        return _hidden(value)
    return value


def _flat(value: Mapping[str, Any], above: str = "") -> Attributes:
    """Nested mappings as one, by dotted names; what is empty is left out, as what is not written."""
    flat: Attributes = {}
    for key, item in value.items():
        name = f"{above}{key}"
        if isinstance(item, Mapping):
            flat |= _flat(item, f"{name}.")
        elif item not in (None, "", []):
            flat[name] = item
    return flat
