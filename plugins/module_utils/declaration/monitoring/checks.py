# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of how a stack is measured."""

from __future__ import annotations

from itertools import pairwise

from ...contracts.error_budget import REFUSE
from ...contracts.monitoring import Monitoring
from ...core.units import spell_duration
from ...schema.nodes import Problem, shown
from ..model import Declaration
from .model import monitoring_of
from .schema import MOST_BUCKETS


def _check_budget(monitoring: Monitoring, problems: list[Problem]) -> None:
    """Bounds that become stricter, and somebody who can be asked."""
    policy = monitoring.budget
    for mild, strict in pairwise(("warn_below", "canary_below", "refuse_below")):
        above, below = getattr(policy, mild), getattr(policy, strict)
        if below > above:
            what = f"is more than {mild}, which is {above:g}: what is stricter would come before what is milder"
            problems.append(Problem(f"monitoring.budget.{strict}", shown(below), what, f"write at most {above:g}"))
    if policy.unknown == REFUSE and not monitoring.prometheus:
        what = "would refuse each release: no monitoring.prometheus is named, so that nobody knows a budget"
        problems.append(
            Problem("monitoring.budget.unknown", shown(policy.unknown), what, "add prometheus: http://127.0.0.1:9090, or remove it")
        )


def check_monitoring(declaration: Declaration, problems: list[Problem]) -> None:
    """Bounds that a histogram can have."""
    if any(problem.key.startswith("monitoring") for problem in problems):
        return
    _check_budget(monitoring_of(declaration), problems)
    buckets = monitoring_of(declaration).buckets
    if not buckets:
        problems.append(
            Problem("monitoring.buckets", "an empty list", "has no bound", "write some, such as [100ms, 300ms, 1s], or remove it")
        )
    if len(buckets) > MOST_BUCKETS:
        what = f"has more than {MOST_BUCKETS} bounds, and each is a series for each route"
        problems.append(Problem("monitoring.buckets", f"a list of {len(buckets)}", what, "keep those that objectives and people ask for"))
    for index, (before, bound) in enumerate(pairwise(buckets), 1):
        if bound <= before:
            what = f"does not follow {spell_duration(before)}: bounds rise"
            problems.append(Problem(f"monitoring.buckets[{index}]", shown(spell_duration(bound)), what, "sort them, each once"))
