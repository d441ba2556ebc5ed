# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inbox of the loop: bad news is taken in as soon as it is there, good news with the next round."""

from __future__ import annotations

import queue
import time
from typing import Any

from ..jobs.overview import JobState
from .looks import Observation
from .probes.host import Check

BURST = 0.03  # seconds in which events of one cause arrive together


class Inbox:
    """The one way into the loop, from any thread and from signal handlers."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Any] = queue.SimpleQueue()  # its put is safe within a signal handler

    def put(self, item: Any) -> None:
        """Leave something for the loop; None only wakes it."""
        self._queue.put(item)

    def take(self, due: float, *, suspicious: bool) -> list[Any]:
        """What arrives until `due` (monotonic seconds), or until shortly after the first thing that cannot wait.

        :param suspicious: something waits for its second look, so that nothing else may wait.
        """
        items: list[Any] = []
        end = due
        while True:
            try:
                items.append(self._queue.get(timeout=max(0.0, end - time.monotonic())))
            except queue.Empty:
                return items
            if suspicious or not is_harmless(items[-1]):
                end = min(end, time.monotonic() + BURST)


def is_harmless(item: Any) -> bool:
    """A look that found nothing wrong. Many containers give many of them, and a round for each would be most of the work."""
    if not isinstance(item, Observation):
        return False
    if item.value is None:
        return True  # it broke, which says nothing
    return all(map(_is_well, item.value if isinstance(item.value, list) else [item.value]))


def _is_well(seen: Any) -> bool:
    """What a look saw: a check of the host, a job, or the reading of a probe, a site or data."""
    if isinstance(seen, Check):
        return seen.state == "ok"
    if isinstance(seen, JobState):
        return not seen.trouble(time.time())
    return bool(seen.ok)
