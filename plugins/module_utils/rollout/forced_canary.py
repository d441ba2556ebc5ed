# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Releases by canary that declare none: what little of an error budget asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from ..contracts.canary import Rule
from .plan import CREATE, REPLACE, ServicePlan


def by_canary(
    plans: Iterable[ServicePlan], rule: Rule, routed: Collection[str], switched: Collection[str] = ()
) -> tuple[list[ServicePlan], list[str]]:
    """The plans of a release that goes by canary, and what is to be said of them.

    :param routed: services that a route leads to: nginx judges a canary by its requests.
    :param switched: services that change in one reload with their routes: no share of the traffic tries them out.
    """
    forced, lines = [], []
    for plan in plans:
        able = plan.policy.strategy in ("rolling", "blue_green") and plan.service in routed and plan.service not in switched
        if plan.action == REPLACE and able:
            policy = replace(plan.policy, strategy="canary", canary=plan.policy.canary or rule)
            lines.append(f"{plan.service}: canary in place of {plan.policy.strategy}, since little of the error budget is left")
            plan = replace(plan, policy=policy)
        elif plan.action in (CREATE, REPLACE) and (plan.policy.strategy != "canary" or plan.service in switched):
            why = _reason(plan, routed, switched)
            lines.append(f"{plan.service}: no canary, although little of the error budget is left: {why}")
        forced.append(plan)
    return forced, lines


def _reason(plan: ServicePlan, routed: Collection[str], switched: Collection[str]) -> str:
    if plan.service not in routed:
        return "no route leads to it"
    if plan.action == CREATE:
        return "it is new"
    return "it is switched together with its routes" if plan.service in switched else "it is recreated"
