# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the web server, the certificates and the network need to know, derived from the routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...contracts.claims import Claim, Kind, ServerBlock, opened, site_claims
from ...contracts.routes import route_name
from ...contracts.static_files import folder_name, folder_of
from ...contracts.status_page import CSP
from ...contracts.upstreams import Upstream
from ..model import Declaration
from .authentication.derive import forward_upstream, limit_key, location_authentication, public_locations, site_authorities
from .model import Route
from .sites import certificate_of, words

# What routes open; behind a proxy in front (``nginx_behind``) its own ports instead (filter web_openings).
WEB: tuple[dict[str, Any], ...] = (
    {"action": "allow", "port": 80, "protocol": "tcp", "from": [], "comment": "HTTP"},
    {"action": "allow", "port": 443, "protocol": "tcp", "from": [], "comment": "HTTPS"},
)
STATUS_PAGES = "/run/latentum-ops-watchdog/page"  # where the watchdog writes them, a folder a stack


def upstream_name(declaration: Declaration, route: Route) -> str:
    return f"{declaration.name}_{route.service}_{route.port}"


def _domains(declaration: Declaration) -> dict[str, list[Route]]:
    """The routes of each domain, in the order of their first appearance; the status page may have one of its own."""
    domains: dict[str, list[Route]] = {}
    for route in declaration.all_routes:
        domains.setdefault(route.domain, []).append(route)
    for redirect in declaration.redirects:
        domains.setdefault(redirect.domain, [])
    for name in declaration.fact("stream_domains", ()):
        domains.setdefault(name, [])
    if page_domain := _page_domain(declaration):
        domains.setdefault(page_domain, [])
    return domains


def _page_domain(declaration: Declaration) -> str:
    """Where the status page is; empty where it is not served."""
    page = declaration.watchdog.page
    return page.domain or (declaration.routes[0].domain if page.path and declaration.routes else "")


def _page(declaration: Declaration, domain: str) -> list[dict[str, Any]]:
    """The location of the status page, on its domain."""
    page = declaration.watchdog.page
    if domain != _page_domain(declaration):
        return []
    return [
        {
            "path": page.path or "/",
            "directory": f"{STATUS_PAGES}/{declaration.name}",
            "allow_from": list(page.allow_from),
            "headers": {"Content-Security-Policy": CSP, "Cache-Control": "no-store"},
            # nginx has the clock by which the page says that the watchdog is silent.
            "directives": ["ssi on;"],
        }
    ]


def _aliases(routes: list[Route]) -> list[str]:
    return list(dict.fromkeys(alias for route in routes for alias in route.aliases))


def site_names(declaration: Declaration) -> dict[str, list[str]]:
    """All names of each site, its domain first."""
    return {domain: [domain, *_aliases(routes)] for domain, routes in _domains(declaration).items()}


def all_own(declaration: Declaration) -> bool:
    """No site needs the certificate authority."""
    names = set(site_names(declaration))
    return bool(names) and names <= set(declaration.fact("own_domains", ()))


def nginx_sites(declaration: Declaration) -> list[dict[str, Any]]:
    """One site a domain: C({name, domain, aliases, certificate, locations}); timeouts in seconds."""
    return [
        {
            "name": domain,
            "domain": domain,
            "aliases": _aliases(routes),
            "certificate": _wildcard(declaration, domain, _aliases(routes)) or domain,
            "locations": [item for route in routes for item in _locations(declaration, route)] + _page(declaration, domain),
            **site_authorities(declaration, routes),
            **_extras(declaration, domain),
            # Its requests are counted as those of the stack; and what leads nowhere does not tell by itself whose it is.
            "stack": declaration.name,
        }
        for domain, routes in _domains(declaration).items()
    ]


def _wildcard(declaration: Declaration, domain: str, aliases: list[str]) -> str:
    """The wildcard certificate of a site; empty where it has one for itself, by certbot or of the operator's own."""
    return "" if domain in declaration.fact("own_domains", ()) else certificate_of([domain, *aliases], declaration.wildcards)


def _locations(declaration: Declaration, route: Route) -> Iterator[dict[str, Any]]:
    """The location of a route, and those of its paths that need no authentication."""
    location = _location(declaration, route)
    yield {**location, **location_authentication(declaration, route)}
    yield from public_locations(route, location)


def _extras(declaration: Declaration, domain: str) -> dict[str, Any]:
    """What few sites have; a site without it is what it was."""
    moved = [redirect.to_dict() for redirect in declaration.redirects if redirect.domain == domain]
    pages = {status: words(text) for status, text in declaration.error_pages.items()}
    return {**({"redirects": moved} if moved else {}), **({"error_pages": pages} if pages else {})}


def _location(declaration: Declaration, route: Route) -> dict[str, Any]:
    limit = route.rate_limit
    return {
        "path": route.path,
        "route": route_name(route.domain, route.path),
        "service": route.service,
        **({"target": route.target} if route.target else {"upstream": upstream_name(declaration, route)}),
        "websocket": route.websocket,
        "body_limit": route.body_limit,
        "timeout": route.timeout,
        "rate_limit": {"requests": limit.requests, "per": limit.per, "burst": limit.burst, **limit_key(route)} if limit else None,
        "headers": dict(route.headers),
        "allow_from": list(route.allow_from),
        "strip_prefix": route.strip_prefix,
        "buffering": route.buffering,
        **_options(declaration, route),
    }


