# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One backup: brought together on the host, written to every target, thinned out by the retention; and the WAL in between.

A target that is away costs nobody else anything: what it lacks stays on the host, and the next push brings it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..containers.client import Engine
from ..contracts.backup_settings import Target
from ..core.format import size
from ..core.locks import LockBusy, file_lock
from ..core.progress import Progress
from . import staging, state
from .barman import Barman
from .restic import Absent, Repository, Snapshot, TargetError, Unread
from .settings import BackupError, Settings
from .staging import Staged

RUN = Path("/run/latentum-ops")
KIND_BACKUP, KIND_WAL = "backup", "wal"
OF_PLAN = "plan:"  # begins the tag that names it
LONGEST_PUSH = 3600.0  # seconds to wait for what is just brought to a target
PRUNE_EVERY = 6 * 86400.0
TURN = 12 * 3600.0  # seconds that a plan waits for another one, and its proof likewise
LAST_WAL = {"last": 2}  # each push of WAL holds all that the one before held


@dataclass
class Outcome:
    """What a run brought about; `errors` by target."""

    snapshots: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    bytes: int = 0
    added: int = 0
    seconds: float = 0.0


def repository(target: Target) -> Repository:
    """The repository of a target."""
    return Repository(target)


def tags(settings: Settings, kind: str) -> tuple[str, ...]:
    """By which a snapshot is found again. WAL is of no plan."""
    own = (f"{OF_PLAN}{settings.plan}",) if settings.plan and kind == KIND_BACKUP else ()
    return (f"stack:{settings.stack}", f"kind:{kind}", *own)


def plan_of(snapshot: Snapshot) -> str:
    """The plan that made it; empty for a backup of everything."""
    return next((tag.removeprefix(OF_PLAN) for tag in snapshot.tags if tag.startswith(OF_PLAN)), "")


@contextmanager
def alone(stack: str, what: str, patience: float = 0) -> Iterator[None]:
    """Only one of its kind at a time.

    :param patience: seconds to wait for another one.
    :raises BackupError: another is under way.
    """
    RUN.mkdir(mode=0o750, parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(RUN / f"{stack}.{what}.lock", timeout=patience))
        except LockBusy:
            raise BackupError(f"{stack}: a {what} is under way: journalctl -fu 'latentum-ops-*@{stack}'") from None
        yield


def backup(engine: Engine, settings: Settings, progress: Progress) -> Outcome:
    """A backup to all targets, of everything or of one plan.

    :raises BackupError: it could not even be brought together, or no target took it.
    """
    with alone(settings.stack, "backup", TURN if settings.plan else LONGEST_PUSH):
        began = time.time()
        state.keep_plans(settings)
        begin(settings, began)
        try:
            brought = staging.stage(engine, settings, progress.say)
            state.record(settings, "backup", at=brought.facts["at"])
            outcome = push(settings, brought, progress)
        except Exception as error:
            state.record(settings, "backup", at=began, ended=time.time(), ok=False, error=str(error), seconds=time.time() - began)
            raise
        outcome.seconds = time.time() - began
        failures = "; ".join(outcome.errors.values())
        done = {"bytes": outcome.bytes, "added": outcome.added, "seconds": outcome.seconds}
        state.record(settings, "backup", ended=time.time(), ok=not failures, error=failures, **done)
        if not outcome.snapshots:
            raise BackupError(f"no target took the backup; it is kept on this host and pushed when they answer again: {failures}")
        return outcome


def begin(settings: Settings, at: float) -> None:
    """Note that a backup is under way, and what is promised; of a plan, its age, and who was last."""
    if not settings.plan:
        state.note(settings.stack, began=at, rpo=settings.rpo, rto=settings.rto, stale_after=settings.stale_after)
        return
    state.note(settings.stack, began=at, rpo=settings.rpo, rto=settings.rto)
    state.note(settings.stack, "backup", plan=settings.plan)
    state.note(settings.stack, "plans", settings.plan, began=at, stale_after=settings.stale_after, takes=list(settings.parts))


def begin_anew(settings: Settings, name: str) -> None:
    """The repository of a target is gone for good: the next backup makes another one in its place.

    :raises BackupError: no target has this name.
    """
    names = [target.name for target in settings.targets]
    if name not in names:
        raise BackupError(f"{settings.stack} has no target {name!r}: write one of {', '.join(names)}")
    gone = {"repository": "", "snapshot": "", "verified": ""}
    state.note(settings.stack, "targets", name, **gone)
    for plan in state.read(settings.stack).get("plans", {}):
        state.note(settings.stack, "plans", plan, "targets", name, **gone)


def push(settings: Settings, brought: Staged, progress: Progress) -> Outcome:
    """Write what was brought together to each target in turn."""
    outcome = Outcome()
    for target in settings.targets:
        try:
            made = _push_one(settings, target, brought, progress)
        except TargetError as error:
            failed(settings, target.name, error)
            outcome.errors[target.name] = str(error)
            progress.say(f"!! {target.name}: {error}")
            continue
        outcome.snapshots[target.name] = made.id
        outcome.bytes, outcome.added = made.bytes, outcome.added + made.added
    return outcome


