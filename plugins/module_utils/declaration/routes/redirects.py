# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redirects: names and paths that lead to another address instead of to a service."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from ...schema import values
from ...schema.nodes import Flag, Items, Problem, Record, Refused, Text, shown
from .model import Route

STATUS = ("301", "302", "303", "307", "308")
# No quotes, no backslash (browsers take it for a slash), no "$" (a variable of nginx).
_TARGET = re.compile(r"(?:https?://[A-Za-z0-9.-]+(?::[0-9]{1,5})?)?(?:/[A-Za-z0-9/_.~@+%!,;=:&?#()*-]*)?")


@values.form("path or address")
def target(value: str) -> str:
    """Where a redirect leads: a path of the same name, or a whole address."""
    text = value.strip()
    if re.match(r"[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+(?:/|$)", text):
        raise Refused("has no scheme, and would be read as a path", f"write https://{text}")
    if text.startswith("//"):
        raise Refused("has no scheme", f"write https:{text}")
    if not text.startswith(("/", "http://", "https://")):
        raise Refused("is neither a path nor an address", "write /new, or https://www.example.com/new")
    if not _TARGET.fullmatch(text):
        raise Refused("has signs that do not belong into an address", "write it as a browser sends it: spaces as %20, no quotes, no $")
    return text


REDIRECT = Record(
    description="A name, or a path of one, that leads to another address.",
    fields={
        "domain": Text(
            required=True,
            default="",
            check=values.domain,
            example="www.example.com",
            description="The name. That of a route (its aliases lead there with it), or another one, which gets a site and a certificate.",
        ),
        "path": Text(
            default="/",
            check=values.path,
            example="/old",
            description="What has moved, with all that is below it. V(/) is the whole name, but for longer paths of routes and redirects.",
        ),
        "exact": Flag(default=False, description="Only C(path) itself, not what is below it: V(/) of a name whose other pages are served."),
        "to": Text(
            required=True,
            default="",
            check=target,
            example="https://example.com",
            description="Where it leads: a path of the same name, or an address with C(https://).",
        ),
        "status": Text(
            default="308",
            choices=STATUS,
            numbers=True,
            description="V(308) and V(307) keep the method and the body of a request, V(301), V(302) and V(303) make a GET of a POST."
            " V(308) and V(301) are permanent: browsers keep them for years, so begin with V(307) where you are not sure.",
        ),
        "keep_path": Flag(default=True, description="What follows C(path) is added to C(to). V(false) leads everything to that one page."),
        "keep_query": Flag(default=True, description="The query (C(?page=2)) goes along."),
    },
    example="{domain: www.example.com, to: https://example.com}",
)
REDIRECTS = Items(
    of=REDIRECT,
    default=[],
    example=f"[{REDIRECT.example}]",
    description="Names and paths that lead elsewhere: C(www) to the bare name, pages that have moved, a name that was given up.",
)


@dataclass(frozen=True)
class Redirect:
    """One redirect; ``to`` is a path or an address."""

    key: str
    domain: str
    path: str
    exact: bool
    to: str
    status: int
    keep_path: bool
    keep_query: bool

    @property
    def adds_path(self) -> bool:
        """Something of the path of a request is in the address that it is led to."""
        return self.keep_path and not self.exact

    def to_dict(self) -> dict[str, Any]:
        """As role nginx takes it, with its defaults left out."""
        options = {"exact": self.exact, "keep_path": self.adds_path, "keep_query": self.keep_query}
        return {"path": self.path, "to": self.to, "status": self.status, **options}


def redirects_from(items: Sequence[dict[str, Any]]) -> tuple[Redirect, ...]:
    """From what the schema read."""
    return tuple(
        Redirect(key=f"redirects[{index}]", **{**item, "path": item["path"].rstrip("/") or "/", "status": int(item["status"])})
        for index, item in enumerate(items)
    )


@dataclass(frozen=True)
class Names:
    """What the names of a stack answer."""

    routes: tuple[Route, ...]
    redirects: tuple[Redirect, ...]

    def domain(self, name: str) -> str:
        """The domain of which it is an alias, or itself."""
        return next((route.domain for route in self.routes if name in route.aliases), name)

    def answers(self, name: str, path: str) -> Redirect | Route | None:
        """What nginx answers with: an exact path before prefixes, of them the longest."""
        domain = self.domain(name)
        exact = [redirect for redirect in self.redirects if redirect.exact and (redirect.domain, redirect.path) == (domain, path)]
        prefixes: list[Redirect | Route] = [
            *(redirect for redirect in self.redirects if not redirect.exact and redirect.domain == domain and _below(path, redirect.path)),
            *(route for route in self.routes if route.domain == domain and _below(path, route.path)),
        ]
        return next(iter(exact), None) or max(prefixes, key=lambda entry: len(entry.path), default=None)


