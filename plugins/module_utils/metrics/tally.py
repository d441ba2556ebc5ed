# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tally of a container's lives: how often it was started again, and how often the kernel has killed in it for memory.

Neither is in its control group for long: that is made anew at each start, so the kill that ended a life is gone before anybody reads it
(google/cadvisor#3015: a counter that is always 0). Docker's event says so, and counts here. Docker's own number of restarts falls to 0
when somebody, such as the watchdog, restarts a container by hand; this one does not.
"""

from __future__ import annotations

from dataclasses import dataclass

LATE = 5.0  # seconds after a start within which its event may arrive


@dataclass
class Tally:
    """What is known of one container; whoever uses it holds a lock.

    :ivar restarts: starts after the first.
    """

    restarts: int = 0
    _known: bool = False
    _started: float = 0.0
    _count: int = 0  # Docker's own number of restarts
    _heard: int = 0  # starts that events told of since the last look
    _announced: bool = True  # the event of the life that was looked at has been heard
    _ooms_before: int = 0
    _ooms_heard: int = 0
    _ooms_read: int = 0
    _ooms_heard_then: int = 0
    _ooms_unheard: int = 0  # of those that were read, kills that no event will tell of any more

    def hear_start(self, at: float) -> None:
        """An event of a start at this time (epoch)."""
        if self._known and not self._announced and at - self._started < LATE:
            self._announced = True  # looked at before its event arrived
            return
        self._heard += 1
        if self._known:
            self.restarts += 1
        self._next_life()

    def hear_oom(self) -> None:
        """An event of a kill for memory."""
        self._ooms_heard += 1

    def look(self, started: float, count: int) -> None:
        """It was looked at: when its life began (epoch), and Docker's number of restarts."""
        if not self._known:
            self.restarts, self._known, self._announced = count, True, bool(self._heard)
        elif started != self._started:
            self._announced = bool(self._heard)
            if not self._heard:
                self._next_life()
            # Starts that no event told of: the engine was away.
            self.restarts += max(0, max(1, count - self._count) - self._heard)
        self._started, self._count, self._heard = started, count, 0

    def read_ooms(self, kills: int) -> int:
        """The kills that the control group of this life shows; returns those of all lives.

        What was read twice without an event for it happened before the watchdog was there: without this the event of the next kill, which
        ends the life, would be taken for one of those.
        """
        if kills == self._ooms_read and self._ooms_heard == self._ooms_heard_then:
            self._ooms_unheard += max(0, kills - self._ooms_unheard - self._ooms_heard)
        self._ooms_read, self._ooms_heard_then = max(self._ooms_read, kills), self._ooms_heard
        return self.ooms

    @property
    def ooms(self) -> int:
        """Kills for memory in all lives that were seen. Both sources see the same kills."""
        return self._ooms_before + self._ooms_unheard + max(self._ooms_heard, self._ooms_read - self._ooms_unheard)

    def _next_life(self) -> None:
        self._ooms_before = self.ooms
        self._ooms_heard = self._ooms_heard_then = self._ooms_read = self._ooms_unheard = 0
