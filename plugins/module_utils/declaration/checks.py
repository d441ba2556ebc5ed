# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check between the parts of a declaration, in the order in which an operator reads it."""

from __future__ import annotations

from ..schema.nodes import Problem
from .backups.checks import check_backups
from .backups.volume_checks import check_sources
from .hardening_checks import check_refusals
from .model import Declaration
from .network.checks import check_firewall, check_networks, check_ports
from .routes.checks import check_routes
from .secrets.checks import check_databases, check_environment, check_secrets
from .services.checks import check_services
from .updates.checks import check_updates
from .watchdog.checks import check_watch, check_watchdog


def check(declaration: Declaration, problems: list[Problem]) -> None:
    """Appends whatever contradicts itself. Without a readable Compose file only what needs none is checked."""
    check_routes(declaration, problems)
    check_firewall(declaration, problems)
    check_watchdog(declaration, problems)
    check_backups(declaration, problems)
    if not declaration.compose.services:
        return
    if declaration.compose.name and declaration.name and declaration.compose.name != declaration.name:
        fix = f"remove name: from the Compose file, or write name: {declaration.name}"
        problems.append(Problem("compose.name", declaration.compose.name, "differs from the name of the stack", fix))
    check_services(declaration, problems)
    check_environment(declaration, problems)
    check_secrets(declaration, problems)
    check_databases(declaration, problems)
    check_ports(declaration, problems)
    check_networks(declaration, problems)
    check_updates(declaration, problems)
    check_watch(declaration, problems)
    check_sources(declaration, problems)
    check_refusals(declaration, problems)
