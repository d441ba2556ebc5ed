# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of how services are to be updated. A strategy that was only implied is judged on the host, when its service changes."""

from __future__ import annotations

from .compose_spec import Service
from .declaration_model import Declaration
from .schema import Problem, shown
from .update_safety import unsafe


def check_updates(declaration: Declaration, problems: list[Problem]) -> None:
    for service in declaration.compose.services.values():
        options = declaration.options(service.name)
        key = f"services.{service.name}.update"
        if declaration.expect(service) == "completed":
            _check_job(declaration, service, key, problems)
            continue
        update = options.update
        if not update.chosen or update.strategy == "recreate":
            continue
        if any(database.service == service.name for database in declaration.databases):
            what = "cannot be: two servers on the files of one database destroy it"
            problems.append(Problem(f"{key}.strategy", shown(update.strategy), what, "write strategy: recreate"))
            continue
        if update.strategy == "canary" and not any(route.service == service.name for route in declaration.routes):
            what = "has nothing to judge: no route leads to this service, so nginx sees none of its requests"
            problems.append(Problem(f"{key}.strategy", shown("canary"), what, "write strategy: rolling, or add a route"))
        for one in unsafe(service, update.strategy, options.allow):
            problems.append(Problem(one.key, one.value, one.problem, one.fix))


def _check_job(declaration: Declaration, service: Service, key: str, problems: list[Problem]) -> None:
    update = declaration.options(service.name).update
    if update.chosen or update.migration:
        what = "is for services that stay; this one runs to its end"
        problems.append(Problem(key, shown({"": ""}), what, f"remove update from {service.name}"))
