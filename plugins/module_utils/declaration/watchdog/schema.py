# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of C(watch) and C(watchdog): how services are watched and healed, and who is told what."""

from __future__ import annotations

from ...contracts.nodes import described, duration, number, text
from ...contracts.watchdog_settings import ALERT_SEVERITIES, SEVERITIES, Alert, DeadmanSpec, ServiceSpec, SiteSpec, StackSpec
from ...schema import values
from ...schema.nodes import Items, Node, Number, Record, Table, Text
from ..forms import networks, port, secret
from .freshness_schema import FRESHNESS_TABLE


def _span(default: float | None, least: float, most: float, example: str, description: str, implied: str = "") -> Text:
    check = values.lasting(least, most)
    return Text(default=default, numbers=True, check=check, example=example, description=description, implied=implied)


def _timing(timeout: float) -> dict[str, Node]:
    return {
        "timeout": _span(timeout, 0.1, 300, "5s", "No answer in this time is a failure."),
        "interval": _span(None, 1, 86400, "15s", "Time between two looks.", "that of the service, else of the stack"),
    }


HTTP = Record(
    description="A request that must be answered. One with the path and port of C(probe) takes its place.",
    fields={
        "path": Text(default="/", check=values.path, example="/ready", description="Path of the request."),
        "port": port("The port inside the container."),
        "status": Number(default=200, least=100, most=599, example="200", description="The answer; redirects are not followed."),
        "match": Text(
            default="",
            check=values.expression,
            example="ok",
            description="Must be found in the answer. A backslash stands as it is between single quotes.",
        ),
        "max_latency": _span(0, 0, 300, "2s", "A slower answer is a failure.", "not looked at"),
        **_timing(5),
    },
    example="{path: /ready, port: 8080}",
)
TCP = Record(
    description="A connection that must be accepted.",
    fields={"port": port("The port inside the container.", example="6379"), **_timing(5)},
    example="{port: 6379}",
)
COMMAND = Record(
    description="A command in the container that must end with 0.",
    fields={
        "run": Items(
            required=True,
            of=Text(default="", numbers=True),
            default=[],
            example="[redis-cli, ping]",
            description="Its words; no shell is between.",
        ),
        **_timing(10),
    },
    example="{run: [redis-cli, ping]}",
)
_KEY = values.named(r"[^\x00-\x1f\x7f]{1,512}", "is not the key of a list", "write the key as Redis has it, such as jobs", "string")
QUEUE = Record(
    description="A list of the Redis in this service that must not grow too long. That is told; no restart would help.",
    fields={
        "list": Text(required=True, default="", check=_KEY, example="jobs", description="The key of the list."),
        "max": Number(required=True, default=0, example="1000", description="More entries are a failure."),
        "port": port("The port inside the container.", 6379, "6379"),
        "password_secret": secret("The password of Redis.", "cache_password"),
        **_timing(5),
    },
    example="{list: jobs, max: 1000}",
)
WATCH = Record(
    default=None,
    description="How it is probed and healed; not for a job. Probes are carried out by the host, in each container of the service.",
    fields={
        "severity": text(ServiceSpec, "severity"),
        "heal": text(ServiceSpec, "heal"),
        "escalate": Items(
            of=text(ServiceSpec, "escalate", default=""),
            default=[],
            example="[recreate, rollback]",
            description=described(ServiceSpec, "escalate"),
        ),
        "max_heals": number(ServiceSpec, "max_heals"),
        "heal_window": duration(ServiceSpec, "heal_window", "10m", description="The time in which restarts are counted."),
        "start_period": duration(
            ServiceSpec,
            "start_period",
            "30s",
            description="After a start probes are not judged for so long, where the container has no healthcheck.",
        ),
        "interval": _span(
            None, 1, 86400, "15s", "Time between two looks of all its probes that have none of their own.", "that of the stack"
        ),
        "http": Items(of=HTTP, default=[], example=f"[{HTTP.example}]", description="Requests that must be answered."),
        "tcp": Items(of=TCP, default=[], example=f"[{TCP.example}]", description="Connections that must be accepted."),
        "commands": Items(of=COMMAND, default=[], example=f"[{COMMAND.example}]", description="Commands that must end with 0."),
        "queues": Items(of=QUEUE, default=[], example=f"[{QUEUE.example}]", description="Lists of Redis that must not grow too long."),
    },
    example="{severity: warning}",
)

