# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(routes): what is reachable from outside."""

from __future__ import annotations

from ...contracts.nodes import text
from ...contracts.upstreams import Upstream
from ...schema import values
from ...schema.nodes import Flag, Items, Number, Record, Table, Text
from ..forms import networks, port, service_name
from .authentication.schema import AUTH
from .caching import CACHE, STATIC
from .cors import CORS
from .model import PROTOCOLS
from .snippets import snippet

RATE_LIMIT = Record(
    description="Requests of one client; those beyond it are answered with 429.",
    fields={
        "requests": Number(required=True, default=0, least=1, most=100000, example="20", description="So many requests of one client."),
        "per": Text(default="second", choices=("second", "minute"), description="The time in which they are counted."),
        "burst": Number(default=None, least=0, most=100000, example="40", description="So many more at once.", implied="as C(requests)"),
        "by": Text(
            default="address",
            choices=("address", "user", "key"),
            description="Who is one client: an address, or whom C(auth) has recognized, as a user or by a key.",
        ),
    },
    example="{requests: 20, per: second, burst: 40}",
)
ROUTE = Record(
    description="A domain and a path that lead to a port of a service.",
    fields={
        "domain": Text(
            required=True,
            default="",
            check=values.domain,
            example="app.example.com",
            description="Lower case, no scheme, no port, no wildcard. Names outside ASCII as C(xn--…).",
        ),
        "aliases": Items(
            of=Text(default="", check=values.domain, example="www.example.com"),
            default=[],
            description="Further names of the same site and certificate. They stand at the first route of the domain; where stacks"
            " share it, in the one that has its C(/).",
        ),
        "path": Text(
            default="/",
            check=values.path,
            example="/api",
            description="Letters, digits and V(/); no pattern. A slash at the end makes no difference."
            " C(/.well-known/acme-challenge) and C(/.latentum-ops) are nginx's own.",
        ),
        "service": Text(required=True, default="", check=service_name, example="web", description="A service of the Compose file."),
        "port": port("The port inside the container. When the service has C(expose), it must be listed there or in C(ports)."),
        "websocket": Flag(default=False, description="Connections on this path may be upgraded."),
        "protocol": Text(
            default="http",
            choices=PROTOCOLS,
            description="What the service speaks. V(https) and V(grpcs) do not check its certificate: the way to it is a bridge of this"
            " host. gRPC, unary and streaming, needs C(path) V(/) or C(/package.Service); its errors of nginx are a C(grpc-status).",
        ),
        "body_limit": Text(
            default=None,
            implied="1m, without limit for gRPC",
            numbers=True,
            check=values.body_limit,
            example="10m",
            description="Larger requests are answered with 413. V(0) means no limit.",
        ),
        "timeout": Text(
            default=60,
            numbers=True,
            check=values.lasting(1, 86400, whole=True),
            example="60s",
            description="How long nginx waits for the service between two reads or writes; 504 after it."
            " Fractions are rounded up to whole seconds.",
        ),
        "rate_limit": RATE_LIMIT,
        "connections": Number(
            default=None,
            least=1,
            most=100000,
            example="20",
            description="So many requests of one client address at a time (with HTTP/2 each counts); 429 beyond.",
            implied="no limit",
        ),
        "balance": text(
            Upstream,
            "balance",
            description="How requests are spread over replicas. V(sticky) brings a client back to its container by a cookie, as long as"
            " that is there; V(ip_hash) does so by the address. The same for all routes to one service and port.",
        ),
        "headers": Table(
            of=Text(check=values.header_value),
            name=values.header_name,
            default={},
            example="{X-Frame-Options: DENY}",
            description="Response headers set on this path, over those that the nginx role sets.",
        ),
        "allow_from": networks("Who may connect; all others get 403.", "everybody"),
        "strip_prefix": Flag(
            default=False, description="Removes C(path) before the request is passed on, so that C(/api/users) arrives as C(/users)."
        ),
        "buffering": Flag(
            default=True,
            description="V(false) passes every piece on as it comes, for server-sent events, streaming, large uploads.",
        ),
        "auth": AUTH,
        "cors": CORS,
        "cache": CACHE,
        "static": STATIC,
        "snippet": snippet("the location of this route", "proxy_max_temp_file_size 0;"),
    },
    example="{domain: app.example.com, service: web, port: 8080}",
)
ROUTES = Items(
    of=ROUTE,
    default=[],
    example=f"[{ROUTE.example}]",
    description="What is reachable from outside. All routes of a domain make one nginx site with one certificate; other stacks of the host"
    " may have other paths of it.",
)
