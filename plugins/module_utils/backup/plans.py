# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which plans are to run, and one run after another: a plan that fails costs the others nothing.

Each part of the data (PARTS) has one plan that serves it where nobody names one: the first of the declaration that takes it. The plans that
serve all parts are the backup of the whole stack.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from ..containers.client import DockerUnavailable, Engine
from ..core.locks import LockHeld
from ..core.process import CommandError
from ..core.progress import Progress
from . import catalogue, running, state, verification
from .restic import TargetError
from .running import Outcome
from .settings import BackupError, Settings
from .verification import Verdict

FAILURES = (BackupError, TargetError, CommandError, DockerUnavailable, LockHeld, OSError, ValueError)


@dataclass
class Turn:
    """One backup, its proof, or both."""

    settings: Settings
    outcome: Outcome | None = None
    verdict: Verdict | None = None
    error: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        found: dict[str, Any] = {"plan": self.settings.plan, "error": self.error}
        if self.outcome:
            found |= {name: getattr(self.outcome, name) for name in ("snapshots", "errors", "bytes", "added", "seconds")}
        if self.verdict:
            proof = {name: getattr(self.verdict, name) for name in ("target", "snapshot", "taken", "seconds", "ok")}
            found["proof"] = proof | {"checks": [finding.as_dict() for finding in self.verdict.findings]}
        return found

    @property
    def errors(self) -> dict[str, str]:
        """What went wrong: by target, as ``proof``, or as ``backup`` where nothing came about."""
        found = dict(self.outcome.errors) if self.outcome else {}
        if self.verdict and not self.verdict.ok:
            found["proof"] = self.verdict.error or "nothing was found"
        return found | ({"backup": self.error} if self.error else {})


def serving(settings: Settings, parts: Collection[str]) -> list[Settings]:
    """The plans that these parts are backed up by: of each the first that takes it; everything at once where there are no plans."""
    if not settings.plans:
        return [settings]
    names = [next(plan.name for plan in settings.plans if part in plan.takes) for part in settings.parts if part in parts]
    return [settings.of(plan.name) for plan in settings.plans if plan.name in names]


def due(settings: Settings, plan: str = "") -> list[Settings]:
    """What `opsctl backup run` makes: the plan that is named; else those that serve all parts, and each that has made none yet.

    :raises BackupError: it is not declared.
    """
    if plan:
        return [settings.of(plan)]
    if not settings.plans:
        return [settings]
    chosen = {view.plan for view in serving(settings, settings.parts)}
    made = state.read(settings.stack).get("plans", {})
    return [settings.of(one.name) for one in settings.plans if one.name in chosen or not made.get(one.name, {}).get("backup", {}).get("at")]


def proven_ages(settings: Settings) -> dict[str, float | None]:
    """By part, the seconds since its newest backup that was really restored; None where none was, or a later one could not be."""
    noted = state.read(settings.stack)
    proven, everything = noted.get("parts"), float(noted.get("restorable", 0.0))
    ages: dict[str, float | None] = {}
    for part in settings.parts:
        at = float(proven.get(part, 0.0)) if proven is not None else everything
        ages[part] = time.time() - at if at and not _doubted(settings, noted, part) else None
    return ages


def _doubted(settings: Settings, noted: dict[str, Any], part: str) -> bool:
    """The last proof of a plan that takes it failed, and no other plan has proven it since."""
    proofs = [noted.get("plans", {}).get(plan.name, {}).get("verify") or {} for plan in settings.plans if part in plan.takes]
    last = max(proofs, key=lambda proof: float(proof.get("at", 0.0)), default={})
    return last.get("ok") is False


def older(settings: Settings, limit: float, plan: str = "") -> list[Settings]:
    """The plans that have to run so that no part, of the plan or of the stack, is older than so many seconds.

    :raises BackupError: it is not declared.
    """
    asked = settings.of(plan) if plan else settings
    ages = proven_ages(settings)
    late = [part for part in asked.parts if (age := ages[part]) is None or age > limit]
    if not late:
        return []
    return [asked] if plan else serving(settings, late)


def oldest(settings: Settings, plan: str = "") -> float:
    """The age of the oldest part, which `older` has found young enough."""
    return max(
        age for part, age in proven_ages(settings).items() if age is not None and part in (settings.of(plan) if plan else settings).parts
    )


def to_verify(settings: Settings, plan: str, target: str, snapshot: str) -> list[Settings]:
    """What `opsctl backup verify` looks at: a snapshot as one of the plan that made it, else the newest of each plan that is needed.

    :raises BackupError: a snapshot is named without its target, or without a plan that is known.
    """
    if plan or not settings.plans:
        return [settings.of(plan) if plan else settings]
    if not snapshot:
        return serving(settings, settings.parts)
    if not target:
        raise BackupError(f"snapshot {snapshot}: say --plan, or of which target it is (--target)")
    name = of_snapshot(settings, target, snapshot)
    return [settings.of(name) if name else settings]


def table(turn: Turn) -> str:
    """What came of it, for people."""
    name = turn.settings.plan or "everything"
    lines = [f"plan {name}: {', '.join(turn.settings.parts)}"]
    lines += [f"!! {target}: {text}" for target, text in (turn.outcome.errors if turn.outcome else {}).items()]
    lines += [f"!! {turn.error}"] if turn.error else []
    return "\n".join([*lines, *([catalogue.verdict_table(turn.verdict)] if turn.verdict else [])])


def of_snapshot(settings: Settings, target: str, snapshot: str) -> str:
    """The declared plan that a snapshot of a target is of; empty for one of everything, and for one that is of a plan no more.

    :raises BackupError: there is no such target.
    """
    repo = next((running.repository(one) for one in settings.targets if one.name == target), None)
    if repo is None:
        raise BackupError(f"{target!r} is no target of {settings.stack}: write one of {', '.join(one.name for one in settings.targets)}")
    found = [one for one in repo.snapshots(tags=running.tags(settings, running.KIND_BACKUP)) if one.id.startswith(snapshot)]
    name = running.plan_of(found[0]) if found else ""
    return name if name in [plan.name for plan in settings.plans] else ""


def carry_out(
    engine: Engine,
    views: Sequence[Settings],
    progress: Progress,
    *,
    make: bool = True,
    proves: Callable[[Settings], bool] = lambda _view: True,
    target: str = "",
    snapshot: str = "",
) -> list[Turn]:
    """One after another; whatever fails is in its turn."""
    if make:
        for view in views:
            running.begin(view, time.time())  # who waits for a turn is not late
    return [_turn(engine, view, progress, make, proves, target, snapshot) for view in views]


def _turn(
    engine: Engine, view: Settings, progress: Progress, make: bool, proves: Callable[[Settings], bool], target: str, snapshot: str
) -> Turn:
    turn = Turn(view)
    progress.say(f"plan {view.plan or 'of everything'}: {', '.join(view.parts)}")
    try:
        if make:
            turn.outcome = running.backup(engine, view, progress)
        if proves(view):
            turn.verdict = verification.verify(engine, view, progress, name=target, snapshot=snapshot)
    except FAILURES as error:
        turn.error = str(error) or repr(error)
        progress.say(f"!! plan {view.plan}: {turn.error}")
    return turn
