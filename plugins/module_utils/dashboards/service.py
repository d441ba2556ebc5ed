# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One service: its requests (rate, errors, duration), how near it is to its limits, and the releases that explain a change."""

from __future__ import annotations

from ..alert_rules.names import CONTAINERS, PROJECT, REQUESTS, SERVICE, WATCH, WATCHDOG
from ..contracts import dashboards
from .containers import saturation, usage
from .marks import INCIDENTS, RELEASES
from .panel import NUMBER, PER_SECOND, REQUESTS_PER_SECOND, SECONDS, THIRD, Bounds, Dashboard, Panel, Row, Variable, graph, number, states
from .promql import quantile, rate
from .requests import ROUTED, failed, panels
from .scope import Scope

_CHOSEN = 'stack=~"$stack",service=~"$service"'
_ANSWERED = f"{_CHOSEN},{ROUTED}"
_OF_CONTAINERS = f'{PROJECT}=~"$stack",{SERVICE}=~"$service"'
_QUIET = "no requests"


def dashboard(scope: Scope) -> Dashboard | None:
    """Where the watchdog is asked, which knows the services."""
    if not scope.asks(WATCH):
        return None
    known = f"{WATCHDOG}service_replicas"
    return Dashboard(
        dashboards.SERVICE,
        "Service",
        "One service: requests, errors and times by route, what its containers use of their limits, and its releases as lines.",
        (
            Variable("stack", "stack", known, several=False),
            Variable("service", "service", f'{known}{{stack="$stack"}}', several=False),
        ),
        (
            Row("Now", (*_now(),)),
            Row("Requests", scope.where(REQUESTS, panels=(*panels(scope, _ANSWERED, "route"), *_more()))),
            Row("Saturation", scope.where(CONTAINERS, panels=(*saturation(scope, _OF_CONTAINERS), *usage(_OF_CONTAINERS)))),
            Row("Watchdog", (
                states("Probes", (f"min by (probe) ({WATCHDOG}probe_success{{{_CHOSEN}}})", "{{probe}}"), empty="no probe", width=THIRD),
                graph("Probes took", SECONDS, (f"max by (probe) ({WATCHDOG}probe_latency_seconds{{{_CHOSEN}}})", "{{probe}}"), width=THIRD,
                      empty="no probe"),
                graph("Remedies", NUMBER, (f"sum by (instance) ({WATCHDOG}service_heals_total{{{_CHOSEN}}})", "{{instance}}"), width=THIRD,
                      about="Remedies that the watchdog has begun since it was started."),
            )),
        ),
        (RELEASES, INCIDENTS),
    )  # fmt: skip


def _now() -> tuple[Panel, ...]:
    healthy, wanted = (f"sum({WATCHDOG}service_replicas{name}{{{_CHOSEN}}})" for name in ("_healthy", ""))
    return (
        number("Containers that it lacks", NUMBER, f"{wanted} - {healthy}", bounds=Bounds(None, 1)),
        number("Containers that serve", NUMBER, healthy),
        number("Out of rotation", NUMBER, f"sum({WATCHDOG}service_out_of_rotation{{{_CHOSEN}}})", bounds=Bounds(1)),
        number("Healing given up", NUMBER, f"max({WATCHDOG}service_breaker_open{{{_CHOSEN}}})", bounds=Bounds(None, 1)),
    )


def _more() -> tuple[Panel, ...]:
    durations = "http_request_duration_seconds"
    return (
        graph("By status", REQUESTS_PER_SECOND, (rate("http_requests_total", _ANSWERED, "code"), "{{code}}"), stacked=True, width=THIRD,
              empty=_QUIET),
        graph("Answered within", SECONDS,
              *((quantile(part, durations, _ANSWERED), f"{part * 100:g} of 100") for part in (0.5, 0.95, 0.99)), width=THIRD, empty=_QUIET),
        graph("Its containers took", SECONDS, (quantile(0.95, "http_upstream_duration_seconds", _ANSWERED, "route"), "{{route}}"),
              width=THIRD, empty=_QUIET, about="95 of 100 requests, without what the client took."),
        graph("More than one container was tried", PER_SECOND, (
            rate("http_upstream_retried_requests_total", _ANSWERED, "route"), "{{route}}",
        ), width=THIRD, empty="never"),
        graph("Failed, in all", "percentunit", (failed(_ANSWERED), "all routes"), width=THIRD, empty=_QUIET),
        graph("By method", REQUESTS_PER_SECOND, (rate("http_requests_total", _ANSWERED, "method"), "{{method}}"), width=THIRD,
              empty=_QUIET),
    )  # fmt: skip
