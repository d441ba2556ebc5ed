# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the backups need to know, derived from the declaration: the content of their configuration file of one stack."""

from __future__ import annotations

from typing import Any

from ...contracts import backup_settings as contract
from ...contracts.backup_settings import PARTS, BackupSettings, Cache, Check, Cluster, Escrow, Plan, Volume
from ..compose_project import secret_file
from ..model import Declaration
from .model import Target, VolumeOptions, backups_of, replication_secret
from .volume_checks import engine_of, mounting

FOLDER = "/etc/latentum-ops/backup"


def backup_config(declaration: Declaration) -> dict[str, Any]:
    """All durations in seconds. Of secrets only the paths of their files on the host, never a value; empty without C(backups)."""
    backups = backups_of(declaration)
    if backups is None:
        return {}
    plans = plans_of(declaration)
    return BackupSettings(
        stack=declaration.name,
        directory=declaration.directory,
        schedule=backups.schedule,
        jitter=backups.jitter,
        wal_every=backups.wal_every,
        verify=backups.verify,
        retention=backups.retention,
        keep_bases=backups.keep_bases,
        rpo=backups.rpo,
        rto=backups.rto,
        stale_after=stale_after(declaration),
        clusters=_clusters(declaration),
        caches=tuple(Cache(cache["service"], secret_file(declaration, cache["password_secret"])) for cache in backups.caches),
        volumes=_volumes(declaration),
        paths=backups.paths,
        checks=_checks(declaration),
        targets=tuple(_target(declaration, target) for target in backups.targets),
        escrow=Escrow(backups.recipients, backups.vault),
        update_max_age=declaration.update.backup_max_age,
        plans=plans,
    ).to_dict()


def parts_of(declaration: Declaration) -> tuple[str, ...]:
    """What the stack has that a plan can take. The host's own is always there."""
    backups = backups_of(declaration)
    if backups is None:
        return ()
    there = {"databases": declaration.clusters, "caches": backups.caches, "volumes": _volumes(declaration), "paths": backups.paths}
    return tuple(part for part in PARTS if part == "host" or there[part])


def plans_of(declaration: Declaration) -> tuple[Plan, ...]:
    """Each plan, with those of its parts that the stack has."""
    backups, there = backups_of(declaration), parts_of(declaration)
    return tuple(
        Plan(plan.name, plan.schedule, tuple(part for part in there if plan.has(part)), plan.retention, plan.verify, plan.stale_after)
        for plan in (backups.plans if backups else ())
    )


def stale_after(declaration: Declaration) -> float:
    """The age from which the stack as a whole is late: with plans that of the part which is backed up most rarely."""
    backups, plans = backups_of(declaration), plans_of(declaration)
    if backups is None or not plans:
        return backups.stale_after if backups else 0
    return max(min(plan.stale_after for plan in plans if part in plan.takes) for part in {part for plan in plans for part in plan.takes})


def backup_authorities(declaration: Declaration) -> list[dict[str, str]]:
    """The certificates that C(ca_file) of the targets name: path and content."""
    targets = backups.targets if (backups := backups_of(declaration)) else ()
    return [{"path": _authority(declaration, target), "content": target.ca} for target in targets if target.ca]


def _authority(declaration: Declaration, target: Target) -> str:
    return f"{FOLDER}/{declaration.name}/{target.name}.pem" if target.ca else ""


def _clusters(declaration: Declaration) -> tuple[Cluster, ...]:
    """One entry a server; whoever owns its first database is the one that its image made a superuser."""
    clusters = []
    for service in declaration.clusters:
        databases = [database for database in declaration.databases if database.service == service]
        password = secret_file(declaration, replication_secret(service))
        names = tuple(database.name for database in databases)
        clusters.append(Cluster(service, databases[0].user, names, password, databases[0].engine))
    return tuple(clusters)


def _volumes(declaration: Declaration) -> tuple[Volume, ...]:
    """What is mounted, is on a disk, and is not the data of a server that is backed up by its own engine."""
    volumes = []
    written = backups.volumes if (backups := backups_of(declaration)) else {}
    for name, kept in declaration.compose.volumes.items():
        options = written.get(name) or VolumeOptions()
        services = mounting(declaration, name)
        skipped = options.mode == "skip" or kept == "memory"
        if skipped or not services or engine_of(declaration, name):
            continue
        mounts = tuple(service.name for service in services)
        volumes.append(Volume(name, mounts, options.mode, options.exclude, options.before, options.after))
    return tuple(volumes)


def _checks(declaration: Declaration) -> tuple[Check, ...]:
    checks = []
    for check in backups.checks if (backups := backups_of(declaration)) else ():
        owner = check["service"] or next(database.service for database in declaration.databases if database.name == check["database"])
        checks.append(Check(**{**check, "service": owner}))
    return tuple(checks)


def _target(declaration: Declaration, target: Target) -> contract.Target:
    return contract.Target(
        name=target.name,
        repository=target.repository.text if target.repository else "",
        key_file=secret_file(declaration, target.key_secret),
        environment={variable: secret_file(declaration, name) for variable, name in target.environment.items()},
        append_only=target.append_only,
        upload_limit=target.upload_limit,
        ssh_key_file=secret_file(declaration, target.ssh_key_secret),
        ca_file=_authority(declaration, target),
    )
