# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host looks like now: one collector for `opsctl status` and the module host_status_info."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..backup import settings, state
from ..containers.client import PROJECT, DockerUnavailable, Engine
from ..contracts.health import expectations_from
from ..contracts.host_certificates import FOLDER
from ..core.process import CommandError, run
from ..core.times import epoch
from ..core.version import OWN, installed
from ..effective.judgement import judge
from ..health.assessment import look
from ..health.report import details
from ..hostconfig import core_files as dumps
from ..hostconfig import held_updates
from ..hostconfig.apt_simulation import simulated
from ..jobs import overview
from ..nginx import site_file
from ..release.journal import Journal
from ..release.stacks import stacks
from ..release.store import Store
from ..secretstore import ages
from ..tls import member
from ..tls.certificates import in_service
from .disks import disks


def collect() -> dict[str, Any]:
    """Everything, as plain data. A part that cannot be looked at says so under its own key instead of ending the look."""
    parts: dict[str, Callable[[], Any]] = {
        "host": host,
        "engine": engine_versions,
        "stacks": services,
        "jobs": jobs,
        "backups": backups,
        "secrets": secrets,
        "certificates": certificates,
        "host_certificate": host_certificate,
        "ports": ports,
        "disks": disks,
        "updates": updates,
        "failed_units": failed_units,
        "core_files": core_files,
        "effective_config": effective_config,
    }
    collected: dict[str, Any] = {}
    for name, look_at in parts.items():
        try:
            collected[name] = look_at()
        except (CommandError, DockerUnavailable, OSError, ValueError, ImportError) as error:
            collected[name] = {"error": str(error)}
    return collected


def host() -> dict[str, Any]:
    """Name, uptime in seconds, load, and whether a reboot is due."""
    return {
        "name": os.uname().nodename,
        "kernel": os.uname().release,
        "uptime": int(float(Path("/proc/uptime").read_text().split()[0])),
        "load": [round(value, 2) for value in os.getloadavg()],
        "reboot_required": Path("/run/reboot-required").exists(),
    }


def engine_versions() -> dict[str, Any]:
    """The engine that is installed here, None for none, and the one that looks, which may come from another collection."""
    here = installed()
    return {"installed": here.to_dict() if here else None, "own": OWN.to_dict()}


def services() -> list[dict[str, Any]]:
    """Each stack with the verdict on its services, image references and digests, and uptimes in seconds."""
    declared = stacks()
    if not declared:
        return []
    engine = Engine()
    collected = []
    for stack in declared:
        verdicts = look(engine, stack["name"], expectations_from(stack["services"]))
        described = details(engine, verdicts, log_lines=5)
        for service in described:
            for container in service["containers"]:
                container["uptime"] = int(container["uptime"])
        store = Store(stack["name"])
        journal = Journal(stack["name"])
        live, underway = store.live(), journal.underway()
        since = journal.live_since(live.id) if live else ""
        releases = {
            "release": live.id if live else "",
            "since": epoch(since) if since else 0.0,
            "promoted_from": store.origin(live.id) if live else "",
            "underway": underway.describe() if underway else "",
        }
        loopback = [
            {"service": verdict.service, "address": port.address, "port": port.number, "target": port.target, "protocol": port.protocol}
            for verdict in verdicts
            for port in sorted({port for container in verdict.containers for port in container.published if port.on_loopback})
        ]
        sites = live.routes.sites if live and live.routes else {}
        beside = {"loopback": loopback, "snippets": sorted(name for name, content in sites.items() if site_file.has_snippet(content))}
        collected.append({"name": stack["name"], "domains": stack.get("domains", []), **releases, **beside, "services": described})
    return collected


def jobs() -> list[dict[str, Any]]:
    """What is known about the jobs of each stack that has any on this host; times in epoch seconds."""
    return overview.collect()


def backups() -> list[dict[str, Any]]:
    """What is known about the backups of each stack that has any; times in epoch seconds."""
    return [{"stack": stack, **state.read(stack)} for stack in settings.stacks()]


def secrets() -> list[dict[str, Any]]:
    """How old the secrets of each stack are that are declared to be replaced; ages in seconds."""
    return [
        {"stack": stack["name"], "name": age.name, "kind": age.kind, "age": int(age.seconds), "every": int(age.every), "late": age.late}
        for stack in stacks()
        for age in ages.read(stack["name"])
    ]


def certificates() -> list[dict[str, Any]]:
    """Each certificate in service: names, days left, issuer, and whether it is only the placeholder."""
    shown = ("name", "domains", "days_left", "issuer", "placeholder")
    return [{key: certificate.as_dict()[key] for key in shown} for certificate in in_service()]


def host_certificate() -> dict[str, Any]:
    """That by which other hosts know this one: names, authority, days left, and whether a run is late; empty where there is none."""
    return member.about(Path(FOLDER))


def ports() -> dict[str, Any]:
    """What the firewall opens, beside what listens on more than loopback."""
    rules = []
    if shutil.which("ufw"):
        for line in run(["ufw", "status"], check=False).stdout.splitlines():
            if match := re.match(r"(\S+)\s+(ALLOW|LIMIT)\s+(\S.*)", line):
                rules.append(f"{match[1]} {match[2].lower()} from {match[3].split('#')[0].strip()}")
    listening = set()
    for line in run(["ss", "-H", "-l", "-n", "-t", "-u"], check=False).stdout.splitlines():
        fields = line.split()
        address, _colon, port = fields[4].rpartition(":")
        if not address.startswith(("127.", "[::1]")):
            listening.add(f"{port}/{fields[0]}")
    return {"opened": sorted(set(rules)), "listening": sorted(listening, key=lambda port: int(port.split("/")[0]))}


def updates() -> dict[str, Any]:
    """Packages that an upgrade would replace, how many of them are security updates (a simulation of apt), and those that are held back."""
    lines = [line for line in simulated("upgrade").splitlines() if line.startswith("Inst ")]
    counted = {"pending": len(lines), "security": sum("security" in line.lower() for line in lines)}
    held = held_updates.waiting()
    return {**counted, "held": [update.as_dict() for update in held], "command": held_updates.command(held)}


def failed_units() -> list[str]:
    """Units that systemd counts as failed."""
    shown = run(["systemctl", "list-units", "--failed", "--plain", "--no-legend"], check=False).stdout
    return [line.split()[0] for line in shown.splitlines() if line.strip()]


def effective_config() -> dict[str, Any]:
    """What of the roles' settings something else overrules: ``deviations``, those that are ``allowed``, and what is ``unseen``."""
    return judge().as_dict()


def core_files() -> list[dict[str, Any]]:
    """Core dumps in volumes and where handlers of crashes keep them, the newest first: path, bytes, epoch seconds, and stack and volume.

    A volume is looked through to a depth and a number of names (`hostconfig/core_files.py`), so that a large one does not hold up the look.
    """
    found = [{**dump.as_dict(), "stack": "", "volume": ""} for dump in dumps.kept()]
    try:
        volumes = Engine().api.volumes().get("Volumes") or []
    except DockerUnavailable:
        volumes = []  # said where the stacks are
    for volume in volumes:
        if volume.get("Driver") != "local":
            continue
        of = {"stack": (volume.get("Labels") or {}).get(PROJECT, ""), "volume": str(volume["Name"])}
        found += [{**dump.as_dict(), **of} for dump in dumps.below(volume["Mountpoint"], depth=dumps.DEPTH, entries=dumps.ENTRIES)]
    return sorted(found, key=lambda dump: -float(dump["at"]))
