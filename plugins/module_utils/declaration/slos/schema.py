# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(slos): objectives, of which indicators, rules, alerts and an error budget are made."""

from __future__ import annotations

import math
import re
from datetime import datetime, timezone

from ...contracts.nodes import described, duration, flag, number, text
from ...contracts.objectives import DAY, Objective
from ...core.units import DURATION_HINT, DURATION_PATTERN, parse_duration
from ...schema import values
from ...schema.nodes import Items, Node, Record, Refused, Text
from ..forms import service_name
from ..jobs.schema import job_name
from ..watchdog.freshness_schema import freshness_name

objective_name = values.named(
    r"[a-z][a-z0-9_-]{0,50}", "is not a name for an objective", "write lower case letters, digits, _ and -, such as api-availability"
)
_subject = values.named(
    r"[^\x00-\x1f\x7f]{1,300}", "is not the name of a route or probe", "write it on one line, such as app.example.com/api"
)
_LONGEST = 366 * DAY


@values.form("percent, below 100", r"^\s*[0-9]{1,2}(?:\.[0-9]+)?\s*%?\s*$")
def percent(value: str) -> float:
    """How much must be good, as people write it: C(99.9)."""
    try:
        parsed = float(value.strip().removesuffix("%"))
    except ValueError:
        parsed = math.nan
    if not 0 <= parsed <= 100:
        raise Refused("is not a percentage", "write a number such as 99.9")
    if parsed == 100:
        raise Refused("leaves no budget: one failure in the whole window breaks it, and nothing may ever be changed", "write 99.9, or less")
    if parsed == 0:
        raise Refused("is met by a service that is always down", "write how much must be good, such as 99.9")
    if parsed < 1:
        raise Refused("is less than one percent; it looks like a ratio", f"write it in percent, {round(parsed * 100, 8):g}")
    return parsed


@values.form("share, below 1", r"^\s*0?\.[0-9]+\s*$")
def quantile(value: str) -> float:
    """A quantile, kept as the percentage that must be fast."""
    try:
        parsed = float(value)
    except ValueError:
        parsed = math.nan
    if 1 < parsed < 100:
        raise Refused("is a percentage, and a quantile is a share of 1", f"write {parsed / 100:g}")
    if parsed == 1:
        raise Refused("leaves no budget: one slow request in the whole window breaks it", "write 0.99, or less")
    if not 0.01 <= parsed < 1:
        raise Refused("is not a quantile from 0.01 to 0.99999", "write 0.95 for the 95th of 100 requests")
    return round(parsed * 100, 8)


@values.form("duration, 1d to 366d", DURATION_PATTERN)
def window(value: str) -> float:
    """The time over which an objective holds."""
    try:
        parsed = parse_duration(value)
    except ValueError:
        raise Refused("is not a duration", DURATION_HINT) from None
    if parsed < DAY:
        raise Refused("is shorter than a day: its budget would come and go with each hour", "write 30d, or at least 1d")
    if parsed > _LONGEST:
        raise Refused("is longer than a year, which no metrics are kept for", "write 30d, or at most 366d")
    if parsed % 60:
        raise Refused("is not of whole minutes", "write days, such as 30d")
    return parsed


@values.form("day", r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
def day(value: str) -> float:
    """The beginning of a day in UTC, in seconds since the epoch. YAML makes a date of what is not quoted."""
    try:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value.strip()):
            raise ValueError(value)
        return datetime.fromisoformat(value.strip()).replace(tzinfo=timezone.utc).timestamp()
    except ValueError:
        raise Refused("is not a day", "write year, month and day, such as 2026-12-15") from None


def _percent(indicator: str, description: str) -> Text:
    return Text(default=None, numbers=True, check=percent, example="99.9" if indicator != "success" else "99.5", description=description)


LATENCY = Record(
    default=None,
    description="With C(route) or C(service): how many requests are answered in time. Errors count as requests like all others.",
    fields={
        "quantile": Text(required=True, default=None, numbers=True, check=quantile, example="0.95", description="How many of them."),
        "below": Text(
            required=True,
            default=None,
            numbers=True,
            check=values.lasting(0.001, 3600),
            example="300ms",
            description="In which time. One of C(monitoring.buckets).",
        ),
    },
    example="{quantile: 0.95, below: 300ms}",
)
FRESHNESS = Record(
    default=None,
    description="With C(data), or with a C(job) that has C(fresh): for how much of the time the data is fresh.",
    fields={
        "objective": Text(required=True, default=None, numbers=True, check=percent, example="99", description="Percent of the time."),
        "newest": duration(
            Objective,
            "newest",
            "10m",
            default=0,
            check=values.lasting(1, 3660 * DAY),
            description="How old it may be.",
            implied="C(newest) of the watch",
        ),
    },
    example="{objective: 99}",
)
_SUBJECTS: dict[str, Node] = {
    "route": Text(
        default="",
        check=_subject,
        example="app.example.com/api",
        description="Requests to one of C(routes), by its domain and path. The path of a whole domain is C(/).",
    ),
    "service": Text(
        default="", check=service_name, example="api", description="Requests to a service, over all of its routes and replicas."
    ),
    "job": Text(default="", check=job_name, example="train", description="Runs of one of C(jobs)."),
    "probe": Text(
        default="",
        check=_subject,
        example="api/http /health",
        description="Minutes, as the watchdog sees them: C(SERVICE) is its judgement of a service, C(SERVICE/PROBE) one probe of it by its"
        " name on the status page, C(site:DOMAIN) a site through nginx.",
    ),
    "data": Text(
        default="", check=freshness_name, example="market_data", description="Data whose age is watched: a name of C(watchdog.freshness)."
    ),
}
_INDICATORS: dict[str, Node] = {
    "availability": _percent(
        "availability",
        "Percent of requests that are not answered with a 5xx, with C(route) or C(service); percent of the time with C(probe).",
    ),
    "latency": LATENCY,
    "freshness": FRESHNESS,
    "success": _percent("success", "Percent of the runs of a C(job) that succeed."),
}
_IMPLIED = {
    "min_events": "V(50); of probes, data and jobs V(10)",
    "min_failed": "V(5); of jobs V(2), of probes and data V(1)",
    "floor": "V(5); of jobs V(3)",
}
OBJECTIVE = Record(
    description="One objective: one subject, one indicator.",
    fields={
        "name": Text(required=True, default="", check=objective_name, example="api-availability", description=described(Objective, "name")),
        **_SUBJECTS,
        **_INDICATORS,
        "window": Text(
            default=30 * DAY, numbers=True, check=window, example="30d", description="The time over which it holds, up to now at any time."
        ),
        "page": text(Objective, "page"),
        "ticket": text(Objective, "ticket"),
        **{name: number(Objective, name, default=None, implied=implied, example="20") for name, implied in _IMPLIED.items()},
        "no_data": duration(Objective, "no_data", "10m", description="Time without any data after which it is told."),
        "burn_in": flag(Objective, "burn_in"),
        "burn_in_until": Text(
            default=None,
            check=day,
            example="2026-12-15",
            description="The same, but not any more from the beginning (UTC) of this day on.",
        ),
    },
    example="{name: api, route: app.example.com/, availability: 99.9}",
)
SLOS = Items(
    of=OBJECTIVE,
    default=[],
    example=f"[{OBJECTIVE.example}]",
    description="Objectives: how much of a route, a service, a job, a probe or data must be good, and over which time.",
)
SUBJECTS, INDICATORS = tuple(_SUBJECTS), tuple(_INDICATORS)
