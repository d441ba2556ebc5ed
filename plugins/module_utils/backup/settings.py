# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is to be backed up, where to, and what is promised: the file that role `backup` derives from the declaration."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.atomic_files import read_text

FOLDER = Path("/etc/latentum-ops/backup")
ROOT = Path("/var/lib/latentum-ops/backups")


class BackupError(Exception):
    """Something about a backup or a restore cannot be; one sentence says what, and what to do."""


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL server in a container of `service`; `admin` is its superuser."""

    service: str
    admin: str
    databases: tuple[str, ...]
    password_file: str
    engine: str = "postgresql"


@dataclass(frozen=True)
class Cache:
    """A Redis, or a relative of it, in a container of `service`."""

    service: str
    password_file: str = ""


@dataclass(frozen=True)
class Volume:
    """A named volume of the Compose file; `before` and `after` run in the first container of the first service that mounts it."""

    name: str
    services: tuple[str, ...]
    mode: str = "live"
    exclude: tuple[str, ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    after: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Check:
    """A question to a restored database: its number is at least `at_least`, or its time at most `newest` seconds before the backup."""

    service: str
    database: str
    query: str
    at_least: float | None = None
    newest: float | None = None


@dataclass(frozen=True)
class Settings:
    """Everything about the backups of one stack. Durations in seconds."""

    stack: str
    directory: str
    targets: tuple[Mapping[str, Any], ...]
    wal_every: float = 60
    retention: Mapping[str, int] = field(default_factory=dict)
    keep_bases: int = 2
    rpo: float = 3600
    rto: float = 14400
    stale_after: float = 93600
    clusters: tuple[Cluster, ...] = ()
    caches: tuple[Cache, ...] = ()
    volumes: tuple[Volume, ...] = ()
    paths: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    verify: str = "always"
    escrow: Mapping[str, Any] = field(default_factory=dict)

    @property
    def staging(self) -> Path:
        """Where a run puts what cannot be read in place: dumps, copies of paused volumes, and the facts."""
        return ROOT / self.stack

    def server(self, cluster: Cluster) -> str:
        """Barman's name of a cluster."""
        return f"{self.stack}.{cluster.service}"

    def cluster(self, service: str) -> Cluster:
        """:raises BackupError: no PostgreSQL of this stack is backed up under this name."""
        for cluster in self.clusters:
            if service in (cluster.service, *cluster.databases):
                return cluster
        known = ", ".join(sorted({name for cluster in self.clusters for name in (cluster.service, *cluster.databases)})) or "none"
        raise BackupError(f"{service!r} is no database of {self.stack}: write one of {known}")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _known(kind: type, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that the type has; a newer role may write keys that an older engine does not know."""
    names = kind.__dataclass_fields__  # type: ignore[attr-defined]
    return {key: _tuples(value) for key, value in raw.items() if key in names}


def from_mapping(raw: Mapping[str, Any]) -> Settings:
    """Typed settings from the content of the file."""
    parts = {
        "clusters": tuple(Cluster(**_known(Cluster, entry)) for entry in raw.get("clusters", ())),
        "caches": tuple(Cache(**_known(Cache, entry)) for entry in raw.get("caches", ())),
        "volumes": tuple(Volume(**_known(Volume, entry)) for entry in raw.get("volumes", ())),
        "checks": tuple(Check(**_known(Check, entry)) for entry in raw.get("checks", ())),
    }
    return Settings(**{**_known(Settings, raw), **parts})


def stacks() -> list[str]:
    """The stacks of this host that have backups."""
    return sorted(file.stem for file in FOLDER.glob("*.json"))


def load(stack: str = "") -> Settings:
    """The settings of a stack; of the only one when none is named.

    :raises BackupError: there is none, there are several, or the file is damaged.
    """
    known = stacks()
    if not stack and len(known) != 1:
        raise BackupError(f"this host has backups of {', '.join(known)}: say --stack" if known else "this host has no backups declared")
    text = read_text(FOLDER / f"{stack or known[0]}.json")
    if text is None:
        raise BackupError(f"{stack}: no backups are declared for it on this host; there are: {', '.join(known) or 'none'}")
    try:
        return from_mapping(json.loads(text))
    except (ValueError, TypeError, AttributeError) as error:  # no JSON, or of another form
        raise BackupError(f"{FOLDER / f'{stack or known[0]}.json'} is damaged ({error}): run site.yml with --tags backup") from error
