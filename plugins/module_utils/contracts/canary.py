# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rule of a canary: which share it gets, and when its trial is passed."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Contract, option


@dataclass(frozen=True)
class Query(Contract):
    """A Prometheus query whose value must not exceed a maximum."""

    url: str = option("Address of Prometheus as the host reaches it.")
    query: str = option("A query with one value.")
    max: float = option("The largest value that is fine.", least=-1e12, most=1e12)


@dataclass(frozen=True)
class Quality(Contract):
    """A figure that every container tells of itself, compared between the new version and the old one."""

    path: str = option("Path that answers with the figure, as a number or as JSON.")
    port: int = option("Port inside the container; 0 is that of the route.", 0, least=0, most=65535)
    field: str = option("Where the number is in the JSON, such as C(metrics.rmse); empty where the whole answer is the number.", "")
    better: str = option("V(higher) or V(lower) figures are better.", "higher", choices=("higher", "lower"))
    tolerance: float = option("Percent by which the new version may be worse.", 0.0, least=0, most=1000)


@dataclass(frozen=True)
class Rule(Contract):
    """When a canary passes."""

    share: int = option("Percent of the requests that the first new container gets.", 10, least=1, most=50)
    duration: float = option(
        "How long the trial takes, in seconds; it ends at once when the new version is worse.", 60, least=0, most=86400
    )
    min_requests: int = option("Fewer requests to the new version say nothing.", 100, least=1, most=10_000_000)
    max_error_rate: float = option(
        "Percentage points by which the new version may fail more often than the old one at the same time.", 1.0, least=0, most=100
    )
    max_latency_ratio: float = option("95th percentile of the new version over that of the old one.", 1.5, least=1, most=1000)
    on_low_traffic: str = option("What happens when there was too little traffic to judge.", "abort", choices=("abort", "promote"))
    prometheus: Query | None = option("A query whose value must not exceed a maximum.", None)
    quality: Quality | None = option("A figure that every container tells of itself; the new version must not be worse.", None, sparse=True)
    objectives: bool = option(
        (
            "The objectives of the service and of its routes are asked, too, and a budget that burns as fast as pages somebody refuses"
            " the canary."
        ),
        False,
        sparse=True,
    )


def seen_after(scrape_interval: float) -> float:
    """Seconds until the shortest window of an objective lies within a trial: a minute or four scrapes, one more, and an evaluation."""
    return max(60.0, 4 * scrape_interval) + scrape_interval + 30