def _push_one(settings: Settings, target: Target, brought: Staged, progress: Progress) -> Snapshot:
    repo = repository(target)
    if repo.reachable() == "absent":
        if _known(settings, target).get("repository") == target.repository:
            # A disk that is not mounted, a bucket that somebody emptied: a new repository would hide it.
            raise Absent(
                target.name,
                "",
                what=f"holds no repository any more at {target.repository}",
                advice="mount its disk, or find out who removed it; if it is gone for good: "
                f"opsctl backup run --new-repository {target.name} --stack {settings.stack}",
            )
        if repo.ensure() == "created":
            progress.say(f"{target.name}: a new repository at {target.repository}")
    progress.say(f"{target.name}: writing")
    made = _write(
        repo,
        brought.paths,
        KIND_BACKUP,
        settings,
        brought.exclude,
        lambda percent, _done: progress.wait(f"{target.name}: {percent:.0f} %"),
    )
    progress.say(f"{target.name}: snapshot {made.id[:8]}, {size(made.bytes)}, {size(made.added)} of it new, {made.seconds:.0f} s")
    at = brought.facts["at"]
    state.record(
        settings,
        "targets",
        target.name,
        repository=target.repository,
        pushed=at,
        wal=at,
        snapshot=made.id,
        bytes=made.bytes,
        error="",
        since=0.0,
        seconds=made.seconds,
    )
    _thin(settings, target, repo, progress)
    return made


def _write(
    repo: Repository,
    paths: Sequence[str],
    kind: str,
    settings: Settings,
    exclude: Sequence[str],
    tell: Callable[[float, int], None] | None = None,
) -> Snapshot:
    """A snapshot. Files that were removed while it was written are no error: they would be missing a moment later, too."""
    try:
        return repo.backup(paths, tags(settings, kind), host=os.uname().nodename, exclude=exclude, tell=tell)
    except Unread as error:
        made = [snapshot for snapshot in repo.snapshots(tags=tags(settings, kind)) if snapshot.id == error.snapshot]
        if not made or not all(file.startswith("/") and not os.path.lexists(file) for file in error.files):
            raise  # of what is not named nobody can say that it vanished
        return made[0]


def _thin(settings: Settings, target: Target, repo: Repository, progress: Progress) -> None:
    """Forget by the retention, never the last one that was proven to be restorable. A failure of this fails no backup."""
    name = target.name
    if target.append_only:
        return
    known = _known(settings, target)
    protect = {snapshot for snapshot in (known.get("verified"), known.get("snapshot")) if snapshot}
    try:
        repo.unlock_stale()  # of a run that was killed
        # By the tags of the plan: what another plan has made, or a former one, is not looked at.
        spare = "" if settings.plan else OF_PLAN
        gone = repo.forget(settings.retention, protect=protect, tags=tags(settings, KIND_BACKUP), spare=spare)
        gone += repo.forget(LAST_WAL, protect=protect, tags=tags(settings, KIND_WAL))
        if gone:
            progress.say(f"{name}: {len(gone)} older snapshots forgotten by the retention")
        if time.time() - known.get("pruned", 0) > PRUNE_EVERY:
            repo.prune()
            state.note(settings.stack, "targets", name, pruned=time.time())
    except TargetError as error:
        progress.say(f"!! {name}: {error}")
        state.note(settings.stack, "targets", name, thinning=str(error))


def push_wal(settings: Settings, progress: Progress) -> Outcome:
    """Bring what was received since to each target: the WAL, or the whole backup where the last one has not arrived yet."""
    outcome = Outcome()
    with alone(settings.stack, "push", LONGEST_PUSH):
        for cluster in settings.clusters:
            barman = Barman(settings.server(cluster))
            if not barman.folder.is_dir():
                continue
            try:
                barman.archive()
                state.note(settings.stack, "clusters", cluster.service, wal=barman.streamed(), error="")
            except BackupError as error:
                state.note(settings.stack, "clusters", cluster.service, wal=barman.streamed(), error=str(error))
        folders = [str(folder) for cluster in settings.clusters if (folder := Barman(settings.server(cluster)).folder).is_dir()]
        views = [settings.of(plan.name) for plan in settings.plans] or [settings]
        for target in settings.targets:
            try:
                if lacking := [view for view in views if _missed(view, target)]:
                    with suppress(BackupError), alone(settings.stack, "backup"):  # else the one that is under way brings it
                        for view in lacking:
                            if brought := _missed(view, target):  # it may just have ended
                                outcome.snapshots[target.name] = _push_one(view, target, brought, progress).id
                elif folders and _known(settings, target).get("pushed"):
                    at = time.time()
                    repo = repository(target)
                    repo.reachable()
                    made = _write(repo, folders, KIND_WAL, settings, staging.EXCLUDED)
                    outcome.snapshots[target.name] = made.id
                    state.note(settings.stack, "targets", target.name, wal=at, error="", since=0.0)
            except TargetError as error:
                failed(settings, target.name, error)
                outcome.errors[target.name] = str(error)
    return outcome


def _known(settings: Settings, target: Target) -> Mapping[str, Any]:
    """What was noted of a target."""
    return state.of_target(settings, target.name)


def _missed(settings: Settings, target: Target) -> Staged | None:
    """The last backup, when this target lacks it."""
    brought = staging.staged(settings)
    return brought if brought and brought.facts["at"] > _known(settings, target).get("pushed", 0.0) else None


def failed(settings: Settings, name: str, error: TargetError) -> None:
    """Note that a target is away, and since when."""
    since = state.read(settings.stack).get("targets", {}).get(name, {}).get("since") or time.time()
    state.note(settings.stack, "targets", name, error=str(error), since=since)