def _options(declaration: Declaration, route: Route) -> dict[str, Any]:
    """What few routes have; a location without it is what it was."""
    parts = {name: part.to_dict() for name, part in (("cors", route.cors), ("cache", route.cache), ("static", route.static)) if part}
    if route.static and route.static.image_files:
        parts["static"]["directory"] = str(folder_of(declaration.name, folder_name(route.domain, route.path)))
    protocol = {"protocol": route.protocol} if route.protocol != "http" else {}
    sticky = {"sticky": True} if route.balance == "sticky" else {}
    connections = {"connections": route.connections} if route.connections else {}
    return {**protocol, **sticky, **connections, **parts, **({"snippet": route.snippet} if route.snippet else {})}


def nginx_upstreams(declaration: Declaration) -> list[dict[str, Any]]:
    """One upstream for each service and port that is routed to, and one for each stream."""
    upstreams = {}
    kept = {upstream_name(declaration, route) for route in declaration.routes if route.cache}
    for route in declaration.routes:
        name = upstream_name(declaration, route)
        upstream = Upstream(name, declaration.name, route.service, route.port, route.balance, generation=name in kept)
        upstreams[name] = upstream.to_dict()
    for route in declaration.all_routes:
        if (asked := forward_upstream(declaration, route)) and asked[0] not in upstreams:
            upstreams[asked[0]] = Upstream(asked[0], declaration.name, asked[1], asked[2]).to_dict()
    return [*upstreams.values(), *declaration.fact("stream_upstreams", ())]


def certificates(declaration: Declaration) -> list[dict[str, Any]]:
    """One certificate a domain, with its aliases as further names; one for all that a wildcard covers; none for the operator's own."""
    wanted: dict[str, list[str]] = {}
    for domain, names in site_names(declaration).items():
        if domain in declaration.fact("own_domains", ()):
            continue
        if wildcard := certificate_of(names, declaration.wildcards):
            parent = wildcard.partition(".")[2]
            wanted[wildcard] = [f"*.{parent}", parent]
        else:
            wanted[domain] = names
    return [{"name": name, "domains": domains} for name, domains in wanted.items()]


def firewall_rules(declaration: Declaration) -> list[dict[str, Any]]:
    """Openings beside SSH, which is the firewall role's own."""
    rules: list[dict[str, Any]] = [{**rule, "from": []} for rule in WEB] if _domains(declaration) else []
    for opening in declaration.firewall:
        comment = opening.comment or declaration.name
        rule = {"action": "allow", "port": opening.port, "protocol": opening.protocol}
        rules.append({**rule, "from": list(opening.sources), "comment": comment})
    return [*rules, *declaration.fact("stream_openings", ())]


def claims(declaration: Declaration) -> Iterator[Claim]:
    """The names and paths that lead to the stack, and with them the ports of the web, which are open to everybody."""
    streamed = set(declaration.fact("stream_domains", ()))
    keys = _keys(declaration)
    for site in nginx_sites(declaration):
        if site["domain"] and (site["locations"] or site.get("redirects") or site["domain"] not in streamed):
            yield from site_claims(site, keys[site["domain"]])
    for domain in declaration.fact("own_domains", ()):
        if key := next((entry.key for entry in declaration.certificates if domain in entry.domains), ""):
            yield Claim(Kind.SERVER_BLOCK, ServerBlock(domain), f"{key}.domains", domain)
    first = next((key for by_place in keys.values() for key in by_place.values()), "")
    for port in (80, 443) if first else ():
        yield opened(port, "tcp", (), first.partition(".")[0])


def _keys(declaration: Declaration) -> dict[str, dict[str, str]]:
    """Where the places of each domain are declared, by what filter nginx_sites makes of them (see site_claims)."""
    keys: dict[str, dict[str, str]] = {}
    for route in declaration.all_routes:
        if route.domain:
            here = keys.setdefault(route.domain, {})
            here.setdefault(route.path, f"{route.key}.{'domain' if route.path == '/' else 'path'}")
            here.update({f"alias {alias}": f"{route.key}.aliases[{index}]" for index, alias in enumerate(route.aliases)})
            here.setdefault("aliases", f"{route.key}.aliases")
            if route.auth:
                here.update({path: f"{route.key}.auth.public" for path in route.auth.public if path not in here})
                here.setdefault(route.auth.kind, f"{route.key}.auth.{route.auth.kind}")
    for redirect in declaration.redirects:
        if redirect.domain:
            path = redirect.path.rstrip("/") or "/"
            keys.setdefault(redirect.domain, {}).setdefault(path, f"{redirect.key}.{'domain' if path == '/' else 'path'}")
    if page_domain := _page_domain(declaration):
        page = declaration.watchdog.page
        keys.setdefault(page_domain, {}).setdefault(page.path or "/", f"watchdog.status_page.{'path' if page.path else 'domain'}")
    return keys


def fail2ban_jails(declaration: Declaration) -> list[str]:
    """The jails that watch nginx: scanners always, clients that run into a rate limit or guess where there is something to guess."""
    routes = declaration.all_routes
    if not routes:
        return []
    jails = ["nginx-botsearch", "nginx-bad-request"]
    jails += ["nginx-limit-req"] if any(route.rate_limit for route in routes) else []
    jails += ["nginx-authentication"] if any(route.auth for route in routes) else []
    return [*jails, *(jail for own in declaration.facts("jails") for jail in own)]
