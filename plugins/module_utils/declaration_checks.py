# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks between the parts of a declaration."""

from __future__ import annotations

from .declaration_model import Declaration
from .schema import Problem


def check(declaration: Declaration, problems: list[Problem]) -> None:
    """Appends what contradicts itself."""
