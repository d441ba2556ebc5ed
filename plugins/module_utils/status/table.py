# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a host as a person reads it."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from ..core.format import columns, duration, fitted, folded, size
from ..core.masking import line
from ..core.version import EngineVersion
from ..effective.deviation import Deviation
from ..hostconfig.held_updates import HeldUpdate
from ..jobs import overview
from .lateness import is_late
from .marks import BAD, GOOD

SHOWN = 20  # core dumps in the table; JSON has all


def table(collected: dict[str, Any], *, wide: bool = False) -> str:
    """The whole state as aligned text; what needs attention begins with two exclamation marks.

    :param wide: with digests and everything in full, rather than in the width of a terminal.
    """
    lines = _host(collected["host"])
    for part, render in (
        ("engine", _engine),
        ("stacks", partial(_stacks, wide=wide)),
        ("jobs", _jobs),
        ("backups", _backups),
        ("secrets", _secrets),
        ("certificates", _certificates),
        ("host_certificate", _host_certificate),
        ("ports", _ports),
        ("disks", _disks),
        ("updates", _updates),
        ("failed_units", _failed),
        ("core_files", _core_files),
        ("effective_config", _effective_config),
    ):
        if part not in collected:
            continue  # another version of the engine has looked
        value = collected[part]
        if isinstance(value, dict) and set(value) == {"error"}:
            lines.append(f"{BAD} {part}: {value['error']}")
        else:
            lines += render(value)
    text = "\n".join(lines)
    return text if wide else folded(text)


def _host(host: dict[str, Any]) -> list[str]:
    if set(host) == {"error"}:
        return [f"{BAD} host: {host['error']}"]
    reboot = f"   {BAD} reboot required" if host["reboot_required"] else ""
    load = " ".join(f"{average:.2f}" for average in host["load"])
    return [f"{host['name']}: up {duration(host['uptime'])}, load {load}, kernel {host['kernel']}{reboot}"]


def _engine(versions: dict[str, Any]) -> list[str]:
    """One line; it needs attention where the engine that looks is another one than the host's."""
    own, raw = versions["own"], versions["installed"]
    if raw is None:
        return ["engine: none installed"]
    here = f"engine {EngineVersion(**raw)}"
    return [here if raw["version"] == own["version"] else f"{BAD} {here}, looked at by {own['version']}"]


def _stacks(stacks: list[dict[str, Any]], *, wide: bool) -> list[str]:
    lines: list[str] = []
    for stack in stacks:
        lines += ["", f"stack {stack['name']}" + (f" ({', '.join(stack['domains'])})" if stack["domains"] else "")]
        if stack.get("release"):
            origin = f", promoted from {stack['promoted_from']}" if stack.get("promoted_from") else ""
            lines.append(f"release {stack['release']}{origin}; others: opsctl releases")
        if stack.get("underway"):
            lines.append(f"{BAD} {stack['underway']}; the next deployment, or opsctl rollback, goes on with it")
        rows = [["", "service", "container", "state", "health", "up", "restarts", "image", *(["digest"] if wide else [])]]
        for service in stack["services"]:
            mark = GOOD if service["state"] == "ok" else BAD
            for container in service["containers"]:
                rows.append(
                    [
                        mark,
                        service["service"],
                        container["name"],
                        container["state"],
                        container["health"],
                        duration(container["uptime"]),
                        str(container["restarts"]),
                    ]
                    + _image(container, wide=wide)
                )
            if not service["containers"]:
                rows.append([mark, service["service"], "none"] + [""] * (len(rows[0]) - 3))
        lines += columns(rows if wide else fitted(rows))
        lines += [f"{BAD} {service['service']}: {service['reason']}" for service in stack["services"] if service["state"] != "ok"]
        lines += [f"on loopback: {_loopback(port)}; from elsewhere: opsctl tunnel {port['service']}" for port in stack.get("loopback", [])]
        if stack.get("snippets"):
            lines.append(f"lines of nginx from the declaration (snippet): {', '.join(stack['snippets'])}")
    return lines


def _loopback(port: dict[str, Any]) -> str:
    address = f"[{port['address']}]" if ":" in port["address"] else port["address"]
    return f"{address}:{port['port']}/{port['protocol']} is {port['service']}:{port['target']}"


def _image(container: dict[str, Any], *, wide: bool) -> list[str]:
    """The reference without its digest, which is a column of its own in the wide table; without a tag the digest is the version."""
    name, _at, pinned = container["image"].partition("@")
    if wide:
        return [name, container["digest"] or pinned]
    tagged = ":" in name.rpartition("/")[2]
    return [name if tagged or not pinned else f"{name}@{pinned.removeprefix('sha256:')[:12]}"]


