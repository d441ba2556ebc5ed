# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that logs travel by, without which services would start and reach nobody, and the port where others' logs are to come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.paths import SECRETS
from ..schema.nodes import Problem
from .host import Host
from .host_certificates import unfit
from .web_ports import UNIT, collide, listeners

RECEIVER = "latentum-ops-log-receiver.service"


def certificates(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Files that are to be there before the role is: it makes none."""
    for name, path in wanted["log_shipping"]["certificates"].items():
        if not (host.output(["stat", "--format=%s", path]) or "").strip().strip("0"):
            fix = "bring it there before (PEM), as docs/guides/logs.md says, or leave out log_shipping_to and log_shipping_listen"
            yield Problem(f"log_shipping_{name}", path, "is not on the host, or empty", fix)


def sink_files(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Files of sinks. Secrets of the store may come in this run."""
    for name, path in (wanted["log_shipping"].get("sink_files") or {}).items():
        if path.startswith(f"{SECRETS}/"):
            continue
        if not (host.output(["stat", "--format=%s", path]) or "").strip().strip("0"):
            fix = "bring it there before, or declare a secret and write its path in the store, as docs/guides/logs.md says"
            yield Problem(f"log_shipping_sinks.{name}", path, "is not on the host, or empty", fix)


def fitting(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Files that are there and do not belong together: of another authority, with another key, or ended."""
    files = wanted["log_shipping"]["certificates"]
    if files and all(host.read(path) for path in files.values()):
        yield from unfit(host, files, "log_shipping_", ())


def taken(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Somebody else who listens where others' logs are to come."""
    listen = wanted["log_shipping"]["listen"]
    if not listen:
        return
    address, _colon, port = listen.rpartition(":")
    for listener in listeners(host.output(["ss", "-Hltnp"]) or ""):
        if not collide(listener, address, int(port)):
            continue
        unit = UNIT.search(host.read(f"/proc/{listener.pid}/cgroup") or "") if listener.pid else None
        if (unit[1] if unit else "") != RECEIVER:
            what = f"is where {listener.program or 'a process that ss cannot name'} listens"
            yield Problem("log_shipping_listen", listen, what, "write another port, and the same in log_shipping_to of the other hosts")
        return
