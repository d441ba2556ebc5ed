# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits of callers by their verified names, which nginx learns too late to count itself."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from ..contracts.route_authentication import AuthenticationLimit

MOST_CALLERS = 50_000
_SECONDS = {"second": 1.0, "minute": 60.0}


class Limiter:
    """Leaky buckets, as C(limit_req) of nginx with C(nodelay) counts: a steady rate, and a burst beyond it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._buckets: OrderedDict[tuple[str, str], tuple[float, float]] = OrderedDict()

    def allows(self, policy: str, user: str, limit: AuthenticationLimit) -> bool:
        """Whether one more request is within the limit; it is counted if so."""
        now, rate = self.clock(), limit.requests / _SECONDS[limit.per]
        known = self._buckets.pop((policy, user), None)
        excess = max(0.0, known[0] - (now - known[1]) * rate + 1) if known else 0.0
        allowed = excess <= limit.burst
        self._buckets[policy, user] = (excess, now) if allowed or known is None else known
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        return allowed
