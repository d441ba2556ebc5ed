# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites of the Caddy on a host, from its Caddyfile (https://caddyserver.com/docs/caddyfile/concepts)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase

from ..host import SurveyedHost
from .site import Site

MAIN = "/etc/caddy/Caddyfile"
_WORD = re.compile(r"\"(?:\\.|[^\"\\])*\"|`[^`]*`|(?<!\S)#[^\n]*|\{\$?[\w.:*/-]+\}|[^\s{}\"`]+|[{}\n]")
_DEEPEST = 10


def sites(host: SurveyedHost) -> list[Site]:
    """The sites of the Caddyfile that packages use, and of what it imports."""
    return list(_sites(host, MAIN, 0))


def _sites(host: SurveyedHost, path: str, depth: int) -> Iterator[Site]:
    text = host.read(path)
    if text is None or depth > _DEEPEST:
        return
    for line, heading, body in _blocks(text):
        if heading[:1] == ["import"] and len(heading) > 1:
            for file in _matching(host, path, heading[1]):
                yield from _sites(host, file, depth + 1)
        elif heading and not heading[0].startswith("("):  # neither global options nor a snippet
            yield _site(path, line, heading, body)


def _matching(host: SurveyedHost, path: str, pattern: str) -> list[str]:
    full = pattern if pattern.startswith("/") else f"{path.rpartition('/')[0]}/{pattern}"
    folder, _slash, name = full.rpartition("/")
    return [f"{folder}/{entry}" for entry in host.names(folder) if fnmatchcase(entry, name)] if "*" in name else [full]


def _blocks(text: str) -> Iterator[tuple[int, list[str], list[list[str]]]]:
    """The blocks of the outermost level: line, what stands before the brace, and the lines within; `import` has no block.

    A file may hold one site without braces: its addresses are the first line.
    """
    line, depth, begin = 1, 0, 1
    heading: list[str] = []
    body: list[list[str]] = [[]]
    for word in _WORD.findall(text):
        if word == "\n":
            line += 1
            if depth:
                body.append([])
            elif heading[:1] == ["import"]:
                yield begin, heading, []
                heading = []
            elif heading and not heading[-1].endswith(","):
                # Addresses without a brace on their line: the only site of this file.
                rest = text.split("\n", line - 1)[-1]
                yield begin, heading, [words.split() for words in rest.splitlines() if words.strip()]
                return
        elif word.startswith("#"):
            continue
        elif word == "{":
            depth += 1
        elif word == "}":
            depth -= 1
            if not depth:
                yield begin, heading, [words for words in body if words]
                heading, body = [], [[]]
        elif depth:
            body[-1].append(word)
        else:
            begin = begin if heading else line
            heading.append(word)
    if heading[:1] == ["import"]:
        yield begin, heading, []


def _site(path: str, line: int, heading: list[str], body: list[list[str]]) -> Site:
    addresses = [word.rstrip(",").strip('"') for word in heading if word.strip(",")]
    names = [re.sub(r"^https?://", "", address).partition("/")[0] for address in addresses]

    def arguments(name: str) -> list[list[str]]:
        return [words[1:] for words in body if words[0] == name]

    passes = [word for name in ("reverse_proxy", "php_fastcgi", "to") for words in arguments(name) for word in words]
    certificates = [words[0] for words in arguments("tls") if len(words) == 2]
    return Site(
        server="caddy",
        file=path,
        line=line,
        names=tuple(name.partition(":")[0] for name in names if name.partition(":")[0]),
        listens=tuple(dict.fromkeys(_ports(addresses))),
        roots=tuple(words[-1] for words in arguments("root") if words),
        upstreams=tuple(word for word in passes if not word.startswith(("/", "@", "*")) or word.startswith("/run")),
        certificates=tuple(certificates),
        password=bool(arguments("basicauth") or arguments("basic_auth")),
    )


def _ports(addresses: list[str]) -> Iterator[str]:
    for address in addresses:
        scheme, _separator, rest = address.rpartition("://")
        port = rest.partition("/")[0].rpartition(":")[2] if ":" in rest else ""
        yield port or ("80" if scheme == "http" else "443")
