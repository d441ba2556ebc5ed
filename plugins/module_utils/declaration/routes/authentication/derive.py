# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx and the host need to know of authentication, derived from the routes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from ....contracts.route_authentication import ASKED, AuthenticationLimit, RouteAuthentication
from ...model import Declaration
from ..model import Route
from .model import Authentication

# Names by which proxies and services tell each other who somebody is. No client may say so himself.
IDENTITY = (
    "Remote-User",
    "Remote-Name",
    "Remote-Email",
    "Remote-Groups",
    "X-Remote-User",
    "X-Remote-Email",
    "X-Remote-Groups",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Auth-Request-Groups",
    "X-Auth-Request-Preferred-Username",
    "X-Authenticated-User",
    "X-Authenticated-Groups",
    "X-Authenticated-Email",
    "X-WebAuth-User",
    "X-User",
    "X-Client-Cert-Subject",
    "X-Client-Cert-Serial",
    "X-Client-Cert-Fingerprint",
    "X-SSL-Client-S-DN",
    "X-SSL-Client-Verify",
)


def policy_name(route: Route, auth: Authentication) -> str:
    """The name of what a route asks: readable, and no other route's; all routes of a domain share their authorities."""
    place = route.domain if auth.kind == "client_ca" else f"{route.domain}{route.path.rstrip('/')}"
    readable = re.sub(r"[^a-z0-9.]+", "-", place.lower()).strip("-.")[:120]
    return f"{readable}-{auth.kind}-{hashlib.sha256(place.encode()).hexdigest()[:8]}"


def forward_upstream(declaration: Declaration, route: Route) -> tuple[str, str, int] | None:
    """Name, service and port of the upstream that decides; None where it is no service of the stack."""
    options = route.auth.options if route.auth and route.auth.kind == "forward" else {}
    service, port = options.get("service"), options.get("port")
    return (f"{declaration.name}_{service}_{port}", service, port) if service and port else None


def location_authentication(declaration: Declaration, route: Route) -> dict[str, Any]:
    """What a location has of it; nothing of a route without, unless it leads to a service that believes another route's headers."""
    if route.auth is None:
        return _open(declaration, route)
    auth, options = route.auth, route.auth.options
    item: dict[str, Any] = {
        "kind": auth.kind,
        "policy": f"{declaration.name}/{policy_name(route, auth)}",
        "user_header": auth.user_header,
        "headers": [name for name in auth.headers() if name.lower() != auth.user_header.lower()],
        "removed": _removed(auth),
    }
    if auth.kind == "basic":
        item["realm"] = options["realm"]
    elif auth.kind == "api_key":
        item["header"] = options["header"]
    elif auth.kind == "forward":
        item |= _forward(declaration, route, auth)
    if auth.kind in ASKED and route.rate_limit and route.rate_limit.by != "address":
        item["limited"] = True
    return {"auth": item}


def _open(declaration: Declaration, route: Route) -> dict[str, Any]:
    """A route without authentication to a service that has one with it: nobody names himself there, and no spelling leads to the other."""
    others = [(other, other.auth) for other in declaration.routes if other.auth and other.service == route.service and not route.target]
    if not others:
        return {}
    beside = [other.path for other, _auth in others if other.domain == route.domain]
    names = [name for _other, auth in others for name in (auth.user_header, *auth.headers())]
    item = {
        "kind": "public",
        "removed": list(dict.fromkeys([*names, *IDENTITY])),
        "guarded": bool(beside),
        # Beside a path that is guarded, its other spellings lead here, and a service may take one for the other.
        "shadowed": [path for path in beside if path.startswith(f"{route.path.rstrip('/')}/") and path != "/"],
    }
    return {"auth": item}


def _forward(declaration: Declaration, route: Route, auth: Authentication) -> dict[str, Any]:
    options = auth.options
    item: dict[str, Any] = {"name_from": auth.headers()[0], "login": bool(options.get("login"))}
    if upstream := forward_upstream(declaration, route):
        return {**item, "upstream": upstream[0], "path": options["path"]}
    url = urlsplit(options["url"])
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    return {
        **item,
        "target": f"{url.scheme}://{url.netloc}",
        "path": path,
        "host": options.get("host") or "",
        "tls_name": options.get("host") or url.hostname,
    }


def _removed(auth: Authentication) -> list[str]:
    """Headers that no client may send: all by which somebody is named, and those of this route."""
    given = {auth.user_header.lower(), *(name.lower() for name in auth.headers())}
    return [name for name in IDENTITY if name.lower() not in given]


def public_locations(route: Route, location: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A location for each path that needs no authentication; the service is told nobody there."""
    if route.auth is None:
        return
    names = [route.auth.user_header, *route.auth.headers(), *_removed(route.auth)]
    for path in route.auth.public:
        item = {**location, "path": path, "auth": {"kind": "public", "removed": list(dict.fromkeys(names)), "guarded": True}}
        if item["rate_limit"] and item["rate_limit"].get("by"):
            item["rate_limit"] = {name: value for name, value in item["rate_limit"].items() if name != "by"}
        if route.strip_prefix:
            item["prefix"] = route.path
        yield item


def limit_key(route: Route) -> dict[str, str]:
    """By what nginx counts the requests of a route, where that is not the address."""
    return {"by": route.rate_limit.by} if route.rate_limit and route.rate_limit.by != "address" else {}


def site_authorities(declaration: Declaration, routes: list[Route]) -> dict[str, Any]:
    """The authorities of a domain, of which clients may have certificates; nothing without."""
    for route in routes:
        auth = route.auth
        if auth and auth.kind == "client_ca":
            options = auth.options
            policy = f"{declaration.name}/{policy_name(route, auth)}"
            return {"client_ca": {"policy": policy, "crl": bool(options.get("crl")), "depth": options["depth"]}}
    return {}


def route_authentication(declaration: Declaration) -> list[dict[str, Any]]:
    """One policy a route with authentication, and one for all of a domain with certificates of clients; secrets by name."""
    policies: dict[str, dict[str, Any]] = {}
    for route in declaration.all_routes:
        auth = route.auth
        if auth and not (auth.kind == "forward" and not auth.options.get("login")):
            policies.setdefault(policy_name(route, auth), _policy(declaration, route, auth).to_dict())
    return list(policies.values())


def _policy(declaration: Declaration, route: Route, auth: Authentication) -> RouteAuthentication:
    kind, options = auth.kind, auth.options
    chosen: dict[str, Any] = {"realm": route.domain}
    if kind in ("basic", "api_key"):
        chosen |= options
    elif kind == "jwt":
        renamed = {"user": "user_claim", "headers": "claims"}
        chosen |= {renamed.get(name, name): value for name, value in options.items() if value is not None}
    elif kind == "client_ca":
        chosen = {"ca": options["ca"], "crl": options.get("crl") or ""}
    else:
        aliases = next((other.aliases for other in declaration.routes if other.domain == route.domain and other.aliases), ())
        chosen |= {name: options[name] for name in ("login", "login_parameter")} | {"hosts": (route.domain, *aliases)}
    if kind in ASKED and route.rate_limit and route.rate_limit.by != "address":
        limit = route.rate_limit
        chosen["limit"] = AuthenticationLimit(limit.requests, limit.per, limit.burst).to_dict()
    return RouteAuthentication.from_dict({"name": policy_name(route, auth), "stack": declaration.name, "kind": kind, **chosen})
