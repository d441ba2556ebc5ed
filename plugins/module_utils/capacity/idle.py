# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that seem to do nothing. Whether a worker waits for the end of the month only people know, so it is a question."""

from __future__ import annotations

from .right_sizing import LEAST_DAYS
from .use import Use, mean, quantile

_CPU = 0.01  # processors at p99: a health check each few seconds is below
_NETWORK = 1024.0  # bytes in a second: health checks and keep-alives, too


def idle(use: Use) -> str:
    """Why it seems so; empty where it does something, or was not looked at for long enough."""
    if not use.running or use.days < LEAST_DAYS or not use.cpu:
        return ""
    busy = quantile(use.cpu, 0.99)
    # Without a network of its own nobody knows what came in.
    if busy >= _CPU or use.requests or use.network is None or use.network >= _NETWORK:
        return ""
    nobody = ", no request" if use.requests is not None else ""
    return (
        f"p99 is {busy * 100:.2f} % of a processor, {use.network:.0f} bytes in a second{nobody},"
        f" in {use.days:.0f} days; it holds {mean(use.memory) / 2**20:.0f} MiB"
    )
