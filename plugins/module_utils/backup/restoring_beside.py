# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores that replace nothing: files into a folder, a dump into a database of its own."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from ..containers.client import Engine
from ..core.progress import Progress
from . import origins, proof, running
from .postgres import Postgres
from .settings import BackupError, Settings
from .verification import workplace

FOLDER = Path("/var/lib/latentum-ops/restored")


def files(
    settings: Settings, paths: tuple[str, ...], source: str, snapshot: str, into: str, progress: Progress, plan: str = ""
) -> list[str]:
    """Bring files or folders of the host back, each below its own name in a folder.

    :param into: the folder, which must be empty or not there; a new one when not given.
    :raises BackupError: there is no path, one is not absolute, or the backup does not hold it.
    """
    if not paths:
        raise BackupError("no path is named: write the whole path of each file or folder, as it was on the host")
    if wrong := [path for path in paths if not path.startswith("/")]:
        raise BackupError(f"{wrong[0]!r}: write the whole path, as it was on the host")
    folder = Path(into) if into else FOLDER / time.strftime("%Y%m%dT%H%M%S")
    if folder.exists() and any(folder.iterdir()):
        raise BackupError(f"{folder} is not empty: name another with --into; nothing was changed")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = source or settings.targets[0].name
    with_facts = folder.with_name(f".{folder.name}.facts")
    try:
        chosen = snapshot if snapshot or not settings.plans else _holding(settings, name, paths, plan)
        origin = origins.of_target(settings, name, chosen, None, with_facts, plan=plan)
    finally:
        shutil.rmtree(with_facts, ignore_errors=True)
    if origin.repo is None or origin.whole is None:
        raise BackupError(f"{name} is no target")
    progress.say(f"from {name}, snapshot {origin.whole.id[:8]} of {origins.stamp(origin.whole.time)}")
    origin.repo.restore(origin.whole.id, folder, include=list(paths), verify=True)
    missing = [path for path in paths if not os.path.lexists(folder / path.lstrip("/"))]
    if missing:
        raise BackupError(f"the backup does not hold {', '.join(missing)}: name another with --snapshot (opsctl backup list)")
    return [str(folder / path.lstrip("/")) for path in paths]


def _holding(settings: Settings, target: str, paths: tuple[str, ...], plan: str) -> str:
    """Of the backups of all plans, or of one, the newest that reaches to all of these paths.

    :raises BackupError: none does, or there is no such target.
    """
    known = {one.name: one for one in settings.targets}
    if target not in known:
        raise BackupError(f"{target!r} is no target of {settings.stack}: write one of {', '.join(known)}")
    view = settings.of(plan) if plan else settings
    found = sorted(
        running.repository(known[target]).snapshots(tags=running.tags(view, running.KIND_BACKUP)), key=lambda snapshot: -snapshot.time
    )
    for snapshot in found:
        if all(any(Path(path).is_relative_to(root) or Path(root).is_relative_to(path) for root in snapshot.paths) for path in paths):
            return snapshot.id
    what = f"no backup of {f'the plan {plan} of ' if plan else ''}{settings.stack} in {target} holds {' and '.join(paths)}"
    raise BackupError(f"{what}: ask for one after the other, or name a snapshot (opsctl backup list)")


def dump(  # noqa: PLR0913 - three say what, three from where
    engine: Engine,
    settings: Settings,
    database: str,
    table: str,
    source: str,
    snapshot: str,
    into: str,
    progress: Progress,
    plan: str = "",
) -> list[str]:
    """Restore the logical dump of a database, or one table of it, into a new database of the same server.

    :param into: name of the new database.
    :raises BackupError: it exists already, or the dump does not fit.
    """
    cluster = settings.cluster(database)
    if database not in cluster.databases:
        raise BackupError(f"{database!r} is no database: write one of {', '.join(cluster.databases)}")
    new = into or f"{database}_restored"
    postgres = Postgres(engine, settings, cluster)
    if postgres.sql("SELECT 1 FROM pg_database WHERE datname = :'name'", name=new):
        raise BackupError(f"the database {new} exists already: name another with --into, or drop it; nothing was changed")
    with workplace(engine, settings.stack, need=0, use="dump") as work:
        origin = origins.choose(settings, source, snapshot, None, work / "tree", "databases", plan)
        about = origin.facts["clusters"].get(cluster.service, {}).get("dumps", {}).get(database)
        if about is None:
            raise BackupError(f"the backup holds no dump of {database}: it was not declared when it was made; choose a later --snapshot")
        file = settings.labelled(origin.plan).staging / "dumps" / about["file"]
        tree = origin.fetch(work / "tree", str(file))
        progress.say(f"{database} of {origins.stamp(float(origin.facts['at']))} from {origin.name} into {new}")
        postgres.sql('CREATE DATABASE :"name" TEMPLATE template0', name=new)
        schema, _dot, name = table.rpartition(".")
        words = [f"--table={name}", *([f"--schema={schema}"] if schema else [])] if table else []
        try:
            if schema:  # which the dump of a table alone does not make
                postgres.sql('CREATE SCHEMA IF NOT EXISTS :"name"', new, name=schema)
            proof.restore_dump(postgres.sql, tree / str(file).lstrip("/"), new, words)
        except BackupError:
            postgres.sql('DROP DATABASE :"name" WITH (FORCE)', name=new)
            raise
    renames = f'ALTER DATABASE "{database}" RENAME TO "{database}_before"; ALTER DATABASE "{new}" RENAME TO "{database}"'
    return [f"restored into the database {new} of {cluster.service}", f"to put it in place, with nobody connected: {renames}"]
