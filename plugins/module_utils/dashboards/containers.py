# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers: what they use of their limits, what holds them back, and how often they were started."""

from __future__ import annotations

from ..alert_rules.names import CONTAINERS, PROJECT, SERVICE
from ..contracts import dashboards
from .panel import BYTES, BYTES_PER_SECOND, NUMBER, PER_SECOND, SHARE, WHOLE, Bounds, Dashboard, Panel, Row, Variable, graph, table
from .promql import WINDOW, increase, rate
from .scope import Scope

_CHOSEN = f'instance=~"$instance",{PROJECT}=~"$stack",{SERVICE}=~"$service"'
_SERIES = "container_last_seen"


def dashboard(scope: Scope) -> Dashboard | None:
    """Where the watchdog is asked for containers."""
    if not scope.asks(CONTAINERS):
        return None
    return Dashboard(
        dashboards.CONTAINERS,
        "Containers",
        "Each container of the stacks: processor, memory, disks and network, with the limits of its alerts as lines.",
        (
            Variable("instance", "instance", _SERIES, "Host"),
            Variable("stack", PROJECT, f'{_SERIES}{{instance=~"$instance"}}'),
            Variable("service", SERVICE, f'{_SERIES}{{instance=~"$instance",{PROJECT}=~"$stack"}}'),
        ),
        (
            Row("Of their limits", (*saturation(scope, _CHOSEN),)),
            Row("Used", (*usage(_CHOSEN),)),
            Row("Starts", (
                graph("Starts after the first", NUMBER, (
                    increase("latentum_ops_container_restarts_total", _CHOSEN, "name", "15m"), "{{name}}",
                ), bounds=Bounds(None, scope.limit("restarts")), about="Within 15 minutes, whoever started it."),
                graph("Killed for lack of memory", NUMBER, (increase("container_oom_events_total", _CHOSEN, "name", "15m"), "{{name}}"),
                      about="Within 15 minutes."),
                table("Memory now", BYTES, f"sum by (instance, name) (container_memory_working_set_bytes{{{_CHOSEN}}})", width=WHOLE),
            )),
        ),
    )  # fmt: skip


def saturation(scope: Scope, chosen: str) -> tuple[Panel, ...]:
    """How near they are to their limits.

    :param chosen: matchers of their series.
    """
    quota = f"sum by (name) (container_spec_cpu_quota{{{chosen}}}) / sum by (name) (container_spec_cpu_period{{{chosen}}})"
    limit = f"(sum by (name) (container_spec_memory_limit_bytes{{{chosen}}}) > 0)"
    periods = f"({rate('container_cpu_cfs_periods_total', chosen, 'name')} > 0)"
    without = "no container with such a limit"
    return (
        graph("Processor, of its limit", SHARE, (f"{rate('container_cpu_usage_seconds_total', chosen, 'name')} / ({quota})", "{{name}}"),
              bounds=Bounds(None, scope.limit("cpu") / 100), empty=without, width=8),
        graph("Memory, of its limit", SHARE, (f"sum by (name) (container_memory_working_set_bytes{{{chosen}}}) / {limit}", "{{name}}"),
              bounds=Bounds(None, scope.limit("memory") / 100), empty=without, width=8,
              about="Without cached files that nobody has used lately: at the limit the kernel kills."),
        graph("Held back", SHARE, (f"{rate('container_cpu_cfs_throttled_periods_total', chosen, 'name')} / {periods}", "{{name}}"),
              bounds=Bounds(None, scope.limit("throttled") / 100), empty=without, width=8,
              about="The share of the periods in which it had used up its processor limit, and waited."),
    )  # fmt: skip


def usage(chosen: str) -> tuple[Panel, ...]:
    """What they use.

    :param chosen: matchers of their series.
    """
    return (
        graph("Processors", NUMBER, (rate("container_cpu_usage_seconds_total", chosen, "name"), "{{name}}")),
        graph("Memory", BYTES, (f"sum by (name) (container_memory_working_set_bytes{{{chosen}}})", "{{name}}")),
        graph("Network", BYTES_PER_SECOND,
              (rate("container_network_receive_bytes_total", chosen, "name"), "{{name}} received"),
              (rate("container_network_transmit_bytes_total", chosen, "name"), "{{name}} sent"),
              empty="no network of their own"),
        graph("Disks", BYTES_PER_SECOND,
              (rate("container_fs_reads_bytes_total", chosen, "name"), "{{name}} read"),
              (rate("container_fs_writes_bytes_total", chosen, "name"), "{{name}} written"),
              empty="nothing was read or written"),
        graph("Processes", NUMBER, (f"sum by (name) (container_processes{{{chosen}}})", "{{name}}")),
        graph("Limit of memory hit", PER_SECOND, (f"sum by (name) (rate(container_memory_failcnt{{{chosen}}}[{WINDOW}]))", "{{name}}"),
              about="How often the kernel had to make room in it."),
    )  # fmt: skip
