# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jumps of the wall clock, which somebody may set: the watchdog counts by the monotonic one, and tells when the two part."""

from __future__ import annotations

import time

from .incidents import Incident
from .judgement import Transition

JUMP = 5.0  # seconds by which the wall clock may move against the monotonic one between two rounds


class WallClock:
    """How far it is ahead of the monotonic one, as of the last look."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def jumped(self) -> list[Transition]:
        """A jump since the last look: an incident that has ended when it is seen, for nothing here counts by that clock."""
        offset = time.time() - time.monotonic()
        jump, self._offset = offset - self._offset, offset
        if abs(jump) < JUMP:
            return []
        wall = time.time()
        cause = f"the clock jumped by {jump:+.0f} s; timers, certificates and logs may be wrong around it"
        incident = Incident("host/clock jump", "", "clock jump", "warning", cause, wall, wall)
        incident.ended = wall
        return [Transition("open", incident), Transition("end", incident)]
