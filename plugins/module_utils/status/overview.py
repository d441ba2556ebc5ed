# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several stacks at a glance: a line for each, and one for the host."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..core.format import WIDTH, columns, duration, fitted
from ..core.masking import line
from .lateness import is_late
from .marks import BAD, GOOD

SOON = 14  # days before its end at which a certificate should have been renewed
ALMOST_FULL = 85  # percent of a file system
WORST = ("failed", "waiting", "ok")
Collected = Mapping[str, Any]


def of_stack(collected: Collected, name: str) -> dict[str, Any]:
    """What was collected, without what belongs to other stacks; what belongs to the host stays."""
    stacks = [stack for stack in _listed(collected, "stacks") if stack["name"] == name]
    own = {
        "stacks": stacks,
        "jobs": [jobs for jobs in _listed(collected, "jobs") if jobs["stack"] == name],
        "backups": [backup for backup in _listed(collected, "backups") if backup["stack"] == name],
        "secrets": [secret for secret in _listed(collected, "secrets") if secret["stack"] == name],
        "certificates": _certificates(collected, stacks[0]) if stacks else [],
        "core_files": [dump for dump in _listed(collected, "core_files") if dump["stack"] in ("", name)],
    }
    return {**collected, **{part: value for part, value in own.items() if isinstance(collected.get(part), list)}}


