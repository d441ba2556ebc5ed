# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is declared of services, read and typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...contracts.health import Probe
from ..metrics.model import Metrics, metrics_from
from ..updates.model import Update, update_from
from ..watchdog.model import Watch, watch_from
from .confinement import Confinement, Limits


@dataclass(frozen=True)
class ServiceOptions:
    replicas: int | None = None
    expect: str | None = None
    user_id: int | None = None
    group_id: int | None = None
    probe: Probe | None = None
    allow: tuple[str, ...] = ()
    update: Update = field(default_factory=Update)
    watch: Watch = field(default_factory=watch_from)
    metrics: Metrics | None = None
    limits: Limits = field(default_factory=Limits)
    confinement: Confinement = field(default_factory=Confinement)


def services_from(items: Mapping[str, dict[str, Any]]) -> dict[str, ServiceOptions]:
    """From what the schema read."""
    return {name: _service(item) for name, item in items.items()}


def _service(item: dict[str, Any]) -> ServiceOptions:
    probe = item.get("probe")
    allow = tuple(name for name in item.get("allow") or () if name)
    update = update_from(item.get("update") or {})
    changed = {
        "probe": Probe.from_dict(probe, tolerant=True) if probe else None,
        "allow": allow,
        "update": update,
        "watch": watch_from(item.get("watch")),
        "metrics": metrics_from(item.get("metrics")),
        "limits": Limits(**(item.get("limits") or {})),
        "confinement": _confinement(item.get("confinement") or {}),
    }
    return ServiceOptions(**{**item, **changed})


def _confinement(item: Mapping[str, Any]) -> Confinement:
    kept = item.get("capabilities")
    return Confinement(
        None if kept is None else tuple(name for name in kept if name),
        bool(item.get("read_only")),
        tuple(folder for folder in item.get("tmpfs") or () if folder),
    )
