# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites of the Apache on a host, from its files: ``apachectl -S`` of Debian makes folders below /run before it answers."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from ..host import SurveyedHost
from .site import Site

MAIN = "/etc/apache2/apache2.conf"
ENVIRONMENT = "/etc/apache2/envvars"
FOLDER = "/etc/apache2"
_INCLUDE = re.compile(r"^\s*Include(?:Optional)?\s+(.+?)\s*$", re.IGNORECASE)
_BLOCK = re.compile(r"^\s*<VirtualHost\s+([^>]+)>", re.IGNORECASE)
_END = re.compile(r"^\s*</VirtualHost>", re.IGNORECASE)
_EXPORT = re.compile(r"^\s*(?:export\s+)?([A-Z_][A-Z0-9_]*)=(.*)$", re.MULTILINE)
_DEEPEST = 10


def sites(host: SurveyedHost) -> list[Site]:
    """The virtual hosts that its main file leads to."""
    variables = {name: value.strip("\"'") for name, value in _EXPORT.findall(host.read(ENVIRONMENT) or "")}
    return list(_sites(host, MAIN, variables, 0))


def _sites(host: SurveyedHost, path: str, variables: Mapping[str, str], depth: int) -> Iterator[Site]:
    text = host.read(path)
    if text is None or depth > _DEEPEST:
        return
    begin, listens = 0, ""
    body: list[str] | None = None
    for number, line in enumerate(_joined(text), 1):
        if line.lstrip().startswith("#"):
            continue
        if block := _BLOCK.match(line):
            begin, listens, body = number, block[1].strip(), []
        elif _END.match(line) and body is not None:
            yield _site(path, begin, listens, body, variables)
            body = None
        elif body is not None:
            body.append(line)
        elif include := _INCLUDE.match(line):
            for file in _matching(host, include[1].strip("\"'")):
                yield from _sites(host, file, variables, depth + 1)


def _joined(text: str) -> Iterator[str]:
    """Lines, those that end in a backslash with the next one; an empty line stands for each that was joined, so that numbers stay."""
    waiting, skipped = "", 0
    for line in text.splitlines():
        if line.endswith("\\"):
            waiting, skipped = f"{waiting}{line[:-1]} ", skipped + 1
            continue
        yield from [""] * skipped
        yield waiting + line
        waiting, skipped = "", 0
    if waiting:
        yield waiting


def _matching(host: SurveyedHost, pattern: str) -> list[str]:
    full = pattern if pattern.startswith("/") else f"{FOLDER}/{pattern}"
    folder, _slash, name = full.rpartition("/")
    return [f"{folder}/{entry}" for entry in host.names(folder) if fnmatchcase(entry, name)] if set("*?[") & set(name) else [full]


def _site(path: str, line: int, listens: str, body: list[str], variables: Mapping[str, str]) -> Site:
    values: dict[str, list[list[str]]] = {}
    for text in body:
        words = _words(re.sub(r"\$\{(\w+)\}", lambda name: variables.get(name[1], name[0]), text))
        if words:
            values.setdefault(words[0].lower(), []).append(words[1:])

    def first(*names: str) -> list[str]:
        return [words[0] for name in names for words in values.get(name, ()) if words]

    passes = [words[-1 if len(words) == 1 else 1] for name in ("proxypass", "proxypassmatch") for words in values.get(name, ()) if words]
    passes += [words[1] for words in values.get("rewriterule", ()) if len(words) > 2 and "P" in words[2].strip("[]").split(",")]
    names = first("servername") + [word for words in values.get("serveralias", ()) for word in words]
    return Site(
        server="apache",
        file=path,
        line=line,
        names=tuple(dict.fromkeys(re.sub(r"^https?://|:\d+$", "", name) for name in names)),
        listens=tuple(listens.split()),
        roots=tuple(dict.fromkeys(first("documentroot"))),
        upstreams=tuple(dict.fromkeys(target for target in passes if target != "!")),
        certificates=tuple(dict.fromkeys(first("sslcertificatefile"))),
        password="authtype" in values,
    )


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line.strip(), posix=True)
    except ValueError:
        return line.split()
