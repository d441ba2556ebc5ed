# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All stacks and hosts on one page: is all well, and where is it not."""

from __future__ import annotations

from ..alert_rules.incidents import INCIDENT
from ..alert_rules.monitoring import ALWAYS
from ..alert_rules.names import BACKUP, CONTAINERS, NODE, REQUESTS, WATCH, WATCHDOG
from ..contracts.dashboards import OVERVIEW
from ..slo import series
from .marks import INCIDENTS, RELEASES
from .panel import (
    NUMBER,
    REQUESTS_PER_SECOND,
    SECONDS,
    SHARE,
    THIRD,
    WHOLE,
    Bounds,
    Dashboard,
    Panel,
    Row,
    Variable,
    graph,
    number,
    states,
    table,
)  # fmt: skip
from .promql import WINDOW, age, rate
from .requests import ROUTED, failed, panels
from .scope import Scope

_DAY = 86400
_STACK, _HOST = 'stack=~"$stack"', 'instance=~"$instance"'
_BOTH = f"{_STACK},{_HOST}"
_ANSWERED = f"{_BOTH},{ROUTED}"


def dashboard(scope: Scope) -> Dashboard:
    """It is always there; each part where Prometheus asks for it."""
    stacks = f"{WATCHDOG}stack_state{{{_HOST}}}" if scope.asks(WATCH) else "http_requests_total"
    variables = (Variable("stack", "stack", stacks),) if scope.asks(WATCH, REQUESTS) else ()
    return Dashboard(
        OVERVIEW,
        "Overview",
        "All stacks and hosts: what is not well, how requests are answered, and what is nearly used up.",
        (Variable("instance", "instance", "up", "Host"), *variables),
        (
            Row("Now", (
                *scope.where(WATCH, panels=_watched()),
                *scope.where(REQUESTS, panels=_requested(scope)),
                number("Budget that is left", SHARE, f"min({series.REMAINING}{{{_STACK}}})", bounds=Bounds(0.25, 0.0, True),
                       empty="nothing measured yet", about="Of the objective that has the least.") if scope.objectives else None,
                number("Newest proven backup", SECONDS, f"max({age(f'{BACKUP}restorable_timestamp_seconds{{{_BOTH}}}')})",
                       bounds=Bounds(None, max((stack.backup_max_age for stack in scope.stacks), default=0) or _DAY),
                       empty="none yet", about="The age of the oldest, of all stacks.") if scope.backups else None,
            )),
            Row("Alerts", (
                table("Alerts that fire", NUMBER, f'ALERTS{{alertstate="firing",alertname!~"{ALWAYS}|{INCIDENT}"}}', width=WHOLE,
                      empty="none", about="Also those that Alertmanager holds back, since something else explains them."),
            )),
            Row("Stacks", (
                *scope.where(WATCH, panels=(
                    states("Services", (
                        f'max by (stack, service) ({WATCHDOG}service_state{{{_BOTH},state="ok"}})', "{{stack}} {{service}}",
                    )),
                )),
                *scope.where(REQUESTS, panels=panels(scope, _ANSWERED, "stack")),
            )),
            Row("Hosts", (
                *scope.where(NODE, panels=_hosts(scope)),
                *scope.where(CONTAINERS, panels=(
                    graph("Containers", NUMBER, (f"count by (instance) (container_last_seen{{{_HOST}}})", "{{instance}}"), width=THIRD),
                )),
                states("Who answers Prometheus", (f"min by (instance, job) (up{{{_HOST}}})", "{{instance}} {{job}}")),
            )),
        ),
        (RELEASES, INCIDENTS) if scope.asks(WATCH) else (),
    )  # fmt: skip


def _watched() -> tuple[Panel, ...]:
    some = Bounds(None, 1)
    bad = f'sum({WATCHDOG}%s{{{_BOTH},state=~"%s"}})'
    return (
        number("Stacks that are not well", NUMBER, bad % ("stack_state", "degraded|down"), bounds=some),
        number("Services that are not well", NUMBER, bad % ("service_state", "degraded|down|affected"), bounds=some),
        number("Open incidents", NUMBER, f"sum({WATCHDOG}incidents_open{{{_HOST}}})", bounds=some),
        number("Next certificate ends in", SECONDS, f"min({WATCHDOG}site_certificate_remaining_seconds{{{_BOTH}}})",
               bounds=Bounds(14 * _DAY, 3 * _DAY, True), empty="no certificate"),
    )  # fmt: skip


def _requested(scope: Scope) -> tuple[Panel, ...]:
    percent = Bounds(scope.limit("error_warning") / 100, scope.limit("error_critical") / 100)
    return (
        number("Requests", REQUESTS_PER_SECOND, rate("http_requests_total", _ANSWERED), empty="none yet"),
        number("Failed", SHARE, failed(_ANSWERED), bounds=percent, empty="no requests"),
    )


def _hosts(scope: Scope) -> tuple[Panel, ...]:
    limits = scope.settings.limits
    disks = f'{_HOST},fstype!~"tmpfs|ramfs|squashfs|iso9660|overlay|nsfs"'
    idle = f'avg by (instance) (rate(node_cpu_seconds_total{{{_HOST},mode="idle"}}[{WINDOW}]))'
    memory = f"1 - node_memory_MemAvailable_bytes{{{_HOST}}} / node_memory_MemTotal_bytes{{{_HOST}}}"
    full = f"max by (instance) (1 - node_filesystem_avail_bytes{{{disks}}} / node_filesystem_size_bytes{{{disks}}})"
    return (
        graph("Processor", SHARE, (f"1 - {idle}", "{{instance}}"), most=1, width=THIRD, bounds=Bounds(None, limits.cpu / 100)),
        graph("Memory", SHARE, (memory, "{{instance}}"), most=1, width=THIRD, bounds=Bounds(None, limits.memory / 100)),
        graph("Fullest file system", SHARE, (full, "{{instance}}"), most=1, width=THIRD, bounds=Bounds(0.8, 0.9)),
    )
