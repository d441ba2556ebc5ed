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
_HOUR, _DAY_LONG = 3600.0, 86400.0
_SPANS = {
    "minutely": 60.0,
    "hourly": _HOUR,
    "daily": _DAY_LONG,
    "weekly": 7 * _DAY_LONG,
    "monthly": 31 * _DAY_LONG,
    "quarterly": 92 * _DAY_LONG,
    "yearly": 366 * _DAY_LONG,
    "annually": 366 * _DAY_LONG,
}
_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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


def longest_gap(value: str) -> float:
    """Seconds that may lie between two times of an expression; 0 where it is not of one of the plain forms."""
    words = [word for word in value.split(" ") if word]
    if len(words) > 1 and _ZONE.fullmatch(words[-1]) and not _DAYS.fullmatch(words[-1]):
        words = words[:-1]
    if len(words) == 1 and _SHORT.fullmatch(words[0]):
        return _SPANS.get(words[0].lower(), 184 * _DAY_LONG)  # what is left is twice a year, in one of its spellings
    days, date, time = (next((word for word in words if pattern.fullmatch(word)), "") for pattern in (_DAYS, _DATE, _TIME))
    by_date = _between_dates(date or "*-*-*")
    if days:  # with a date besides, both have to fit
        return _between_days(days.lower().rstrip(",")) if by_date == _DAY_LONG else 0.0
    return _between_hours(time) if by_date == _DAY_LONG else by_date


def _between_dates(date: str) -> float:
    """Of a month with a day that it always has, or of a year; a day for every day."""
    year, _sign, rest = date.partition("-") if date.count("-") + date.count("~") == 2 else ("*", "", date)
    month, day = re.split(r"[-~]", rest, maxsplit=1)
    if year != "*":
        return 0.0
    if month == "*" and day == "*":
        return _DAY_LONG
    if month == "*" and re.fullmatch(r"[0-9]+(?:,[0-9]+)*", day):
        numbers = [int(number) for number in day.split(",")]
        return _circular(numbers, 31) * _DAY_LONG if max(numbers) <= 28 or "~" in rest else 62 * _DAY_LONG
    return 366 * _DAY_LONG if month.isdigit() and day.isdigit() else 0.0


def _between_days(days: str) -> float:
    named: set[int] = set()
    for word in days.split(","):
        first, last = (_WEEK.index(day[:3]) for day in (re.split(r"\.\.|-", word)[0], re.split(r"\.\.|-", word)[-1]))
        named |= {number % 7 for number in range(first, last + 1 if last >= first else last + 8)}
    return _circular(sorted(named), 7) * _DAY_LONG


def _between_hours(time: str) -> float:
    hours = time.partition(":")[0]
    if hours == "*":
        return _HOUR
    if match := re.fullmatch(r"[0-9*]+/([0-9]+)", hours):
        return min(24, int(match[1]) or 24) * _HOUR
    if re.fullmatch(r"[0-9]+(?:,[0-9]+)*", hours):
        return _circular([int(hour) for hour in hours.split(",")], 24) * _HOUR
    return _DAY_LONG


def _circular(numbers: list[int], length: int) -> int:
    """The longest way from one number to the next on a dial of this length."""
    ordered = sorted(set(numbers))
    return max(after - before for before, after in zip(ordered, [*ordered[1:], ordered[0] + length], strict=True))
