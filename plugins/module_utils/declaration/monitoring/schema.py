# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(monitoring): what metrics and objectives have to agree on."""

from __future__ import annotations

from urllib.parse import urlsplit

from ...contracts.capacity import Prices, StackReport
from ...contracts.error_budget import BudgetPolicy
from ...contracts.monitoring import BUCKETS, Monitoring, StackLimits
from ...contracts.nodes import decimal, described, duration, flag, number, text
from ...contracts.watchdog_settings import DeadmanSpec
from ...core.loopback import is_loopback
from ...schema import values
from ...schema.nodes import Items, Record, Refused, Text
from ..forms import secret
from ..updates.schema import CANARY
from .dashboards_schema import DASHBOARDS

MOST_BUCKETS = 30  # each one is a series for each route


@values.form("address", r"^https?://\S+$")
def own_prometheus(value: str) -> str:
    """The address of a Prometheus: over the network, whoever can change an answer on its way decides about releases."""
    address = values.web_address(value).removesuffix("/api/v1")
    try:
        parts = urlsplit(address)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise Refused("is not the address of a service", "write a number from 1 to 65535 as its port") from None
    if parts.query or parts.fragment:
        raise Refused("has a query", "write the address up to what stands before /api/v1")
    if parts.scheme == "http" and not is_loopback(host):
        raise Refused(
            "is reached over the network without TLS",
            "write an address of this host, such as http://127.0.0.1:9090 (an SSH or TLS tunnel leads elsewhere), or https://",
        )
    return address


currency = values.named(
    r"[^\s|<>&`]{1,8}", "is not the name of a currency", "write up to 8 characters without blanks, such as EUR or US$", "currency"
)


# A figure that containers tell of themselves has a path of one service.
TRIAL = Record(
    default=None,
    description=described(BudgetPolicy, "canary"),
    fields={name: node for name, node in CANARY.fields.items() if name != "quality"},
    example="{share: 10, duration: 5m, on_low_traffic: promote}",
)
BUDGET = Record(
    default=None,
    description=described(Monitoring, "budget"),
    fields={
        "warn_below": decimal(BudgetPolicy, "warn_below", "50"),
        "canary_below": decimal(BudgetPolicy, "canary_below", "25"),
        "refuse_below": decimal(BudgetPolicy, "refuse_below", "10"),
        "unknown": text(BudgetPolicy, "unknown"),
        "timeout": duration(BudgetPolicy, "timeout", "5s"),
        "canary": TRIAL,
    },
    example="{warn_below: 50, canary_below: 25, refuse_below: 10}",
)
LIMITS = Record(
    default=None,
    description="From where on alerts fire, where role C(monitoring) is on.",
    fields={
        "error_warning": decimal(StackLimits, "error_warning", "5"),
        "error_critical": decimal(StackLimits, "error_critical", "10"),
        "latency": duration(
            StackLimits,
            "latency",
            "2s",
            default=None,
            description="Time within which 99 of 100 requests to a route are answered.",
            implied="V(2s), or half of the last of C(monitoring.buckets)",
        ),
        "min_requests": number(StackLimits, "min_requests"),
        **{name: decimal(StackLimits, name, example) for name, example in (("cpu", "80"), ("memory", "85"), ("throttled", "25"))},
        "restarts": number(StackLimits, "restarts"),
        "replication_bytes": decimal(StackLimits, "replication_bytes", "1073741824"),
        "redis_memory": decimal(StackLimits, "redis_memory", "90"),
        "disabled": Items(of=Text(default=""), default=[], example="[HighLatency]", description=described(StackLimits, "disabled")),
    },
    example="{error_critical: 10, latency: 1s}",
)
PRICES = Record(
    default=None,
    description=described(StackReport, "prices"),
    fields={
        "currency": text(Prices, "currency", "EUR", check=currency),
        "host_month": decimal(Prices, "host_month", "49.90"),
        "cpu_hour": decimal(Prices, "cpu_hour", "0.012"),
        "memory_gb_month": decimal(Prices, "memory_gb_month", "3.50"),
        "disk_gb_month": decimal(Prices, "disk_gb_month", "0.05"),
        "by": text(Prices, "by"),
        "idle": text(Prices, "idle"),
    },
    example="{currency: EUR, host_month: 49.90}",
)
REPORT = Record(
    default=None,
    description="The report of capacity and cost, C(opsctl report), where role C(monitoring) is on.",
    fields={"monthly": flag(StackReport, "monthly"), "prices": PRICES},
    example="{monthly: true, prices: {host_month: 49.90}}",
)
MONITORING = Record(
    default=None,
    description="How the stack is measured.",
    fields={
        "buckets": Items(
            of=Text(default=None, numbers=True, check=values.lasting(0.001, 3600), example="300ms"),
            default=list(BUCKETS),
            example="[50ms, 100ms, 300ms, 1s, 5s]",
            description=described(Monitoring, "buckets"),
            implied="V(5ms) to V(30s) in 14 steps",
        ),
        "scrape_interval": duration(
            Monitoring, "scrape_interval", "15s", description="Time between two scrapes of one target, as Prometheus is set up to do."
        ),
        # Hidden: what is refused may have a password in it.
        "prometheus": text(Monitoring, "prometheus", "http://127.0.0.1:9090", check=own_prometheus, hidden=True),
        "budget": BUDGET,
        "limits": LIMITS,
        "dashboards": DASHBOARDS,
        "deadman": Record(
            hidden=True,
            default=None,
            description="An address that is called as long as Prometheus and Alertmanager work; what is behind it misses the calls."
            " Another one than that of the watchdog, which goes on calling when these two are gone.",
            fields={
                "url_secret": secret("The secret that has the address.", "monitoring_deadman_url", required=True),
                "interval": duration(DeadmanSpec, "interval", "60s", description="Time between two calls."),
            },
            example="{url_secret: monitoring_deadman_url}",
        ),
        "report": REPORT,
    },
    example="{buckets: [50ms, 100ms, 300ms, 1s, 5s]}",
)