_NAME = values.named(r"[a-z][a-z0-9_-]{0,30}", "is not a name for an alert", "write lower case letters, digits, _ and -, such as mail")
_ADDRESS = Text(required=True, default="", check=values.email, example="ops@example.com", description="The sender.")
ALERT_KINDS: dict[str, dict[str, Node]] = {
    "email": {
        "server": Text(
            required=True,
            default="",
            check=values.server,
            example="smtp.example.com",
            description="Host name or address of the mail server.",
        ),
        "port": Number(
            default=None,
            least=1,
            most=65535,
            example="587",
            description="Its port.",
            implied="V(587), with C(tls) V(465), with C(none) V(25)",
        ),
        "tls": Text(
            default="starttls",
            choices=("starttls", "tls", "none"),
            description="V(tls) is TLS from the first byte; V(none) sends in the open.",
        ),
        "from": _ADDRESS,
        "to": Items(
            required=True,
            of=Text(default="", check=values.email, example=_ADDRESS.example),
            default=[],
            example="[ops@example.com]",
            description="Who reads it.",
        ),
        "user": Text(default="", example="ops@example.com", description="Together with C(password_secret); not with C(tls=none)."),
        "password_secret": secret("The password of C(user).", "smtp_password"),
    },
    "slack": {"url_secret": secret("The secret that has the address.", "slack_webhook", required=True)},
    "pagerduty": {
        "key_secret": secret("The secret that has the integration key.", "pagerduty_key", required=True),
        "url": Text(
            default="https://events.pagerduty.com/v2/enqueue",
            check=values.web_address,
            example="https://events.example.com",
            description="The receiver of the events.",
        ),
    },
    "apprise": {"url_secret": secret("The secret that has the address.", "ntfy_url", required=True)},
}
# Hidden: an address or a password that stands in the wrong key is still one.
ALERT = Record(
    hidden=True,
    description="A way to tell people.",
    fields={
        "name": Text(required=True, default="", check=_NAME, example="mail", description="Its name in messages. Each name once."),
        "kind": Text(
            required=True,
            default="",
            choices=tuple(ALERT_KINDS),
            example="email",
            description="By what they are told; V(apprise) is whatever the library Apprise has an address for.",
        ),
        "severities": Items(
            of=Text(default="", choices=ALERT_SEVERITIES),
            default=list(SEVERITIES),
            example="[critical, warning]",
            description=described(Alert, "severities"),
        ),
        "deployments": text(Alert, "deployments", "success"),
        "reminder": duration(Alert, "reminder", "4h", description="An incident that is still open is told again after this time."),
        "burst": number(Alert, "burst"),
        "per": duration(Alert, "per", "10m", description="The time in which C(burst) is counted."),
    },
    selector="kind",
    variants=ALERT_KINDS,
    example="{name: chat, kind: slack, url_secret: slack_webhook}",
)
SITES = Record(
    default=None,
    description="Domains as clients reach them, through nginx.",
    fields={
        "paths": Table(
            of=Text(default="/", check=values.path, example="/health"),
            default={},
            example="{app.example.com: /health}",
            description="The path that is asked for, by domain.",
            implied="the probe of the service, else the path of the widest route",
        ),
        "skip": Items(
            of=Text(default=""),
            default=[],
            example="[intern.example.com]",
            description="Domains that are not looked at, such as one that is C(allow_from) others only.",
        ),
        "timeout": duration(SiteSpec, "timeout", "10s", description="No answer in this time is a failure."),
        "interval": duration(SiteSpec, "interval", "30s", description="Time between two looks."),
        "certificate_days": number(SiteSpec, "certificate_days"),
    },
    example="{certificate_days: 14}",
)
STATUS_PAGE = Record(
    default=None,
    description="The status page; without C(path) and C(domain) it is only on the host.",
    fields={
        "title": Text(default="", example="LATENTUM", description="Its heading.", implied="the stack's name"),
        "domain": Text(
            default="",
            check=values.domain,
            example="status.example.com",
            description="Its domain; one that no route has gets a site and a certificate.",
            implied="that of the first route",
        ),
        "path": Text(default="", check=values.path, example="/status", description="Where nginx serves it."),
        "allow_from": networks("Who may see it; others get a 403. Required with C(path) or C(domain)."),
    },
    example="{title: LATENTUM, path: /status, allow_from: [203.0.113.0/24]}",
)
WATCHDOG = Record(
    default=None,
    description="What is watched beside the services, and who is told.",
    fields={
        "interval": duration(StackSpec, "interval", "15s", description="Time between two looks of a probe that says nothing else."),
        "confirm": duration(
            StackSpec,
            "confirm",
            "2s",
            description="A failed probe is looked at again after this time, before anything is done or told.",
        ),
        "recover": duration(StackSpec, "recover", "10s", description="All must be well for so long before an incident ends."),
        "runbook": text(StackSpec, "runbook", "https://wiki.example.com/{service}", check=values.runbook),
        "sites": SITES,
        "backup_max_age": _span(0, 0, 366 * 86400, "26h", "A newest restorable backup that is older is told.", "C(backups.stale_after)"),
        "max_connections": Number(
            default=85, least=1, most=100, example="85", description="Percent of a database's connections from which on it is told."
        ),
        "max_replication_lag": _span(60, 1, 86400, "60s", "Time by which a standby may be behind."),
        "deadman": Record(
            hidden=True,
            default=None,
            description="An address that is called as long as the watchdog works; what is behind it misses the calls of a dead host.",
            fields={
                "url_secret": secret("The secret that has the address.", "deadman_url", required=True),
                "interval": duration(DeadmanSpec, "interval", "60s", description="Time between two calls."),
            },
            example="{url_secret: deadman_url}",
        ),
        "status_page": STATUS_PAGE,
        "freshness": FRESHNESS_TABLE,
        "alerts": Items(of=ALERT, default=[], example=f"[{ALERT.example}]", description=described(StackSpec, "alerts")),
    },
    example="{interval: 15s}",
)
