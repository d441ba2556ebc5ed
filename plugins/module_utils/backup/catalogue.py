# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be restored from where, for people and programs."""

from __future__ import annotations

import time
from typing import Any

from ..core.format import size
from . import origins, state
from .restic import Snapshot, TargetError
from .running import KIND_BACKUP, KIND_WAL, plan_of, repository, tags
from .settings import BackupError, Settings
from .verification import Verdict

WEEK = 7 * 86400.0


def collect(settings: Settings, only: str = "", plan: str = "") -> dict[str, Any]:
    """Each target with its backups, the newest first; one that does not answer says so in its place.

    ``upto`` and ``local`` are the last moments that databases can be brought to; 0 for a stack without any.

    :param only: the name of a target; all when not given.
    :param plan: only its backups. It may be one that is declared no more.
    :raises BackupError: there is no such target.
    """
    known = [target.name for target in settings.targets]
    if only and only not in known:
        raise BackupError(f"{only!r} is no target of {settings.stack}: write one of {', '.join(known)}")
    noted = state.read(settings.stack).get("targets", {})
    targets = []
    for target in settings.targets:
        if only not in ("", target.name):
            continue
        about: dict[str, Any] = {"name": target.name, "repository": target.repository, "error": "", "backups": [], "upto": 0.0}
        try:
            repo = repository(target)
            repo.reachable()
            snapshots = sorted(repo.snapshots(tags=tags(settings, KIND_BACKUP)), key=lambda snapshot: -snapshot.time)
            between = repo.snapshots(tags=tags(settings, KIND_WAL)) if settings.clusters else []
            verified = {about.get("verified", "") for about in (noted.get(target.name, {}), *_of_plans(settings, target.name))}
            about["backups"] = [
                _listed(settings, snapshot, snapshot.id in verified) for snapshot in snapshots if plan in ("", plan_of(snapshot))
            ]
            if settings.clusters:
                about["upto"] = max([snapshot.time for snapshot in [*snapshots, *between]], default=0.0)
        except TargetError as error:
            about["error"] = str(error)
        targets.append(about)
    local = origins.here(settings, "databases") if settings.clusters else None
    return {"stack": settings.stack, "targets": targets, "local": local.upto if local else 0.0}


def _listed(settings: Settings, snapshot: Snapshot, verified: bool) -> dict[str, Any]:
    """One backup; its plan, and why it is kept, only where there is something to say."""
    plan, kept = plan_of(snapshot), _kept(settings, plan_of(snapshot))
    about = {"id": snapshot.id, "time": snapshot.time, "bytes": snapshot.bytes, "added": snapshot.added, "verified": verified}
    return about | ({"plan": plan} if plan else {}) | ({"kept": kept} if kept else {})


def _of_plans(settings: Settings, target: str) -> list[dict[str, Any]]:
    return [state.of_target(settings.labelled(plan.name), target) for plan in settings.plans]


def _kept(settings: Settings, plan: str) -> str:
    """Why no retention looks at a backup; empty where one does."""
    if plan and plan not in [one.name for one in settings.plans]:
        return "its plan is declared no more"
    return "from before the plans" if settings.plans and not plan else ""


def table(listed: dict[str, Any]) -> str:
    """One line a backup."""
    lines = []
    for target in listed["targets"]:
        upto = f", databases to any moment until {origins.stamp(target['upto'])[:19]}" if target["upto"] else ""
        lines.append(f"{target['name']} ({target['repository']}){upto}")
        if target["error"]:
            lines.append(f"  !! {target['error']}")
        wide = max((len(backup.get("plan", "")) for backup in target["backups"]), default=0)
        for backup in target["backups"]:
            proven = "  restored and checked" if backup["verified"] else ""
            named = f"  {backup.get('plan', ''):<{wide}}" if wide else ""
            kept = f"  {backup['kept']}: kept until you forget it" if "kept" in backup else ""
            lines.append(f"  {backup['id'][:8]}  {origins.stamp(backup['time'])[:19]}{named}  {size(backup['bytes']):>10}{proven}{kept}")
        if not target["backups"] and not target["error"]:
            lines.append("  no backup yet")
    if listed["local"]:
        lines.append(f"this host: databases to any moment until {origins.stamp(listed['local'])[:19]}")
    return "\n".join(lines)


def verdict_table(verdict: Verdict) -> str:
    """What a verification found, one line a check."""
    lines = [f"{'ok ' if finding.ok else '!! '} {finding.name}: {finding.found}" for finding in verdict.findings]
    taken = f" of {origins.stamp(verdict.taken)[:19]}" if verdict.taken else ""
    what = f"the backup{taken} in {verdict.target} (snapshot {verdict.snapshot[:8] or 'none'})"
    lines.append(f"{what} {'can be restored' if verdict.ok else 'CANNOT BE RESTORED'}; {verdict.seconds:.0f} s")
    return "\n".join(lines)


def proof_is_due(settings: Settings) -> bool:
    """The declaration wants each backup proven, or the last proof is a week old."""
    if settings.verify == "always":
        return True
    return time.time() - float(state.of(settings).get("restorable", 0.0)) > WEEK - 3600


def restorable_age(settings: Settings) -> float | None:
    """Seconds since the last backup that was really restored; None where none was, or a later one could not be."""
    noted = state.read(settings.stack)
    if not noted.get("restorable") or (noted.get("verify") or {}).get("ok") is False:
        return None
    return time.time() - float(noted["restorable"])
