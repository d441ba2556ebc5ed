# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of C(watch) and C(watchdog): how services are watched and healed, and who is told what."""

from __future__ import annotations

from ...schema import values
from ...schema.nodes import Items, Node, Number, Record, Table, Text

SEVERITIES = ("critical", "warning")


def _span(default: float | None, least: float, most: float, example: str) -> Text:
    return Text(default=default, numbers=True, check=values.lasting(least, most), example=example)


def _port(default: int = 0, example: str = "8080") -> Number:
    return Number(required=not default, default=default, least=1, most=65535, example=example)


def _secret(example: str, required: bool = False) -> Text:
    """The name of a secret. Hidden when it cannot be one: then it may be the secret itself."""
    return Text(required=required, default="", hidden=True, check=values.secret_name, example=example)


def _timing(timeout: float) -> dict[str, Node]:
    return {"timeout": _span(timeout, 0.1, 300, "5s"), "interval": _span(None, 1, 86400, "15s")}


HTTP = Record(
    fields={
        "path": Text(default="/", check=values.path, example="/ready"),
        "port": _port(),
        "status": Number(default=200, least=100, most=599, example="200"),
        "match": Text(default="", check=values.expression, example="ok"),
        "max_latency": _span(0, 0, 300, "2s"),
        **_timing(5),
    },
    example="{path: /ready, port: 8080}",
)
TCP = Record(fields={"port": _port(example="6379"), **_timing(5)}, example="{port: 6379}")
COMMAND = Record(
    fields={"run": Items(required=True, of=Text(default="", numbers=True), default=[], example="[redis-cli, ping]"), **_timing(10)},
    example="{run: [redis-cli, ping]}",
)
QUEUE = Record(
    fields={
        "list": Text(
            required=True,
            default="",
            check=values.named(r"[^\x00-\x1f\x7f]{1,512}", "is not the key of a list", "write the key as Redis has it, such as jobs"),
            example="jobs",
        ),
        "max": Number(required=True, default=0, example="1000"),
        "port": _port(6379, "6379"),
        "password_secret": _secret("cache_password"),
        **_timing(5),
    },
    example="{list: jobs, max: 1000}",
)
WATCH = Record(
    default=None,
    fields={
        "severity": Text(default="critical", choices=SEVERITIES),
        "heal": Text(default="restart", choices=("restart", "none")),
        "escalate": Items(of=Text(default="", choices=("recreate", "rollback")), default=[], example="[recreate, rollback]"),
        "max_heals": Number(default=4, least=1, most=100, example="4"),
        "heal_window": _span(600, 10, 86400, "10m"),
        "start_period": _span(30, 0, 3600, "30s"),
        "interval": _span(None, 1, 86400, "15s"),
        "http": Items(of=HTTP, default=[], example=f"[{HTTP.example}]"),
        "tcp": Items(of=TCP, default=[], example=f"[{TCP.example}]"),
        "commands": Items(of=COMMAND, default=[], example=f"[{COMMAND.example}]"),
        "queues": Items(of=QUEUE, default=[], example=f"[{QUEUE.example}]"),
    },
    example="{severity: warning}",
)

_ALERT: dict[str, Node] = {
    "name": Text(
        required=True,
        default="",
        check=values.named(
            r"[a-z][a-z0-9_-]{0,30}", "is not a name for an alert", "write lower case letters, digits, _ and -, such as mail"
        ),
        example="mail",
    ),
    "kind": Text(required=True, default="", choices=("email", "slack", "pagerduty", "apprise"), example="email"),
    "severities": Items(of=Text(default="", choices=SEVERITIES), default=list(SEVERITIES), example="[critical, warning]"),
    "reminder": _span(14400, 60, 2592000, "4h"),
    "burst": Number(default=10, least=1, most=1000, example="10"),
    "per": _span(600, 1, 86400, "10m"),
}
_MAIL = Text(required=True, default="", check=values.email, example="ops@example.com")
ALERT_KINDS: dict[str, dict[str, Node]] = {
    "email": {
        "server": Text(required=True, default="", check=values.server, example="smtp.example.com"),
        "port": Number(default=None, least=1, most=65535, example="587"),
        "tls": Text(default="starttls", choices=("starttls", "tls", "none")),
        "from": _MAIL,
        "to": Items(required=True, of=Text(default="", check=values.email, example=_MAIL.example), default=[], example="[ops@example.com]"),
        "user": Text(default="", example="ops@example.com"),
        "password_secret": _secret("smtp_password"),
    },
    "slack": {"url_secret": _secret("slack_webhook", required=True)},
    "pagerduty": {
        "key_secret": _secret("pagerduty_key", required=True),
        "url": Text(default="https://events.pagerduty.com/v2/enqueue", check=values.web_address, example="https://events.example.com"),
    },
    "apprise": {"url_secret": _secret("ntfy_url", required=True)},
}
# Hidden: an address or a password that stands in the wrong key is still one.
ALERT = Record(
    hidden=True,
    fields=_ALERT,
    selector="kind",
    variants=ALERT_KINDS,
    example="{name: chat, kind: slack, url_secret: slack_webhook}",
)
SITES = Record(
    default=None,
    fields={
        "paths": Table(of=Text(default="/", check=values.path, example="/health"), default={}, example="{app.example.com: /health}"),
        "skip": Items(of=Text(default=""), default=[], example="[intern.example.com]"),
        "timeout": _span(10, 0.1, 300, "10s"),
        "interval": _span(30, 1, 86400, "30s"),
        "certificate_days": Number(default=14, least=1, most=89, example="14"),
    },
    example="{certificate_days: 14}",
)
STATUS_PAGE = Record(
    default=None,
    fields={
        "title": Text(default="", example="LATENTUM"),
        "domain": Text(default="", check=values.domain, example="status.example.com"),
        "path": Text(default="", check=values.path, example="/status"),
        "allow_from": Items(of=Text(check=values.network, example="203.0.113.0/24"), default=[], example="[203.0.113.0/24]"),
    },
    example="{title: LATENTUM, path: /status, allow_from: [203.0.113.0/24]}",
)
WATCHDOG = Record(
    default=None,
    fields={
        "interval": _span(15, 1, 86400, "15s"),
        "confirm": _span(2, 0.1, 300, "2s"),
        "recover": _span(10, 0, 3600, "10s"),
        "runbook": Text(default="", check=values.runbook, example="https://wiki.example.com/{service}"),
        "sites": SITES,
        "backup_max_age": _span(0, 0, 31622400, "26h"),
        "max_connections": Number(default=85, least=1, most=100, example="85"),
        "max_replication_lag": _span(60, 1, 86400, "60s"),
        "deadman": Record(
            hidden=True,
            default=None,
            fields={"url_secret": _secret("deadman_url", required=True), "interval": _span(60, 10, 86400, "60s")},
            example="{url_secret: deadman_url}",
        ),
        "status_page": STATUS_PAGE,
        "alerts": Items(of=ALERT, default=[], example=f"[{ALERT.example}]"),
    },
    example="{interval: 15s}",
)
