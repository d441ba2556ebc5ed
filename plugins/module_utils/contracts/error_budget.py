# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Error budgets and what follows from them for releases (filter slo_settings, option C(slo) of module compose_rollout, one file a stack in
/etc/latentum-ops/slo)."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Contract, ContractError, option
from .canary import Rule
from .objectives import Objective

RELEASE, REFUSE = "release", "refuse"  # what an unknown budget may mean


@dataclass(frozen=True)
class BudgetPolicy(Contract):
    """From how much is left of a budget on what happens to a release; in percent of the budget."""

    warn_below: float = option("With so much left, or less, a release says so: reliability work comes first.", 50, least=0, most=100)
    canary_below: float = option(
        "With less left, a release goes by canary, also of a service that declares another strategy.", 25, least=0, most=100
    )
    refuse_below: float = option(
        "With less left, no release but a rollback, a security fix that is named, or one with a reason.", 10, least=0, most=100
    )
    unknown: str = option(
        (
            "What it means that Prometheus cannot be asked, or has no number of an objective.",
            "V(release) goes on and says so, V(refuse) refuses.",
        ),
        RELEASE,
        choices=(RELEASE, REFUSE),
    )
    timeout: float = option("How long one answer of Prometheus may take, in seconds.", 5, least=1, most=60)
    canary: Rule | None = option("The trial that such a canary has to pass, of a service that declares none.", None)

    @property
    def trial(self) -> Rule:
        """The rule of a canary that is forced."""
        return self.canary or Rule()

    def check(self, key: str) -> None:
        """:raises ContractError: a bound is above the one that is milder."""
        if not self.refuse_below <= self.canary_below <= self.warn_below:
            raise ContractError(
                f"{key or 'policy'}: refuse_below {self.refuse_below:g}, canary_below {self.canary_below:g} and warn_below"
                f" {self.warn_below:g} must rise in this order"
            )


@dataclass(frozen=True)
class SloSettings(Contract):
    """The objectives of a stack, and who knows what was measured of them."""

    stack: str = option("The stack.")
    objectives: tuple[Objective, ...] = option("What must be good; the result of filter P(latentum.ops.slo_objectives#filter).")
    prometheus: str = option("Address of a Prometheus as the host reaches it; empty, nobody is asked, and no budget decides.", "")
    policy: BudgetPolicy = option("What follows from a budget.", BudgetPolicy())