def _jobs(stacks: list[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    for entry in stacks:
        lines += (
            ["", f"jobs of {entry['stack']}; more: opsctl jobs log JOB", *overview.table(entry["jobs"], time.time())]
            if entry["jobs"]
            else []
        )
        lines += [f"{BAD} {entry['error']}"] if entry.get("error") else []
    return lines


def _secrets(secrets: list[dict[str, Any]]) -> list[str]:
    """Those that are older than they are declared to be; of the others only that there are some."""
    late = [secret for secret in secrets if secret["late"]]
    lines = [
        f"{BAD} secret {secret['name']} of {secret['stack']} is {duration(secret['age'])} old, declared every {duration(secret['every'])}:"
        f" opsctl rotate {secret['name']}"
        for secret in late
    ]
    return ["", *lines] if lines else []


def _backups(backups: list[dict[str, Any]]) -> list[str]:
    lines: list[str] = []
    for backup in backups:
        run, proof = backup.get("backup", {}), backup.get("verify", {})
        plans = backup.get("plans", {})
        late = is_late(backup) if plans else time.time() - backup.get("restorable", 0.0) > backup.get("stale_after", 0.0)
        proven = f"last restorable one {_ago(backup.get('restorable'))}" + (f", proven from {proof['target']}" if proof.get("ok") else "")
        lines += ["", f"{BAD if late or not run.get('ok', False) else GOOD} backups of {backup['stack']}: {proven}"]
        if run.get("error"):
            lines.append(f"{BAD} {run['error']}")
        if proof and not proof["ok"]:
            lines.append(f"{BAD} could not be restored: {proof['error']}")
        rows = [
            [BAD if target.get("error") else GOOD, name, f"backup {_ago(target.get('pushed'))}", f"WAL {_ago(target.get('wal'))}"]
            + [size(target.get("bytes", 0)), target.get("error", "")]
            for name, target in sorted(backup.get("targets", {}).items())
        ]
        lines += columns(rows)
        lines += columns([_plan(name, plan) for name, plan in sorted(plans.items())])
    return lines


def _plan(name: str, noted: dict[str, Any]) -> list[str]:
    error = str((noted.get("backup") or {}).get("error") or (noted.get("verify") or {}).get("error") or "")
    run = f"backup {_ago((noted.get('backup') or {}).get('at'))}"
    return [BAD if is_late(noted) else GOOD, f"plan {name}", run, f"restorable one {_ago(noted.get('restorable'))}", error]


def _ago(at: float | None) -> str:
    return f"{duration(int(max(0.0, time.time() - at)))} ago" if at else "never"


def _certificates(certificates: list[dict[str, Any]]) -> list[str]:
    rows = []
    for certificate in certificates:
        bad = certificate["placeholder"] or certificate["days_left"] < 14
        kind = "placeholder, not issued yet" if certificate["placeholder"] else certificate["issuer"]
        rows.append([BAD if bad else GOOD, certificate["name"], f"{certificate['days_left']} days left", kind])
    return ["", "certificates", *columns(rows)] if rows else []


def _host_certificate(certificate: dict[str, Any]) -> list[str]:
    if not certificate:
        return []
    what = f"certificate between hosts, for {', '.join(certificate['names'])}: {certificate['days_left']} days left"
    return ["", f"{BAD} {what}; no run has renewed it" if certificate["late"] else f"{GOOD} {what}"]


def _ports(ports: dict[str, Any]) -> list[str]:
    opened = ", ".join(ports["opened"]) or "the firewall is off"
    return ["", f"open in the firewall: {opened}", f"listening beyond loopback: {', '.join(ports['listening']) or 'nothing'}"]


def _disks(disks: list[dict[str, Any]]) -> list[str]:
    rows = [
        [
            BAD if disk["percent"] >= 85 or disk["inodes_percent"] >= 85 else GOOD,
            disk["mount"],
            f"{size(disk['used'])} of {size(disk['size'])}",
        ]
        + [f"{disk['percent']} %", f"inodes {disk['inodes_percent']} %"]
        for disk in disks
    ]
    return ["", "disks", *columns(rows)]


def _updates(updates: dict[str, Any]) -> list[str]:
    mark = BAD if updates["security"] else GOOD
    lines = ["", f"{mark} updates: {updates['pending']} pending, {updates['security']} of them security"]
    held = [HeldUpdate(**update) for update in updates.get("held", [])]
    if held:
        lines += [f"{BAD} held back from the nightly updates: {', '.join(map(str, held))}", f"   {updates['command']}"]
    return lines


def _failed(units: list[str]) -> list[str]:
    return [f"{BAD} failed units: {', '.join(units)}"] if units else [f"{GOOD} no failed unit"]


def _core_files(dumps: list[dict[str, Any]]) -> list[str]:
    """Each dump, and what to do about all of them; nothing where there is none."""
    if not dumps:
        return []
    rows = [[BAD, line(dump["path"]), size(dump["size"]), _ago(dump["at"])] for dump in dumps[:SHOWN]]
    more = [f"{len(dumps) - SHOWN} more"] if len(dumps) > SHOWN else []
    advice = "they hold the memory of what crashed, with its passwords: see why it did, remove them, and rotate what it knew"
    return ["", "core dumps", *columns(rows), *more, advice]


def _effective_config(judged: dict[str, Any]) -> list[str]:
    """What is overruled, and what of it is meant so; nothing on a host that is as it was written."""
    deviations = [Deviation(**raw) for raw in judged["deviations"]]
    lines = [f"{BAD} {one.role}: {line(f'{one.key} {one.problem}')}" for one in deviations]
    lines += [
        f"{GOOD} {one['role']}: {line(one['key'])} is {line(one['effective'])}, allowed: {line(one['reason'])}" for one in judged["allowed"]
    ]
    return ["", "settings that are overruled", *lines] if lines else []
