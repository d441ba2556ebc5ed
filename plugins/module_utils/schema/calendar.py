# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calendar expressions of systemd.time(7): enough of their grammar to refuse on the controller what a timer on the host would refuse."""

from __future__ import annotations

import re

from .nodes import Refused

_SHORT = re.compile(
    r"minutely|hourly|daily|weekly|monthly|quarterly|yearly|annually|biannually|bi-annually|semiannually|semi-annually", re.IGNORECASE
)
_DAY = r"(?:mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_DAYS = re.compile(rf"{_DAY}(?:(?:\.\.|-|,){_DAY})*,?", re.IGNORECASE)
_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_PART = rf"(?:\*|{_NUMBER}(?:\.\.{_NUMBER})?)(?:/{_NUMBER})?"
_PARTS = rf"{_PART}(?:,{_PART})*"
_DATE = re.compile(rf"(?:{_PARTS}-)?{_PARTS}[-~]{_PARTS}")
_TIME = re.compile(rf"{_PARTS}:{_PARTS}(?::{_PARTS})?")
_ZONE = re.compile(r"[A-Z][A-Za-z0-9]*(?:[/_+-][A-Za-z0-9]+)*")
_CRON = re.compile(r"(?:[0-9*/,-]+\s+){4}[0-9*/,A-Za-z-]+")
_LIMITS = ("24", "60", "60")  # hours, minutes, seconds


def calendar(value: str) -> str:
    """The expression as it stands."""
    fix = 'write *-*-* 02:30 for every day, "Sun *-*-* 03:00" for Sundays, or hourly; `systemd-analyze calendar` explains an expression'
    if _CRON.fullmatch(value.strip()):
        raise Refused("is a line of cron, and a timer of systemd reads another language", fix)
    words = value.split(" ")
    words = [word for word in words if word]
    if len(words) > 1 and _ZONE.fullmatch(words[-1]) and not _DAYS.fullmatch(words[-1]):
        words = words[:-1]
    if len(words) == 1 and _SHORT.fullmatch(words[0]):
        return value.strip()
    known = bool(words)
    for pattern in (_DAYS, _DATE, _TIME):
        if words and pattern.fullmatch(words[0]):
            known = known and (pattern is not _TIME or _possible(words[0]))
            words = words[1:]
    if words or not known:
        raise Refused("is not a calendar expression of systemd", fix)
    return value.strip()


def _possible(time: str) -> bool:
    """No hour 24, no minute 60."""
    starts = [re.findall(_NUMBER, re.sub(rf"/{_NUMBER}", "", part)) for part in time.split(":")]
    return all(float(number) < float(limit) for numbers, limit in zip(starts, _LIMITS, strict=False) for number in numbers)
