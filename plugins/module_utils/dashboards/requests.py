# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels of requests, which several dashboards have: how many, how many of them fail, how long they take."""

from __future__ import annotations

from .panel import REQUESTS_PER_SECOND, SECONDS, SHARE, THIRD, Bounds, Panel, graph
from .promql import quantile, rate, share
from .scope import Scope

# A request to no route is nobody's: a redirect, or a path that leads nowhere.
ROUTED = 'route!=""'
_QUIET = "no requests"


def failed(chosen: str, by: str = "") -> str:
    """The share of requests that fail."""
    return share(rate("http_requests_total", f'{chosen},code=~"5.."', by), rate("http_requests_total", chosen, by))


def panels(scope: Scope, chosen: str, by: str, width: int = THIRD) -> tuple[Panel, ...]:
    """Rate, errors and duration.

    :param chosen: matchers of their series.
    :param by: a label, a series for each value.
    """
    legend = f"{{{{{by}}}}}"
    percent = Bounds(scope.limit("error_warning") / 100, scope.limit("error_critical") / 100)
    return (
        graph("Requests", REQUESTS_PER_SECOND, (rate("http_requests_total", chosen, by), legend), width=width, empty=_QUIET),
        graph("Failed", SHARE, (failed(chosen, by), legend), width=width, bounds=percent, empty=_QUIET,
              about="Answers with a 5xx, of all answers. Nothing is drawn where nobody asks."),
        graph("95 of 100 are answered within", SECONDS, (quantile(0.95, "http_request_duration_seconds", chosen, by), legend), width=width,
              bounds=Bounds(None, scope.limit("latency")), empty=_QUIET,
              about="From the first byte of the request to the last of the answer. The line is the limit for 99 of 100."),
    )  # fmt: skip
