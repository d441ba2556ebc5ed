# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers of a stack: near their limits, held back by them, killed at them, or started again and again."""

from __future__ import annotations

from collections.abc import Iterator

from ..contracts.monitoring import MonitoredStack
from ..slo.promql import number, selector
from .names import PROJECT, SERVICE, as_service
from .rule import CRITICAL, WARNING, AlertRule

CPU, MEMORY, THROTTLED = "ContainerCpuHigh", "ContainerMemoryNearLimit", "ContainerThrottled"
KILLED, LOOP = "ContainerOutOfMemory", "ContainerCrashLoop"
_BY = f"instance, name, {SERVICE}"
_WHO = "{{ $labels.name }} on {{ $labels.instance }}"


def rules(stack: MonitoredStack) -> Iterator[AlertRule]:
    """The alerts of all containers of a stack."""
    limits, percent = stack.limits, "{{ $value | humanizePercentage }}"
    quota = f"{_of(stack, 'container_spec_cpu_quota')} / {_of(stack, 'container_spec_cpu_period')}"
    yield _rule(
        stack, CPU, f"{_rise(stack, 'container_cpu_usage_seconds_total')} / ({quota}) > {number(limits.cpu / 100)}", WARNING, "10m",
        f"{_WHO} uses {percent} of its processor limit", "Over five minutes, for ten minutes or longer.",
    )  # fmt: skip
    limit = f"({_of(stack, 'container_spec_memory_limit_bytes')} > 0)"
    yield _rule(
        stack, MEMORY, f"{_of(stack, 'container_memory_working_set_bytes')} / {limit} > {number(limits.memory / 100)}", WARNING, "5m",
        f"{_WHO} uses {percent} of its memory limit", "At the limit the kernel kills a process in it.",
    )  # fmt: skip
    periods = f"({_rise(stack, 'container_cpu_cfs_periods_total')} > 0)"
    held = f"{_rise(stack, 'container_cpu_cfs_throttled_periods_total')} / {periods} > {number(limits.throttled / 100)}"
    yield _rule(
        stack, THROTTLED, held, WARNING, "15m",
        f"{_WHO} is held back in {percent} of the time", "By its processor limit: its requests wait, however idle the host is.",
    )  # fmt: skip
    yield _rule(
        stack, KILLED, f"{_rise(stack, 'container_oom_events_total', 'increase', '10m')} > 0", WARNING, "",
        f"A process in {_WHO} was killed for lack of memory", "In the last ten minutes.",
    )  # fmt: skip
    started = f"{_rise(stack, 'latentum_ops_container_restarts_total', 'increase', '15m')} >= {number(limits.restarts - 0.5)}"
    yield _rule(
        stack, LOOP, started, CRITICAL, "",
        f"{_WHO} was started {{{{ $value | humanize }}}} times in 15 minutes", "It ends again and again, or is killed.",
    )  # fmt: skip


def _rule(stack: MonitoredStack, name: str, expression: str, severity: str, patience: str, summary: str, description: str) -> AlertRule:
    labels = {"stack": stack.stack}
    return AlertRule(name, as_service(expression), severity, f"{stack.stack}: {summary}", description, patience, labels)


def _of(stack: MonitoredStack, metric: str) -> str:
    return f"sum by ({_BY}) ({metric}{selector({PROJECT: stack.stack})})"


def _rise(stack: MonitoredStack, metric: str, function: str = "rate", window: str = "5m") -> str:
    return f"sum by ({_BY}) ({function}({metric}{selector({PROJECT: stack.stack})}[{window}]))"
