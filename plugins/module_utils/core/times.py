# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Times: as people read them (UTC, and durations in two units), and read from what programs write."""

from __future__ import annotations

import re
from datetime import datetime, timezone

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
_TIMESTAMP = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?)(?:\.(?P<fraction>\d+))?)?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?", re.ASCII
)


def parse_timestamp(text: str) -> datetime:
    """A time of RFC 3339, or as PostgreSQL writes it: fractions of any length, zones `Z`, `+00`, `+0100`, `+01:00`; naive without a zone.

    Python's own `datetime.fromisoformat` reads all of these since 3.11 only. Microseconds are kept.

    :raises ValueError: it is none.
    """
    match = _TIMESTAMP.fullmatch(text)
    if not match:
        raise ValueError(f"not a time: {text!r}")
    time = match["time"] or "00:00"
    seconds = "" if time.count(":") == 2 else ":00"
    fraction = (match["fraction"] or "")[:6].ljust(6, "0")
    zone = (match["zone"] or "").replace("Z", "+00").replace(":", "")
    return datetime.fromisoformat(f"{match['date']}T{time}{seconds}.{fraction}" + (f"{zone[:3]}:{zone[3:] or '00'}" if zone else ""))


def epoch(stamp: str) -> float:
    """Seconds since 1970 of a time that a program wrote; UTC where it has no zone.

    :raises ValueError: it is none.
    """
    at = parse_timestamp(stamp)
    return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()


def moment(at: float) -> str:
    """An epoch time in full: ``2026-11-20 03:14:05 UTC``."""
    return f"{datetime.fromtimestamp(at, timezone.utc):%Y-%m-%d %H:%M:%S} UTC"


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
