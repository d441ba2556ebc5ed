# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A setting that is not in force as a role has written it, and whose line it is that wins."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Deviation:
    """One setting.

    :param role: that wrote it; :param key: as its program names it, with a condition where it counts only for some.
    :param wanted: the value of the role, and ``effective``: the one that the program has; empty for none.
    :param where: file and line that win, or what else is known of it; :param declare: the variable by which it could be declared.
    :param reason: why it is wanted so, where the inventory allows it.
    """

    role: str
    key: str
    wanted: str
    effective: str
    where: str
    declare: str = ""
    reason: str = ""

    @property
    def problem(self) -> str:
        """What is the case, in a sentence without the key."""
        why = f"{self.where} wins" if "/" in self.where else self.where
        return f"is {self.effective or 'not set'}, and {self.wanted or 'nothing'} was written: {why}"

    @property
    def fix(self) -> str:
        """What to do about it."""
        declared = f", declare it in {self.declare}" if self.declare else ""
        undo = "remove that line" if "/" in self.where else "find what sets it"
        return f"{undo}{declared}, or allow it: {self.role}_allowed_deviations: {{{self.key!r}: why}}"

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)
