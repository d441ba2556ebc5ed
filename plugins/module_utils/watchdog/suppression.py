# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suppression of alarms and healing: maintenance, somebody else's work on a stack, the first minute after a boot."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from ..core import locks
from ..firewall import isolated
from ..maintenance import windows as maintenance_windows
from ..maintenance.windows import Window
from ..release.journal import Journal

HELPER = "steward"  # LATENTUM_OPS_WHO of the unit that carries out what the watchdog asked for
HOLDER = locks.WATCHDOG
BACKUP = "backup"  # as a backup does
JOB = "job"  # as a job that holds it does
ISOLATION = "host/isolation"  # that it is isolated is told all the same
SETTLE = 60.0  # seconds after a boot in which containers may still be on their way
YOUNG = 180.0  # seconds of uptime that count as just booted
INTERRUPTED = 300.0  # seconds that a deployment which was killed may wait for the run that finishes it or takes it back
BUSY = 1800.0  # seconds after which somebody's lock is no excuse any more


class Worker(Enum):
    """Whose work it is that is under way on a stack."""

    SOMEBODY = "somebody"
    HELPER = "the watchdog's own helper"
    KILLED = "nobody any more: a deployment was killed, and waits for the run that finishes it"


@dataclass(frozen=True)
class Work:
    """Work of others on a stack, so that what happens there is theirs.

    :param description: for people.
    """

    worker: Worker
    description: str


class Suppression:
    """What keeps a key from being judged now.

    :param released: called with the stack when work on it has ended, and whether it was not done for the watchdog.
    """

    def __init__(self, released: Callable[[str, bool], None]) -> None:
        self.released = released
        self.windows: list[Window] = maintenance_windows.load()
        self.isolation = isolated.load()
        self._busy: dict[str, Work] = {}
        self._seen: dict[str, Work | None] = {}
        self._since: dict[str, float] = {}
        now = time.monotonic()
        self._settled = now + SETTLE if _uptime() < YOUNG else now

    def look(self, stacks: list[str], now: float) -> None:
        """Look at the windows, the isolation and the locks."""
        self.windows = maintenance_windows.load()
        self.isolation = isolated.load()
        for stack in stacks:
            work = self.work_on(stack)
            if stack not in self._since or work != self._seen.get(stack):
                # Somebody else, or the same one was killed: a new time begins now.
                self._seen[stack], self._since[stack] = work, now
            before = self._busy.pop(stack, None)
            if work is None:
                if before:
                    self.released(stack, before.worker is not Worker.HELPER)
                continue
            patience = INTERRUPTED if work.worker is Worker.KILLED else BUSY
            if now - self._since[stack] < patience:
                self._busy[stack] = work

    def why(self, key: str) -> str:
        """Why a key is not judged now; empty when it is."""
        if self.isolation and key != ISOLATION:
            return self.isolation.describe()
        window = maintenance_windows.covering(self.windows, key)
        if window:
            return window.describe()
        stack = key.partition("/")[0]
        if stack != "host" and time.monotonic() < self._settled:
            return "the host has just started"
        return self.busy(stack)

    def busy(self, stack: str) -> str:
        """Who else works on a stack, as of the last look."""
        work = self._busy.get(stack)
        return work.description if work else ""

    @staticmethod
    def work_on(stack: str) -> Work | None:
        """The work of others on a stack at this moment; a backup and a job change no container of it, so they do not count."""
        holder = locks.holder(stack)
        if holder is None:
            underway = Journal(stack).underway()
            return Work(Worker.KILLED, f"an interrupted {underway.describe()}") if underway else None
        if holder.get("who") in (HOLDER, BACKUP, JOB):
            return None
        worker = Worker.HELPER if holder.get("unit") == HELPER else Worker.SOMEBODY
        return Work(worker, f"{holder.get('what') or 'work'} by {holder.get('who', 'somebody')}")


def _uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])
