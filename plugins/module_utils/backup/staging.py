# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that a backup reads, brought together on the host: what can be read in place, and what has to be written out first.

A backup is one snapshot. It holds the dumps, the copies, Barman's bases with all WAL since, the volumes, and what the host itself needs
to be built again; `facts.json` in it says what is what, so that a restore needs nothing else.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..containers.client import Engine
from ..contracts.backup_settings import Cluster
from ..core import paths
from ..core.atomic_files import private, read_text, write_atomic
from ..core.format import size
from ..core.locks import rename, stack_lock
from ..core.masking import line
from ..core.process import CommandError, run
from ..hostconfig import core_files
from ..release.store import Store
from . import container_files, state, volumes
from .barman import Barman
from .postgres import Postgres
from .redis import Redis
from .settings import BackupError, Settings

FACTS = "facts.json"
# What a bare host needs besides site.yml to be this one again, where it is there.
HOST = ("/etc/latentum-ops", "/etc/nginx", "/etc/letsencrypt", "/etc/docker", "/etc/ssh")
DUMP = 12 * 3600.0
WAIT = 900.0  # seconds for whoever works on the stack
# After a restore a base is made at once. Whoever looks for the right moment makes several, and may have to go back further still.
SEARCHING = 86400.0
LONGEST = 300  # characters of names in a message
EXCLUDED = ("*.pgpass", ".latentum-ops-*")


@dataclass(frozen=True)
class Staged:
    """What one backup is made of: folders to read, patterns to leave out, and its facts."""

    paths: tuple[str, ...]
    exclude: tuple[str, ...]
    facts: dict[str, Any]


def stage(engine: Engine, settings: Settings, tell: Callable[[str], None]) -> Staged:
    """Write out what cannot be read in place. Under the lock of the stack: a deployment in between would leave halves of two releases."""
    _leave(settings)
    settings.staging.mkdir(mode=0o700, parents=True, exist_ok=True)
    facts: dict[str, Any] = {"format": 1, "stack": settings.stack, "host": os.uname().nodename, "directory": settings.directory}
    if settings.plan:
        facts |= {"plan": settings.plan, "takes": list(settings.parts)}
    with stack_lock(settings.stack, "backup", WAIT, what="backup: reads the databases"):
        _tidy(settings)
        facts |= {"at": time.time(), "images": _images(engine, settings), "release": _release(settings.stack)}
        facts["clusters"] = {cluster.service: _cluster(engine, settings, cluster, tell) for cluster in settings.clusters}
        facts["caches"] = {cache.service: _cache(engine, settings, cache.service, tell) for cache in settings.caches}
        # Another word than `backup`: the watchdog must not wake up what is paused.
        rename(settings.stack, "keeps volumes still for a copy")
        sources = list(volumes.read(engine, settings, tell))
    facts["volumes"] = {
        source.volume.name: {
            "docker": source.docker,
            "mountpoint": str(source.mountpoint),
            "folder": str(source.folder),
            "still": source.still,
        }
        for source in sources
    }
    own = (*HOST, settings.directory, str(paths.RELEASES), str(paths.JOBS)) if "host" in settings.parts else ()
    facts["paths"] = [path for path in (*settings.paths, *own) if Path(path).exists()]
    if missing := [path for path in settings.paths if not Path(path).exists()]:
        raise BackupError(f"backups.paths: {', '.join(missing)} does not exist on this host: make it, or remove it from the declaration")
    facts["core_files"] = _dumps(facts, settings, tell)
    write_atomic(settings.staging / FACTS, json.dumps(facts, indent=1, sort_keys=True) + "\n", 0o600, 0, 0)
    return _staged(settings, facts)


def _leave(settings: Settings) -> None:
    """Remove what was prepared for plans that are gone, and for backups of everything once plans have prepared all of it."""
    names = {plan.name for plan in settings.plans}
    for place in settings.planned.glob("*"):
        if place.name not in names:
            shutil.rmtree(place)
    everything = settings.labelled("").staging
    if settings.plan and everything.exists() and all((settings.planned / name / FACTS).exists() for name in names):
        shutil.rmtree(everything)


def _tidy(settings: Settings) -> None:
    """Remove dumps and copies of what is not declared any more, and what a killed run left half."""
    wanted = {
        f"{cluster.service}.{name}"
        for cluster in settings.clusters
        for name in ("globals.sql", *(f"{data}.dump" for data in cluster.databases))
    }
    wanted |= {f"{cache.service}.rdb" for cache in settings.caches}
    for folder in ("dumps", "redis"):
        for file in (settings.staging / folder).glob("*"):
            if file.name not in wanted:
                file.unlink()


def staged(settings: Settings) -> Staged | None:
    """What the last run staged, for a target that was away at that time; None before the first run."""
    text = read_text(settings.staging / FACTS)
    return _staged(settings, json.loads(text)) if text else None


