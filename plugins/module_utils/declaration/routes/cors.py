# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CORS of a route: which other origins may call it from a browser (Fetch standard, "CORS protocol")."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ...schema import values
from ...schema.nodes import Flag, Items, Problem, Record, Refused, Text, shown

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_ORIGIN = re.compile(r"https?://(?:\*\.)?[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::[0-9]{1,5})?")
PREFIX = "access-control-"


@values.form("origin")
def origin(value: str) -> str:
    """Scheme, name and port as a browser sends them, C(https://*.example.com) for all below a name, or C(*) for anybody."""
    text = value.strip()
    if text in ("*", "null"):
        if text == "null":
            raise Refused("is the origin of every sandboxed page and of files", "write the address of the page that calls")
        return text
    if "://" not in text:
        raise Refused("has no scheme", f"write https://{text}")
    scheme, rest = text.split("://", 1)
    if "/" in rest:
        raise Refused("has a path, and an origin has none", f"write {scheme}://{rest.split('/')[0]}")
    if text != text.lower():
        raise Refused("has upper case letters, which browsers do not send", f"write {text.lower()}")
    default = {"https": ":443", "http": ":80"}.get(scheme, "")
    if default and text.endswith(default):
        raise Refused("has the default port, which browsers leave out", f"write {text.removesuffix(default)}")
    if not _ORIGIN.fullmatch(text):
        raise Refused("is not an origin", "write https://app.example.com, https://*.example.com or *")
    return text


_METHOD = values.named(r"[A-Z]{1,20}", "is not a method", "write it in capitals, such as PUT", "method")
_HEADERS = Text(default="", check=values.header_name, example="Content-Type")
CORS = Record(
    description="Other origins whose pages may call this route; nginx answers preflights. What the service says of CORS is left out.",
    fields={
        "origins": Items(
            of=Text(default="", check=origin, example="https://app.example.com"),
            required=True,
            default=[],
            example="[https://app.example.com]",
            description="As a browser sends them: scheme, name, and port where it is not the default. C(https://*.example.com) is"
            " all names below, V(*) for anybody. Others get no answer that their scripts can read.",
        ),
        "methods": Items(
            of=Text(default="", check=_METHOD), default=["GET", "HEAD", "POST"], example="[GET, PUT]", description="What they may do."
        ),
        "headers": Items(
            of=_HEADERS, default=["Content-Type"], example="[Content-Type, Authorization]", description="Request headers that they may set."
        ),
        "expose": Items(of=_HEADERS, default=[], example="[X-Total-Count]", description="Response headers that their scripts may read."),
        "credentials": Flag(default=False, description="Cookies and HTTP authentication go along. Not with V(*)."),
        "max_age": Text(
            default=600,
            numbers=True,
            check=values.lasting(0, 86400, whole=True),
            example="10m",
            description="How long a browser remembers a preflight; Chromium at most two hours.",
        ),
    },
    example="{origins: [https://app.example.com]}",
)


@dataclass(frozen=True)
class Cors:
    """What is allowed to whom; seconds."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    expose: tuple[str, ...]
    credentials: bool
    max_age: int

    def to_dict(self) -> dict[str, Any]:
        """As role nginx takes it: origins that are compared, and regular expressions for those with a wildcard."""
        anybody = "*" in self.origins
        return {
            "origins": ["*"] if anybody else [origin for origin in self.origins if "*" not in origin],
            "patterns": [] if anybody else [_pattern(origin) for origin in self.origins if "*" in origin],
            "methods": list(self.methods),
            "headers": list(self.headers),
            "expose": list(self.expose),
            "credentials": self.credentials,
            "max_age": self.max_age,
        }


def _pattern(origin: str) -> str:
    """A regular expression for all names below one; a label cannot hold a dot, so nothing follows the name."""
    before, after = origin.split("*.")
    return f"^{re.escape(before)}[a-z0-9-]+([.][a-z0-9-]+)*{re.escape('.' + after)}$"


def cors_from(raw: Mapping[str, Any] | None) -> Cors | None:
    """From what the schema read."""
    if not raw:
        return None
    lists = {name: tuple(item for item in raw[name] if item) for name in ("origins", "methods", "headers", "expose")}
    return Cors(**{**raw, **lists})


def problems_of(cors: Cors, key: str, headers: Mapping[str, str]) -> Iterator[Problem]:
    """What cannot stand.

    :param headers: response headers that the route sets.
    """
    if "*" in cors.origins and cors.credentials:
        fix = "name the origins, or remove credentials"
        yield Problem(f"{key}.cors.credentials", "true", "would let every page of the web act for whoever is logged in (origins: *)", fix)
    if "*" in cors.origins and len(set(cors.origins)) > 1:
        yield Problem(f"{key}.cors.origins", "a list with *", "names origins beside *, which is all of them", "remove *, or the others")
    for name in headers:
        if name.lower().startswith(PREFIX):
            yield Problem(f"{key}.headers.{name}", shown(headers[name]), "is set by cors: as well", "remove it here")
