# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports that nginx is to listen on and somebody else holds: it could not start, and would be restarted again and again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..containers.client import PROJECT
from ..schema.nodes import Problem
from .host import Host

WEB = (80, 443)
ANY = {"*", "0.0.0.0", "[::]"}  # noqa: S104  # as ss shows them
_HOLDER = re.compile(r'\("([^"]+)",pid=(\d+)')
CONTAINER = re.compile(r"docker[-/]([0-9a-f]{64})")
UNIT = re.compile(r"/([^/]+\.(?:service|socket))$", re.MULTILINE)


@dataclass(frozen=True)
class Listener:
    """A process that listens on a TCP port."""

    address: str
    port: int
    program: str
    pid: str


def listeners(shown: str) -> list[Listener]:
    """What ``ss -Hltnp`` shows; without a process where the kernel itself or a user of another namespace listens."""
    listening = []
    for line in shown.splitlines():
        fields = line.split(None, 5)
        if len(fields) < 5:
            continue
        address, _colon, port = fields[3].rpartition(":")
        holder = _HOLDER.search(fields[5]) if len(fields) > 5 else None
        program, pid = (holder[1], holder[2]) if holder else ("", "")
        listening.append(Listener(address.partition("%")[0], int(port), program, pid))
    return listening


def taken(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """One finding for each holder of a port."""
    addresses = [str(address).rpartition(":")[::2] for address in wanted["nginx"]["addresses"]]
    needed = {(address, int(port)) for address, port in addresses}
    published = dict(_published(host, {port for _address, port in needed}))
    for port, container in sorted(published.items()):
        fix = f"stop it, or take its port {port} away: a route reaches a container without a published port"
        yield Problem(f"port {port}", "", f"{container} publishes it, and nginx is to listen there", fix + _in_front(port))
    named = set()
    for listener in listeners(host.output(["ss", "-Hltnp"]) or ""):
        if listener.port in published or not any(collide(listener, address, port) for address, port in needed):
            continue
        holder, fix = _holder(host, listener)
        if holder and (listener.port, holder) not in named:
            named.add((listener.port, holder))
            problem = f"{holder} listens there, where nginx is to listen"
            yield Problem(f"port {listener.port}", "", problem, fix + _in_front(listener.port))


def _in_front(port: int) -> str:
    """The other way, where it is a proxy that holds a port of the web."""
    return "; a proxy may stay there, in front of nginx: write nginx_behind, `latentum.ops.adopt` says what" if port in WEB else ""


def collide(listener: Listener, address: str, port: int) -> bool:
    """The kernel refuses a second listener on the same port, unless both have addresses of their own."""
    return listener.port == port and (listener.address in ANY or address in ANY or listener.address == address)


def _holder(host: Host, listener: Listener) -> tuple[str, str]:
    """Who it is, and how to end it; nothing for the nginx of this host, which the role takes over."""
    cgroup = host.read(f"/proc/{listener.pid}/cgroup") or ""
    if container := CONTAINER.search(cgroup):
        return f"{listener.program} in container {container[1][:12]}", f"stop it for good (`docker stop {container[1][:12]}`)"
    if listener.program == "nginx":
        return "", ""
    unit = UNIT.search(cgroup)
    program = f"{listener.program} (process {listener.pid})" if listener.program else "a process that ss cannot name"
    if unit:
        return f"{program} of {unit[1]}", f"stop it for good: `systemctl disable --now {unit[1]}`"
    return program, "stop it, or move it to another port"


def _published(host: Host, ports: set[int]) -> Iterator[tuple[int, str]]:
    """Ports that a container publishes: without the userland proxy no process listens there, and the kernel leads clients past nginx."""
    for container in host.engine.api.containers() if host.engine else ():
        name = str((container.get("Names") or ["?"])[0]).lstrip("/")
        project = (container.get("Labels") or {}).get(PROJECT)
        for binding in container.get("Ports") or ():
            if binding.get("PublicPort") in ports and binding.get("Type", "tcp") == "tcp":
                yield int(binding["PublicPort"]), f"container {name}" + (f" of project {project}" if project else "")
