# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stream of Docker's events, in a thread of its own, for as long as the watchdog lives."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..containers.client import DockerUnavailable, Engine
from .engine import reach

PATIENCE = 5  # seconds for one answer of the engine
AGAIN = 0.5  # seconds until the next try to reach it


@dataclass(frozen=True)
class Connected:
    """The stream is open: from here on nothing is missed."""

    engine: Engine


@dataclass(frozen=True)
class Disconnected:
    """It broke."""

    reason: str


def listen(put: Callable[[Any], None]) -> None:
    """Start the thread: `put` gets Connected, then each event as it happens, then Disconnected, and so on."""
    threading.Thread(target=_listen, args=(put,), name="events", daemon=True).start()


def _listen(put: Callable[[Any], None]) -> None:
    while True:
        reason = "the stream of events ended"
        try:
            engine = reach(PATIENCE)
            since = time.time()
            put(Connected(engine))
            for event in engine.events(since=since):
                put(event)
        except (DockerUnavailable, OSError) as error:
            reason = str(error)
        put(Disconnected(reason))
        time.sleep(AGAIN)
