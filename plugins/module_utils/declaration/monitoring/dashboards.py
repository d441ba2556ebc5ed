# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where people reach the dashboards (role grafana): a route to a program of the host, with the authentication of any other route.

Grafana has a login of its own behind it; its secrets are made on the host.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...contracts.monitoring import DashboardsSite
from ...schema.nodes import Problem, shown
from ..compose_project import secret_file
from ..model import Declaration
from ..routes.authentication.model import authentication_from
from ..routes.model import Route
from .dashboards_schema import ENCRYPTION, KEY, MADE, PASSWORD
from .model import monitoring_of

# What a browser can answer; keys and tokens are for programs.
_FOR_PEOPLE = ("basic", "client_ca", "forward")


def _declared(declaration: Declaration) -> Mapping[str, Any] | None:
    declared = monitoring_of(declaration).dashboards
    return declared if declared and declared["domain"] else None


def host_routes(declaration: Declaration) -> tuple[Route, ...]:
    """The route to Grafana; none where nothing is declared."""
    declared = _declared(declaration)
    if declared is None:
        return ()
    return (
        Route(
            key=KEY,
            domain=declared["domain"],
            aliases=(),
            path=(declared["path"] or "/").rstrip("/") or "/",
            service="",
            port=declared["port"] or 3000,
            # Grafana tells a page that is open of what is new.
            websocket=True,
            body_limit="10m",
            timeout=60,
            rate_limit=None,
            balance="round_robin",
            headers={},
            allow_from=tuple(network for network in declared["allow_from"] if network),
            strip_prefix=False,
            buffering=True,
            auth=authentication_from(declared["auth"]),
            target=f"http://127.0.0.1:{declared['port'] or 3000}",
        ),
    )


def made_secrets(declaration: Declaration) -> dict[str, Mapping[str, Any]]:
    """What Grafana has to itself, unless it is declared."""
    return dict(MADE) if _declared(declaration) else {}


def site(declaration: Declaration) -> DashboardsSite | None:
    """What role grafana needs to know."""
    for route in host_routes(declaration):
        url = f"https://{route.domain}{route.path.rstrip('/')}"
        return DashboardsSite(url, secret_file(declaration, PASSWORD), secret_file(declaration, ENCRYPTION))
    return None


def _status_page(declaration: Declaration) -> tuple[str, str] | None:
    """Domain and path of the status page; None where nginx does not serve it."""
    page = declaration.watchdog.page
    if not page.served:
        return None
    first = declaration.routes[0].domain if declaration.routes else ""
    return page.domain or first, (page.path or "/").rstrip("/") or "/"


def check_dashboards(declaration: Declaration) -> Iterator[Problem]:
    """Whoever may see them is said, in a way that people can; and nothing else stands in their place."""
    for route in host_routes(declaration):
        if route.auth is None and not route.allow_from:
            what = "is not said: a login page of Grafana alone would stand before the numbers of everything"
            fix = "add auth: {basic: {users: {ada: ada_password}}}, or allow_from: [203.0.113.0/24]"
            yield Problem(f"{KEY}.auth", "nothing", what, fix)
        elif route.auth and route.auth.kind and route.auth.kind not in _FOR_PEOPLE:
            what = "is for programs: no browser sends it, so that nobody would see a dashboard"
            yield Problem(f"{KEY}.auth", shown(route.auth.kind), what, f"write one of {', '.join(_FOR_PEOPLE)}")
        if any(other.domain == route.domain and other.path == route.path for other in declaration.routes):
            what = "is the domain and path of a route already"
            yield Problem(f"{KEY}.path", shown(f"{route.domain}{route.path}"), what, "write another path, such as /grafana")
        if any(route.domain in other.aliases for other in declaration.routes):
            what = "is an alias of a site already"
            yield Problem(f"{KEY}.domain", shown(route.domain), what, "write the domain of that site, and a path such as /grafana")
        if any(redirect.domain == route.domain for redirect in declaration.redirects) and route.path == "/":
            what = "has redirects, which go before"
            yield Problem(f"{KEY}.domain", shown(route.domain), what, "write a domain of its own")
        if _status_page(declaration) == (route.domain, route.path):
            yield Problem(f"{KEY}.path", shown(route.path), "is where the status page is", "write another path, such as /grafana")
    for name, kind in MADE.items():
        secret = declaration.secrets.get(name)
        if _declared(declaration) and secret and secret.kind not in ("password", "token", "provided", "uuid"):
            what = f"is of kind {secret.kind}, and Grafana needs the word itself"
            yield Problem(f"secrets.{name}", shown(secret.kind), what, f"write kind: {kind['kind']}, or remove it: it is made")
