# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of how services are to be updated. A strategy that was only implied is judged on the host, when its service changes."""

from __future__ import annotations

from ...compose.model import Service
from ...contracts.update_safety import unsafe
from ...core.units import spell_duration
from ...schema.nodes import Problem, shown
from ..model import Declaration
from ..monitoring.checks import too_short
from ..monitoring.model import monitoring_of
from ..slos.model import services_with_objectives
from .model import Update


def check_updates(declaration: Declaration, problems: list[Problem]) -> None:
    _check_hooks(declaration, problems)
    for service in declaration.compose.services.values():
        options = declaration.options(service.name)
        key = f"services.{service.name}.update"
        if declaration.expect(service) == "completed":
            _check_job(declaration, service, key, problems)
            continue
        update = options.update
        _check_tasks(update, f"{key}.after", problems)
        _check_migration(update, f"{key}.migration", problems)
        _check_objectives(declaration, service.name, f"{key}.canary", problems)
        if update.strategy == "recreate":
            continue
        reasons = unsafe(service, update.strategy, options.allow)
        if any(database.service == service.name for database in declaration.databases):
            # The host knows of no databases. An implied strategy is refused here when nothing would stop it there.
            if update.chosen or not reasons:
                what = "cannot be: two servers on the files of one database destroy it"
                problems.append(Problem(f"{key}.strategy", shown(update.strategy), what, "write strategy: recreate"))
            continue
        if not update.chosen:
            continue
        if update.strategy == "canary" and not any(route.service == service.name for route in declaration.routes):
            what = "has nothing to judge: no route leads to this service, so nginx sees none of its requests"
            problems.append(Problem(f"{key}.strategy", shown("canary"), what, "write strategy: rolling, or add a route"))
        problems.extend(Problem(reason.key, reason.value, reason.problem, reason.fix) for reason in reasons)


def _check_objectives(declaration: Declaration, service: str, key: str, problems: list[Problem]) -> None:
    """Objectives as judges of a canary: somebody to ask, something to ask about, and time in which it is measured."""
    canary = declaration.options(service).update.policy.canary
    if canary is None or not canary.objectives or _reported(key, problems) or _reported("monitoring", problems):
        return
    monitoring, written = monitoring_of(declaration), shown(canary.objectives)
    if not monitoring.prometheus:
        what = "asks nobody: no monitoring.prometheus is named"
        problems.append(Problem(f"{key}.objectives", written, what, "add prometheus: http://127.0.0.1:9090 to monitoring, or remove it"))
    elif not _reported("slos", problems) and service not in services_with_objectives(declaration):
        what = f"has nothing to ask: no objective is about requests to {service} or to a route of it"
        problems.append(Problem(f"{key}.objectives", written, what, "write one in slos, or remove it"))
    problems.extend(too_short(canary, monitoring.scrape_interval, key))


def _check_hooks(declaration: Declaration, problems: list[Problem]) -> None:
    reported = _reported("update.backup", problems)
    if declaration.update.backup_max_age and not reported and not declaration.fact("backup_max_age", 0):
        what = "asks for a backup before each deployment, and nothing is backed up"
        age = spell_duration(declaration.update.backup_max_age)
        problems.append(Problem("update.backup", shown({"max_age": age}), what, "write backups, or remove it"))
    for index, argv in enumerate(declaration.update.before):
        key = f"update.before[{index}]"
        if not argv and not _reported(key, problems):
            fix = "write its words, such as [/usr/local/sbin/backup-now], or remove it"
            problems.append(Problem(key, "an empty list", "is a command without a word", fix))


def _check_migration(update: Update, key: str, problems: list[Problem]) -> None:
    migration = update.policy.migration
    if migration is not None and not migration.command and not _reported(key, problems):
        fix = "write its words, such as [python3, manage.py, migrate], or remove migration"
        problems.append(Problem(f"{key}.command", "an empty list", "is a command without a word", fix))


def _check_tasks(update: Update, key: str, problems: list[Problem]) -> None:
    for index, task in enumerate(update.policy.after):
        if not task.command and not _reported(f"{key}[{index}]", problems):
            fix = "write its words, such as [python3, manage.py, warm_cache], or remove it"
            problems.append(Problem(f"{key}[{index}].command", "an empty list", "is a command without a word", fix))


def _reported(key: str, problems: list[Problem]) -> bool:
    """Whether the schema refused it already, and left it empty."""
    return any(problem.key.startswith(key) for problem in problems)


def _check_job(declaration: Declaration, service: Service, key: str, problems: list[Problem]) -> None:
    if declaration.options(service.name).update != Update():
        what = "is for services that stay; this one runs to its end"
        problems.append(Problem(key, shown({"": ""}), what, f"remove update from {service.name}"))
