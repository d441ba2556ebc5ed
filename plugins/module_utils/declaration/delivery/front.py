# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the receiver of calls is reached: a route to a program of the host, part of the stack's own sites and so of its releases.

nginx alone reaches it, by a socket with a path; TLS, the bound of the body, the rate and the list of networks are nginx's.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from ...contracts.delivery import RECEIVER_SOCKET
from ...schema.nodes import Problem, shown
from ..model import Declaration
from ..routes.model import RateLimit, Route
from .model import delivery_of

KEY = "delivery.address"
JAIL = "deploy-hook"
BODY = "1m"  # what the receiver itself takes
TIMEOUT = 30  # seconds; the receiver ends a connection after 15
# Of one address. A pipeline calls once and asks on every two seconds; behind one address there may be many of them.
RATE = RateLimit(10, "second", 40)


def host_routes(declaration: Declaration) -> tuple[Route, ...]:
    """The route to the receiver; none where nobody calls."""
    delivery = delivery_of(declaration)
    if not delivery or not delivery["push"] or not delivery["address"]:
        return ()
    place = urlsplit(delivery["address"])
    return (
        Route(
            key=KEY,
            domain=place.hostname or "",
            aliases=(),
            path=place.path.rstrip("/") or "/",
            service="",
            port=0,
            websocket=False,
            body_limit=BODY,
            timeout=TIMEOUT,
            rate_limit=RATE,
            balance="round_robin",
            headers={},
            allow_from=tuple(network for network in delivery["allow_from"] if network),
            strip_prefix=True,
            buffering=True,
            target=f"http://unix:{RECEIVER_SOCKET}",
        ),
    )


def jails(declaration: Declaration) -> tuple[str, ...]:
    """Whoever guesses signatures is banned."""
    return (JAIL,) if host_routes(declaration) else ()


def check_front(declaration: Declaration) -> Iterator[Problem]:
    """Whoever calls finds the receiver, and nothing else stands in its place."""
    delivery = delivery_of(declaration)
    if delivery["push"] and not delivery["address"]:
        fix = "write https://deploy.example.com, or a path of a domain of the stack: https://shop.example.com/deploy"
        yield Problem(KEY, "nothing", "is needed with push: nobody could call", fix)
    if delivery["allow_from"] and not delivery["push"]:
        yield Problem("delivery.allow_from", shown(delivery["allow_from"]), "is of no use: nobody calls", "remove it")
    page = declaration.watchdog.page
    for route in host_routes(declaration):
        where = shown(f"{route.domain}{route.path}")
        if any(other.domain == route.domain and other.path == route.path for other in declaration.all_routes if other != route):
            yield Problem(KEY, where, "is the domain and path of a route already", "write another path, such as /deploy")
        if any(route.domain in other.aliases for other in declaration.routes):
            yield Problem(KEY, where, "is an alias of a site already", "write the domain of that site, and a path such as /deploy")
        if route.path == "/" and any(redirect.domain == route.domain for redirect in declaration.redirects):
            yield Problem(KEY, where, "has redirects, which go before", "write a domain of its own")
        first = declaration.routes[0].domain if declaration.routes else ""
        if page.served and (page.domain or first, (page.path or "/").rstrip("/") or "/") == (route.domain, route.path):
            yield Problem(KEY, where, "is where the status page is", "write another path, such as /deploy")
