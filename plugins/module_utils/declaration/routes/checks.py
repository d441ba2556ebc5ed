# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the routes: each leads to a service that can answer, and no name or path is given twice."""

from __future__ import annotations

from collections.abc import Iterator

from ...schema.nodes import Problem, shown
from ..model import Declaration
from . import caching, cors, redirects, sites
from .derive import all_own
from .model import Route
from .static_files import check_static_files


def check_routes(declaration: Declaration, problems: list[Problem]) -> None:
    if (declaration.all_routes or declaration.redirects) and not declaration.contact and not all_own(declaration):
        what = "is required with routes: the certificate authority writes there before a certificate expires"
        if not any(problem.key == "contact" for problem in problems):
            problems.append(Problem("contact", "nothing", what, "add contact: ops@example.com"))
    _check_paths(declaration, problems)
    _check_names(declaration, problems)
    _check_balance(declaration, problems)
    for route in declaration.routes:
        problems += _of_options(route)
    check_static_files(declaration, problems)
    for route in declaration.routes:
        check_target(declaration, route.key, route.service, ("port", route.port), problems)


def check_redirects(declaration: Declaration, problems: list[Problem]) -> None:
    problems += redirects.problems_of(redirects.Names(declaration.routes, declaration.redirects))


def check_sites(declaration: Declaration, problems: list[Problem]) -> None:
    names: dict[str, list[str]] = {redirect.domain: [redirect.domain] for redirect in declaration.redirects}
    for route in declaration.all_routes:
        names.setdefault(route.domain, [route.domain]).extend(route.aliases)
    if declaration.watchdog.page.domain:
        names.setdefault(declaration.watchdog.page.domain, [declaration.watchdog.page.domain])
    own = declaration.fact("own_domains", ())
    problems += sites.problems_of(declaration.wildcards, [site for domain, site in names.items() if domain not in own])


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


def _of_options(route: Route) -> Iterator[Problem]:
    """What excludes each other on one route."""
    authenticated = bool(getattr(route, "auth", None))  # of another part of the declaration
    if route.is_grpc:
        yield from _of_grpc(route)
    if route.cors:
        yield from cors.problems_of(route.cors, route.key, route.headers)
    if route.cache:
        beside = {"websocket": route.websocket, "buffering": not route.buffering, "protocol": route.is_grpc, "auth": authenticated}
        yield from caching.cache_problems(route.cache, route.key, beside)
    if route.static:
        yield from caching.static_problems(route.static, route.key, route.path, route.headers)
        if route.static.fallback and route.strip_prefix:
            what = "answers with a page of the service, whose paths are others than those of the clients (strip_prefix)"
            yield Problem(f"{route.key}.static.fallback", shown(route.static.fallback), what, "remove strip_prefix, or fallback")


def _of_grpc(route: Route) -> Iterator[Problem]:
    excluded = {
        "websocket": route.websocket,
        "strip_prefix": route.strip_prefix,
        "cors": route.cors is not None,
        "static": route.static is not None,
    }
    for name, there in excluded.items():
        if there:
            what = f"is not to be had with gRPC ({route.key}.protocol: {route.protocol})"
            yield Problem(f"{route.key}.{name}", "true" if name in ("websocket", "strip_prefix") else "a mapping", what, "remove it")


def check_target(declaration: Declaration, key: str, name: str, at: tuple[str, int], problems: list[Problem]) -> None:
    """A service that can answer, at a port that it offers.

    :param key: of the route or stream that leads there.
    :param at: the key of the port below it, and the port.
    """
    service = declaration.compose.services.get(name)
    port_key, port = at
    if not declaration.compose.services:
        return
    if service is None:
        if name and (lacking := declaration.compose.lacking(name, "leads to")):
            problems.append(Problem(f"{key}.service", shown(name), *lacking))
        return
    kind = "stream" if key.startswith("streams") else "route"
    if not declaration.replicas(service):
        fix = f"write services.{service.name}.replicas: 1, or remove this {kind}"
        problems.append(Problem(f"{key}.service", shown(service.name), "leads to a service without replicas", fix))
    if service.network_mode:
        what = f"leads to a service with network_mode {service.network_mode}, which has no address of its own"
        fix = f"remove network_mode: from the service {service.name} and name its networks"
        problems.append(Problem(f"{key}.service", shown(service.name), what, fix))
    if declaration.expect(service) == "completed":
        what = "leads to a service that is expected to end"
        fix = f"remove services.{service.name}.expect, or remove this {kind}"
        problems.append(Problem(f"{key}.service", shown(service.name), what, fix))
    offered = (*service.expose, *service.ports)
    if service.expose and port and not any(each.offers(port) for each in offered):
        what = f"is not a port that {service.name} exposes in the Compose file"
        fix = f"write {' or '.join(dict.fromkeys(each.targets for each in offered))}, or add it to expose:"
        problems.append(Problem(f"{key}.{port_key}", shown(port), what, fix))
