# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report with everything in it that a form has to bear."""

from __future__ import annotations

from dataclasses import replace

from ansible_collections.latentum.ops.plugins.module_utils.capacity.report import Advice, Cost, CostRow, Report, Resource, ServiceUse

DAY, GIB = 86400.0, 2.0**30
END = 1_793_491_200.0  # 2026-11-01 00:00 UTC
START = END - 31 * DAY
NASTY = "web|<script>alert(1)</script>`*_#\n[x](y)"


def disk(name: str = "/", **changed: object) -> Resource:
    """A disk that fills."""
    history = tuple((START + number * DAY, (50 + number) * GIB) for number in range(31))
    made = Resource(
        "disk", name, used=80 * GIB, capacity=100 * GIB, outlook="fills", per_day=GIB, per_day_low=0.8 * GIB, per_day_high=1.3 * GIB,
        residual=0.1 * GIB, earliest=END + 15 * DAY, expected=END + 20 * DAY, latest=END + 25 * DAY, beyond=END + 180 * DAY, now=80 * GIB,
        days=31, history=history,
    )  # fmt: skip
    return replace(made, **changed)  # type: ignore[arg-type]  # what a test gives


def report(host: str = "web1", *resources: Resource, service: str = "web", cost: bool = True) -> Report:
    """Of one host."""
    web = ServiceUse(
        "shop", service, 2, 31.0, 2.0, 0.5, 0.4, 1.5, 0.2, 2 * GIB, GIB, 0.9 * GIB, 1.1 * GIB, 1, 5000.0, 0.0,
        Advice("raise", 2.5, "held back in 20% of its periods"), Advice("lower", 1.5 * GIB, "its peak is 55% of the limit"), "does nothing",
    )  # fmt: skip
    bill = Cost("EUR", "100.00", "use", (CostRow("shop", 0.5, 0.25, "37.50"), CostRow("nobody (idle)", 0.5, 0.75, "62.50")))
    return Report(host, START, END, 1, 1.0, START, 4.0, 8 * GIB, resources or (disk(),), (web,), bill if cost else None, ("one note",))
