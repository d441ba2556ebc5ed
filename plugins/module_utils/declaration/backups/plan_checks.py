# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the plans of backups: names, what is promised of each, and that together they leave nothing out."""

from __future__ import annotations

from ...schema.nodes import Problem, shown
from ..model import Declaration
from .checks import reported
from .derive import parts_of
from .model import WEEK, Backups, Plan, backups_of

# What stands after `opsctl backup`, and what people write for a snapshot, a place or all of something.
TAKEN = (
    "run",
    "list",
    "verify",
    "push",
    "escrow",
    "check",
    "connect",
    "all",
    "backup",
    "everything",
    "latest",
    "local",
    "newest",
    "none",
    "wal",
)


def check_plans(declaration: Declaration, problems: list[Problem]) -> None:
    """What can be said without the Compose file."""
    backups = backups_of(declaration)
    if backups is None or not backups.plans or any(problem.key == "backups" for problem in problems):
        return
    _check_names(backups, problems)
    for plan in backups.plans:
        _check_promises(plan, problems)
    each = "stands beside plans, and each of them has an age of its own"
    if backups.stale_written and not reported("backups.stale_after", problems):
        problems.append(Problem("backups.stale_after", shown(backups.stale_after), each, "remove it, or write it to the plans"))
    if age := declaration.watchdog.backup_max_age:
        problems.append(Problem("watchdog.backup_max_age", shown(age), each, "remove it, or write stale_after to the plans of backups"))


def _check_names(backups: Backups, problems: list[Problem]) -> None:
    first: dict[str, Plan] = {}
    for plan in backups.plans:
        if not plan.name:
            continue
        key = f"{plan.key}.name"
        if plan.name in TAKEN:
            what = "is a word of opsctl, and no name for a plan"
            problems.append(Problem(key, shown(plan.name), what, "write another, such as database, files or full"))
        other = first.setdefault(plan.name, plan)
        if other is not plan:
            problems.append(Problem(key, shown(plan.name), f"is the name of {other.key} already", "give one of the two another name"))


def _check_promises(plan: Plan, problems: list[Problem]) -> None:
    if not any(plan.retention.values()) and not reported(f"{plan.key}.retention", problems):
        fix = "write for example {daily: 30} for a daily plan, {monthly: 12} for a monthly one"
        problems.append(Problem(f"{plan.key}.retention", shown(plan.retention), "is zero throughout, so nothing would be kept", fix))
    key = f"{plan.key}.stale_after"
    if reported(key, problems) or not plan.schedule:
        return
    if not plan.stale_after:
        what = f"is needed: it does not follow from {plan.schedule!r} how long no backup may come"
        problems.append(Problem(key, "nothing", what, "write the longest time between two runs and what one takes, such as 15d"))
    elif plan.verify == "weekly" and plan.stale_after < WEEK:
        what = "is shorter than a week, and only each week a backup is restored: there would be an alarm each week"
        problems.append(Problem(key, shown(plan.stale_after), what, "write more than 7d, such as 8d, or verify: always"))


def check_parts(declaration: Declaration, problems: list[Problem]) -> None:
    """Each plan takes something that is there, and each thing that is there is taken."""
    backups = backups_of(declaration)
    if backups is None or not backups.plans or reported("backups.plans", problems) or reported("databases", problems):
        return
    there = parts_of(declaration)
    for plan in backups.plans:
        if not any(plan.has(part) for part in there):
            lacking = f"the stack has no {' and no '.join(plan.takes)}" if plan.takes else "the list is empty"
            fix = f"write some of {', '.join(there)}, leave takes out for everything, or remove the plan"
            problems.append(Problem(f"{plan.key}.takes", shown(plan.takes or "an empty list"), f"takes nothing: {lacking}", fix))
    for part in there:
        if not any(plan.has(part) for plan in backups.plans):
            fix = f"add {part} to takes of a plan, or a plan without takes, which takes everything"
            problems.append(Problem("backups.plans", part, f"is in no plan: {_of(declaration, part)} would be in no backup", fix))


def _of(declaration: Declaration, part: str) -> str:
    """What of the stack is meant by a part."""
    backups = backups_of(declaration)
    if part == "databases":
        return ", ".join(declaration.clusters)
    if part == "caches":
        return ", ".join(cache["service"] for cache in (backups.caches if backups else ()))
    if part == "paths":
        return ", ".join(backups.paths if backups else ())
    return "the secrets, the Compose project and the certificates" if part == "host" else "the volumes"
