# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a stack is measured: what its metrics and its objectives have to agree on."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Contract, option
from .error_budget import BudgetPolicy

# Seconds. Bounds of the histogram of each route; what is slower than the last one is only counted.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0)


@dataclass(frozen=True)
class Monitoring(Contract):
    """What holds for the metrics of a whole stack. Times in seconds."""

    buckets: tuple[float, ...] = option(
        "Bounds of the histograms of response times, rising. An objective of latency needs its bound among them.", BUCKETS
    )
    scrape_interval: float = option("Seconds between two scrapes of one target.", 15, least=1, most=60)
    prometheus: str = option(
        "Address of the Prometheus that has the series of the objectives, as this host reaches it. Without one, nobody is asked what is"
        " left of a budget.",
        "",
    )
    budget: BudgetPolicy = option("What follows for releases from how much is left of an error budget.", BudgetPolicy())
