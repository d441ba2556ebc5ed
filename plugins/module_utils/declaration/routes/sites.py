# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What all names of a stack share: wildcard certificates, and pages for errors."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from ...schema import values
from ...schema.nodes import Items, Problem, Record, Refused, Text, shown

LARGEST = 48 * 1024  # bytes of a page: it is part of the site's file
PAGES = ("403", "404", "413", "429", "502", "503", "504")
# Bytes of one word in nginx's files, which takes 4096 with its escapes.
_WORD = 2000


@values.form("HTML")
def page(value: str) -> str:
    """A whole page; it may be asked for by anybody at any time."""
    if len(value.encode()) > LARGEST:
        raise Refused("is larger than 48 KiB", "put pictures and fonts elsewhere, or make them smaller")
    if "<" not in value:
        raise Refused("is not a page", "write HTML, such as \"{{ lookup('ansible.builtin.file', 'pages/503.html') }}\"")
    if "\0" in value:
        raise Refused("has a NUL in it", "write text")
    return value


_FILE = "\"{{ lookup('ansible.builtin.file', 'pages/503.html') }}\""
_MEANING = {
    "403": "Who may not see it (C(allow_from)).",
    "404": "A path that no route has; what a service itself does not find is its own to say.",
    "413": "A request that is too large.",
    "429": "A client beyond its limits.",
    "502": "No container answers.",
    "503": "A service is being recreated (C(strategy: recreate)), or a canary of a release is held back.",
    "504": "A service took too long.",
}
ERROR_PAGES = Record(
    description="Pages of your own for errors of nginx, for browsers; programs get JSON as ever. Without one there is a plain page."
    " They are part of a release. Styles and pictures belong into the page itself: nothing else can be relied on then.",
    fields={status: Text(default="", check=page, example=_FILE, description=_MEANING[status]) for status in PAGES},
    example=f"{{503: {_FILE}}}",
)
WILDCARDS = Items(
    of=Text(default="", check=values.domain, example="example.com"),
    default=[],
    example="[example.com]",
    description="Names whose hosts share one certificate: C(example.com) stands for itself and all C(*.example.com). Only DNS can prove it"
    " (C(certbot_dns_plugin)). A site whose names it all covers has it instead of one of its own.",
)


def error_pages_from(raw: Mapping[str, Any] | None) -> Mapping[str, str]:
    """Status to page, without those that are not declared."""
    return {status: text for status, text in (raw or {}).items() if text}


def wildcards_from(raw: Sequence[str]) -> tuple[str, ...]:
    """From what the schema read."""
    return tuple(name for name in raw if name)


def words(text: str) -> list[str]:
    """A page in pieces that nginx reads as words in quotes, escaped."""
    pieces, piece, length = [], "", 0
    for sign in text:
        escaped = f"\\{sign}" if sign in '"\\' else sign
        size = len(escaped.encode())
        if length + size > _WORD:
            pieces.append(piece)
            piece, length = "", 0
        piece, length = piece + escaped, length + size
    return [*pieces, piece]


def certificate_of(names: Collection[str], wildcards: Collection[str]) -> str:
    """The wildcard certificate that covers all of these names; empty where none does. No host can have its name, for the underscore."""
    return next((f"_wildcard.{name}" for name in wildcards if all(covers(name, host) for host in names)), "")


def covers(wildcard: str, host: str) -> bool:
    """A wildcard stands for one label (RFC 6125, 6.4.3)."""
    return host == wildcard or host.partition(".")[2] == wildcard


def problems_of(wildcards: Sequence[str], sites: Sequence[Collection[str]]) -> Iterator[Problem]:
    """What cannot stand.

    :param sites: the names of each site.
    """
    for index, wildcard in enumerate(wildcards):
        key = f"wildcards[{index}]"
        if wildcard in wildcards[:index]:
            yield Problem(key, shown(wildcard), "is there already", "remove it")
        elif not any(certificate_of(names, [wildcard]) for names in sites):
            what = "covers no site of this stack, all of whose names it would have to cover"
            yield Problem(key, shown(wildcard), what, "remove it, or write the name that stands after the first dot of the domains")
