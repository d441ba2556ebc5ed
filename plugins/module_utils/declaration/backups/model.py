# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is backed up, where to, and what is promised, read and typed; durations in seconds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...contracts.backup_settings import PARTS, BackupSettings
from ...schema.calendar import longest_gap
from ..model import Declaration
from .schema import ESCROW, RETENTION
from .values import Repository

STALE, WEEK = BackupSettings.stale_after, 604800  # the second: what lies between two weekly verifications
SLACK = 7200  # seconds that a run and its proof may take


@dataclass(frozen=True)
class Target:
    """One repository. C(repository) is empty only where the schema refused it."""

    key: str
    name: str
    repository: Repository | None
    environment: Mapping[str, str]
    append_only: bool
    upload_limit: int
    ssh_key_secret: str
    ca: str
    allow: tuple[str, ...]

    @property
    def key_secret(self) -> str:
        """The secret that its backups are encrypted with."""
        return f"backup_key_{self.name.replace('-', '_')}"

    def secrets(self) -> Iterator[tuple[str, str]]:
        """The key that names a secret, and the secret."""
        for variable, name in self.environment.items():
            yield f"{self.key}.environment.{variable}", name
        if self.ssh_key_secret:
            yield f"{self.key}.ssh_key_secret", self.ssh_key_secret


@dataclass(frozen=True)
class VolumeOptions:
    """How one volume is backed up."""

    mode: str = "live"
    exclude: tuple[str, ...] = ()
    before: tuple[tuple[str, ...], ...] = ()
    after: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Plan:
    """A part of the data with times of its own. C(takes) is None where nothing is said: everything then.

    :param stale_after: 0 where it is not said and does not follow from the schedule.
    """

    key: str
    name: str
    schedule: str
    takes: tuple[str, ...] | None
    retention: Mapping[str, int]
    verify: str
    stale_after: float

    def has(self, part: str) -> bool:
        """The part is in its backups."""
        return self.takes is None or part in self.takes


@dataclass(frozen=True)
class Backups:
    """Everything under C(backups). Caches and checks are mappings as the schema read them."""

    schedule: str
    jitter: float
    wal_every: float
    verify: str
    keep_bases: int
    retention: Mapping[str, int]
    rpo: float
    rto: float
    stale_after: float
    targets: tuple[Target, ...]
    recipients: tuple[str, ...]
    vault: bool
    caches: tuple[Mapping[str, Any], ...]
    volumes: Mapping[str, VolumeOptions] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    checks: tuple[Mapping[str, Any], ...] = ()
    allow: tuple[str, ...] = ()
    plans: tuple[Plan, ...] = ()
    stale_written: bool = False

    def secrets(self) -> Iterator[tuple[str, str]]:
        """What backups read of the declared secrets: the key that names one, and the secret."""
        for target in self.targets:
            yield from target.secrets()
        for index, cache in enumerate(self.caches):
            if cache["password_secret"]:
                yield f"backups.caches[{index}].password_secret", cache["password_secret"]

    def made(self, clusters: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The secrets that backups make for themselves, unless they are declared: name, then kind and its options.

        :param clusters: the services that are PostgreSQL servers.
        """
        keys = {target.key_secret: {"kind": "token", "encoding": "hex", "bytes": 32} for target in self.targets if target.name}
        return keys | {replication_secret(service): {"kind": "password", "length": 32} for service in clusters}


def backups_of(declaration: Declaration) -> Backups | None:
    """What is declared of backups; nothing where nothing is."""
    backups: Backups | None = declaration.parts["backups"]
    return backups


def made_secrets(declaration: Declaration) -> dict[str, dict[str, Any]]:
    """The secrets that backups make for themselves, unless they are declared."""
    backups = backups_of(declaration)
    return backups.made(declaration.clusters) if backups else {}


def replication_secret(service: str) -> str:
    """The secret by which the host reads the WAL of a PostgreSQL server."""
    return f"backup_replication_{re.sub('[.-]', '_', service).lower()}"


def backups_from(item: Mapping[str, Any] | None) -> Backups | None:
    """From what the schema read; nothing when nothing is declared."""
    if item is None:
        return None
    escrow = item["escrow"] or ESCROW.read({}, "", [])
    read = {name: value for name, value in item.items() if name != "escrow"}
    changed = {
        "retention": item["retention"] or RETENTION.read({}, "", []),
        # What was last proven to be restorable is up to a week older when only each week proves it.
        "stale_after": item["stale_after"] or (STALE if item["verify"] == "always" else STALE + WEEK),
        "targets": tuple(_target(target, f"backups.targets[{index}]") for index, target in enumerate(item["targets"])),
        "recipients": tuple(dict.fromkeys(recipient for recipient in escrow["recipients"] if recipient)),
        "vault": escrow["vault"],
        "caches": tuple(item["caches"]),
        "volumes": {name: _volume(options) for name, options in item["volumes"].items()},
        "paths": tuple(item["paths"]),
        "checks": tuple(item["checks"]),
        "allow": tuple(item["allow"]),
        "stale_written": item["stale_after"] is not None,
    }
    changed["plans"] = tuple(_plan(plan, f"backups.plans[{index}]", item, changed) for index, plan in enumerate(item["plans"]))
    return Backups(**{**read, **changed})


def _plan(item: Mapping[str, Any], key: str, backups: Mapping[str, Any], changed: Mapping[str, Any]) -> Plan:
    """What a plan does not say is as C(backups) have it; its age follows from its own times."""
    verify = item["verify"] or backups["verify"]
    gap = longest_gap(item["schedule"]) if item["schedule"] else 0.0
    stale = item["stale_after"] or (gap and gap + SLACK + (WEEK if verify == "weekly" and gap < WEEK else 0))
    takes = None if item["takes"] is None else tuple(part for part in PARTS if part in item["takes"])
    return Plan(key, item["name"], item["schedule"], takes, item["retention"] or changed["retention"], verify, stale)


def _target(item: Mapping[str, Any], key: str) -> Target:
    environment = {variable: name for variable, name in item["environment"].items() if name}
    return Target(**{**item, "key": key, "environment": environment, "allow": tuple(item["allow"])})


def _volume(item: Mapping[str, Any]) -> VolumeOptions:
    commands = {name: tuple(tuple(argv) for argv in item[name]) for name in ("before", "after")}
    return VolumeOptions(item["mode"], tuple(item["exclude"]), **commands)
