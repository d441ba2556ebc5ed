# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration, read and typed, and the sections that it is made of.

Values that were wrong are empty here; only a faultless declaration is ever derived from.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..compose.model import Compose, Service
from ..compose.syntax import EnvFile
from ..contracts.claims import Claim
from ..contracts.container_access import NetworkAccess
from ..contracts.rollout_policy import Hooks
from ..schema.nodes import Node, Problem
from .builds.model import BuildEntry
from .certificates.model import CertificateEntry
from .files.model import FileEntry
from .network.model import Opening
from .routes.model import Route
from .routes.redirects import Redirect
from .secrets.model import Database, Secret
from .services.model import ServiceOptions
from .streams.model import StreamEntry
from .watchdog.model import Watchdog


@dataclass(frozen=True)
class Part:
    """One key of C(ops_stack): its schema, and what is made of the value that the schema read."""

    node: Node
    build: Callable[[Any], Any]


@dataclass(frozen=True)
class Derivation:
    """A function of the typed declaration, and the filter of its name.

    :param empty: makes the result where nothing is declared.
    :param secret: the result may hold values of secrets; it is never remembered.
    :param merged: several stacks of a host have one result together: what the lists of all of them hold, each item once.
    :param whole: of that also what stacks give that the run leaves alone, since the host has one of it for all.
    :param unreadable: what stands for such a stack, by its name, where its declaration has errors; without it, it is derived as far as it
        can be read.
    """

    derive: Callable[[Declaration], Any]
    empty: Callable[[], Any]
    secret: bool = False
    merged: bool = False
    whole: bool = False
    unreadable: Callable[[str], Any] | None = None


@dataclass(frozen=True)
class Section:
    """What a section brings to the declaration.

    :param parts: by key of C(ops_stack).
    :param checks: in the order in which an operator reads the declaration; those that need no Compose file.
    :param compose_checks: those that need one.
    :param derivations: by the name of the filter.
    :param reads: the declared secrets that it reads itself, as the key that names one, and the secret.
    :param makes: the secrets that it makes for itself unless they are declared, as name, kind and options.
    :param facts: what another section may ask for by name, without knowing this one.
    :param claims: what the stack has for itself on a host; no other stack of it may claim the same.
    """

    parts: Mapping[str, Part]
    checks: tuple[Callable[[Declaration, list[Problem]], None], ...] = ()
    compose_checks: tuple[Callable[[Declaration, list[Problem]], None], ...] = ()
    derivations: Mapping[str, Derivation] = field(default_factory=dict)
    reads: Callable[[Declaration], Iterable[tuple[str, str]]] = lambda _declaration: ()
    makes: Callable[[Declaration], Mapping[str, Mapping[str, Any]]] = lambda _declaration: {}
    facts: Mapping[str, Callable[[Declaration], Any]] = field(default_factory=dict)
    claims: Callable[[Declaration], Iterable[Claim]] = lambda _declaration: ()


