# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/3: nginx must have its module, and UDP port 443 be free."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..nginx.features import HTTP3, numbers, parse
from ..schema.nodes import Problem
from .host import Host
from .web_ports import listeners

_CANDIDATE = re.compile(r"^\s*Candidate: (?:\d+:)?(\d+\.\d+\.\d+)", re.MULTILINE)
_FIX = "write nginx_http3: false, or nginx_source: nginx for the packages of nginx.org; Debian 13 has it"


def spoken(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """The nginx that is there, or the one that the distribution would install."""
    if not wanted["nginx"].get("http3") or wanted["nginx"].get("source") == "nginx":
        return
    found = parse(host.said(["nginx", "-V"]) or "")
    if found.installed and not found.http3:
        yield Problem("nginx_http3", "true", f"nginx {found.version} of this host has no ngx_http_v3_module (`nginx -V`)", _FIX)
    candidate = None if found.installed else _CANDIDATE.search(host.output(["apt-cache", "policy", "nginx"]) or "")
    if candidate and numbers(candidate[1]) < HTTP3:
        yield Problem("nginx_http3", "true", f"this distribution has nginx {candidate[1]}, and HTTP/3 came with 1.25", _FIX)


def free(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Another web server, or a container with a published port, may have it: a proxy that was stopped for TCP only, or a VPN."""
    if not wanted["nginx"].get("http3"):
        return
    fix = "stop it, move it to another port, or write nginx_http3: false"
    for container in host.engine.api.containers() if host.engine else ():
        if any(binding.get("PublicPort") == 443 and binding.get("Type") == "udp" for binding in container.get("Ports") or ()):
            name = str((container.get("Names") or ["?"])[0]).lstrip("/")
            yield Problem("port 443/udp", "", f"container {name} publishes it, and nginx is to speak HTTP/3 there", fix)
            return
    for listener in listeners(host.output(["ss", "-Hlunp"]) or ""):
        if listener.port == 443 and listener.program not in ("nginx", "docker-proxy", ""):
            problem = f"{listener.program} (process {listener.pid}) listens there, and nginx is to speak HTTP/3 there"
            yield Problem("port 443/udp", "", problem, fix)
            return
