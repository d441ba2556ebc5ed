# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against an update of a host: a kind for programs, a sentence with the next step for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Kind(str, Enum):
    """What it is about."""

    LISTS = "lists"
    LOCK = "lock"
    INTERRUPTED = "interrupted"
    DPKG = "dpkg"
    DISK = "disk"
    APT = "apt"
    LIVE_RESTORE = "live_restore"
    WINDOW = "window"
    STACK = "stack"
    RESTORE = "restore"
    BUDGET = "budget"
    HEALTH = "health"


@dataclass(frozen=True)
class Obstacle:
    """One of them."""

    kind: Kind
    text: str

    def as_dict(self) -> dict[str, Any]:
        return {"kind": self.kind.value, "text": self.text}


class PatchError(Exception):
    """An update that was not begun, or stopped; the message says where and what to do."""
