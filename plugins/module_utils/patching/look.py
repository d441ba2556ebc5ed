# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at a host before anything is done: what would change, what stands against it, and what an earlier run has left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..core.process import CommandError
from ..hostconfig import apt
from ..maintenance import windows
from ..release.stacks import stacks
from . import condition, permission, reboot, record, replaced_files, upgrades
from .obstacle import Kind, Obstacle
from .record import Update
from .request import Reboot, Settings
from .upgrades import Plan

REASON = "updates of the host"  # of the maintenance window that role patch begins


@dataclass(frozen=True)
class Look:
    """What was seen.

    :param reboot_due: why a reboot is due now, before the update.
    :param restarts: units that use replaced files already.
    :param left: an update that was begun and not ended.
    :param maintenance: somebody else has begun a maintenance window of the whole host.
    :param healthy: nothing is said against its services.
    :param repairs: an update was interrupted before, whoever made it, and is to be finished.
    """

    plan: Plan
    obstacles: tuple[Obstacle, ...]
    notes: tuple[str, ...]
    exemption: str
    reboot_due: tuple[str, ...]
    restarts: tuple[str, ...]
    left: Update | None
    maintenance: bool
    stacks: tuple[dict[str, Any], ...]
    healthy: bool
    repairs: bool

    def needed(self, allowed: Reboot) -> bool:
        """There is something to do."""
        begun = self.left is not None or self.repairs
        return bool(self.plan.upgrades) or begun or bool(self.restarts) or (allowed is Reboot.WHEN_DUE and bool(self.reboot_due))


def look(settings: Settings, *, fetch: bool) -> Look:
    """Look at this host.

    :param fetch: fetch the lists of packages first; otherwise those are read that are there.
    """
    described = stacks()
    obstacles = [*condition.locks(settings.lock_timeout), *condition.database(repair=settings.repair)]
    if fetch and not obstacles:
        obstacles += condition.fetch(settings.lock_timeout)
    plan, notes = Plan(), []
    if not fetch:
        age = apt.lists_age()
        notes += [f"the package lists are {age / 86400:.0f} days old"] if 86400 < age < float("inf") else []
    if not any(obstacle.kind in (Kind.LOCK, Kind.INTERRUPTED, Kind.LISTS) for obstacle in obstacles):
        try:
            plan = upgrades.look(settings)
            plan = replace(plan, download=upgrades.download(plan.names))
            obstacles += condition.room(plan)
        except CommandError as error:
            if not settings.repair:
                obstacles.append(Obstacle(Kind.APT, f"apt cannot say what it would do: {error}"))
            else:
                notes.append(f"what would change is known once the update before is finished (patch_repair): apt says {error}"[:300])
    allowed = permission.ask(settings, plan, described)
    restartable = [
        use.unit for use in replaced_files.in_use() if not replaced_files.stays(use.unit, settings.never_restart, settings.engine)
    ]
    left = record.current()
    left = left if left and left.phase != record.Phase.FINISHED.value else None
    against = [*obstacles, *allowed.obstacles]
    if left:
        # What an update that stopped has broken is put right by going on with it.
        notes += [obstacle.text for obstacle in against if obstacle.kind is Kind.HEALTH]
        against = [obstacle for obstacle in against if obstacle.kind is not Kind.HEALTH]
    return Look(
        plan=plan,
        obstacles=tuple(against),
        notes=(*plan.notes, *notes, *allowed.notes),
        exemption=allowed.exemption,
        reboot_due=tuple(reboot.reasons()),
        restarts=tuple(restartable),
        left=left,
        maintenance=any(one.scope == "host" and one.reason != REASON for one in windows.load()),
        stacks=tuple({"name": str(stack["name"]), "services": list(stack["services"])} for stack in described),
        repairs=settings.repair and any(condition.database(repair=False)),
        healthy=not any(obstacle.kind is Kind.HEALTH for obstacle in allowed.obstacles),
    )


def rows(seen: Look) -> Sequence[Sequence[str]]:
    """The plan as lines of a table: what would change, then what stays."""
    lines = [[one.package, one.installed or "-", one.available, _mark(one)] for one in seen.plan.upgrades]
    return [*lines, *([one.package, one.installed, one.available, f"stays: {one.why.value}"] for one in seen.plan.waiting)]


def _mark(upgrade: upgrades.Upgrade) -> str:
    return ", ".join(filter(None, ["security" if upgrade.security else "", "engine" if upgrade.engine else ""]))
