# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites of the nginx on a host: as the running one would read its files (``nginx -T``), or from the files themselves.

The second where nginx does not run or refuses its configuration: ``nginx -T`` opens logs and makes folders that are not there yet.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from ...nginx.beside import MAIN
from ...nginx.config_tree import Directive, dumped, load, of_dump
from ...preflight.nginx_sites import matching
from ..host import SurveyedHost
from .site import Site

PASSES = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")
_CONF_PATH = re.compile(r"--conf-path=(\S+)")


def sites(host: SurveyedHost) -> list[Site]:
    """All servers, of HTTP and of streams.

    :raises NginxSyntax: nginx itself could not read its files.
    """
    return list(servers(tree(host)))


def tree(host: SurveyedHost) -> list[Directive]:
    """The configuration; empty where there is no nginx."""
    dump = host.output(["nginx", "-T"]) if host.runs("nginx") else None
    if dump:
        return of_dump(dumped(dump))
    main = main_file(host)
    return load(main, host.read, lambda pattern: matching(host, pattern)) if host.exists(main) else []


def main_file(host: SurveyedHost) -> str:
    """The file that nginx begins with: of the running one, of the one that was built, or where packages put it."""
    for process in host.processes:
        words = process.argv[0].split() if process.program == "nginx" and not process.container and process.argv else []
        if "-c" in words[:-1]:
            return words[words.index("-c") + 1]
    return MAIN


def servers(directives: Iterable[Directive]) -> Iterable[Site]:
    """The servers of a tree, each with what it passes on to in the end."""
    for context in directives:
        if context.name not in {"http", "stream"}:
            continue
        groups = {
            upstream.words[0]: tuple(member.words[0] for member in upstream.own("server") if member.words)
            for upstream in context.own("upstream")
            if upstream.words
        }
        common = [directive.words[0] for directive in context.own("root") if directive.words]
        for server in context.own("server"):
            yield _site(server, groups, common)


def _site(server: Directive, groups: Mapping[str, tuple[str, ...]], common: Sequence[str]) -> Site:
    roots = [directive.words[0] for directive in server.all("root", "alias") if directive.words]
    return Site(
        server="nginx",
        file=server.file,
        line=server.line,
        names=tuple(name for directive in server.own("server_name") for name in directive.words if name not in {"_", ""}),
        listens=tuple(" ".join(directive.words) for directive in server.own("listen")) or ("80",),
        roots=tuple(dict.fromkeys(roots or common)),
        upstreams=tuple(dict.fromkeys(_targets(server, groups))),
        certificates=tuple(dict.fromkeys(directive.words[0] for directive in server.all("ssl_certificate") if directive.words)),
        password=any(directive.words != ("off",) for directive in server.all("auth_basic")),
    )


def _targets(server: Directive, groups: Mapping[str, tuple[str, ...]]) -> Iterable[str]:
    for directive in server.all(*PASSES):
        if not directive.words:
            continue
        target = directive.words[0]
        scheme, separator, rest = target.rpartition("://")
        name = rest.partition("/")[0]
        yield from (f"{scheme}{separator}{member}" for member in groups[name]) if name in groups else (target,)
