# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore: what it will do and what will be lost is said first; it is proven beside the production, and only then takes its place."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..containers.client import Container, Engine
from ..contracts.backup_settings import Cluster
from ..core.format import duration, size
from ..core.locks import holder, stack_lock
from ..core.process import run
from ..core.progress import Progress
from . import container_files, origins, proof, redis, replacement, volumes
from .barman import HOME
from .origins import Origin
from .postgres import About, Postgres
from .proof import Finding
from .replacement import PREPARING, Replacement
from .restoring_place import LOCK, RUNS, USE, confirm, containers, pending, put_in_place, resume, undo
from .settings import BackupError, Settings
from .verification import ROOM, workplace

__all__ = ["KINDS", "Report", "Request", "Unconfirmed", "confirm", "pending", "plan", "restore", "resume", "undo"]

OF_KIND = {"database": "databases", "cache": "caches", "volume": "volumes"}  # the part of the data (PARTS) that each is
KINDS = (*OF_KIND, "everything")


class Unconfirmed(BackupError):
    """The plan was said; somebody has to agree to it."""


@dataclass(frozen=True)
class Request:
    """What somebody asks for.

    :param name: of the database, service or volume; nothing for everything.
    :param at: epoch seconds to go back to; None for all that there is.
    :param source: ``local``, the name of a target, or nothing for the best.
    :param plan: only from its backups; nothing for the newest backup of each part.
    """

    kind: str
    name: str = ""
    at: float | None = None
    source: str = ""
    snapshot: str = ""
    confirmed: bool = False
    plan: str = ""


@dataclass(frozen=True)
class Part:
    """One folder that is to be replaced: how it is made, and whose it is."""

    label: str
    live: Path
    services: tuple[str, ...]
    paths: tuple[str, ...]  # of the backup, that are needed for it
    upto: float  # the last moment that it can hold, epoch seconds
    aside: float  # bytes that are brought back, and made, in the place where the restore works
    beside: float  # bytes that are made beside the present folder, besides those that are only moved there within one file system
    build: Callable[[Path, Path], None] = field(repr=False)  # from the folder of what was fetched, into the folder to be
    origin: Origin = field(repr=False)
    database: bool = False


@dataclass(frozen=True)
class Report:
    """What a restore did: lines for people, the last moment that is there again (epoch seconds), and what was asked of it afterwards."""

    lines: list[str]
    upto: float
    findings: list[Finding]


def restore(
    engine: Engine,
    settings: Settings,
    request: Request,
    progress: Progress,
    planned: Callable[[list[str]], None] = lambda _lines: None,
) -> Report:
    """Bring it back.

    :param planned: called with the plan, whether it is carried out or not.
    :raises Unconfirmed: the plan was said, nothing was changed.
    :raises BackupError: it cannot be done, and nothing was changed; or it was interrupted, and the next call goes on.
    """
    pending(settings.stack)
    with workplace(engine, settings.stack, need=0, use=USE) as work:
        sources = _sources(settings, request, work / "tree")
        parts = _parts(engine, settings, request, sources, work, progress)
        _room(parts, work)
        lines = plan(settings, request, sources, parts)
        planned(lines)
        for line in lines:
            progress.say(line)
        if not request.confirmed:
            raise Unconfirmed(
                "nothing was changed: say --yes (opsctl), or backup_confirm_restore: true (playbook), when this is what you want"
            )
        what = f"{request.kind} {request.name}".strip()
        if busy := holder(settings.stack):
            progress.say(f"waiting for {busy.get('who')} ({busy.get('what')})")
        with stack_lock(settings.stack, "restore", LOCK, what=f"restore of {what}"):
            pending(settings.stack)  # whoever was waited for may have left one
            at = time.time()
            steps = tuple(replacement.step(part.live, at) for part in parts)
            services = tuple(sorted({service for part in parts for service in part.services}))
            noted = replacement.save(Replacement(settings.stack, what, at, PREPARING, steps, services))
            try:
                trees = _fetch(parts, work / "tree")
                for part, step in zip(parts, steps, strict=True):
                    progress.say(f"{part.label}: making it ready beside the present one")
                    shutil.rmtree(step.fresh, ignore_errors=True)
                    part.build(trees[id(part.origin)], Path(step.fresh))
                ran = tuple(step.name for step in containers(engine, settings, noted) if step.state in RUNS)
            except BaseException:
                replacement.discard(noted)
                raise
            done = put_in_place(engine, settings, replace(noted, running=ran, starting=True), progress)
        return Report(done, _upto(request, parts), _ask(engine, settings, request, parts))