def _staged(settings: Settings, facts: dict[str, Any]) -> Staged:
    """What is to be read, by the facts alone: copies and dumps are in the staging folder anyway."""
    live = (volume["folder"] for volume in facts["volumes"].values() if not volume["still"])
    folders = [str(settings.staging), *live, *facts["paths"]]
    folders += [str(Barman(settings.server(cluster)).folder) for cluster in settings.clusters]
    wanted = {volume.name: volume.exclude for volume in settings.volumes}
    exclude = [*EXCLUDED, *map(_literal, facts.get("core_files", ()))]
    exclude += (f"{volume['folder']}/**/{mark}" for name, volume in facts["volumes"].items() for mark in wanted.get(name, ()))
    return Staged(tuple(dict.fromkeys(folders)), tuple(exclude), facts)


def _dumps(facts: dict[str, Any], settings: Settings, tell: Callable[[str], None]) -> list[str]:
    """Core dumps among what is read: memory of crashed programs, with their secrets, that no restore needs. They stay where they are."""
    found: list[str] = []
    places = {f"volume {name}": volume["folder"] for name, volume in facts["volumes"].items()}
    for what, folder in (*places.items(), *((path, path) for path in settings.paths)):
        dumps = list(core_files.below(folder))
        if dumps:
            names = line(", ".join(sorted(os.path.relpath(dump.path, folder) for dump in dumps)), LONGEST)
            tell(f"{what}: core dumps are left out, {names} ({size(sum(dump.size for dump in dumps))}): see what crashed, and remove them")
        found += (dump.path for dump in dumps)
    return sorted(found)


def _literal(path: str) -> str:
    """A path as a pattern of restic that matches nothing else."""
    return re.sub(r"([\\*?\[])", r"\\\1", path)


def _images(engine: Engine, settings: Settings) -> dict[str, str]:
    """The image of each service as a registry can give it again."""
    images: dict[str, str] = {}
    for container in engine.containers(settings.stack):
        digest = engine.digest(container)
        name = container.image.partition("@")[0]
        images.setdefault(container.service, f"{name}@{digest}" if digest != container.image_id else container.image)
    return images


def _release(stack: str) -> str:
    live = Store(stack).live()
    return live.id if live else ""


def _cluster(engine: Engine, settings: Settings, cluster: Cluster, tell: Callable[[str], None]) -> dict[str, Any]:
    """Dumps of each database, then a base backup, which also takes the WAL along that was written until then."""
    postgres = Postgres(engine, settings, cluster)
    barman = connect(postgres, tell)
    about = postgres.about()
    folder = settings.staging / "dumps"
    folder.mkdir(mode=0o700, exist_ok=True)
    dumps = {}
    for database in cluster.databases:
        tell(f"dump of {database}")
        file = folder / f"{cluster.service}.{database}.dump"
        # Uncompressed: the repository compresses it, and finds again what was there yesterday.
        _write(postgres, ["pg_dump", "--format=custom", "--compress=0", f"--dbname={database}"], file)
        dumps[database] = {"file": file.name, "size": file.stat().st_size}
    everybody = folder / f"{cluster.service}.globals.sql"
    _write(postgres, ["pg_dumpall", "--globals-only"], everybody)
    base = barman.backup(tell)
    owner = postgres.folder().stat()
    if time.time() - state.read(settings.stack).get("restored", 0.0) > SEARCHING:
        # Each plan has made some of them: a monthly one that follows the nightly one must not halve the time that they reach back.
        others = max(0, sum("databases" in plan.takes for plan in settings.plans) - 1)
        barman.thin(settings.keep_bases + others)
    return {
        "server": barman.server,
        "version": about.version,
        "identifier": about.identifier,
        "data": about.data,
        "owner": [owner.st_uid, owner.st_gid],
        "admin": cluster.admin,
        "dumps": dumps,
        "globals": everybody.name,
        "base": base.id,
        "base_size": base.size,
        "base_end": base.end,
    }


def connect(postgres: Postgres, tell: Callable[[str], None]) -> Barman:
    """Barman, able to talk to a server wherever it is now."""
    barman = Barman(postgres.settings.server(postgres.cluster))
    about = postgres.about()
    for change in postgres.prepare():
        tell(f"{postgres.container.name}: {change} set up for backups")
    if aside := barman.set_aside(about.identifier):
        tell(f"{postgres.container.name} is another database cluster than the one before, whose backups are kept in {aside}")
    password = (read_text(postgres.cluster.password_file) or "").strip()
    barman.configure(postgres, about, password)
    return barman


def _write(postgres: Postgres, argv: list[str], file: Path) -> None:
    part = file.with_name(f"{file.name}.part")
    user = [f"--username={postgres.cluster.admin}", "--no-password"]
    try:
        with private(part) as output:
            run(["docker", "exec", postgres.container.name, *argv, *user], timeout=DUMP, output=output)
    except (CommandError, OSError) as error:
        part.unlink(missing_ok=True)
        raise BackupError(f"{file.name} could not be written: {error}") from error
    part.replace(file)


def _cache(engine: Engine, settings: Settings, service: str, tell: Callable[[str], None]) -> dict[str, Any]:
    cache = next(cache for cache in settings.caches if cache.service == service)
    folder = settings.staging / "redis"
    folder.mkdir(mode=0o700, exist_ok=True)
    tell(f"copy of {service}")
    redis = Redis(engine, settings, cache)
    copied = redis.copy(folder)
    owner = container_files.behind(redis.raw, copied.settings["dir"]).stat()
    return {**copied.as_dict(), "owner": [owner.st_uid, owner.st_gid]}
