# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sites of others that an nginx on the host serves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from typing import Any

from ..schema.nodes import Problem
from .host import Host

MAIN = "/etc/nginx/nginx.conf"
OURS = "include /etc/nginx/sites.d/*.conf;"  # in the file that role nginx writes
BESIDE = "/etc/nginx/conf.d/latentum-ops.conf"  # in place of MAIN, where that stays
FOLDERS = (("/etc/nginx/conf.d", "*.conf"), ("/etc/nginx/sites-enabled", "*"))
_COMMENT = re.compile(r"#.*$", re.MULTILINE)
_SERVER = re.compile(r"\bserver\s*\{")
# The page that greets after an installation.
_WELCOME = re.compile(r"\broot\s+(?:/usr/share/nginx/html|/var/www/html)\s*;")
_INCLUDE = re.compile(r"\binclude\s+([^;]+);")


def beside(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """An nginx.conf that stays must lead to our sites."""
    if not wanted["nginx"].get("keep_foreign"):
        return
    main = _COMMENT.sub("", host.read(MAIN) or "")
    if OURS in main:
        fix = "write nginx_keep_foreign: false, or put the former nginx.conf back"
        yield Problem("nginx_keep_foreign", "true", f"{MAIN} is this role's own, which has all of it already", fix)
    elif main and not any(fnmatch(BESIDE, pattern.strip()) for pattern in _INCLUDE.findall(main)):
        fix = f"write `include {FOLDERS[0][0]}/*.conf;` into its http block, or nginx_keep_foreign: false"
        yield Problem("nginx_keep_foreign", "true", f"{MAIN} does not include {BESIDE}, where our sites come in", fix)


def others(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Sites that the host's nginx.conf includes and ours would not, so that they would go dark."""
    main = _COMMENT.sub("", host.read(MAIN) or "")
    if not main or OURS in main or wanted["nginx"].get("keep_foreign"):
        return
    stay = [pattern.strip() for line in wanted["nginx"]["http_directives"] for pattern in _INCLUDE.findall(line)]
    included = [pattern.strip() for pattern in _INCLUDE.findall(main)]
    for folder, pattern in FOLDERS:
        for path in host.files(folder, pattern):
            content = _COMMENT.sub("", host.read(path) or "")
            served = any(fnmatch(str(path), given) for given in included)
            if not served or not _SERVER.search(content) or any(fnmatch(str(path), given) for given in stay):
                continue
            if path.name in {"default", "default.conf"} and _WELCOME.search(content) and "proxy_pass" not in content:
                continue
            names = " ".join(re.findall(r"\bserver_name\s+([^;]+);", content))
            problem = f"{path} serves {names or 'a site'}, and role nginx writes a configuration that does not include it"
            fix = f'declare it as a route or in nginx_extra_sites, write nginx_http_directives: ["include {path};"], or remove the file'
            yield Problem("nginx_http_directives", "", problem, fix)
