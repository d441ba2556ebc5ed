# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State that outlives a restart of the watchdog: open incidents, those that ended, and what was tried."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.versioned_json import read_state, write_state
from .healing import Healer
from .incidents import Incident, incident_from

STATE = Path("/var/lib/latentum-ops/watchdog")
KEPT = 200


class Memory:
    """One file; written when something that matters has changed, before it is acted upon."""

    def __init__(self, file: Path = STATE / "memory.json") -> None:
        self.file = file
        raw: dict[str, Any] = read_state(file, {}, put_aside=True)
        self.open = [incident_from(incident) for incident in raw.get("open", [])]
        self.history = [incident_from(incident) for incident in raw.get("history", [])]
        self._healing: dict[str, Any] = raw.get("healing", {})
        for incident in self.open:
            incident.untold = str(raw.get("untold", {}).get(incident.id, ""))
        self._written: dict[str, Any] = {}

    def restore(self, healer: Healer, now: float) -> None:
        """Tries are kept by wall clock, since a monotonic one begins anew with each boot."""
        for key, raw in self._healing.items():
            record = healer.record(key)
            record.tries.extend(now - max(0.0, time.time() - at) for at in raw["tries"])
            record.heals, record.rung = int(raw["heals"]), int(raw["rung"])
            if raw.get("breaker_until"):
                record.breaker_until = now + raw["breaker_until"] - time.time()

    def ended(self, incident: Incident) -> None:
        """Keep one that has ended."""
        self.history = [incident, *self.history][:KEPT]

    def save(self, incidents: Sequence[Incident], healer: Healer, now: float) -> None:
        """Write what has changed.

        :raises OSError: it cannot be written; the next call tries again.
        """
        wall = time.time()
        healing = {
            key: {
                "tries": [round(wall - (now - at)) for at in record.tries],
                "heals": record.heals,
                "rung": record.rung,
                "breaker_until": None if record.breaker_until is None else round(wall + record.breaker_until - now),
            }
            for key, record in healer.records.items()
        }
        self.open = list(incidents)
        state: dict[str, Any] = {
            "open": [incident.as_dict() for incident in incidents],
            "history": [incident.as_dict() for incident in self.history],
            "healing": healing,
        }
        if untold := {incident.id: incident.untold for incident in incidents if incident.untold}:
            state["untold"] = untold
        if state == self._written:
            return
        write_state(self.file, state, 0o640, os.getuid(), os.getgid())
        self._written = state
