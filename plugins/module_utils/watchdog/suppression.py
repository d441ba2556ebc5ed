# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When the watchdog holds its tongue and its hands: maintenance, somebody else's work on a stack, the first minute after a boot."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ..core import locks
from ..maintenance import windows as maintenance_windows
from ..maintenance.windows import Window
from ..release.journal import Journal

STEWARD = "by steward "
HOLDER = "watchdog"  # as the watchdog writes itself into the lock of a stack
SETTLE = 60.0  # seconds after a boot in which containers may still be on their way
YOUNG = 180.0  # seconds of uptime that count as just booted
INTERRUPTED = 300.0  # seconds that a deployment which was killed may wait for the run that finishes it or takes it back
WAITING = "an interrupted"
BUSY = 1800.0  # seconds after which somebody's lock is no excuse any more


class Mutes:
    """What keeps a key from being judged now.

    :param released: called with the stack when work on it has ended, and whether it was somebody else's than the steward's.
    """

    def __init__(self, released: Callable[[str, bool], None]) -> None:
        self.released = released
        self.windows: list[Window] = maintenance_windows.load()
        self._busy: dict[str, str] = {}
        self._said: dict[str, str] = {}
        self._since: dict[str, float] = {}
        now = time.monotonic()
        self._settled = now + SETTLE if _uptime() < YOUNG else now

    def look(self, stacks: list[str], now: float) -> None:
        """Look at the windows and the locks."""
        self.windows = maintenance_windows.load()
        for stack in stacks:
            said = self.busy_now(stack)
            if said != self._said.get(stack):
                # Somebody else, or the same one was killed: his time begins now.
                self._said[stack], self._since[stack] = said, now
            if not said and (before := self._busy.get(stack)):
                self.released(stack, STEWARD not in before)
            patience = INTERRUPTED if said.startswith(WAITING) else BUSY
            self._busy[stack] = said if now - self._since[stack] < patience else ""

    def why(self, key: str) -> str:
        """Why a key is not judged now; empty when it is."""
        window = maintenance_windows.covering(self.windows, key)
        if window:
            return window.describe()
        stack = key.partition("/")[0]
        if stack != "host" and time.monotonic() < self._settled:
            return "the host has just started"
        return self.busy(stack)

    def busy(self, stack: str) -> str:
        """Who else works on a stack, as of the last look."""
        return self._busy.get(stack, "")

    @staticmethod
    def busy_now(stack: str) -> str:
        """Who else works on a stack, so that what happens there is theirs; a backup changes nothing, so it does not count."""
        holder = locks.holder(stack)
        if holder is None and (underway := Journal(stack).underway()):
            return f"{WAITING} {underway.describe()}"
        if holder is None or holder.get("who") == HOLDER or str(holder.get("what")).startswith("backup"):
            return ""
        return f"{holder.get('what') or 'work'} by {holder.get('who', 'somebody')}"


def _uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])
