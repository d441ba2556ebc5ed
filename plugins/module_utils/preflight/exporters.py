# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporters that are on a host already, and ports that somebody else holds: ours could not start, or would end theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..schema.nodes import Problem
from .host import Host
from .web_ports import UNIT, collide, listeners

Exporter = Mapping[str, Any]  # as role exporters describes each (vars/main.yml, __exporters_all)


def foreign(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Units of the packages that run: the role masks them, and whoever asks them would get no answer any more."""
    for exporter in wanted["exporters"]["exporters"]:
        if (host.output(["systemctl", "is-active", exporter["theirs"]]) or "").strip() == "active":
            fix = f"write {exporter['switch']}: false to keep it, or end it: `systemctl disable --now {exporter['theirs']}`"
            yield Problem(
                exporter["switch"], "", f"{exporter['theirs']} of package {exporter['package']} runs already, set up by somebody else", fix
            )


def taken(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """One finding for each port that is to be an exporter's and has somebody who listens."""
    exporters = wanted["exporters"]["exporters"]
    if not exporters:
        return
    shown = listeners(host.output(["ss", "-Hltnp"]) or "")
    for exporter in exporters:
        address, _colon, port = str(exporter["address"]).rpartition(":")
        for listener in shown:
            if not collide(listener, address, int(port)):
                continue
            unit = UNIT.search(host.read(f"/proc/{listener.pid}/cgroup") or "") if listener.pid else None
            holder = unit[1] if unit else ""
            # Its own, or that of the package, which the check above names.
            if holder in (exporter["unit"], exporter["theirs"]):
                continue
            program = f"{listener.program} (process {listener.pid})" if listener.program else "a process that ss cannot name"
            what = f"is where {program}{f' of {holder}' if holder else ''} listens"
            yield Problem(
                exporter["variable"], str(exporter["address"]), what, "write another port of loopback, and have Prometheus ask there"
            )
            break
