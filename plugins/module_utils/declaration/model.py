# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration, read and typed. Values that were wrong are empty here; only a faultless one is ever derived from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..compose.model import Compose, Service
from ..contracts.health import Probe
from ..contracts.rollout_policy import Hooks
from ..contracts.secret_kinds import references
from .backups.model import Backups, backups_from
from .updates.model import Update, stack_update_from, update_from
from .watchdog.model import Watch, Watchdog, watch_from, watchdog_from


@dataclass(frozen=True)
class RateLimit:
    requests: int
    per: str
    burst: int


@dataclass(frozen=True)
class Route:
    key: str
    domain: str
    aliases: tuple[str, ...]
    path: str
    service: str
    port: int
    websocket: bool
    body_limit: str
    timeout: int
    rate_limit: RateLimit | None
    balance: str
    headers: Mapping[str, str]
    allow_from: tuple[str, ...]
    strip_prefix: bool
    buffering: bool


@dataclass(frozen=True)
class ServiceOptions:
    replicas: int | None = None
    expect: str | None = None
    user_id: int | None = None
    group_id: int | None = None
    probe: Probe | None = None
    allow: tuple[str, ...] = ()
    update: Update = field(default_factory=Update)
    watch: Watch = field(default_factory=watch_from)


@dataclass(frozen=True)
class Secret:
    name: str
    kind: str
    options: Mapping[str, Any]
    value: str | None = field(repr=False)
    environment: Mapping[str, str]

    @property
    def references(self) -> tuple[str, ...]:
        """The secrets that this one is made of."""
        if self.kind == "template":
            return tuple(dict.fromkeys(references(self.options.get("template") or "")))
        made_of = self.options.get("of")
        return (made_of,) if made_of else ()


@dataclass(frozen=True)
class Database:
    key: str
    service: str
    engine: str
    name: str
    user: str
    password_secret: str


@dataclass(frozen=True)
class Opening:
    key: str
    port: int
    protocol: str
    sources: tuple[str, ...]
    comment: str


@dataclass(frozen=True)
class Declaration:
    name: str
    directory: str
    contact: str
    environment: Mapping[str, str]
    routes: tuple[Route, ...]
    services: Mapping[str, ServiceOptions]
    secrets: Mapping[str, Secret]
    databases: tuple[Database, ...]
    firewall: tuple[Opening, ...]
    compose: Compose
    update: Hooks = field(default_factory=Hooks)
    watchdog: Watchdog = field(default_factory=watchdog_from)
    backups: Backups | None = None

    def options(self, service: str) -> ServiceOptions:
        return self.services.get(service) or ServiceOptions()

    def replicas(self, service: Service) -> int:
        declared = self.options(service.name).replicas
        return service.replicas if declared is None else declared

    def expect(self, service: Service) -> str:
        return self.options(service.name).expect or ("healthy" if service.has_healthcheck else "running")

    def stays(self, service: Service) -> bool:
        """It is started, and is to stay up."""
        return not service.profiles and self.replicas(service) > 0 and self.expect(service) != "completed"

    def reader(self, service: Service) -> tuple[int, int]:
        """User and group that read the service's secrets: the declared, else Compose's numeric C(user:), else root."""
        options = self.options(service.name)
        user, group = service.user or (0, 0)
        return (
            user if options.user_id is None else options.user_id,
            (group or 0) if options.group_id is None else options.group_id,
        )

    def consumers(self, secret: str) -> Iterator[Service]:
        """The services that mount the secret as a file."""
        return (service for service in self.compose.services.values() if any(use.source == secret for use in service.secrets))

    def watch_secrets(self) -> Iterator[tuple[str, str]]:
        """What the watchdog itself reads: the key that names a secret, and the secret."""
        for name, options in self.services.items():
            yield from options.watch.secrets(f"services.{name}.watch")
        yield from self.watchdog.secrets("watchdog")

    @property
    def clusters(self) -> tuple[str, ...]:
        """The services that are database servers."""
        return tuple(dict.fromkeys(database.service for database in self.databases if database.service))

    def made_for_backups(self) -> dict[str, dict[str, Any]]:
        """The secrets that backups make for themselves, unless they are declared: name, then kind and its options."""
        return self.backups.made(self.clusters) if self.backups else {}


def build(read: Mapping[str, Any], compose: Compose) -> Declaration:
    """The typed declaration from what the schema read."""
    return Declaration(
        name=read["name"],
        directory=read["directory"] or f"/opt/{read['name']}",
        contact=read["contact"] or "",
        environment=read["environment"],
        routes=tuple(_route(item, f"routes[{index}]") for index, item in enumerate(read["routes"])),
        services={name: _service(item) for name, item in read["services"].items()},
        secrets={name: _secret(name, item) for name, item in read["secrets"].items()},
        databases=tuple(Database(key=f"databases[{index}]", **item) for index, item in enumerate(read["databases"])),
        firewall=tuple(_opening(item, f"firewall[{index}]") for index, item in enumerate(read["firewall"])),
        compose=compose,
        update=stack_update_from(read.get("update") or {}),
        watchdog=watchdog_from(read.get("watchdog")),
        backups=backups_from(read.get("backups")),
    )


def _route(item: dict[str, Any], key: str) -> Route:
    limit = item.get("rate_limit")
    rate_limit = None
    if limit:
        burst = limit["requests"] if limit["burst"] is None else limit["burst"]
        rate_limit = RateLimit(limit["requests"], limit["per"], burst)
    aliases = tuple(name for name in item["aliases"] if name)
    networks = tuple(network for network in item["allow_from"] if network)
    headers = {name: value for name, value in item["headers"].items() if value is not None}
    path = item["path"].rstrip("/") or "/"
    changed = {"aliases": aliases, "rate_limit": rate_limit, "allow_from": networks, "headers": headers, "path": path}
    return Route(key=key, **{**item, **changed})


def _service(item: dict[str, Any]) -> ServiceOptions:
    probe = item.get("probe")
    allow = tuple(name for name in item.get("allow") or () if name)
    update = update_from(item.get("update") or {})
    changed = {
        "probe": Probe.from_dict(probe, tolerant=True) if probe else None,
        "allow": allow,
        "update": update,
        "watch": watch_from(item.get("watch")),
    }
    return ServiceOptions(**{**item, **changed})


def _secret(name: str, item: dict[str, Any]) -> Secret:
    common = ("kind", "value", "environment")
    options = {option: value for option, value in item.items() if option not in common}
    environment = {service: variable for service, variable in (item.get("environment") or {}).items() if variable}
    return Secret(name, item.get("kind") or "", options, item.get("value"), environment)


def _opening(item: dict[str, Any], key: str) -> Opening:
    sources = tuple(network for network in item["from"] if network)
    return Opening(key, item["port"], item["protocol"], sources, item["comment"])
