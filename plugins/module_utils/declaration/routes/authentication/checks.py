# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of authentication: one kind a route, secrets that can be one, paths that lie below the route, and one authority a domain."""

from __future__ import annotations

from collections.abc import Iterator

from ....schema.nodes import Problem, close_to, shown
from ...model import Declaration
from ..model import Route
from .model import Authentication

# Kinds of secrets that can be typed into a password field or a header; a hash or a key pair cannot.
USABLE = ("password", "token", "uuid", "provided")
# nginx or the service sets these itself; a caller's name in one of them would break the request or be overwritten.
RESERVED = (
    *("host", "connection", "upgrade", "content-length", "transfer-encoding", "cookie", "proxy", "forwarded", "x-real-ip", "x-request-id"),
    *(f"x-forwarded-{name}" for name in ("for", "host", "port", "prefix", "proto", "scheme", "ssl")),
)
_ONE = "write exactly one of basic, api_key, jwt, client_ca and forward"
_BY = {"basic": "user", "client_ca": "user", "jwt": "user", "api_key": "key"}


def check_authentication(declaration: Declaration, problems: list[Problem]) -> None:
    """What holds without the Compose file."""
    for route in declaration.all_routes:
        _check_limit(route, problems)
        if route.auth is None:
            continue
        _check_kind(route, route.auth, problems)
        _check_public(declaration, route, route.auth, problems)
        _check_headers(route, route.auth, problems)
        _check_callers(declaration, route, route.auth, problems)
        _check_beside(route, problems)
        if route.auth.kind == "jwt":
            _check_jwt(route, route.auth, problems)
        if route.auth.kind == "forward":
            _check_forward(declaration, route, route.auth, problems)
    _check_authorities(declaration, problems)


def authentication_secrets(declaration: Declaration) -> Iterator[tuple[str, str]]:
    """Secrets that the host reads for it: the key that names one, and the secret."""
    for route in declaration.all_routes:
        if route.auth:
            yield from ((f"{route.key}.auth.{key}", name) for key, name in route.auth.secrets())


def _check_kind(route: Route, auth: Authentication, problems: list[Problem]) -> None:
    if len(auth.kinds) > 1:
        value = ", ".join(auth.kinds)
        problems.append(Problem(f"{route.key}.auth", value, "has several kinds, and who fulfils one of them is not who fulfils all", _ONE))
    elif not auth.kinds and not any(problem.key.startswith(f"{route.key}.auth") for problem in problems):
        problems.append(Problem(f"{route.key}.auth", "nothing", "says of nobody that he may come in", _ONE))


def _check_beside(route: Route, problems: list[Problem]) -> None:
    """What else a route has, and authentication could not hold for."""
    if route.cache:
        what = "keeps answers for everybody, and auth says that they are for those who are recognized"
        fix = "remove it, or write a route without auth for the path whose answers are the same for all"
        problems.append(Problem(f"{route.key}.cache", "", what, fix))
    if route.is_grpc and route.auth and route.auth.options.get("login"):
        what = "is a page for browsers, and a client of gRPC is none"
        problems.append(Problem(f"{route.key}.auth.forward.login", shown(route.auth.options["login"]), what, "remove it"))


def _check_public(declaration: Declaration, route: Route, auth: Authentication, problems: list[Problem]) -> None:
    others = {(other.domain, other.path): other for other in declaration.routes}
    base = route.path.rstrip("/")
    for index, path in enumerate(auth.public):
        key = f"{route.key}.auth.public[{index}]"
        if path == route.path:
            problems.append(Problem(key, shown(path), "is the whole route", "remove auth:, or name a path below the route"))
        elif not path.startswith(f"{base}/"):
            problems.append(Problem(key, shown(path), f"is not below the route {route.path}", f"write {base}{path}, as clients ask for it"))
        elif (route.domain, path) in others:
            other = others[route.domain, path].key
            problems.append(Problem(key, shown(path), f"is the path of {other}, which says itself who may use it", "remove it here"))


def _check_headers(route: Route, auth: Authentication, problems: list[Problem]) -> None:
    names = [("user_header", auth.user_header), *((f"{auth.kind}.headers", name) for name in auth.headers())]
    seen: dict[str, str] = {}
    for key, name in names:
        where = f"{route.key}.auth.{key}"
        if name.lower() in RESERVED:
            fix = "write a name of its own, such as X-User-Email"
            problems.append(Problem(where, shown(name), "is a header by which HTTP or nginx itself works", fix))
        elif key != "user_header" and auth.kind != "forward" and seen.get(name.lower()) is not None:
            problems.append(Problem(where, shown(name), f"is the header of {seen[name.lower()]} too", "give one of the two another name"))
        seen.setdefault(name.lower(), key)
    header = auth.options.get("header") if auth.kind == "api_key" else None
    if header and header.lower() in (*RESERVED, auth.user_header.lower()):
        problems.append(
            Problem(f"{route.key}.auth.api_key.header", shown(header), "cannot carry a key", "write X-API-Key or Authorization")
        )


