# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes, read and typed; durations in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .authentication.model import Authentication, authentication_from
from .caching import Cache, Static, cache_from, static_from
from .cors import Cors, cors_from

PROTOCOLS = ("http", "https", "grpc", "grpcs")


@dataclass(frozen=True)
class RateLimit:
    requests: int
    per: str
    burst: int
    by: str = "address"


@dataclass(frozen=True)
class Route:
    key: str
    domain: str
    aliases: tuple[str, ...]
    path: str
    service: str
    port: int
    websocket: bool
    body_limit: str
    timeout: int
    rate_limit: RateLimit | None
    balance: str
    headers: Mapping[str, str]
    allow_from: tuple[str, ...]
    strip_prefix: bool
    buffering: bool
    auth: Authentication | None = None
    protocol: str = "http"
    connections: int | None = None
    cors: Cors | None = None
    cache: Cache | None = None
    static: Static | None = None
    snippet: str = ""

    # Of a route to a program of the host: where it answers. It leads to no service then.
    target: str = ""

    @property
    def is_grpc(self) -> bool:
        """The service speaks gRPC, with TLS or without."""
        return self.protocol.startswith("grpc")


def routes_from(items: Sequence[dict[str, Any]]) -> tuple[Route, ...]:
    """From what the schema read."""
    return tuple(_route(item, f"routes[{index}]") for index, item in enumerate(items))


def _route(item: dict[str, Any], key: str) -> Route:
    limit = item.get("rate_limit")
    rate_limit = None
    if limit:
        burst = limit["requests"] if limit["burst"] is None else limit["burst"]
        rate_limit = RateLimit(limit["requests"], limit["per"], burst, limit["by"])
    aliases = tuple(name for name in item["aliases"] if name)
    networks = tuple(network for network in item["allow_from"] if network)
    headers = {name: value for name, value in item["headers"].items() if value is not None}
    path = item["path"].rstrip("/") or "/"
    changed = {"aliases": aliases, "rate_limit": rate_limit, "allow_from": networks, "headers": headers, "path": path}
    changed["auth"] = authentication_from(item["auth"])
    parts = {"cors": cors_from(item["cors"]), "cache": cache_from(item["cache"]), "static": static_from(item["static"])}
    # Messages of a stream are one request: a limit that nobody has declared would end it.
    body_limit = item["body_limit"] or ("0" if item["protocol"].startswith("grpc") else "1m")
    return Route(key=key, **{**item, **changed, **parts, "body_limit": body_limit})
