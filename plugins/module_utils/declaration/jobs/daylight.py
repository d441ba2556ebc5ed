# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules at an hour that some day does not have: a timer of systemd passes over it, and nothing makes it good."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_AT = re.compile(r"(?<![0-9.:/*])([01]?[0-9]|2[0-3]):([0-5][0-9])(?::[0-5][0-9])?(?= |$)")
DAYS = 366


def skipped(schedule: str, today: date) -> date | None:
    """The first day of the coming year on which the time of a schedule does not exist in its zone; None where there is none.

    :param schedule: with its time zone as the last word; one of several times, or of none, is not looked at.
    """
    at, zone = _AT.search(schedule), schedule.split()[-1]
    if at is None:
        return None
    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None  # a controller without the tz database
    for number in range(DAYS):
        local = datetime.combine(today + timedelta(days=number), time(int(at[1]), int(at[2])), place)
        if local.astimezone(timezone.utc).astimezone(place).time() != local.time():
            return local.date()
    return None
