# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that fail or take too long, by route, from the log of nginx.

A share of few requests is no rate: below a least number nothing is said, and an objective's floor (C(slos)) tells of a total failure.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..contracts.monitoring import MonitoredStack
from ..slo.promql import number, selector
from .rule import CRITICAL, WARNING, AlertRule

ERRORS, LATENCY = "HighErrorRate", "HighLatency"
_BY = "stack, service, route"
_HALF = 0.5  # an increase that Prometheus extrapolates is a little beside the whole number


def rules(stack: MonitoredStack) -> Iterator[AlertRule]:
    """The alerts of all routes of a stack."""
    limits, labels = stack.limits, {"stack": stack.stack}
    for severity, percent, patience in ((CRITICAL, limits.error_critical, "2m"), (WARNING, limits.error_warning, "5m")):
        yield AlertRule(
            ERRORS,
            f"{_failed(stack)} / {_all(stack)} > {number(percent / 100)} and {_enough(stack)}",
            severity,
            f"{stack.stack}: {{{{ $value | humanizePercentage }}}} of the requests to {{{{ $labels.route }}}} fail",
            f"Answers with a 5xx, over five minutes; {{{{ $labels.service }}}} is behind it. The limit is {number(percent)} %.",
            patience=patience,
            labels=labels,
        )
    yield AlertRule(
        LATENCY,
        f"{_slowest(stack)} > {number(limits.latency)} and {_enough(stack, _counted(stack))}",
        WARNING,
        f"{stack.stack}: one of 100 requests to {{{{ $labels.route }}}} takes {{{{ $value | humanizeDuration }}}} or longer",
        f"The 99th percentile over five minutes; {{{{ $labels.service }}}} is behind it. The limit is {number(limits.latency)} s.",
        patience="5m",
        labels=labels,
    )


def _routes(stack: MonitoredStack, *more: str) -> str:
    return selector({"stack": stack.stack}, 'route!=""', *more)


def _all(stack: MonitoredStack, rise: str = "rate") -> str:
    return f"sum by ({_BY}) ({rise}(http_requests_total{_routes(stack)}[5m]))"


def _failed(stack: MonitoredStack) -> str:
    chosen = _routes(stack, 'code=~"5.."')
    return f"sum by ({_BY}) (rate(http_requests_total{chosen}[5m]))"


def _counted(stack: MonitoredStack) -> str:
    return f"sum by ({_BY}) (increase(http_request_duration_seconds_count{_routes(stack)}[5m]))"


def _slowest(stack: MonitoredStack) -> str:
    return f"histogram_quantile(0.99, sum by ({_BY}, le) (rate(http_request_duration_seconds_bucket{_routes(stack)}[5m])))"


def _enough(stack: MonitoredStack, counted: str = "") -> str:
    return f"{counted or _all(stack, 'increase')} >= {number(stack.limits.min_requests - _HALF)}"
