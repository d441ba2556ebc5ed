# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The backup settings of one stack (filter backup_config, the files in /etc/latentum-ops/backup)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .base import Contract, option

DAY = 86400
YEAR = 366 * DAY
MODES = ("live", "paused", "skip")
VERIFY = ("always", "weekly")
# What a plan can take. `host` is what a bare host needs to be this one again: the Compose project, releases, secrets, nginx, certificates.
PARTS = ("databases", "caches", "volumes", "paths", "host")


@dataclass(frozen=True)
class Target(Contract):
    """A restic repository, and the files that open it."""

    name: str = option("Its name.")
    repository: str = option("Its place, as restic names it.")
    key_file: str = option("The file with the key that its backups are encrypted with.")
    environment: Mapping[str, str] = option("What its server asks for, as variable and the file that has the value.", {})
    append_only: bool = option("Its server lets this host only add. Nothing is removed from here then.", False)
    upload_limit: int = option("KiB a second; V(0) is no limit.", 0, least=0)
    ssh_key_file: str = option("The file with the private key for SFTP.", "")
    ca_file: str = option("The file with the certificate of the CA of its server.", "")


@dataclass(frozen=True)
class Cluster(Contract):
    """A PostgreSQL server in a container of `service`; `admin` is its superuser."""

    service: str = option("Name of the service.")
    admin: str = option("Its superuser.")
    databases: tuple[str, ...] = option("The databases of which a dump is made.")
    password_file: str = option("The file with the password by which the host reads its WAL.")
    engine: str = option("What it is.", "postgresql", choices=("postgresql",))


@dataclass(frozen=True)
class Cache(Contract):
    """A Redis, or a relative of it, in a container of `service`."""

    service: str = option("Name of the service.")
    password_file: str = option("The file with its password.", "")


@dataclass(frozen=True)
class Volume(Contract):
    """A named volume of the Compose file; `before` and `after` run in the first container of the first service that mounts it."""

    name: str = option("Its name in the Compose file.")
    services: tuple[str, ...] = option("The services that mount it.")
    mode: str = option(
        (
            "V(live) is read while the services write.",
            "V(paused) has all services that mount it stand still for the time of a copy.",
            "V(skip) is not backed up.",
        ),
        "live",
        choices=MODES,
    )
    exclude: tuple[str, ...] = option("Patterns of files that are left out.", ())
    before: tuple[tuple[str, ...], ...] = option("Commands that run in a container before it is read.", ())
    after: tuple[tuple[str, ...], ...] = option("Commands that run in a container after it was read.", ())


@dataclass(frozen=True)
class Check(Contract):
    """A question to a restored database: its number is at least `at_least`, or its time at most `newest` seconds before the backup."""

    service: str = option("The service that is its server.")
    database: str = option("The name of the database.")
    query: str = option("One statement that begins with C(SELECT) or C(WITH), and has one value as its answer.")
    at_least: float | None = option("The answer is a number, and not less.", None)
    newest: float | None = option("The answer is a time, and was not older in seconds when the backup was taken.", None)


@dataclass(frozen=True)
class Escrow(Contract):
    """Who gets the keys beside the host itself."""

    recipients: tuple[str, ...] = option("Public keys that can open the encrypted keys; of age, or of SSH.", ())
    vault: bool = option("The controller fetches the keys into a vault.", False)


@dataclass(frozen=True)
class Plan(Contract):
    """A part of the data that is backed up at its own times, and kept for its own time."""

    name: str = option("Its name.")
    schedule: str = option("When it begins, as systemd.time(7) writes it.")
    takes: tuple[str, ...] = option("What is in its backups, of that which the stack has.", PARTS, choices=PARTS)
    retention: Mapping[str, int] = option(
        "Of its backups in the targets, the last one is kept of each of so many days, weeks, months and years that have one.", {}, least=0
    )
    verify: str = option("Which of its backups are restored and looked at, each or one a week.", "always", choices=VERIFY)
    stale_after: float = option(
        "When its last backup that was restored is older than so many seconds, the watchdog tells.", 93600, least=60, most=2 * YEAR
    )


@dataclass(frozen=True)
class BackupSettings(Contract):
    """Everything about the backups of one stack. Durations in seconds."""

    stack: str = option("Name of the stack.")
    directory: str = option("The folder of the stack.")
    targets: tuple[Target, ...] = option("Where backups go; each gets every backup.")
    schedule: str = option("When a backup begins, as systemd.time(7) writes it.", "*-*-* 02:30")
    jitter: float = option("It begins up to so many seconds later, so that several hosts do not begin at once.", 900, least=0, most=DAY)
    wal_every: float = option("Seconds between two pushes of WAL to the targets; V(0) is with the backups only.", 60, least=0, most=3600)
    verify: str = option("Which backups are restored and looked at, each or one a week.", "always", choices=VERIFY)
    retention: Mapping[str, int] = option(
        "In the targets, the last backup is kept of each of so many days, weeks, months and years.",
        {"daily": 30, "weekly": 8, "monthly": 12, "yearly": 0},
        least=0,
    )
    keep_bases: int = option("Base backups that stay on the host, for a quick restore.", 2, least=1, most=30)
    rpo: float = option("Promised, changes of so many seconds may be lost.", 3600, least=1, most=YEAR)
    rto: float = option("Promised, a restore takes no longer than so many seconds.", 14400, least=1, most=YEAR)
    stale_after: float = option(
        "When the last backup that was restored is older than so many seconds, the watchdog tells.", 93600, least=60, most=YEAR
    )
    clusters: tuple[Cluster, ...] = option("Database servers.", ())
    caches: tuple[Cache, ...] = option("Redis and its relatives.", ())
    volumes: tuple[Volume, ...] = option("Volumes of the Compose file.", ())
    paths: tuple[str, ...] = option("Folders of the host.", ())
    checks: tuple[Check, ...] = option("Questions to restored databases.", ())
    escrow: Escrow = option("Who else gets the keys.", Escrow())
    update_max_age: float = option(
        "A deployment begins with a backup where the last one that was restored is older than so many seconds; V(0) is never.",
        0,
        least=0,
        sparse=True,
    )
    plans: tuple[Plan, ...] = option(
        "Which part of the data is backed up when. Without any, everything is, at the times of `schedule`.", (), sparse=True
    )
