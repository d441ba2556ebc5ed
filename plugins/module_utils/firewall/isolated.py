# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether this host is isolated, since when, by whom and until when: what the watchdog, the firewall and operators ask."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..core.times import moment
from ..core.versioned_json import known_fields, read_state, write_state

FILE = Path("/var/lib/latentum-ops/isolation.json")
MODE = 0o644  # the watchdog, which is not root, reads it; there is no secret in it


@dataclass(frozen=True)
class Isolation:
    """An isolation.

    :param since: epoch seconds, as is `until`, when it ends by itself; 0 once it was confirmed.
    :param operators: networks that may reach SSH, and nothing else.
    :param ports: of SSH.
    :param evidence: the archive that was made before.
    """

    since: float
    until: float
    who: str
    reason: str = ""
    operators: tuple[str, ...] = ()
    ports: tuple[int, ...] = (22,)
    evidence: str = ""

    @property
    def confirmed(self) -> bool:
        """It stays until somebody ends it."""
        return not self.until

    def describe(self) -> str:
        """As a sentence without a full stop."""
        why = f" ({self.reason})" if self.reason else ""
        end = "until somebody ends it (opsctl isolate --undo)" if self.confirmed else f"until {moment(self.until)}, unless it is confirmed"
        return f"this host is isolated since {moment(self.since)} by {self.who}{why}, {end}"


def load(file: Path | None = None) -> Isolation | None:
    """The isolation in force; None where there is none.

    A file that cannot be read counts as an isolation: nobody heals or reloads a firewall into one by mistake.
    """
    try:
        raw = read_state(FILE if file is None else file, None)
    except ValueError:
        return Isolation(0.0, 0.0, "somebody", f"{FILE} is damaged")
    return known_fields(Isolation, _tuples(raw)) if raw else None


def _tuples(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in raw.items()}


def save(isolation: Isolation) -> None:
    """Write it down."""
    FILE.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    write_state(FILE, asdict(isolation), MODE)


def overdue(isolation: Isolation) -> bool:
    """Its end has passed, and it is in force all the same."""
    return not isolation.confirmed and time.time() > isolation.until + 60
