# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites of others that an nginx on the host serves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

from ..nginx.beside import COMMENT, INCLUDE, MAIN, PLACES, parsed, place, theirs
from ..nginx.config_tree import Directive, NginxSyntax, load
from ..schema.nodes import Problem
from .host import Host

OURS = "include /etc/nginx/sites.d/*.conf;"  # in the file that role nginx writes
FOLDERS = (("/etc/nginx/conf.d", "*.conf"), ("/etc/nginx/sites-enabled", "*"))
_SERVER = re.compile(r"\bserver\s*\{")
# The page that greets after an installation.
_WELCOME = re.compile(r"\broot\s+(?:/usr/share/nginx/html|/var/www/html)\s*;")


def beside(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """An nginx.conf that stays must lead to our sites."""
    if not wanted["nginx"].get("keep_foreign"):
        return
    main = COMMENT.sub("", host.read(MAIN) or "")
    if OURS in main:
        fix = "write nginx_keep_foreign: false, or put the former nginx.conf back"
        yield Problem("nginx_keep_foreign", "true", f"{MAIN} is this role's own, which has all of it already", fix)
    elif main and not place(main):
        fix = f"write `include {FOLDERS[0][0]}/*.conf;` into its http block, or nginx_keep_foreign: false"
        yield Problem("nginx_keep_foreign", "true", f"{MAIN} does not include {PLACES[0]}, where our sites come in", fix)
    elif main and wanted["nginx"].get("proxy_protocol"):
        bare = [their for their in theirs(tree(host)) if "proxy_protocol" not in their and (at := parsed(their)) and at.port in (80, 443)]
        if bare:
            problem = (
                f"sites of others listen without it ({', '.join(dict.fromkeys(bare))}), and nginx would ask it of their clients as well"
            )
            fix = "write proxy_protocol into their `listen`, or nginx_proxy_protocol: false"
            yield Problem("nginx_proxy_protocol", "true", problem, fix)


def wildcards(_host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """A certificate for all hosts of a name is proven by DNS only, and nobody notices before the end of the run."""
    if wanted["nginx"].get("dns", True):
        return
    for certificate in wanted["nginx"].get("certificates", ()):
        wild = [domain for domain in certificate["domains"] if domain.startswith("*.")]
        if wild:
            problem = "can only be proven by DNS, and certbot_dns_plugin is empty"
            fix = "set certbot_dns_plugin (and its credentials) for this host, or remove the name from wildcards: of the declaration"
            yield Problem("wildcards", wild[0], problem, fix)


def tree(host: Host) -> list[Directive]:
    """What nginx's files say; nothing where it could not read them itself, which the test of the whole configuration tells."""
    try:
        return load(MAIN, host.read, lambda pattern: matching(host, pattern))
    except NginxSyntax:
        return []


def matching(host: Host, pattern: str) -> Sequence[str]:
    """Files by a pattern in the last part, or in a folder before it."""
    path = PurePosixPath(pattern)
    folders = [str(path.parent)]
    if set("*?[") & set(folders[0]):
        folders = [str(folder) for folder in host.files(str(path.parent.parent), path.parent.name)]
    files = [str(file) for folder in folders for file in host.files(folder, path.name)]
    return [file for file in files if not Path(file).name.startswith(".")]


def others(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Sites that the host's nginx.conf includes and ours would not, so that they would go dark."""
    main = COMMENT.sub("", host.read(MAIN) or "")
    if not main or OURS in main or wanted["nginx"].get("keep_foreign"):
        return
    stay = [pattern.strip() for line in wanted["nginx"]["http_directives"] for pattern in INCLUDE.findall(line)]
    included = [pattern.strip() for pattern in INCLUDE.findall(main)]
    for folder, pattern in FOLDERS:
        for path in host.files(folder, pattern):
            content = COMMENT.sub("", host.read(path) or "")
            served = any(fnmatch(str(path), given) for given in included)
            if not served or not _SERVER.search(content) or any(fnmatch(str(path), given) for given in stay):
                continue
            if path.name in {"default", "default.conf"} and _WELCOME.search(content) and "proxy_pass" not in content:
                continue
            names = " ".join(re.findall(r"\bserver_name\s+([^;]+);", content))
            problem = f"{path} serves {names or 'a site'}, and role nginx writes a configuration that does not include it"
            fix = f'declare it as a route or in nginx_extra_sites, write nginx_http_directives: ["include {path};"], or remove the file'
            yield Problem("nginx_http_directives", "", problem, fix)
