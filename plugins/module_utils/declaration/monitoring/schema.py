# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of C(monitoring): what metrics and objectives have to agree on."""

from __future__ import annotations

from ...contracts.monitoring import BUCKETS, Monitoring
from ...contracts.nodes import described, duration
from ...schema import values
from ...schema.nodes import Items, Record, Text

MOST_BUCKETS = 30  # each one is a series for each route
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
    },
    example="{buckets: [50ms, 100ms, 300ms, 1s, 5s]}",
)
