# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Frontends of the HAProxy on a host, from its files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..host import SurveyedHost
from .site import Site

MAIN = "/etc/haproxy/haproxy.cfg"
FOLDER = "/etc/haproxy/conf.d"  # with EXTRAOPTS="-f /etc/haproxy/conf.d"
SECTIONS = {"global", "defaults", "frontend", "backend", "listen", "peers", "resolvers", "userlist", "program", "cache", "ring", "mailers"}
_HOST = re.compile(r"(?:hdr(?:_\w+)?\(host\)|req(?:_|\.)ssl_sni)\S*\s+(?:-i\s+|-m\s+\w+\s+)*(.+)$", re.IGNORECASE)
Section = tuple[str, int, list[list[str]]]


def sites(host: SurveyedHost) -> list[Site]:
    """Each frontend, with the servers of the backends that it uses."""
    files = [MAIN, *map(str, host.files(FOLDER, "*.cfg"))]
    sections = [(file, section) for file in files for section in _sections(host.read(file) or "")]
    backends = {section[0].partition(" ")[2]: section[2] for _file, section in sections if section[0].startswith(("backend ", "listen "))}
    return [_site(file, section, backends) for file, section in sections if section[0].startswith(("frontend ", "listen "))]


def _sections(text: str) -> Iterator[Section]:
    current: Section | None = None
    for number, line in enumerate(text.splitlines(), 1):
        words = re.sub(r"(?<!\\)#.*$", "", line).split()
        if words and words[0] in SECTIONS:
            if current:
                yield current
            current = (" ".join(words[:2]), number, [])
        elif words and current:
            current[2].append(words)
    if current:
        yield current


def _site(file: str, section: Section, backends: dict[str, list[list[str]]]) -> Site:
    _title, line, body = section
    used = [words[1] for words in body if words[0] in {"default_backend", "use_backend"} and len(words) > 1]
    members = [*body, *(words for name in used for words in backends.get(name, ()))]
    names = []
    for words in body:
        if words[0] in {"acl", "use_backend"} and (match := _HOST.search(" ".join(words))):
            names += [word for word in match[1].split() if not word.startswith(("{", "}", "-"))]
    binds = [words for words in body if words[0] == "bind"]
    certificates = [words[at + 1] for words in binds for at, word in enumerate(words[:-1]) if word in {"crt", "crt-list"}]
    return Site(
        server="haproxy",
        file=file,
        line=line,
        names=tuple(dict.fromkeys(names)),
        listens=tuple(words[1] for words in binds if len(words) > 1),
        upstreams=tuple(words[2] for words in members if words[0] == "server" and len(words) > 2),
        certificates=tuple(certificates),
        password=any("http_auth" in word for words in body for word in words),
    )
