# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of C(update): how the stack, and each of its services, goes from one release to the next."""

from __future__ import annotations

from ...contracts.canary import Quality, Query, Rule
from ...contracts.nodes import decimal, described, duration, flag, number, text
from ...contracts.rollout_policy import DAY, Hooks, Migration, Policy, Task
from ...schema import values
from ...schema.nodes import Items, Node, Record, Text

_COMMAND = Items(of=Text(default="", numbers=True), default=[], example="[/usr/local/sbin/backup-now]")

CANARY = Record(
    default=None,
    description=described(Policy, "canary"),
    fields={
        "share": number(Rule, "share"),
        "duration": duration(Rule, "duration", "60s", whole=True),
        "min_requests": number(Rule, "min_requests"),
        "max_error_rate": decimal(Rule, "max_error_rate", "1"),
        "max_latency_ratio": decimal(Rule, "max_latency_ratio", "1.5"),
        "on_low_traffic": text(Rule, "on_low_traffic"),
        "prometheus": Record(
            default=None,
            description=described(Rule, "prometheus"),
            fields={
                "url": text(Query, "url", "http://127.0.0.1:9090", check=values.web_address),
                "query": text(Query, "query", "sum(rate(errors_total[1m]))"),
                "max": decimal(Query, "max", "0.01"),
            },
            example="{url: http://127.0.0.1:9090, query: …, max: 0.01}",
        ),
        "quality": Record(
            default=None,
            description=described(Rule, "quality"),
            fields={
                "path": text(Quality, "path", "/model/quality", check=values.path),
                "port": number(Quality, "port", "8080"),
                "field": text(Quality, "field", "metrics.rmse"),
                "better": text(Quality, "better"),
                "tolerance": decimal(Quality, "tolerance", "5"),
            },
            example="{path: /model/quality, field: rmse, better: lower, tolerance: 5}",
        ),
        "objectives": flag(Rule, "objectives"),
    },
    example="{share: 10, duration: 60s}",
)
MIGRATION = Record(
    default=None,
    description=f"{described(Policy, 'migration')} Its failure stops the release. The old version must bear what it leaves.",
    fields={
        "command": Items(
            required=True,
            of=Text(default="", numbers=True),
            default=[],
            example="[python3, manage.py, migrate]",
            description=described(Migration, "command"),
        ),
        "timeout": duration(Migration, "timeout", "10m", whole=True),
    },
    example="{command: [python3, manage.py, migrate]}",
)
AFTER = Items(
    of=Record(
        fields={
            "command": Items(
                required=True,
                of=Text(default="", numbers=True),
                default=[],
                example="[python3, manage.py, warm_cache]",
                description=described(Task, "command"),
            ),
            "timeout": duration(Task, "timeout", "10m", whole=True),
            "required": flag(Task, "required"),
        },
        default={},
    ),
    default=[],
    example="[{command: [python3, manage.py, warm_cache]}]",
    description=described(Policy, "after"),
)
_SURGE: dict[str, Node] = {"surge": text(Policy, "surge", "50%", numbers=True)}
UPDATE = Record(
    default={},
    description="How it goes from one release to the next.",
    fields={
        # Not given is the same as rolling, but is judged only when the service really changes.
        "strategy": text(Policy, "strategy", "rolling", default="", implied=f"V({Policy.strategy})"),
        "min_healthy": duration(Policy, "min_healthy", "5s", whole=True),
        "healthy_timeout": duration(Policy, "healthy_timeout", "2m", whole=True),
        "drain_timeout": duration(Policy, "drain_timeout", "60s", whole=True),
        "observe": duration(Policy, "observe", "10s", whole=True),
        "migration": MIGRATION,
        "after": AFTER,
    },
    selector="strategy",
    variants={
        "": _SURGE,
        "rolling": _SURGE,
        "canary": {**_SURGE, "canary": CANARY},
        "blue_green": {"keep_for": duration(Policy, "keep_for", "10m", whole=True)},
        "recreate": {"maintenance": text(Policy, "maintenance")},
    },
    example="{strategy: rolling}",
)
STACK_UPDATE = Record(
    default={},
    description="What the host does before a release changes anything.",
    fields={
        "before": Items(of=_COMMAND, default=[], example="[[/usr/local/sbin/backup-now]]", description=described(Hooks, "before")),
        "before_timeout": duration(Hooks, "before_timeout", "30m", whole=True),
        "backup": Record(
            default=None,
            description="A deployment begins with a backup, unless the last one is young enough.",
            fields={
                "max_age": duration(Hooks, "backup_max_age", "24h", whole=True, default=DAY, check=values.lasting(60, 30 * DAY, whole=True))
            },
            example="{max_age: 24h}",
        ),
    },
    example="{before: [[/usr/local/sbin/backup-now]]}",
)
