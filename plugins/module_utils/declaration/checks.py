# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check between the parts of a declaration, in the order in which an operator reads it."""

from __future__ import annotations

from ..schema.nodes import Problem
from .hardening_checks import check_refusals
from .model import Declaration


def check(declaration: Declaration, problems: list[Problem]) -> None:
    """Appends whatever contradicts itself. Without a readable Compose file only what needs none is checked."""
    for section in declaration.sections:
        for check_section in section.checks:
            check_section(declaration, problems)
    if not declaration.compose.services:
        return
    if declaration.compose.name and declaration.name and declaration.compose.name != declaration.name:
        fix = f"remove name: from the Compose file, or write name: {declaration.name}"
        problems.append(Problem("compose.name", declaration.compose.name, "differs from the name of the stack", fix))
    for section in declaration.sections:
        for check_section in section.compose_checks:
            check_section(declaration, problems)
    check_refusals(declaration, problems)
