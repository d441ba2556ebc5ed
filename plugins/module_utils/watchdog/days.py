# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Availability of each service by day: how long it was down or degraded on each of the last ninety."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..core.versioned_json import read_state, write_state

KEPT = 90
LONGEST = 120.0  # seconds between two looks that still count as watched: a longer gap is time without data


class Days:
    """Seconds by service key and day (UTC)."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.seen: dict[str, dict[str, dict[str, float]]] = read_state(file, {}, put_aside=True)

    def count(self, states: Mapping[str, str], elapsed: float, wall: float) -> None:
        """Add the time since the last look to today.

        :param states: by key: ok, down, degraded, or anything else that counts as watched only.
        """
        if not 0 < elapsed <= LONGEST:
            return
        today = datetime.fromtimestamp(wall, timezone.utc).date().isoformat()
        for key, state in states.items():
            days = self.seen.setdefault(key, {})
            if today not in days:
                days[today] = {"down": 0.0, "degraded": 0.0, "seen": 0.0}
                for old in sorted(days)[:-KEPT]:
                    del days[old]
            day = days[today]
            day["seen"] += elapsed
            if state in ("down", "degraded"):
                day[state] += elapsed

    def of(self, key: str) -> list[dict[str, Any]]:
        """The days of a service, oldest first, rounded to a tenth of a second."""
        days = self.seen.get(key, {})
        return [{"day": day, **{name: round(value, 1) for name, value in days[day].items()}} for day in sorted(days)]

    def save(self) -> None:
        """Keep them over a restart.

        :raises OSError: they cannot be written.
        """
        write_state(self.file, self.seen, 0o640, os.getuid(), os.getgid())
