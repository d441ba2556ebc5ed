# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that take the place of others, all or none: journaled, so that a kill at any point is finished or taken back by the next call.

A folder is made ready beside the one that it replaces, on the same file system; the exchange is two renames. What was replaced stays
beside it until somebody confirms. Each phase is noted before it begins, so what a killed undo has not put back is never removed, and
what a killed confirmation has removed in part is never put back.

    made ready:  data            data.restored
    exchanging:                  data.restored   data.replaced-20261121T120000
    exchanged:   data                            data.replaced-20261121T120000
"""

from __future__ import annotations

import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.atomic_files import sync_directory
from ..core.versioned_json import known_fields, read_state, write_state
from .settings import ROOT, BackupError

PREPARING, EXCHANGING, EXCHANGED = "preparing", "exchanging", "exchanged"
UNDOING, CONFIRMING = "undoing", "confirming"


@dataclass(frozen=True)
class Step:
    """One folder."""

    live: str
    fresh: str
    kept: str


@dataclass(frozen=True)
class Replacement:
    """A restore that is under way, or waits for somebody to confirm it.

    :param stopped: services whose containers stand still meanwhile.
    :param running: names of those of their containers that ran before, and are to run afterwards.
    :param starting: they stand still, or are not yet known to be well.
    :param window: a maintenance window was begun for it.
    """

    stack: str
    what: str
    at: float
    phase: str
    steps: tuple[Step, ...] = ()
    stopped: tuple[str, ...] = ()
    window: bool = False
    note: dict[str, Any] = field(default_factory=dict)
    running: tuple[str, ...] = ()
    starting: bool = False

    @property
    def waits(self) -> bool:
        """All is in its place and runs; somebody has to confirm or to undo it."""
        return self.phase == EXCHANGED and not self.starting


def path(stack: str) -> Path:
    """The journal of a stack."""
    return ROOT / f"{stack}.restore.json"


def load(stack: str) -> Replacement | None:
    """What is under way or unconfirmed; None for nothing."""
    raw = read_state(path(stack), None)
    if raw is None:
        return None
    lists = {name: tuple(raw.get(name, ())) for name in ("stopped", "running")}
    return known_fields(Replacement, {**raw, **lists, "steps": tuple(known_fields(Step, step) for step in raw.get("steps", ()))})


def save(replacement: Replacement) -> Replacement:
    """Note it before it is done."""
    paths.shared_folder(ROOT, paths.LISTED)
    write_state(path(replacement.stack), asdict(replacement), 0o600, indent=1)
    return replacement


def forget(stack: str) -> None:
    """Nothing is under way any more."""
    path(stack).unlink(missing_ok=True)


def step(live: Path, at: float) -> Step:
    """The names around a folder. A mount point of its own cannot be renamed.

    :raises BackupError: it is one.
    """
    if live.is_mount():
        raise BackupError(
            f"{live} is a file system of its own, which cannot be exchanged by a rename: restore into it with `files … --into`"
        )
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime(at))
    return Step(str(live), f"{live}.restored", f"{live}.replaced-{stamp}")


def exchange(replacement: Replacement) -> Replacement:
    """Bring every step to its end, wherever it was interrupted."""
    replacement = save(replace(replacement, phase=EXCHANGING))
    for step in replacement.steps:
        live, fresh, kept = Path(step.live), Path(step.fresh), Path(step.kept)
        if fresh.exists():
            if live.exists() and kept.exists():
                _set_aside(step)
            elif live.exists():
                live.rename(kept)
            fresh.rename(live)
            sync_directory(live.parent)
    return save(replace(replacement, phase=EXCHANGED))


def _set_aside(step: Step) -> None:
    """What is in a place from which the original and the restored folder are both away: Docker made it, empty, while nobody looked."""
    aside = _aside(step)
    shutil.rmtree(aside, ignore_errors=True)
    Path(step.live).rename(aside)


def _aside(step: Step) -> Path:
    return Path(f"{step.kept}.empty")


def discard(replacement: Replacement) -> None:
    """Remove what was made ready, and forget it; what is in place is not touched."""
    for step in replacement.steps:
        shutil.rmtree(step.fresh, ignore_errors=True)
        shutil.rmtree(_aside(step), ignore_errors=True)
    forget(replacement.stack)


def undoing(replacement: Replacement) -> Replacement:
    """Note that it is taken back: from now on it can be neither finished nor confirmed.

    :raises BackupError: what it replaced is being removed already.
    """
    if replacement.phase == CONFIRMING:
        raise BackupError(
            f"the restore of {replacement.what} was confirmed, and what it replaced is removed in part: "
            f"opsctl restore confirm --stack {replacement.stack} removes the rest"
        )
    return save(replace(replacement, phase=UNDOING))


def put_back(replacement: Replacement) -> Replacement:
    """What was replaced is in its place again, wherever this was interrupted; what had been restored lies where it was made ready.

    :raises BackupError: what was replaced is being removed already.
    """
    replacement = undoing(replacement)
    for step in replacement.steps:
        live, fresh, kept = Path(step.live), Path(step.fresh), Path(step.kept)
        if kept.exists():
            if live.exists() and fresh.exists():
                _set_aside(step)
            elif live.exists():
                live.rename(fresh)
            kept.rename(live)
            sync_directory(live.parent)
    return replacement


def undo(replacement: Replacement) -> None:
    """Put back what was replaced, and remove what had been restored, which is in the backup still."""
    discard(put_back(replacement))


def confirm(replacement: Replacement) -> list[str]:
    """Remove what was replaced: the restore is what is wanted. What was removed.

    :raises BackupError: the restore has not come to its end, or is being taken back; nothing was removed.
    """
    if not (replacement.waits or replacement.phase == CONFIRMING):
        raise BackupError(f"the restore of {replacement.what} has not come to its end: opsctl restore resume --stack {replacement.stack}")
    if away := [step.live for step in replacement.steps if not Path(step.live).exists() or Path(step.fresh).exists()]:
        raise BackupError(f"{away[0]} is not in its place: opsctl restore undo --stack {replacement.stack}; nothing was removed")
    replacement = save(replace(replacement, phase=CONFIRMING))
    gone = []
    for step in replacement.steps:
        for kept in (Path(step.kept), _aside(step)):
            if kept.exists():
                shutil.rmtree(kept)
                gone.append(str(kept))
    forget(replacement.stack)
    return gone