@dataclass(frozen=True)
class Declaration:
    """What an operator declared: the stack itself, its Compose file, and the typed part of each key of a section."""

    name: str
    directory: str
    contact: str
    environment: Mapping[str, str]
    compose: Compose
    parts: Mapping[str, Any]
    sections: tuple[Section, ...]

    @property
    def routes(self) -> tuple[Route, ...]:
        """What is reachable from outside."""
        routes: tuple[Route, ...] = self.parts["routes"]
        return routes

    @property
    def all_routes(self) -> tuple[Route, ...]:
        """The same with those to programs of the host, which other sections declare (fact C(host_routes))."""
        return (*self.routes, *(route for routes in self.facts("host_routes") for route in routes))

    @property
    def redirects(self) -> tuple[Redirect, ...]:
        """Names and paths that lead elsewhere."""
        redirects: tuple[Redirect, ...] = self.parts["redirects"]
        return redirects

    @property
    def streams(self) -> tuple[StreamEntry, ...]:
        """What is reachable without HTTP."""
        streams: tuple[StreamEntry, ...] = self.parts["streams"]
        return streams

    @property
    def error_pages(self) -> Mapping[str, str]:
        """Pages for errors of nginx, by status."""
        pages: Mapping[str, str] = self.parts["error_pages"]
        return pages

    @property
    def wildcards(self) -> tuple[str, ...]:
        """Names whose hosts share a certificate."""
        wildcards: tuple[str, ...] = self.parts["wildcards"]
        return wildcards

    @property
    def certificates(self) -> tuple[CertificateEntry, ...]:
        """Certificates that the operator brings."""
        certificates: tuple[CertificateEntry, ...] = self.parts["certificates"]
        return certificates

    @property
    def files(self) -> Mapping[str, FileEntry]:
        """What a release brings to the host, by path as the Compose file has it."""
        files: Mapping[str, FileEntry] = self.parts["files"]
        return files

    @property
    def builds(self) -> Mapping[str, BuildEntry]:
        """Images that are built, by service."""
        builds: Mapping[str, BuildEntry] = self.parts["builds"]
        return builds

    @property
    def services(self) -> Mapping[str, ServiceOptions]:
        """What is declared of services."""
        services: Mapping[str, ServiceOptions] = self.parts["services"]
        return services

    @property
    def secrets(self) -> Mapping[str, Secret]:
        """Secrets by name."""
        secrets: Mapping[str, Secret] = self.parts["secrets"]
        return secrets

    @property
    def databases(self) -> tuple[Database, ...]:
        """Databases among the services."""
        databases: tuple[Database, ...] = self.parts["databases"]
        return databases

    @property
    def firewall(self) -> tuple[Opening, ...]:
        """Openings of the firewall."""
        openings: tuple[Opening, ...] = self.parts["firewall"]
        return openings

    @property
    def networks(self) -> tuple[NetworkAccess, ...]:
        """What containers may reach beside their networks."""
        networks: tuple[NetworkAccess, ...] = self.parts["networks"]
        return networks

    @property
    def update(self) -> Hooks:
        """What the host does before a release."""
        hooks: Hooks = self.parts["update"]
        return hooks

    @property
    def watchdog(self) -> Watchdog:
        """What is watched beside the services."""
        watchdog: Watchdog = self.parts["watchdog"]
        return watchdog

    def options(self, service: str) -> ServiceOptions:
        return self.services.get(service) or ServiceOptions()

    def own_env_file(self, file: EnvFile) -> bool:
        """It is the C(.env) that C(environment) is written to, by whichever path."""
        return posixpath.normpath(posixpath.join(self.directory, file.path)) == posixpath.join(self.directory, ".env")

    def takes_environment(self, service: Service) -> bool:
        """All of C(environment) becomes variables of its containers."""
        return any(self.own_env_file(file) for file in service.env_files)

    def replicas(self, service: Service) -> int:
        declared = self.options(service.name).replicas
        return service.replicas if declared is None else declared

    def expect(self, service: Service) -> str:
        return self.options(service.name).expect or ("healthy" if service.has_healthcheck else "running")

    def stays(self, service: Service) -> bool:
        """It is started, and is to stay up."""
        return self.replicas(service) > 0 and self.expect(service) != "completed"

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

    @property
    def clusters(self) -> tuple[str, ...]:
        """The services that are database servers."""
        return tuple(dict.fromkeys(database.service for database in self.databases if database.service))

    def read_secrets(self) -> Iterator[tuple[str, str]]:
        """The declared secrets that sections read themselves: the key that names one, and the secret."""
        for section in self.sections:
            yield from section.reads(self)

    def made_secrets(self) -> dict[str, Mapping[str, Any]]:
        """The secrets that sections make for themselves, unless they are declared: name, then kind and its options."""
        return {name: options for section in self.sections for name, options in section.makes(self).items()}

    def fact(self, name: str, default: Any) -> Any:
        """What a section says under this name; the default when none does."""
        return next(self.facts(name), default)

    def facts(self, name: str) -> Iterator[Any]:
        """What each section says under this name."""
        return (section.facts[name](self) for section in self.sections if name in section.facts)


def build(read: Mapping[str, Any], compose: Compose, sections: tuple[Section, ...]) -> Declaration:
    """The typed declaration from what the schema read."""
    return Declaration(
        name=read["name"],
        directory=read["directory"] or f"/opt/{read['name']}",
        contact=read["contact"] or "",
        environment=read["environment"],
        compose=compose,
        parts={key: part.build(read[key]) for section in sections for key, part in section.parts.items()},
        sections=sections,
    )
