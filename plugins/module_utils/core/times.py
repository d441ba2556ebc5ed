# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times as people read them: UTC, and durations in two units."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def moment(at: float) -> str:
    """An epoch time in full: ``2026-11-20 03:14:05 UTC``."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock(at: float, day_of: float) -> str:
    """An epoch time; without its date when that is the day of `day_of`."""
    full = moment(at)
    return full.partition(" ")[2] if full[:10] == moment(day_of)[:10] else full


def lasting(seconds: float) -> str:
    """A duration: ``42 s``, ``12 min``, ``4 h 3 min``, ``2 d 4 h``."""
    left = max(0, round(seconds))
    for index, (size, unit) in enumerate(_UNITS):
        if left >= size:
            text = f"{left // size} {unit}"
            smaller, name = _UNITS[index + 1] if index + 1 < len(_UNITS) else (0, "")
            rest = left % size // smaller if smaller > 1 else 0
            return f"{text} {rest} {name}" if rest else text
    return "0 s"
