# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporters, Prometheus, Alertmanager or Grafana of somebody else, and ports that are taken: ours could not start, or would end theirs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..schema.nodes import Problem
from .host import Host
from .web_ports import UNIT, collide, listeners

Program = Mapping[str, Any]  # as roles exporters, monitoring and grafana describe each (vars/main.yml)


def foreign(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Of the exporters."""
    yield from _foreign(host, wanted["exporters"]["exporters"])


def taken(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Of the exporters."""
    yield from _taken(host, wanted["exporters"]["exporters"])


def foreign_monitoring(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Of Prometheus and Alertmanager."""
    yield from _foreign(host, wanted["monitoring"]["programs"])


def taken_monitoring(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Of Prometheus and Alertmanager."""
    yield from _taken(host, wanted["monitoring"]["programs"])


def foreign_grafana(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Of Grafana."""
    yield from _foreign(host, wanted["grafana"]["programs"])


def taken_grafana(host: Host, wanted: Mapping[str, Mapping[str, Any]]) -> Iterator[Problem]:
    """Of Grafana."""
    yield from _taken(host, wanted["grafana"]["programs"], "the same as monitoring.dashboards.port of ops_stack")


def _foreign(host: Host, programs: Sequence[Program]) -> Iterator[Problem]:
    """Units of the packages that run: the role masks them, and whoever asks them would get no answer any more."""
    for program in {program["theirs"]: program for program in programs}.values():
        if (host.output(["systemctl", "is-active", program["theirs"]]) or "").strip() == "active":
            fix = f"write {program['switch']}: false to keep it, or end it: `systemctl disable --now {program['theirs']}`"
            yield Problem(
                program["switch"], "", f"{program['theirs']} of package {program['package']} runs already, set up by somebody else", fix
            )


def _taken(host: Host, programs: Sequence[Program], then: str = "have Prometheus ask there") -> Iterator[Problem]:
    """Of ports on loopback.

    :param then: what else another port needs.
    """
    yield from taken_by_others(host, programs, f"write another port of loopback, and {then}")


def taken_by_others(host: Host, programs: Sequence[Program], fix: str) -> Iterator[Problem]:
    """One finding for each port that is to be one's and has somebody who listens."""
    if not programs:
        return
    shown = listeners(host.output(["ss", "-Hltnp"]) or "")
    for program in programs:
        address, _colon, port = str(program["address"]).rpartition(":")
        for listener in shown:
            if not collide(listener, address, int(port)):
                continue
            unit = UNIT.search(host.read(f"/proc/{listener.pid}/cgroup") or "") if listener.pid else None
            holder = unit[1] if unit else ""
            # Its own, one of ours that gives way to it, or that of the package, which the check above names.
            if holder in (program["unit"], program["theirs"], *program.get("replaces", ())):
                continue
            listening = f"{listener.program} (process {listener.pid})" if listener.program else "a process that ss cannot name"
            what = f"is where {listening}{f' of {holder}' if holder else ''} listens"
            yield Problem(program["variable"], str(program["address"]), what, fix)
            break
