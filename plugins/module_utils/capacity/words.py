# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words of a report: numbers in their units, days, what becomes of a resource, what a limit should be."""

from __future__ import annotations

from ..core.format import size
from ..slo.table import day
from .forecast import Outlook
from .report import BYTES, Advice, Resource, ServiceUse
from .resources import ENDS

_DAY = 86400
_NOTHING = 0.005  # of what is counted


def of_unit(value: float, unit: str) -> str:
    """A number as people read it, below 0 too."""
    sign = "-" if value < 0 else ""
    if unit == BYTES:
        return f"{sign}{size(round(abs(value)))}"
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}" if abs(value) >= _NOTHING else "0"


def used(resource: Resource) -> str:
    """How much of it is used."""
    if resource.used is None:
        return ""
    text = of_unit(resource.used, resource.unit)
    if not resource.capacity:
        return text
    return f"{resource.used / resource.capacity:.0%} ({text} of {of_unit(resource.capacity, resource.unit)})"


def change(resource: Resource) -> str:
    """Its change in a day, with its interval where that is not the same in the same digits."""
    if resource.per_day is None:
        return ""
    middle = _signed(resource.per_day, resource.unit)
    if resource.per_day_low is None or resource.per_day_high is None:
        return f"{middle} a day"
    low, high = _signed(resource.per_day_low, resource.unit), _signed(resource.per_day_high, resource.unit)
    return f"{middle} a day" if low == middle == high else f"{middle} a day ({low} to {high})"


def _signed(value: float, unit: str) -> str:
    text = of_unit(value, unit)
    return text if text.startswith("-") or not value else f"+{text}"


def outlook(resource: Resource, end: float) -> str:
    """What becomes of it.

    :param end: of the time of the report.
    """
    kind = resource.outlook
    if kind == ENDS and resource.expected is not None:
        left = (resource.expected - end) / _DAY
        return f"ends {day(resource.expected)}, in {left:.0f} days" if left >= 0 else f"ended {day(resource.expected)}"
    if kind == Outlook.FILLS.value and resource.earliest is not None:
        return _dates(resource, resource.earliest)
    return {
        Outlook.FULL.value: "full",
        Outlook.LATER.value: f"not before {day(resource.beyond)}" if resource.beyond else "not soon",
        Outlook.FALLS.value: "falls",
        Outlook.STEADY.value: "no trend: steady",
        Outlook.NO_TREND.value: "no trend",
        Outlook.NO_DATA.value: "no data",
    }.get(kind, kind)


def _dates(resource: Resource, earliest: float) -> str:
    """From when to when, as far as a trend of so many days can tell."""
    first = day(earliest)
    if resource.latest is None:
        middle = f", {day(resource.expected)} by the middle of the trend" if resource.expected else ""
        return f"full {first} at the earliest{middle}"
    last = day(resource.latest)
    return f"full about {first}" if first == last else f"full from {first} to {last}"


def moment_of(resource: Resource) -> float:
    """By what resources are sorted: what is full first comes first; without a date last."""
    if resource.outlook == Outlook.FULL.value:
        return 0.0
    if resource.outlook == ENDS:
        return resource.expected or 0.0
    return resource.earliest or 0.0 if resource.outlook == Outlook.FILLS.value else float("inf")


def processors(value: float | None) -> str:
    """A number of processors."""
    return "none" if value is None else f"{value:.2f}"


def advice(about: Advice, unit: str) -> str:
    """What a limit should be, and why."""
    value = ""
    if about.value is not None:
        value = f" to {size(int(about.value)) if unit == BYTES else f'{about.value:.2f}'}"
    return about.kind + value + (f": {about.reason}" if about.reason else "")


def name(service: ServiceUse) -> str:
    """A service with its stack."""
    return "/".join(filter(None, (service.stack, service.service))) or "containers without a name in Compose"


def percent(share: float) -> str:
    """A share with one digit behind the point."""
    return f"{share:.1%}"


def month(start: float, end: float) -> str:
    """The time of a report; its last day is the one before its end."""
    return f"{day(start)} to {day(end - 1)}"