def _sources(settings: Settings, request: Request, tree: Path) -> dict[str, Origin]:
    """By part of the data, the backup that serves it: one for all without plans, else of each the newest that has it.

    :raises BackupError: one has none.
    """
    if request.plan:
        settings.of(request.plan)  # it is one
    if request.kind in OF_KIND:
        wanted = [OF_KIND[request.kind]]
    else:
        wanted = [part for part in OF_KIND.values() if request.kind == "everything" and _takes(settings, request, part)]
    if request.kind == "everything" and (not settings.plans or request.snapshot):
        source = request.source or origins.newest(settings)  # what was read in place is only in the targets
        one = origins.choose(settings, source, request.snapshot, request.at, tree, plan=request.plan)
        return {part: one for part in OF_KIND.values() if one.holds(part)}
    found = {}
    for part in wanted:
        by_target = part == "volumes" or request.kind == "everything"
        source = request.source or (origins.newest(settings, part, request.plan) if by_target else "")
        found[part] = origins.choose(settings, source, request.snapshot, request.at, tree, part, request.plan)
    return found


def _takes(settings: Settings, request: Request, part: str) -> bool:
    return part in (settings.of(request.plan) if request.plan else settings).parts


def _fetch(parts: list[Part], tree: Path) -> dict[int, Path]:
    """What each backup has for the parts that it serves; by the identity of the origin, where that is."""
    used = {id(part.origin): part.origin for part in parts}
    return {
        mark: origin.fetch(tree, *(path for part in parts if part.origin is origin for path in part.paths)) for mark, origin in used.items()
    }


def _upto(request: Request, parts: list[Part]) -> float:
    """Only what PostgreSQL wrote goes on after the backup, each server for itself."""
    databases = [part.upto for part in parts if part.database]
    return request.at or min(databases or [part.upto for part in parts])


def _ask(engine: Engine, settings: Settings, request: Request, parts: list[Part]) -> list[Finding]:
    """The questions of the declaration, to what is now the production; of the moment that is there again."""
    findings = []
    for cluster in settings.clusters:
        mine = [part for part in parts if cluster.service in part.services]
        if mine:
            psql = Postgres(engine, settings, cluster).sql
            checks = [check for check in settings.checks if check.service == cluster.service]
            findings += proof.ask(psql, checks, _upto(request, [part for part in mine if part.database]))
    return findings


def plan(settings: Settings, request: Request, sources: Mapping[str, Origin], parts: list[Part]) -> list[str]:
    """What will happen, and what will be lost."""
    now = time.time()
    whence = " and ".join(dict.fromkeys(_whence(part.origin) for part in parts))
    lines = [f"restore of {', '.join(part.label for part in parts)} of {settings.stack}, from {whence}"]
    upto = _upto(request, parts)
    if any(not part.database for part in parts):
        lines += _moments(sources, parts)
    if request.kind == "everything" and (absent := [part for part in OF_KIND.values() if part not in sources and part in settings.parts]):
        lines.append(f"not in it: {', '.join(absent)} stay as they are")
    lost = max(0.0, now - upto)
    lines.append(f"what was written after {origins.stamp(upto)} will be lost: the work of {duration(int(lost))}")
    lines.append(f"these stand still meanwhile: {', '.join(sorted({service for part in parts for service in part.services}))}")
    lines.append("what is replaced is kept until `opsctl restore confirm`; `opsctl restore undo` puts it back")
    return lines


def _whence(origin: Origin) -> str:
    of = f" of plan {origin.plan}" if origin.plan else ""
    return f"{origin.name}{of}" if origin.snapshot is None else f"{origin.name}, snapshot {origin.snapshot.id[:8]}{of}"


def _moments(sources: Mapping[str, Origin], parts: list[Part]) -> list[str]:
    """Of when the parts are that have no WAL; one by one where several backups serve them."""
    if len({_whence(origin) for origin in sources.values()}) < 2:
        return [f"volumes and caches are of {origins.stamp(next(part.upto for part in parts if not part.database))}"]
    there = [part.origin for part in parts if not part.database]
    named = [(name, origin) for name, origin in sources.items() if name != "databases" and any(origin is one for one in there)]
    return [f"{name} are of {origins.stamp(float(origin.facts['at']))}, from {_whence(origin)}" for name, origin in named]


