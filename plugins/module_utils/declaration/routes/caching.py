# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Responses of a route that nginx keeps, and static files that browsers keep."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...schema import values
from ...schema.nodes import Flag, Items, Problem, Record, Text, shown

_COOKIE = values.named(r"[A-Za-z0-9_.-]+", "is not the name of a cookie", "write letters, digits, - and _, such as sessionid", "cookie")
_VARIABLE = values.named(r"[A-Za-z0-9_]+", "is not a cookie that nginx has a variable for", "write letters, digits and _ only", "cookie")
CACHE = Record(
    description="nginx keeps answers to GET and HEAD, and gives them to everybody. Never those to a request with C(Authorization), nor any"
    " that sets a cookie, has C(Cache-Control: private) or C(no-store), or C(Vary: *). A release begins with an empty cache.",
    fields={
        "valid": Text(
            default=600,
            numbers=True,
            check=values.lasting(1, 2592000, whole=True),
            example="10m",
            description="How long, where the service says nothing: C(Cache-Control), C(Expires) and C(X-Accel-Expires) count first."
            " Answers with 200, 301, 302 and 308 only.",
        ),
        "size": Text(
            default="100m",
            numbers=True,
            check=values.body_limit,
            example="1g",
            description="What the cache may take of the disk; what was not asked for longest goes first.",
        ),
        "personal_cookies": Items(
            of=Text(default="", check=_COOKIE),
            default=None,
            example="[sessionid]",
            description="A request with one of these cookies is neither answered from the cache nor kept. V([]) only where none depends"
            " on a cookie.",
            implied="all cookies",
        ),
        "key_headers": Items(
            of=Text(default="", check=values.header_name),
            default=[],
            example="[Accept-Language]",
            description="Request headers by which answers differ, where the service says no C(Vary).",
        ),
        "key_cookies": Items(
            of=Text(default="", check=_VARIABLE), default=[], example="[currency]", description="Cookies by which they differ."
        ),
        "query": Flag(default=True, description="Answers differ by the query. V(false) gives all queries of a path the same answer."),
        "bypass_headers": Items(
            of=Text(default="", check=values.header_name),
            default=[],
            example="[X-Preview]",
            description="A request with one of these headers is answered by the service, and its answer is not kept.",
        ),
        "stale": Flag(default=False, description="While the service fails or an answer is being renewed, the old one is given."),
    },
    example="{valid: 10m}",
)
STATIC = Record(
    description="The service gives out the files of a web application: what browsers may keep, and which page answers for its own paths.",
    fields={
        "immutable": Items(
            of=Text(default="", check=values.path),
            default=[],
            example="[/assets]",
            description="Paths whose files have a hash in their name: browsers keep them for a year. HTML is asked for each time, so that a"
            " release is seen at once.",
        ),
        "fallback": Text(
            default="",
            check=values.path,
            example="/index.html",
            description="The page that is given instead of a 404 when a browser asks for a page (a path of the application's own router)."
            " Never for scripts, images or calls, nor below C(immutable).",
        ),
        "image_files": Text(
            default="",
            check=values.path,
            example="/usr/share/nginx/html",
            description="The folder in the image of C(service) whose content it gives out at V(/). What is below C(immutable) in it nginx"
            " gives out itself, from the disk of the host and compressed beforehand where a C(.gz) is beside; each release brings its own.",
            implied="the service gives out all of them",
        ),
        "keep": Text(
            default=604800,
            numbers=True,
            check=values.lasting(0, 366 * 86400),
            example="7d",
            description="With C(image_files): files of a release stay for so long when it is live no more, for pages that are open still.",
        ),
    },
    example="{immutable: [/assets], fallback: /index.html}",
)


@dataclass(frozen=True)
class Cache:
    """What is kept; seconds, a size as nginx writes it. ``personal_cookies`` is None for all of them."""

    valid: int
    size: str
    personal_cookies: tuple[str, ...] | None
    key_headers: tuple[str, ...]
    key_cookies: tuple[str, ...]
    query: bool
    bypass_headers: tuple[str, ...]
    stale: bool

    def to_dict(self) -> dict[str, Any]:
        """As role nginx takes it."""
        return {
            "valid": self.valid,
            "size": self.size,
            "any_cookie": self.personal_cookies is None,
            "personal_cookies": list(self.personal_cookies or ()),
            "key_headers": list(self.key_headers),
            "key_cookies": list(self.key_cookies),
            "query": self.query,
            "bypass_headers": list(self.bypass_headers),
            "stale": self.stale,
        }


@dataclass(frozen=True)
class Static:
    """Paths whose files never change, and the page for those that are not there."""

    immutable: tuple[str, ...] = ()
    fallback: str = ""
    image_files: str = ""
    keep: float = 604800

    def to_dict(self) -> dict[str, Any]:
        """As role nginx takes it."""
        return {"immutable": list(self.immutable), "fallback": self.fallback}


def cache_from(raw: Mapping[str, Any] | None) -> Cache | None:
    """From what the schema read."""
    if not raw:
        return None
    lists = {name: tuple(item for item in raw[name] if item) for name in ("key_headers", "key_cookies", "bypass_headers")}
    personal = raw["personal_cookies"]
    return Cache(**{**raw, **lists, "personal_cookies": None if personal is None else tuple(name for name in personal if name)})


def static_from(raw: Mapping[str, Any] | None) -> Static | None:
    """From what the schema read."""
    if not raw:
        return None
    immutable = tuple(path.rstrip("/") for path in raw["immutable"] if path.strip("/"))
    return Static(immutable, raw["fallback"], raw["image_files"].rstrip("/") or raw["image_files"], raw["keep"])


def cache_problems(cache: Cache, key: str, beside: Mapping[str, bool]) -> Iterator[Problem]:
    """What cannot stand.

    :param beside: what the route has that excludes a cache, by its key.
    """
    if cache.size in ("0", "0k", "0m"):
        yield Problem(f"{key}.cache.size", shown(cache.size), "leaves no place for an answer", "write 100m, or remove cache:")
    reasons = {
        "websocket": "are connections, of which nothing can be kept",
        "buffering": "passes answers on in pieces, of which nothing is kept",
        "protocol": "is gRPC, of which nothing can be kept",
        "auth": "asks who comes, and what one caller sees must not be given to another",
    }
    for name, there in beside.items():
        if there:
            yield Problem(f"{key}.cache", "a mapping", f"cannot stand beside {name}, which {reasons[name]}", f"remove cache:, or {name}:")


def static_problems(static: Static, key: str, path: str, headers: Mapping[str, str]) -> Iterator[Problem]:
    """What cannot stand.

    :param path: of the route.
    :param headers: response headers that the route sets.
    """
    for index, immutable in enumerate(static.immutable):
        if not f"{immutable}/".startswith(f"{path.rstrip('/')}/"):
            what, fix = f"is not below the path of this route ({path})", f"write {path.rstrip('/')}{immutable}, as a browser asks for it"
            yield Problem(f"{key}.static.immutable[{index}]", shown(immutable), what, fix)
    for name in headers:
        if name.lower() in ("cache-control", "expires"):
            yield Problem(f"{key}.headers.{name}", shown(headers[name]), "is set by static: as well", "remove one of the two")
