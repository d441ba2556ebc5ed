# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog is to watch: one file a stack (role `watchdog` derives it from the declaration), and one for the host."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.atomic_files import understood

FOLDER = Path("/etc/latentum-ops/watchdog")
HOST = "host.json"
ESCALATIONS = ("recreate", "rollback")
# What JSON has for the types of the fields below; a tuple stands for its list.
TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int, float),
    "float": (int, float),
    "tuple": (tuple,),
    "Mapping": (Mapping, type(None)),
}


@dataclass(frozen=True)
class ProbeSpec:
    """One probe of each container of a service; `options` belong to its kind (module probing). Times in seconds."""

    kind: str
    name: str
    timeout: float
    interval: float
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ServiceSpec:
    """One service that must stay up. Times in seconds."""

    service: str
    replicas: int = 1
    expect: str = "running"
    needs: tuple[str, ...] = ()
    routed: bool = False
    severity: str = "critical"
    heal: str = "restart"
    escalate: tuple[str, ...] = ()
    max_heals: int = 4
    heal_window: float = 600
    start_period: float = 30
    probes: tuple[ProbeSpec, ...] = ()


@dataclass(frozen=True)
class SiteSpec:
    """One domain as clients reach it, through nginx on this host."""

    domain: str
    path: str = "/"
    services: tuple[str, ...] = ()
    timeout: float = 10
    interval: float = 30
    certificate_days: int = 14


@dataclass(frozen=True)
class StackSpec:
    """One stack.

    :param confirm: seconds until the second look at a failed probe.
    :param recover: seconds of being well before an end is told.
    """

    name: str
    services: tuple[ServiceSpec, ...] = ()
    sites: tuple[SiteSpec, ...] = ()
    confirm: float = 2
    recover: float = 10
    runbook: str = ""
    alerts: tuple[Mapping[str, Any], ...] = ()
    deadman: Mapping[str, Any] | None = None
    backup_max_age: float = 0
    status_page: Mapping[str, Any] | None = None

    def runbook_of(self, subject: str) -> str:
        """The page for one service; empty for none."""
        return self.runbook.replace("{service}", subject)


@dataclass(frozen=True)
class HostSpec:
    """Limits of the host itself. Percentages, seconds, days."""

    name: str = ""
    interval: float = 10
    disk_warning: int = 85
    disk_critical: int = 95
    memory_warning: int = 90
    memory_critical: int = 97
    clock_offset: float = 1.0
    reboot_after: float = 7 * 86400
    units: tuple[str, ...] = ("docker.service", "nginx.service")
    confirm: float = 2
    recover: float = 10
    metrics: str = "127.0.0.1:9753"


@dataclass(frozen=True)
class Settings:
    """Everything that the watchdog was told."""

    host: HostSpec = HostSpec()
    stacks: tuple[StackSpec, ...] = ()

    def stack(self, name: str) -> StackSpec | None:
        """One stack by name."""
        return next((one for one in self.stacks if one.name == name), None)

    def pace(self, key: str) -> tuple[float, float]:
        """Of a subject: seconds until the second look at a failed probe, seconds of being well before its incident ends."""
        owner = self.stack(key.partition("/")[0]) or self.host
        return owner.confirm, owner.recover


def _known(kind: type, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that the type has; lists as tuples. A newer role may write keys that an older engine does not know.

    :raises ValueError: a value is of another type than its field.
    """
    fields = kind.__dataclass_fields__  # type: ignore[attr-defined]
    known = {key: tuple(value) if isinstance(value, list) else value for key, value in raw.items() if key in fields}
    for key, value in known.items():
        if not _fits(value, fields[key].type):
            raise ValueError(f"{key}: {value!r} is no {fields[key].type}")
    return known


def _fits(value: Any, wanted: str) -> bool:
    """A value is what the annotation of its field says."""
    if isinstance(value, bool):
        return wanted == "bool"
    if wanted == "tuple[str, ...]":
        return isinstance(value, tuple) and all(isinstance(one, str) for one in value)
    return isinstance(value, TYPES.get(wanted.partition("[")[0], ()))


def _probe(raw: Mapping[str, Any]) -> ProbeSpec:
    own = {"kind", "name", "timeout", "interval"}
    options = {key: value for key, value in raw.items() if key not in own}
    return ProbeSpec(str(raw["kind"]), str(raw["name"]), float(raw["timeout"]), float(raw["interval"]), options)


def stack_from(raw: Mapping[str, Any]) -> StackSpec:
    """A stack from its file.

    :raises KeyError, TypeError, AttributeError, ValueError: it is not what the filter writes.
    """
    services = tuple(
        ServiceSpec(**(_known(ServiceSpec, one) | {"probes": tuple(_probe(probe) for probe in one.get("probes", []))}))
        for one in raw.get("services", [])
    )
    sites = tuple(SiteSpec(**_known(SiteSpec, one)) for one in raw.get("sites", []))
    own = {"name": str(raw["stack"]), "services": services, "sites": sites, "deadman": _deadman(raw.get("deadman"))}
    return StackSpec(**(_known(StackSpec, raw) | own))


def _deadman(raw: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return {"url_file": str(raw["url_file"]), "interval": float(raw.get("interval") or 60)} if raw else None


def load(folder: Path = FOLDER) -> Settings:
    """Read all files.

    :raises ValueError: one of them cannot be read; the message names it.
    """
    host, stacks = HostSpec(), []
    for file in sorted(folder.glob("*.json")):
        with understood(file):
            raw = json.loads(file.read_text())
            if file.name == HOST:
                host = HostSpec(**_known(HostSpec, raw))
            else:
                stacks.append(stack_from(raw))
    return Settings(host, tuple(stacks))