def _parts(
    engine: Engine, settings: Settings, request: Request, sources: Mapping[str, Origin], work: Path, progress: Progress
) -> list[Part]:
    every = request.kind == "everything"
    parts = []
    if "databases" in sources:
        chosen = settings.clusters if every else (settings.cluster(request.name),)
        parts += [_database(engine, settings, cluster.service, request, sources["databases"], work, progress) for cluster in chosen]
    if "caches" in sources:
        known = [cache.service for cache in settings.caches]
        _known(request.name or (known[0] if known else ""), known, "cache", every)
        parts += [_cache(engine, settings, cache, sources["caches"]) for cache in known if every or cache == request.name]
    if "volumes" in sources:
        origin = sources["volumes"]
        known = list(origin.facts["volumes"])
        _known(request.name, known, "volume", every)
        parts += [_volume(engine, settings, volume, origin) for volume in known if every or volume == request.name]
        if not every and not request.snapshot:
            _not_lost_already(settings, request, parts)
    if not parts:
        raise BackupError(f"the backup of {settings.stack} holds nothing of this kind")
    if request.at is not None and any(not part.database for part in parts) and not every:
        raise BackupError("restore_to is for databases: volumes and caches are of the moment of a backup; choose one with --snapshot")
    return parts


def _not_lost_already(settings: Settings, request: Request, parts: list[Part]) -> None:
    """A backup that was made after the loss is the newest as well: one begins by itself when a database was restored.

    :raises BackupError: there is nothing in the volume that would come back, and nobody has named its backup.
    """
    for part in parts:
        if not part.beside:
            raise BackupError(
                f"the {part.label} is empty in the newest backup, {_whence(part.origin)} of {origins.stamp(part.upto)}: choose one from"
                f" before with --snapshot (opsctl backup list --stack {settings.stack}); naming this one brings it back empty"
            )


def _known(name: str, known: list[str], what: str, every: bool) -> None:
    if not every and name not in known:
        raise BackupError(f"{name!r} is no {what} that is backed up: write one of {', '.join(known) or 'none'}")


def _room(parts: list[Part], work: Path) -> None:
    """For all parts together, on each file system: what is brought back and made in `work`, and what is made beside the present folders.

    :raises BackupError: one is too full.
    """
    needs: dict[int, list[tuple[Path, str, float]]] = {}
    for part in parts:
        live = next(parent for parent in part.live.parents if parent.exists())
        moved = part.database and live.stat().st_dev == work.stat().st_dev  # a rename needs no room
        for place, need in ((work, part.aside), (live, 0.0 if moved else part.beside)):
            needs.setdefault(place.stat().st_dev, []).append((place, part.label, need))
    for wanted in needs.values():
        place, need = wanted[0][0], ROOM * sum(needed for _place, _label, needed in wanted)
        free = shutil.disk_usage(place).free
        if free < need:
            what = ", ".join(dict.fromkeys(label for _place, label, _need in wanted))
            raise BackupError(f"{place} has {size(free)} free, {what} needs {size(int(need))}: nothing was changed")


def _resembled(engine: Engine, stack: str, service: str) -> dict[str, Any]:
    """Any container of a service, running or not: its image, its settings and its mounts.

    :raises BackupError: there is none.
    """
    for container in engine.containers(stack):
        if container.service == service:
            return container_files.inspect(engine, container)
    raise BackupError(f"{stack} has no container of {service}: deploy the stack first (site.yml), then restore into it")


def _database(engine: Engine, settings: Settings, service: str, request: Request, origin: Origin, work: Path, progress: Progress) -> Part:
    about = origin.facts["clusters"].get(service)
    if about is None:
        raise BackupError(f"the backup holds no {service}: it was not declared when it was made")
    cluster = settings.cluster(service)
    raw = _resembled(engine, settings.stack, service)
    present = _present(engine, settings, cluster, progress) if raw["State"]["Running"] else None
    if present and present.major != about["version"] // 10000:
        raise BackupError(
            f"the backup of {service} is of PostgreSQL {about['version'] // 10000}, the container runs {present.major}: "
            f"deploy the older image first, or restore the dump of a database: opsctl restore dump"
        )
    if origin.repo is None:
        barman = origin.barman(settings, service, work)
        barman.base_for(request.at)  # before anybody agrees to what cannot be
        if present:
            # The end of the stream, as far as the server can still give it.
            with suppress(BackupError):
                barman.switch()
    live = container_files.behind(raw, str(about["data"]))

    def build(tree: Path, fresh: Path) -> None:
        barman = origin.barman(settings, service, tree)
        if origin.repo is None:
            barman.archive()
        at = None if request.at is None else origins.stamp(request.at)
        streamed = barman.streamed()
        made = work / "recovered" / str(about["server"])
        barman.recover(barman.base_for(request.at), made, at)
        container_files.own(made, about["owner"])
        try:
            _prove(engine, settings, service, raw, made, about, progress)
        except proof.WalEndedEarly as error:
            if request.at is None:
                raise
            if streamed < request.at:
                # Nobody knows whether something was committed in between.
                raise BackupError(
                    f"the WAL of {service} is there until {origins.stamp(streamed)}, and holds nothing of {at}: "
                    f"name a moment before, or none for all that there is ({error})"
                ) from error
            # Nothing was committed between that moment and the end of the WAL: the end is that moment.
            barman.recover(barman.base_for(request.at), made, None)
            container_files.own(made, about["owner"])
            _prove(engine, settings, service, raw, made, about, progress)
        _move(made, fresh)
        shutil.copystat(live, fresh) if live.exists() else fresh.chmod(0o700)

    folder, size_of_base = f"{HOME}/{about['server']}", float(about["base_size"])
    brought = max(size_of_base, origin.size(folder)) if origin.repo else 0.0
    upto = origin.reaches(service)
    aside = brought + size_of_base
    return Part(f"database {service}", live, (service,), (folder,), upto, aside, size_of_base, build, origin, database=True)


