# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a restore gets its data from: this host's own Barman, or a snapshot of a target."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..contracts.backup_settings import PARTS
from ..core.atomic_files import read_text
from ..core.times import parse_timestamp
from . import state, verification
from .barman import HOME, Barman
from .restic import Repository, Snapshot
from .running import KIND_BACKUP, KIND_WAL, plan_of, repository, tags
from .settings import BackupError, Settings
from .staging import FACTS

HERE = "this host"
LOCAL = (HERE, "local")  # as people name it


@dataclass(frozen=True)
class Origin:
    """What a restore reads.

    :param name: ``this host``, or the target.
    :param upto: the last moment that it knows of, in epoch seconds.
    :param plan: whose backup it is; empty for one of everything.
    """

    name: str
    facts: dict[str, Any]
    upto: float
    repo: Repository | None = None
    snapshot: Snapshot | None = None
    whole: Snapshot | None = None  # the backup that the WAL of `snapshot` belongs to
    plan: str = ""

    def holds(self, part: str) -> bool:
        """A part of the data (PARTS) is in it."""
        return part in self.facts.get("takes", PARTS)

    def fetch(self, folder: Path, *paths: str) -> Path:
        """Bring paths of the backup into a folder, each below its own name; where they are. Of this host they are in place."""
        if self.repo is None or self.snapshot is None or self.whole is None:
            return Path("/")
        wal = str(HOME)
        for chosen, wanted in (
            (self.snapshot, [path for path in paths if path.startswith(wal)]),
            (self.whole, [path for path in paths if not path.startswith(wal)]),
        ):
            if wanted:
                self.repo.restore(chosen.id, folder, include=[plainly(path) for path in wanted], verify=True)
        return folder

    def size(self, path: str) -> float:
        """Bytes of a folder or file of the backup."""
        if self.repo is None or self.snapshot is None or self.whole is None:
            return float(sum(file.lstat().st_size for file in (Path(path), *Path(path).rglob("*")) if file.is_file()))
        chosen = self.snapshot if path.startswith(str(HOME)) else self.whole
        return float(sum(file.size for file in self.repo.ls(chosen.id, path, recursive=True)))

    def reaches(self, service: str) -> float:
        """The last moment to which a PostgreSQL server can be recovered, epoch seconds; of a target, when its WAL was brought there."""
        if self.repo is not None:
            return self.upto
        return max(float(self.facts["at"]), Barman(str(self.facts["clusters"][service]["server"])).streamed())

    def barman(self, settings: Settings, service: str, tree: Path) -> Barman:
        """Barman for a cluster, here or in what was fetched."""
        return (
            Barman(str(self.facts["clusters"][service]["server"]))
            if self.repo is None
            else verification.copy_of(self.facts["clusters"][service], tree)
        )


def plainly(path: str) -> str:
    """A path as a pattern of restic that means this path only."""
    return re.sub(r"([*?\[\\])", r"\\\1", path)


def here(settings: Settings, part: str = "", plan: str = "") -> Origin | None:
    """What is on this host since the last backup, of those that hold the part; None without one."""
    names = [plan] if plan else ["", *(one.name for one in settings.plans)]
    found = [origin for name in names if (origin := _here(settings.labelled(name))) and (not part or origin.holds(part))]
    return max(found, key=lambda origin: float(origin.facts["at"]), default=None)


def _here(settings: Settings) -> Origin | None:
    text = read_text(settings.staging / FACTS)
    if not text:
        return None
    facts = json.loads(text)
    streamed = [Barman(str(cluster["server"])).streamed() for cluster in facts["clusters"].values()]
    return Origin(HERE, facts, max([float(facts["at"]), *streamed]), plan=settings.plan)


