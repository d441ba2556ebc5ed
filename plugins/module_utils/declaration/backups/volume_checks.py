# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of what is backed up against the Compose file, and the answers that the derivation needs: whose a volume is, who mounts it."""

from __future__ import annotations

from ...compose.model import Service
from ...schema.nodes import Problem, instead, shown
from ..model import Declaration
from .checks import reported
from .model import Backups, VolumeOptions, backups_of

COMMANDS = ("before", "after")
_NOT_HERE = {
    "external": "is external: Compose does not own it, so the backup does not find it",
    "elsewhere": "is not kept on this host, by its driver or its driver_opts",
}


def mounting(declaration: Declaration, volume: str) -> list[Service]:
    """The services that mount a volume of the Compose file: those first that stay up and may write to it, where commands can run."""
    ranked: list[tuple[bool, bool, Service]] = []
    for service in declaration.compose.services.values():
        mounts = [mount for mount in service.mounts if mount.kind == "volume" and mount.source == volume]
        if mounts:
            ranked.append((not declaration.stays(service), all(mount.read_only for mount in mounts), service))
    return [service for _idle, _reader, service in sorted(ranked, key=lambda rank: rank[:2])]


def engine_of(declaration: Declaration, volume: str) -> str:
    """The server under C(databases) or C(caches) whose data are in the volume; empty when there is none.

    One that only reads a volume has no data of its own in it.
    """
    caches = backups.caches if (backups := backups_of(declaration)) else ()
    engines = {*declaration.clusters, *(cache["service"] for cache in caches)}
    for service in mounting(declaration, volume):
        mounts = [mount for mount in service.mounts if mount.kind == "volume" and mount.source == volume]
        if service.name in engines and not all(mount.read_only for mount in mounts):
            return service.name
    return ""


def check_sources(declaration: Declaration, problems: list[Problem]) -> None:
    """Caches and volumes are what the Compose file has, and can be backed up as it is said."""
    backups = backups_of(declaration)
    if backups is None:
        return
    _check_caches(declaration, backups, problems)
    for name, options in backups.volumes.items():
        key = f"backups.volumes.{name}"
        if name not in declaration.compose.volumes:
            fix = instead(name, declaration.compose.volumes, "volume")
            problems.append(Problem(key, shown(name), "is not a volume of the Compose file", fix))
        else:
            _check_volume(declaration, name, options, key, problems)
        _check_commands(options, key, problems)
    for name, kept in declaration.compose.volumes.items():
        chosen = backups.volumes.get(name) or VolumeOptions()
        mine = chosen.mode != "skip" and mounting(declaration, name) and not engine_of(declaration, name)
        if mine and kept in _NOT_HERE:
            fix = f"write backups.volumes: {{{name}: {{mode: skip}}}}, and back it up where it belongs"
            problems.append(Problem(f"backups.volumes.{name}", kept, _NOT_HERE[kept], fix))


def _check_caches(declaration: Declaration, backups: Backups, problems: list[Problem]) -> None:
    first: dict[str, str] = {}
    for index, cache in enumerate(backups.caches):
        key, name = f"backups.caches[{index}].service", cache["service"]
        if not name:
            continue
        other = first.setdefault(name, key)
        if lacking := declaration.compose.lacking(name, "names"):
            problems.append(Problem(key, shown(name), *lacking))
        elif other != key:
            problems.append(Problem(key, shown(name), f"is the cache of {other} already", "remove one of the two"))
        elif name in declaration.clusters:
            what = "is a PostgreSQL server under databases, which is backed up as one"
            problems.append(Problem(key, shown(name), what, "remove it from caches"))


def _check_volume(declaration: Declaration, name: str, options: VolumeOptions, key: str, problems: list[Problem]) -> None:
    if options.mode == "skip":
        for option in ("exclude", *COMMANDS):
            if getattr(options, option):
                what = "is of no use with mode: skip"
                problems.append(Problem(f"{key}.{option}", shown(getattr(options, option)), what, "remove it, or the mode"))
        return
    services = mounting(declaration, name)
    engine = engine_of(declaration, name)
    if not services:
        what = "is mounted by no service, so there is nothing in it"
        problems.append(Problem(key, shown(name), what, "remove it, or add the volume to a service in the Compose file"))
    elif engine:
        what = f"has the data of {engine}, which its own engine backs up; a copy of the files beside it could not be relied on"
        problems.append(Problem(f"{key}.mode", shown(options.mode), what, "remove it, or write mode: skip"))
    elif declaration.compose.volumes[name] == "memory":
        what = "is in memory only (tmpfs): it is empty after each start"
        problems.append(Problem(f"{key}.mode", shown(options.mode), what, "remove it, or write mode: skip"))
    elif not declaration.stays(services[0]):
        for option in COMMANDS:
            if getattr(options, option):
                what = "has no container to run in: no service that stays up mounts the volume"
                problems.append(Problem(f"{key}.{option}", shown(getattr(options, option)), what, "remove it"))


def _check_commands(options: VolumeOptions, key: str, problems: list[Problem]) -> None:
    for option in COMMANDS:
        for index, argv in enumerate(getattr(options, option)):
            place = f"{key}.{option}[{index}]"
            if not argv and not reported(place, problems):
                fix = "write its words, such as [redis-cli, save], or remove it"
                problems.append(Problem(place, "an empty list", "is a command without a word", fix))