def _present(engine: Engine, settings: Settings, cluster: Cluster, progress: Progress) -> About | None:
    """What the server says of itself; None where it is too broken to say anything, which is what restores are for."""
    try:
        return Postgres(engine, settings, cluster).about()
    except BackupError as error:
        progress.say(f"{cluster.service} cannot be asked, its version is not compared: {error}")
        return None


def _prove(
    engine: Engine, settings: Settings, service: str, raw: dict[str, Any], data: Path, about: dict[str, Any], progress: Progress
) -> None:
    """It recovers, starts and answers, before anything is replaced by it."""
    with proof.recovered(engine, raw, settings.stack, data, about, progress.wait, USE) as psql:
        for database in about["dumps"]:
            psql("SELECT 1", database)
    automatic = data / "postgresql.auto.conf"
    kept = [line for line in automatic.read_text().splitlines() if not line.startswith(("restore_command", "recovery_"))]
    automatic.write_text("\n".join(kept) + "\n")
    shutil.rmtree(data / "barman_wal", ignore_errors=True)


def _move(made: Path, fresh: Path) -> None:
    """By a rename where both are on one file system, else with owners and all."""
    run(["mv", "--no-target-directory", "--", str(made), str(fresh)], timeout=6 * 3600)


def _cache(engine: Engine, settings: Settings, service: str, origin: Origin) -> Part:
    about = origin.facts["caches"].get(service)
    if about is None:
        raise BackupError(f"the backup holds no {service}: it was not declared when it was made")
    raw = _resembled(engine, settings.stack, service)
    live = container_files.behind(raw, about["settings"]["dir"])
    own = settings.labelled(origin.plan)
    copy = redis.place(own, Path("/"), about)

    def build(tree: Path, fresh: Path) -> None:
        fresh.mkdir(mode=0o700)
        redis.bring_back(engine, raw, settings.stack, about, redis.place(own, tree, about), fresh, USE)
        if live.exists():
            shutil.copystat(live, fresh)

    need = float(about["size"])
    at = float(origin.facts["at"])
    return Part(f"cache {service}", live, (service,), (str(copy),), at, need if origin.repo else 0.0, need, build, origin)


def _volume(engine: Engine, settings: Settings, name: str, origin: Origin) -> Part:
    about = origin.facts["volumes"][name]
    live = volumes.locate(engine, settings.stack, name)[1]
    if origin.repo is None and not about["still"]:
        raise BackupError(f"the volume {name} is only in the targets: say --from {settings.targets[0].name}")

    def build(tree: Path, fresh: Path) -> None:
        source = tree / str(about["folder"]).lstrip("/")
        run(["cp", "--archive", "--reflink=auto", "--", str(source), str(fresh)], timeout=6 * 3600)

    services = {container.service for container in engine.containers(settings.stack) if _mounts(engine, container, about["docker"], live)}
    need, at = origin.size(str(about["folder"])), float(origin.facts["at"])
    aside = need if origin.repo else 0.0
    return Part(f"volume {name}", live, tuple(sorted(services)), (str(about["folder"]),), at, aside, need, build, origin)


def _mounts(engine: Engine, container: Container, docker: str, live: Path) -> bool:
    return any(mount.name == docker or mount.source == live for mount in container_files.mounts(container_files.inspect(engine, container)))