def _below(path: str, prefix: str) -> bool:
    return f"{path}/".startswith(f"{prefix.rstrip('/')}/")


def problems_of(names: Names) -> Iterator[Problem]:
    """What cannot stand: a redirect that meets a route, that another one makes useless, or that goes in circles."""
    names = Names(names.routes, tuple(redirect for redirect in names.redirects if redirect.domain and redirect.to))
    problems = list(_of_each(names))
    yield from problems
    wrong = {problem.key.partition(".")[0] for problem in problems}
    yield from _circles(names, wrong)


def _of_each(names: Names) -> Iterator[Problem]:
    seen: dict[tuple[str, str, bool], Redirect] = {}
    for redirect in names.redirects:
        yield from _of_name(names, redirect)
        known = seen.setdefault((redirect.domain, redirect.path, redirect.exact and redirect.path == "/"), redirect)
        if known is not redirect:
            place = shown(f"{redirect.domain}{redirect.path}")
            yield Problem(f"{redirect.key}.path", place, f"is redirected by {known.key} already", "remove one of the two")
        extra = next((sign for sign in "?#" if sign in redirect.to), "")
        if extra and (redirect.adds_path or redirect.keep_query):
            what = f"ends in {'a query' if extra == '?' else 'a fragment'}, to which nothing can be added"
            yield Problem(f"{redirect.key}.to", shown(redirect.to), what, "write keep_path: false and keep_query: false, or remove it")


def _of_name(names: Names, redirect: Redirect) -> Iterator[Problem]:
    domain = names.domain(redirect.domain)
    owner = next((route for route in names.routes if redirect.domain in route.aliases), None)
    if owner and redirect.path == "/" and not redirect.exact:
        what = f"is an alias of {owner.domain} ({owner.key}), and so serves its pages"
        fix = f"remove it from {owner.key}.aliases: a name either serves or leads elsewhere"
        yield Problem(f"{redirect.key}.domain", shown(redirect.domain), what, fix)
    elif owner:
        what = f"is an alias of {domain}, whose paths it shares"
        yield Problem(f"{redirect.key}.domain", shown(redirect.domain), what, f"write domain: {domain}")
    taken = next((route for route in names.routes if (route.domain, route.path) == (redirect.domain, redirect.path)), None)
    if taken and not (redirect.exact and redirect.path == "/"):
        fix = "remove one of the two, or give one another path"
        if redirect.path == "/":
            fix = "write exact: true, for that one page, or remove one of the two"
        yield Problem(f"{redirect.key}.path", shown(f"{redirect.domain}{redirect.path}"), f"is served by {taken.key}", fix)


def _circles(names: Names, reported: set[str]) -> Iterator[Problem]:
    """A browser gives up after some twenty; each circle is reported once, and none of a redirect that is wrong already."""
    for redirect in names.redirects:
        for rest in ("", "/x") if redirect.adds_path else ("",):
            circle = _circle(names, redirect, rest)
            if circle and not reported & set(circle):
                reported |= set(circle)
                others = [key for key in circle if key != redirect.key]
                what = f"goes in a circle with {', '.join(others)}" if others else "leads to what it redirects itself, and so in a circle"
                fix = "write the address that serves, or exact: true where only this page has moved"
                yield Problem(f"{redirect.key}.to", shown(redirect.to), what, fix)


def _circle(names: Names, start: Redirect, rest: str) -> list[str]:
    """The keys on the way from a redirect back to itself; empty where the way ends."""
    way = [start.key]
    current, name = start, start.domain
    while len(way) <= len(names.redirects):
        address = urlsplit(current.to)
        name = address.hostname or name
        rest = rest if current.adds_path else ""
        path = re.sub("/+$", "", address.path) + rest or "/"
        after = names.answers(name, path)
        if after is start:
            return way
        if not isinstance(after, Redirect) or after.key in way:
            return []
        rest = "" if after.exact else path[len(after.path.rstrip("/")) :].rstrip("/")
        way.append(after.key)
        current = after
    return []
