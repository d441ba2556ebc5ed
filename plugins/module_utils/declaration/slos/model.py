# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objectives, as they are declared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...contracts.routes import route_name
from ..model import Declaration
from ..watchdog.derive import probe_names

ObjectiveEntry = Mapping[str, Any]
SITE = "site:"  # before the domain of a site that the watchdog looks at


def slos_from(items: Sequence[ObjectiveEntry]) -> tuple[ObjectiveEntry, ...]:
    """What the schema read."""
    return tuple(items)


def slos_of(declaration: Declaration) -> tuple[ObjectiveEntry, ...]:
    """The objectives of a stack in their order; mappings as the schema read them."""
    entries: tuple[ObjectiveEntry, ...] = declaration.parts["slos"]
    return entries


def routes_by_name(declaration: Declaration) -> dict[str, tuple[str, bool]]:
    """The service behind each route, and whether its connections may be upgraded, by the name of the route in metrics."""
    return {route_name(route.domain, route.path): (route.service, route.websocket) for route in declaration.routes}


def services_with_objectives(declaration: Declaration) -> set[str]:
    """The services whose requests an objective is about: its own, or those to a route of it."""
    routes = routes_by_name(declaration)
    behind = [routes.get(named_route(entry["route"]), ("", False))[0] for entry in slos_of(declaration) if entry["route"]]
    return {*behind, *(entry["service"] for entry in slos_of(declaration) if entry["service"])} - {""}


def named_route(written: str) -> str:
    """The name of a route from what an operator writes: without a slash at the end, or without the path of a whole domain."""
    domain, _slash, path = written.partition("/")
    return route_name(domain, f"/{path}")


def probes_by_name(declaration: Declaration) -> dict[str, str]:
    """The service behind each thing that the watchdog looks at, by what an objective calls it."""
    probes: dict[str, str] = {}
    for service in declaration.compose.services.values():
        if declaration.stays(service):
            probes[service.name] = service.name
            probes |= {f"{service.name}/{name}": service.name for name in probe_names(declaration, service)}
    skipped = declaration.watchdog.sites["skip"]
    for route in declaration.routes:
        if route.domain not in skipped:
            probes.setdefault(f"{SITE}{route.domain}", route.service)
    return probes
