# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits against use: what a limit should be, and when nobody can say.

Memory and processor are not alike. A container at its memory limit is killed, so its peak counts, with room above it, and no limit goes
below what it was killed at: while it is killed it uses little, and a quantile of that asks for even less. At its processor limit it is
only held back, so the 99th percentile counts, unless it *is* held back: bursts below five minutes are in no average.
"""

from __future__ import annotations

import math

from ..core.format import size
from .report import Advice
from .use import Use, quantile

LEAST_DAYS = 7
_MEMORY_ROOM, _CPU_ROOM = 1.2, 1.3
_AFTER_KILL = 1.25  # of the limit at which it was killed
_TIGHT = 0.85  # of its memory limit, as the alerts have it
_MUCH = 0.75  # a limit is lowered where what is needed is below so much of it
_CPU_MUCH = 0.6
_LEAST_MEMORY = 64 * 2**20  # bytes that are worth a change
_LEAST_CPU = 0.1
_HELD, _NEVER_HELD = 0.05, 0.01  # shares of the periods


def memory_advice(use: Use) -> Advice:
    """What its memory limit should be."""
    peak, p99 = max(use.memory, default=0.0), quantile(use.memory, 0.99)
    floor = use.floor * _AFTER_KILL
    needed = _memory(max(peak * _MEMORY_ROOM, floor))
    limit = use.memory_limit
    killed = f"{use.ooms} kill{'s' if use.ooms != 1 else ''} for lack of memory"
    if limit and use.ooms and limit < floor:
        return Advice("raise", needed, f"{killed}, at {size(int(use.floor))}: what it used below that limit says nothing of what it needs")
    if use.days < LEAST_DAYS:
        return Advice("unknown", None, f"seen for {use.days:.1f} days, {LEAST_DAYS} are needed")
    if not limit:
        return Advice("set", needed, "no limit: it can take the memory of all others")
    if p99 > _TIGHT * limit:
        why = f"p99 is {p99 / limit:.0%} of the limit, without a kill: a runtime that fills what it is given, or one that is near its end"
        return Advice("tight", None, why)
    if needed < _MUCH * limit and limit - needed >= _LEAST_MEMORY:
        why = f"its peak is {peak / limit:.0%} of the limit"
        return Advice("lower", needed, f"{why}; {killed}, below the present limit" if use.ooms else why)
    return Advice("keep")


def cpu_advice(use: Use) -> Advice:
    """What its processor limit should be."""
    p99, peak, limit = quantile(use.cpu, 0.99), max(use.cpu, default=0.0), use.cpu_limit
    needed = _processors(p99 * _CPU_ROOM)
    if use.days < LEAST_DAYS:
        return Advice("unknown", None, f"seen for {use.days:.1f} days, {LEAST_DAYS} are needed")
    if not limit:
        return Advice("keep", None, "no limit")
    held = use.throttled or 0.0
    if held > _HELD:
        why = f"held back in {held:.0%} of its periods, though p99 over five minutes is {p99 / limit:.0%} of the limit: it works in bursts"
        return Advice("raise", max(needed, _processors(limit * _AFTER_KILL)), why)
    if held < _NEVER_HELD and needed < _CPU_MUCH * limit and limit - needed >= _LEAST_CPU:
        why = f"p99 over five minutes is {p99 / limit:.0%} of the limit"
        return Advice("lower", needed, f"{why}; its peak of {peak:.2f} would take longer" if peak > needed else why)
    return Advice("keep")


def _memory(count: float) -> float:
    """Bytes, up to what people write."""
    step = 16 * 2**20 if count < 2**30 else 64 * 2**20 if count < 8 * 2**30 else 256 * 2**20
    return float(max(step, math.ceil(count / step) * step))


def _processors(count: float) -> float:
    return round(max(0.05, math.ceil(round(count * 20, 6)) / 20), 2)