def summaries(collected: Collected, published: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Each stack in a few words: health, release, since when, containers, last proven backup, open incidents, certificate.

    Times are epoch seconds. None stands for what there is not, or what nobody can say.

    :param published: what the watchdog published; None where it has not.
    """
    return [_summary(stack, collected, published) for stack in _listed(collected, "stacks")]


def _summary(stack: Mapping[str, Any], collected: Collected, published: Mapping[str, Any] | None) -> dict[str, Any]:
    states = [service["state"] for service in stack["services"]]
    backup = next((backup for backup in _listed(collected, "backups") if backup["stack"] == stack["name"]), None)
    certificates = _certificates(collected, stack)
    containers = [(service, container) for service in stack["services"] for container in service["containers"]]
    troubles = [f"{service['service']}: {service['reason']}" for service in stack["services"] if service["state"] != "ok"]
    return {
        "stack": stack["name"],
        "health": next((state for state in WORST if state in states), "ok"),
        "release": stack.get("release", ""),
        "since": stack.get("since") or None,
        "underway": stack.get("underway", ""),
        "containers": {"healthy": sum(_serves(*pair) for pair in containers), "total": len(containers)},
        "backup": None if backup is None else {"proven": backup.get("restorable") or None, "late": is_late(backup)},
        "incidents": None
        if published is None
        else sum(incident.get("stack") == stack["name"] for incident in published.get("incidents", [])),
        "certificate_days": min((certificate["days_left"] for certificate in certificates if not certificate["placeholder"]), default=None),
        "certificate_missing": any(certificate["placeholder"] for certificate in certificates),
        "reasons": troubles,
    }


def _serves(service: Mapping[str, Any], container: Mapping[str, Any]) -> bool:
    """It works, or has done its work."""
    if container["state"] == "running":
        return container["health"] in ("healthy", "none")
    return bool(service["state"] == "ok" and container["exit_code"] == 0)


def _certificates(collected: Collected, stack: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Those of its domains; of a domain that has none of its own the one of all names beside it."""
    known = _listed(collected, "certificates")
    own = []
    for domain in stack.get("domains", []):
        named = [certificate for certificate in known if domain in (certificate["name"], *certificate["domains"])]
        wild = f"*.{domain.partition('.')[2]}"
        own += named or [certificate for certificate in known if wild in certificate["domains"]]
    return [certificate for certificate in known if certificate in own]


def _listed(collected: Collected, part: str) -> list[dict[str, Any]]:
    """A part that could be looked at; empty where it could not."""
    value = collected.get(part)
    return value if isinstance(value, list) else []


def table(collected: Collected, summed: Sequence[Mapping[str, Any]], width: int = WIDTH) -> str:
    """The lines of all stacks and of the host; what needs attention begins with two exclamation marks, and says why below."""
    now = time.time()
    rows = [["", "stack", "health", "release", "live for", "containers", "proven backup", "incidents", "certificate"]]
    rows += [_row(summary, now) for summary in summed]
    lines = [*columns(fitted(rows, width)), ""]
    lines += [f"{BAD} {summary['stack']}: {line(reason)}" for summary in summed for reason in (*summary["reasons"], *_underway(summary))]
    lines += list(_host(collected))
    lines += [f"{BAD} {part}: {value['error']}" for part, value in collected.items() if _failed(value)]
    return "\n".join([*lines, "", f"one in detail: opsctl status --stack {summed[0]['stack']}"])


def _underway(summary: Mapping[str, Any]) -> list[str]:
    return [f"{summary['underway']}; the next deployment, or opsctl rollback, goes on with it"] if summary["underway"] else []


def _row(summary: Mapping[str, Any], now: float) -> list[str]:
    counted, backup = summary["containers"], summary["backup"]
    bad = summary["health"] != "ok" or summary["underway"] or summary["incidents"] or counted["healthy"] < counted["total"]
    bad = bad or (backup or {}).get("late") or summary["certificate_missing"] or (summary["certificate_days"] or SOON) < SOON
    return [
        BAD if bad else GOOD,
        summary["stack"],
        summary["health"],
        summary["release"] or "none",
        duration(int(max(0.0, now - summary["since"]))) if summary["since"] else "",
        f"{counted['healthy']}/{counted['total']}",
        _proven(backup, now),
        "unknown" if summary["incidents"] is None else str(summary["incidents"]),
        _certificate(summary),
    ]


def _proven(backup: Mapping[str, Any] | None, now: float) -> str:
    if backup is None:
        return "not backed up"
    return f"{duration(int(max(0.0, now - backup['proven'])))} ago" if backup["proven"] else "never"


def _certificate(summary: Mapping[str, Any]) -> str:
    if summary["certificate_missing"]:
        return "not issued yet"
    return "none" if summary["certificate_days"] is None else f"{summary['certificate_days']} days"


def _host(collected: Collected) -> Iterator[str]:
    """The line of the host: what is wrong with it, or that nothing is."""
    host = collected["host"]
    if _failed(host):
        return
    disks, updates = _listed(collected, "disks"), collected["updates"]
    units = [str(unit) for unit in _listed(collected, "failed_units")]
    troubles = ["reboot required"] if host["reboot_required"] else []
    fullest = max(disks, key=lambda disk: max(disk["percent"], disk["inodes_percent"]), default=None)
    full = max(fullest["percent"], fullest["inodes_percent"]) if fullest else 0
    security = 0 if _failed(updates) else updates["security"]
    troubles += [f"security updates: {security}"] if security else []
    held = [] if _failed(updates) else updates.get("held", [])
    troubles += [f"updates held back: {len(held)} (`{updates['command']}`)"] if held else []
    troubles += [f"failed units: {', '.join(units)}"] if units else []
    dumps = _listed(collected, "core_files")
    troubles += [f"core dumps: {len(dumps)}"] if dumps else []
    overruled = (collected.get("effective_config") or {}).get("deviations") or []
    troubles += [f"overruled settings: {len(overruled)}"] if overruled else []
    known = collected.get("host_certificate") or {}
    troubles += [f"the certificate between hosts ends in {known['days_left']} days"] if known.get("late") else []
    load = " ".join(f"{average:.2f}" for average in host["load"])
    disk = [f"disk {fullest['mount']} {full} %"] if fullest else []
    mark = BAD if troubles or full >= ALMOST_FULL else GOOD
    yield f"{mark} host {host['name']}: " + ", ".join([f"up {duration(host['uptime'])}", f"load {load}", *disk, *troubles])


def _failed(value: object) -> bool:
    """A part that could not be looked at."""
    return isinstance(value, dict) and set(value) == {"error"}
