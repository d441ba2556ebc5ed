# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(jobs): work that runs to its end in a container of the live release, on a schedule, by hand, or before a first start."""

from __future__ import annotations

import re
import zoneinfo

from ...contracts.job_settings import NOTIFY, Job
from ...contracts.nodes import described, duration, flag, number, text
from ...schema import values
from ...schema.calendar import calendar
from ...schema.nodes import Items, Record, Refused, Scalar, Table, Text, close_to
from ..forms import cpus, memory, model_name, service_name
from ..watchdog.freshness_schema import FRESHNESS

# No dash: the name of the stack may have some, and both together are the name of a unit.
job_name = values.named(
    r"[a-z][a-z0-9_]{0,30}", "is not a name for a job", "write lower case letters, digits and _, such as train_model", "name"
)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+){0,2}")


@values.form("time zone")
def time_zone(value: str) -> str:
    """A time zone by its name in the tz database."""
    known = zoneinfo.available_timezones()  # none where a controller has no such database: then the host judges alone
    if not _ZONE.fullmatch(value) or (known and value not in known):
        near = close_to(value, known)
        raise Refused("is not a time zone", f"did you mean {near}?" if near else "write UTC, or a name such as Europe/Berlin")
    return value


JOB = Record(
    description="One job. Its container is that of the service in the live release: image, user, secrets, networks, hardening and limits.",
    fields={
        "service": Text(required=True, default="", check=service_name, example="modeling", description=described(Job, "service")),
        "command": Items(
            of=Text(default="", numbers=True),
            default=[],
            example="[python, -m, train]",
            description=described(Job, "command"),
            implied="the command of the service",
        ),
        "schedule": text(
            Job,
            "schedule",
            "*-*-* 23:00:00",
            check=values.Form(calendar, "calendar expression"),
            description="When it runs, in the words of systemd.time(7). Without it, by C(opsctl run) alone.",
        ),
        "time_zone": Text(
            default=None, check=time_zone, example="Europe/Berlin", description="The time zone of C(schedule).", implied="V(UTC)"
        ),
        "jitter": duration(Job, "jitter", "10m", description="It begins up to so much later."),
        "timeout": duration(Job, "timeout", "1h", description="An attempt that takes longer is stopped, and has failed."),
        "retries": number(Job, "retries", "2"),
        "retry_delay": duration(Job, "retry_delay", "5m", description="Time between two attempts."),
        "overlap": Text(
            default="forbid", choices=("forbid",), description="Never two runs of a job at once: the later one does not begin."
        ),
        "catch_up": flag(Job, "catch_up"),
        "lock": flag(Job, "lock"),
        "hosts": text(Job, "hosts"),
        "host": text(Job, "host", "app1", implied="the first host of the stack"),
        "environment": Table(
            of=Scalar(default=""), name=values.variable_name, default={}, example="{EPOCHS: 20}", description=described(Job, "environment")
        ),
        "resources": Record(
            default=None,
            description="Limits of its container in place of those of the service.",
            fields={
                "memory": memory("4g", default=""),
                "cpus": cpus(default=0),
            },
            example="{memory: 4g, cpus: 2}",
        ),
        "once": Text(
            default="",
            choices=("before_first_start",),
            example="before_first_start",
            description=described(Job, "once"),
            implied="it may run as often as somebody wants",
        ),
        "required_by": Items(
            of=Text(default="", check=service_name), default=[], example="[serving]", description=described(Job, "required_by")
        ),
        "deploys": Items(of=Text(default="", check=model_name), default=[], example="[volatility]", description=described(Job, "deploys")),
        "severity": text(Job, "severity"),
        "notify": Text(default="failure", choices=NOTIFY, description=described(Job, "notify")),
        "late_after": duration(
            Job, "late_after", "26h", description="A last success that is older is an incident.", implied="not looked at"
        ),
        "fresh": Record(
            default=None,
            description="What it leaves, and how old that may get; as an entry of C(watchdog.freshness).",
            fields=FRESHNESS.fields,
            example=FRESHNESS.example,
        ),
    },
    example="{service: modeling, command: [python, -m, train], schedule: '*-*-* 23:00:00'}",
)
JOBS = Table(
    of=JOB,
    name=job_name,
    default={},
    example=f"{{train: {JOB.example}}}",
    description="Work that runs to its end in a container of the live release, on a schedule, by hand, or before a first start.",
)