def _check_callers(declaration: Declaration, route: Route, auth: Authentication, problems: list[Problem]) -> None:
    table = {"basic": "users", "api_key": "keys"}.get(auth.kind)
    key = f"{route.key}.auth.{auth.kind}.{table}"
    if table and not auth.options.get(table) and not any(problem.key.startswith(key) for problem in problems):
        fix = "add a name and its secret, such as {ada: ada_password}"
        problems.append(Problem(key, "an empty mapping", "lets nobody in", fix))
    first: dict[str, str] = {}
    for where, name in auth.secrets():
        full = f"{route.key}.auth.{where}"
        secret = declaration.secrets.get(name)
        if secret is None:
            near = close_to(name, declaration.secrets)
            fix = f"add secrets: {{{name}: {{kind: token}}}}"
            problems.append(Problem(full, shown(name), "is no secret of this stack", f"did you mean {near}? Else {fix}" if near else fix))
        elif secret.kind and secret.kind not in USABLE:
            fix = f"write a secret of kind {', '.join(USABLE)}"
            problems.append(Problem(full, shown(name), f"is of kind {secret.kind}, which nobody can send", fix))
        if auth.kind == "api_key" and first.setdefault(name, where) != where:
            what = f"is the key of {first[name].rpartition('.')[2]} as well, and nobody could tell the two apart"
            problems.append(Problem(full, shown(name), what, "give each caller a secret of its own"))


def _check_jwt(route: Route, auth: Authentication, problems: list[Problem]) -> None:
    key, options = f"{route.key}.auth.jwt", auth.options
    if any(problem.key.startswith(key) for problem in problems):
        return
    if bool(options.get("jwks")) == bool(options.get("public_keys")):
        what = "has both a key set and keys" if options.get("jwks") else "has no keys by which a signature could be verified"
        problems.append(Problem(key, "", what, "write either jwks: or public_keys:"))
    for name in ("audience", "algorithms"):
        if not options.get(name):
            fix = "write for whom tokens are issued, such as [https://api.example.com]" if name == "audience" else "write [RS256]"
            problems.append(Problem(f"{key}.{name}", "an empty list", "lets no token pass", fix))


def _check_forward(declaration: Declaration, route: Route, auth: Authentication, problems: list[Problem]) -> None:
    key, options = f"{route.key}.auth.forward", auth.options
    service, url = options.get("service"), options.get("url")
    if not any(problem.key.startswith(key) for problem in problems):
        if bool(service) == bool(url):
            what = "names both a service and an address" if url else "does not say who decides"
            problems.append(Problem(key, "", what, "write either service: and port:, or url:"))
        elif service and not options.get("port"):
            problems.append(Problem(f"{key}.port", "nothing", "is required with service", "add port: 9091"))
        elif options.get("host") and not url:
            problems.append(Problem(f"{key}.host", shown(options["host"]), "belongs to url", "remove it"))
        if not auth.headers():
            problems.append(Problem(f"{key}.headers", "an empty list", "leaves the caller without a name", "write [Remote-User]"))
    if service and declaration.compose.services and (lacking := declaration.compose.lacking(service, "asks")):
        problems.append(Problem(f"{key}.service", shown(service), *lacking))
    if service and service == route.service and options.get("port") == route.port and not auth.public and route.path == "/":
        what = "is the service of the route itself: its own login page could not be reached without a login"
        problems.append(Problem(f"{key}.service", shown(service), what, "give it a route of its own without auth"))


def _check_limit(route: Route, problems: list[Problem]) -> None:
    limit = route.rate_limit
    if limit is None or limit.by == "address":
        return
    key = f"{route.key}.rate_limit.by"
    kind = route.auth.kind if route.auth else ""
    if not kind:
        problems.append(
            Problem(key, shown(limit.by), "counts by who was recognized, and this route has no auth", "write address, or add auth")
        )
    elif kind not in _BY:
        what = "counts by the caller, whom only the other service knows"
        problems.append(Problem(key, shown(limit.by), what, "write address, and limit callers in that service"))
    elif limit.by != _BY[kind]:
        problems.append(Problem(key, shown(limit.by), f"is not what {kind} knows of a caller", f"write {_BY[kind]}"))


def _check_authorities(declaration: Declaration, problems: list[Problem]) -> None:
    """nginx asks for a certificate before it knows the path, so a domain has one set of authorities."""
    first: dict[str, tuple[Route, Authentication]] = {}
    for route in declaration.all_routes:
        if route.auth is None or route.auth.kind != "client_ca":
            continue
        known, authorities = first.setdefault(route.domain, (route, route.auth))
        for name in ("ca", "crl", "depth"):
            if authorities.options.get(name) != route.auth.options.get(name):
                what = f"differs from {known.key}, and a domain has one set of authorities: nginx asks before it knows the path"
                problems.append(Problem(f"{route.key}.auth.client_ca.{name}", "", what, "write the same in both, or use another domain"))
