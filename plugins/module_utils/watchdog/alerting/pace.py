# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rate limit and health of a route of alerts: kept on disk, one file a route."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from ...core.versioned_json import known_fields
from .routes import Route
from .spool_files import SpoolFiles

PACE = "pace"
LONGEST_HOLD = 3600.0  # seconds; a receiver that says more is asked again all the same


@dataclass
class Pace:
    """A token bucket and the last outcome; all times are epoch seconds.

    :param tokens: messages that may go out now; `counted` says when that was true.
    :param hold: nothing goes out before, as the receiver asked (Retry-After).
    :param failed: why the last try was in vain; empty when it was not.
    """

    route: str
    tokens: float = -1.0  # not counted yet
    counted: float = 0.0
    hold: float = 0.0
    failed: str = ""
    sent: float = 0.0

    def refill(self, route: Route, now: float) -> int:
        """Add the tokens of the time that has passed; returns whole ones. A clock that was set back adds none and takes none."""
        if self.tokens < 0:
            self.tokens = float(route.burst)
        gained = max(0.0, now - self.counted) * route.burst / route.per if route.per > 0 else float(route.burst)
        self.tokens, self.counted = min(float(route.burst), self.tokens + gained), now
        return int(self.tokens + 1e-6)

    def next_token(self, route: Route) -> float:
        """When there is a whole token again."""
        return self.counted + max(0.0, 1.0 - self.tokens) * route.per / route.burst

    def held(self, now: float) -> bool:
        """Whether the receiver asked to be left alone for now."""
        return now < self.hold <= now + LONGEST_HOLD

    def hold_for(self, seconds: float, now: float) -> None:
        """Leave the receiver alone for so long."""
        self.hold = now + min(seconds, LONGEST_HOLD)


def load_pace(files: SpoolFiles, key: str) -> Pace:
    """That of a route; a new one when there is none or it is damaged."""
    try:
        return known_fields(Pace, json.loads(files.read(_name(key)) or b"{}") | {"route": key})
    except (ValueError, TypeError):
        return Pace(key)


def save_pace(files: SpoolFiles, pace: Pace) -> None:
    """Write it.

    :raises OSError: neither the disk nor /run can be written.
    """
    files.write(_name(pace.route), json.dumps(vars(pace)))


def known(files: SpoolFiles) -> list[Pace]:
    """Those of all routes that were ever used."""
    paces = []
    for name in files.names(PACE):
        try:
            paces.append(known_fields(Pace, json.loads(files.read(name) or b"")))
        except (ValueError, TypeError):
            continue
    return paces


def _name(key: str) -> str:
    return f"{PACE}/{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"
