# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes with a stack, what stays of it, and why."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Report:
    """Filled by each step, before it does anything.

    :param check: nothing is to be changed.
    :ivar gone: what goes, or would, by its kind.
    :ivar left: what stays, by its kind.
    """

    check: bool = False
    gone: dict[str, list[str]] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)

    def goes(self, kind: str, name: str) -> None:
        self.gone.setdefault(kind, []).append(name)

    def stays(self, kind: str, name: str) -> None:
        self.left.setdefault(kind, []).append(name)

    @property
    def lines(self) -> list[str]:
        """For people."""
        return [
            *(f"{kind}: {', '.join(names)}" for kind, names in self.gone.items()),
            *(f"stays, {kind}: {', '.join(names)}" for kind, names in self.left.items()),
        ]
