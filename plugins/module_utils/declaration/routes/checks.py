# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the routes: each leads to a service that can answer, and no name or path is given twice."""

from __future__ import annotations

from ...schema.nodes import Problem, shown
from ..model import Declaration
from .model import Route


def check_routes(declaration: Declaration, problems: list[Problem]) -> None:
    if declaration.routes and not declaration.contact:
        what = "is required with routes: the certificate authority writes there before a certificate expires"
        if not any(problem.key == "contact" for problem in problems):
            problems.append(Problem("contact", "nothing", what, "add contact: ops@example.com"))
    _check_paths(declaration, problems)
    _check_names(declaration, problems)
    _check_balance(declaration, problems)
    if declaration.compose.services:
        for route in declaration.routes:
            _check_service(declaration, route, problems)


def _check_paths(declaration: Declaration, problems: list[Problem]) -> None:
    first: dict[tuple[str, str], Route] = {}
    for route in declaration.routes:
        if not route.domain:
            continue
        known = first.setdefault((route.domain, route.path), route)
        if known is not route:
            what = f"is the same domain and path as {known.key}"
            fix = "remove one of the two, or give one another path"
            problems.append(Problem(f"{route.key}.path", shown(f"{route.domain}{route.path}"), what, fix))


def _check_names(declaration: Declaration, problems: list[Problem]) -> None:
    """A name has one site: it is a domain or an alias, of one domain, said once."""
    domains: dict[str, Route] = {}
    for route in declaration.routes:
        domains.setdefault(route.domain, route)
    owners: dict[str, Route] = {}
    for route in declaration.routes:
        first = domains[route.domain]
        if route.aliases and first is not route and route.domain:
            what = f"belongs to the first route of {route.domain}"
            fix = f"move the aliases to {first.key}.aliases"
            problems.append(Problem(f"{route.key}.aliases", ", ".join(route.aliases), what, fix))
            continue
        for index, alias in enumerate(route.aliases):
            key = f"{route.key}.aliases[{index}]"
            if alias == route.domain:
                problems.append(Problem(key, shown(alias), "is the domain of this route itself", "remove it"))
            elif alias in domains:
                what = f"is the domain of {domains[alias].key} already"
                problems.append(Problem(key, shown(alias), what, "remove it here, or remove that route"))
            elif alias in owners:
                what = f"is an alias of {owners[alias].domain} ({owners[alias].key}) already"
                problems.append(Problem(key, shown(alias), what, "remove one of the two"))
            owners.setdefault(alias, route)


def _check_balance(declaration: Declaration, problems: list[Problem]) -> None:
    first: dict[tuple[str, int], Route] = {}
    for route in declaration.routes:
        if not (route.service and route.port):
            continue
        known = first.setdefault((route.service, route.port), route)
        if known.balance != route.balance:
            what = f"differs from {known.key}, which leads to the same service and port ({known.balance})"
            fix = f"write balance: {known.balance} in both, or {route.balance} in both"
            problems.append(Problem(f"{route.key}.balance", shown(route.balance), what, fix))


def _check_service(declaration: Declaration, route: Route, problems: list[Problem]) -> None:
    service = declaration.compose.services.get(route.service)
    key = f"{route.key}.service"
    if service is None:
        if route.service and (lacking := declaration.compose.lacking(route.service, "leads to")):
            problems.append(Problem(key, shown(route.service), *lacking))
        return
    if not declaration.replicas(service):
        fix = f"write services.{service.name}.replicas: 1, or remove this route"
        problems.append(Problem(key, shown(service.name), "leads to a service without replicas", fix))
    if service.network_mode:
        what = f"leads to a service with network_mode {service.network_mode}, which has no address of its own"
        fix = f"remove network_mode: from the service {service.name} and name its networks"
        problems.append(Problem(key, shown(service.name), what, fix))
    if declaration.expect(service) == "completed":
        what = "leads to a service that is expected to end"
        fix = f"remove services.{service.name}.expect, or remove this route"
        problems.append(Problem(key, shown(service.name), what, fix))
    offered = (*service.expose, *service.ports)
    if service.expose and route.port and not any(port.offers(route.port) for port in offered):
        what = f"is not a port that {service.name} exposes in the Compose file"
        fix = f"write {' or '.join(dict.fromkeys(port.targets for port in offered))}, or add it to expose:"
        problems.append(Problem(f"{route.key}.port", shown(route.port), what, fix))
