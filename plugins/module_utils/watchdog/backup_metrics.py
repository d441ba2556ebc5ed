# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about backups, for Prometheus: `latentum_ops_backup_*`, from the file that a run and a proof write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .probes import host as host_checks

if TYPE_CHECKING:
    from prometheus_client import Metric

PREFIX = "latentum_ops_backup_"
# Of the whole stack: name, where it is noted, what it says.
STACK = (
    ("timestamp_seconds", ("backup", "at"), "When the last backup was begun."),
    ("success", ("backup", "ok"), "1 when the last backup reached all targets."),
    ("duration_seconds", ("backup", "seconds"), "How long the last backup took."),
    ("size_bytes", ("backup", "bytes"), "What the last backup holds, as it is restored."),
    ("added_bytes", ("backup", "added"), "By how much the last backup let all targets grow."),
    ("restorable_timestamp_seconds", ("restorable",), "When the last backup was made that has been restored and checked."),
    ("proof_success", ("verify", "ok"), "1 when the last proof brought a backup back and found everything as it should be."),
    ("proof_duration_seconds", ("verify", "seconds"), "How long the last proof took."),
)
# Of each plan, in the same words.
PLAN = (
    ("plan_timestamp_seconds", ("backup", "at"), "When the last backup of a plan was begun."),
    ("plan_success", ("backup", "ok"), "1 when the last backup of a plan reached all targets."),
    ("plan_size_bytes", ("backup", "bytes"), "What the last backup of a plan holds, as it is restored."),
    ("plan_restorable_timestamp_seconds", ("restorable",), "When the last backup of a plan was made that has been restored and checked."),
    ("plan_proof_success", ("verify", "ok"), "1 when the last proof of a plan found everything as it should be."),
)
TARGET = (
    ("target_timestamp_seconds", "pushed", "When the newest backup was made that is in a target."),
    ("target_wal_timestamp_seconds", "wal", "Until when a target holds the WAL of databases."),
    ("target_restorable_timestamp_seconds", "restorable", "When the last backup was made that a proof brought back from a target."),
)


def families() -> Iterator[Metric]:
    """All metrics; what is not known yet is left out."""
    from prometheus_client.core import GaugeMetricFamily

    noted = {file.stem: _read(file) for file in sorted(host_checks.BACKUPS.glob("*.json")) if not file.stem.endswith(".restore")}
    for name, keys, help_text in STACK:
        family = GaugeMetricFamily(PREFIX + name, help_text, labels=("stack",))
        for stack, state in noted.items():
            if (value := _at(state, keys)) is not None:
                family.add_metric([stack], value)
        yield family
    yield from _of_plans(noted)
    for name, key, help_text in TARGET:
        family = GaugeMetricFamily(PREFIX + name, help_text, labels=("stack", "target"))
        for stack, state in noted.items():
            for target, about in sorted((state.get("targets") or {}).items()):
                if (value := _at(about, (key,))) is not None:
                    family.add_metric([stack, target], value)
        yield family
    away = GaugeMetricFamily(PREFIX + "target_away", "1 while a target does not take what is to be written.", labels=("stack", "target"))
    for stack, state in noted.items():
        for target, about in sorted((state.get("targets") or {}).items()):
            away.add_metric([stack, target], float(bool(about.get("error"))))
    yield away


def _of_plans(noted: Mapping[str, dict[str, Any]]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    plans = [(stack, plan, about) for stack, state in noted.items() for plan, about in sorted((state.get("plans") or {}).items())]
    for name, keys, help_text in PLAN if plans else ():
        family = GaugeMetricFamily(PREFIX + name, help_text, labels=("stack", "plan"))
        for stack, plan, about in plans:
            if (value := _at(about, keys)) is not None:
                family.add_metric([stack, plan], value)
        yield family


def _read(file: Any) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def _at(state: Mapping[str, Any], keys: tuple[str, ...]) -> float | None:
    value: Any = state
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, (int, float)) else None