def of_target(settings: Settings, name: str, wanted: str, at: float | None, folder: Path, part: str = "", plan: str = "") -> Origin:
    """A snapshot of a target: the one named, else the first that holds the moment, else the newest.

    :param part: of the data (PARTS), that it has to hold: of several plans the newest backup of any that takes it.
    :param plan: only its backups.
    :raises BackupError: there is none.
    """
    known = {target.name: target for target in settings.targets}
    if name not in known:
        raise BackupError(f"{name!r} is no target of {settings.stack}: write one of {', '.join(known)}")
    repo = repository(known[name])
    repo.reachable()
    backups = sorted(repo.snapshots(tags=tags(settings, KIND_BACKUP)), key=lambda snapshot: snapshot.time)
    between = repo.snapshots(tags=tags(settings, KIND_WAL))
    if wanted:
        backups = [snapshot for snapshot in backups if snapshot.id.startswith(wanted)]
        between = []
    if plan:
        backups = [snapshot for snapshot in backups if plan_of(snapshot) == plan]
    holding = [snapshot for snapshot in backups if wanted or _may_hold(settings, snapshot, part)]
    if not holding:
        what = f"of {settings.stack}" + (f", plan {plan}" if plan else "") + (f", with its {part}" if settings.plans and part else "")
        raise BackupError(f"{name} has no backup {f'{wanted} {what}' if wanted else what}: opsctl backup list --stack {settings.stack}")
    moments = sorted([*(backups if part not in ("", "databases") else holding), *between], key=lambda snapshot: snapshot.time)
    later = [snapshot for snapshot in moments if at is not None and snapshot.time >= at]
    chosen = later[0] if later else moments[-1]
    before = [snapshot for snapshot in holding if snapshot.time <= chosen.time]
    for whole in reversed(before or holding):
        own = settings.labelled(plan_of(whole))
        repo.restore(whole.id, folder, include=[str(own.staging / FACTS)], verify=True)
        facts = verification.read_facts(own, folder)
        if not part or part in facts.get("takes", PARTS):
            read = chosen if part in ("", "databases") or not settings.plans else whole
            return Origin(name, facts, chosen.time, repo, read, whole, own.plan)
    asked = f"snapshot {wanted}" if wanted else "every backup that could have been read"
    raise BackupError(f"{name}: {asked} is without the {part} of {settings.stack}: opsctl backup list --stack {settings.stack}")


def _may_hold(settings: Settings, snapshot: Snapshot, part: str) -> bool:
    """As far as its tags say: a backup of everything does, a declared plan does what it takes, of others the facts know."""
    plan = plan_of(snapshot)
    return not part or not plan or part in next((one.takes for one in settings.plans if one.name == plan), PARTS)


def choose(settings: Settings, name: str, wanted: str, at: float | None, folder: Path, part: str = "", plan: str = "") -> Origin:
    """The origin that somebody named; else this host where it has one, else the target that was written to last.

    :raises BackupError: it has no backup, or not this one.
    """
    local = here(settings, part, plan) if name in ("", *LOCAL) and not wanted else None
    if local:
        return local
    if name in LOCAL:
        of = f"{settings.stack}, plan {plan}" if plan else settings.stack
        what = f"snapshot {wanted} is in no backup of this host" if wanted else f"this host has no backup of {of}"
        raise BackupError(f"{what}: leave --from out, or name one of {', '.join(target.name for target in settings.targets)}")
    return of_target(settings, name or newest(settings, part, plan), wanted, at, folder, part, plan)


def newest(settings: Settings, part: str = "", plan: str = "") -> str:
    """The target that was written to last; with plans by one that takes the part, where one was."""
    views = [settings.labelled(one.name) for one in settings.plans if one.name == plan or (not plan and (not part or part in one.takes))]

    def pushed(target: str) -> tuple[float, float]:
        noted = (float(state.of_target(view, target).get("pushed", 0)) for view in views)
        return max(noted, default=0.0), float(state.of_target(settings, target).get("pushed", 0))

    return str(max((target.name for target in settings.targets), key=pushed))


def moment(text: str) -> float:
    """Epoch seconds of a time as people write it, with its zone.

    :raises BackupError: it is none, has no zone, or has not come yet.
    """
    try:
        instant = parse_timestamp(text.strip())
    except ValueError as error:
        raise BackupError(f"restore_to {text!r}: write a time with its zone, such as '2026-11-20 14:03:07+00'") from error
    if instant.tzinfo is None:
        raise BackupError(f"restore_to {text!r}: its zone is missing, and hosts and people have different ones: write '{text.strip()}+00'")
    if instant.timestamp() > time.time():
        raise BackupError(f"restore_to {text!r}: has not come yet; leave it out for all that there is")
    return instant.timestamp()


def stamp(at: float) -> str:
    """As PostgreSQL and people read it."""
    seconds, micro = divmod(round(at * 1e6), 1_000_000)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))}.{micro:06d}+00"
