# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(update): how the stack, and each of its services, goes from one release to the next."""

from __future__ import annotations

from ...schema import values
from ...schema.nodes import Items, Node, Number, Record, Text


def _duration(default: int, example: str) -> Text:
    return Text(default=default, numbers=True, check=values.seconds, example=example)


CANARY = Record(
    default=None,
    fields={
        "share": Number(default=10, least=1, most=50, example="10"),
        "duration": _duration(60, "60s"),
        "min_requests": Number(default=100, least=1, most=10_000_000, example="100"),
        "max_error_rate": Text(default=1.0, numbers=True, check=values.between(0, 100, "1"), example="1"),
        "max_latency_ratio": Text(default=1.5, numbers=True, check=values.between(1, 1000, "1.5"), example="1.5"),
        "on_low_traffic": Text(default="abort", choices=("abort", "promote")),
        "prometheus": Record(
            default=None,
            fields={
                "url": Text(required=True, default="", check=values.web_address, example="http://127.0.0.1:9090"),
                "query": Text(required=True, default="", example="sum(rate(errors_total[1m]))"),
                "max": Text(required=True, default=0.0, numbers=True, check=values.between(-1e12, 1e12, "0.01"), example="0.01"),
            },
            example="{url: http://127.0.0.1:9090, query: …, max: 0.01}",
        ),
    },
    example="{share: 10, duration: 60s}",
)
MIGRATION = Record(
    default=None,
    fields={
        "command": Items(required=True, of=Text(default="", numbers=True), default=[], example="[python3, manage.py, migrate]"),
        "timeout": _duration(600, "10m"),
    },
    example="{command: [python3, manage.py, migrate]}",
)
_SURGE: dict[str, Node] = {"surge": Text(default="100%", numbers=True, check=values.whole_or_percent, example="50%")}
UPDATE = Record(
    default={},
    fields={
        # Not given is the same as rolling, but is judged only when the service really changes.
        "strategy": Text(default="", choices=("rolling", "canary", "blue_green", "recreate"), example="rolling"),
        "min_healthy": _duration(5, "5s"),
        "healthy_timeout": _duration(120, "2m"),
        "drain_timeout": _duration(60, "60s"),
        "observe": _duration(10, "10s"),
        "migration": MIGRATION,
    },
    selector="strategy",
    variants={
        "": _SURGE,
        "rolling": _SURGE,
        "canary": {**_SURGE, "canary": CANARY},
        "blue_green": {"keep_for": _duration(600, "10m")},
        "recreate": {"maintenance": Text(default="dependents", choices=("dependents", "service", "none"))},
    },
    example="{strategy: rolling}",
)
STACK_UPDATE = Record(
    default={},
    fields={
        "before": Items(
            of=Items(of=Text(default="", numbers=True), default=[], example="[/usr/local/sbin/backup-now]"),
            default=[],
            example="[[/usr/local/sbin/backup-now]]",
        ),
        "before_timeout": _duration(1800, "30m"),
    },
    example="{before: [[/usr/local/sbin/backup-now]]}",
)
