# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objectives: what is left of each error budget, and how fast it burns."""

from __future__ import annotations

from ..contracts.dashboards import OBJECTIVES
from ..slo import series
from ..slo.windows import WHOLE
from .marks import RELEASES
from .panel import NUMBER, SECONDS, SHARE, Bounds, Dashboard, Row, Variable, graph, number, table
from .scope import Scope

_CHOSEN = '{stack=~"$stack",slo=~"$slo"}'
_WHO = "{{stack}} {{slo}}"
_YOUNG = "nothing measured yet"


def dashboard(scope: Scope) -> Dashboard | None:
    """Where a stack has objectives."""
    if not scope.objectives:
        return None
    of = series.OBJECTIVE
    left, burning = f"{series.REMAINING}{_CHOSEN}", f"{series.BURN_RATE}{_CHOSEN}"
    return Dashboard(
        OBJECTIVES,
        "Objectives",
        "Error budgets of all objectives: what is left, how fast it burns, and when it is spent at this pace.",
        (Variable("stack", "stack", of), Variable("slo", "slo", f'{of}{{stack=~"$stack"}}', "Objective")),
        (
            Row("Now", (
                number("Least budget that is left", SHARE, f"min({left})", bounds=Bounds(0.25, 0.0, True), empty=_YOUNG),
                number("Objectives whose budget is spent", NUMBER, f"count({left} <= 0) or 0 * count({left})",
                       bounds=Bounds(None, 1), empty=_YOUNG),
                number("Fastest burn rate", NUMBER, f"max({burning})", bounds=Bounds(1, 6), empty=_YOUNG, decimals=2,
                       about="Over six hours. At 1 a budget lasts for exactly its window."),
                number("First budget is spent in", SECONDS, f"min({series.SPENT_IN}{_CHOSEN})", empty="none is, at this pace"),
            )),
            Row("Budgets", (
                graph("Budget that is left", SHARE, (left, _WHO), least=None, most=1, bounds=Bounds(0.25, 0.0, True), empty=_YOUNG),
                graph("Burn rate", NUMBER, (burning, _WHO), bounds=Bounds(1, 6), empty=_YOUNG),
                graph("Failed, in an hour", SHARE, (f"{series.error_ratio('1h')}{_CHOSEN}", _WHO), empty=_YOUNG),
                graph("Failed, in the whole window", SHARE, (f"{series.error_ratio(WHOLE)}{_CHOSEN}", _WHO), empty=_YOUNG,
                      about="Requests, runs or minutes, as the objective counts."),
                graph("Events in an hour", NUMBER, (f"{series.events('1h')}{_CHOSEN}", _WHO), empty=_YOUNG),
                graph("Failed events in an hour", NUMBER, (f"{series.failed('1h')}{_CHOSEN}", _WHO), empty=_YOUNG),
                table("Objectives", SHARE, f"{of}{_CHOSEN}", width=24, decimals=3),
            )),
        ),
        (RELEASES,),
        span="7d",
    )  # fmt: skip
