# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rollout policy of one service (filter rollout_policies, option C(policies) of module compose_rollout, the policies of a release)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..schema.values import whole_or_percent
from .base import Contract, option
from .canary import Rule

STRATEGIES = ("rolling", "canary", "blue_green", "recreate")
MAINTENANCE = ("dependents", "service", "none")
DAY = 86400


@dataclass(frozen=True)
class Migration(Contract):
    """A command that runs once with the new image before traffic changes."""

    command: tuple[str, ...] = option("Its argument list; no shell is between.")
    timeout: float = option("How long it may take, in seconds; then it is stopped, and the release with it.", 600, least=1, most=DAY)


@dataclass(frozen=True)
class Task(Contract):
    """A command that runs in a new container once it serves."""

    command: tuple[str, ...] = option("Its argument list; no shell is between.")
    timeout: float = option("How long it may take, in seconds.", 600, least=1, most=DAY)
    required: bool = option(
        "Its failure takes the release back; it runs before the release is good. Else the failure is only told, and the release stays.",
        False,
    )


@dataclass(frozen=True)
class Policy(Contract):
    """How one service is updated; durations in seconds."""

    service: str = option("Name of the service.")
    strategy: str = option(
        (
            "V(rolling) replaces batch by batch.",
            "V(canary) gives the first new container a share of the traffic and judges it by what nginx saw.",
            "V(blue_green) starts a whole new set, switches once, and keeps the old set running for a while.",
            "V(recreate) stops the old containers first; nginx answers 503 with C(Retry-After) meanwhile.",
        ),
        "rolling",
        choices=STRATEGIES,
    )
    surge: str = option(
        "New containers beside the old ones in one batch, as a number or a percentage of the replicas.", "100%", check=whole_or_percent
    )
    min_healthy: float = option("How long a new container must stay healthy before it gets traffic, in seconds.", 5, least=0, most=DAY)
    healthy_timeout: float = option(
        "How long a new container may take to become healthy, in seconds; then everything is taken back.", 120, least=1, most=DAY
    )
    drain_timeout: float = option(
        "Longest wait for requests and WebSockets that old containers still answer, in seconds; then they are closed.",
        60,
        least=0,
        most=DAY,
    )
    observe: float = option("How long the new containers are watched before the release is good, in seconds.", 10, least=0, most=DAY)
    keep_for: float = option(
        "How long a blue-green update keeps the old set running for an instant rollback, in seconds.", 600, least=0, most=DAY
    )
    maintenance: str = option(
        "Whose routes answer 503 during V(recreate), those of the service and its dependents, its own, or none.",
        "dependents",
        choices=MAINTENANCE,
    )
    job: bool = option("The service runs to its end; there is nothing to roll.", False)
    allow: tuple[str, ...] = option("Waivers; V(shared_volume) lets two containers write to one volume.", ())
    canary: Rule | None = option("When the trial of V(canary) is passed.", None)
    migration: Migration | None = option("A command that runs once with the new image before traffic changes.", None)
    after: tuple[Task, ...] = option("Commands that run in one of the new containers once all are healthy and serve.", (), sparse=True)

    @property
    def trial(self) -> Rule:
        """The rule of the canary, given or not."""
        return self.canary or Rule()

    def batch(self, replicas: int) -> int:
        """How many new containers are started at once."""
        if self.strategy == "blue_green":
            return replicas
        if self.surge.endswith("%"):
            return max(1, math.ceil(replicas * float(self.surge[:-1]) / 100))
        return max(1, int(self.surge))


@dataclass(frozen=True)
class Hooks(Contract):
    """What the host does before a release changes anything."""

    before: tuple[tuple[str, ...], ...] = option(
        (
            "Commands of the host, as argument lists, that run before anything changes, for example a backup.",
            "One that fails stops the deployment.",
        ),
        (),
    )
    before_timeout: float = option("How long each of them may take, in seconds.", 1800, least=1, most=DAY)
    backup_max_age: float = option(
        (
            "A backup that was restored must not be older than so many seconds; else one is taken, and proven, before anything changes.",
            "One that fails stops the deployment. V(0) is never.",
        ),
        0,
        least=0,
        most=30 * DAY,
        sparse=True,
    )


def policies_from(raw: Sequence[Mapping[str, Any]], *, tolerant: bool = True) -> dict[str, Policy]:
    """Policies by service. Those of a release may be of another engine.

    :raises ContractError: a policy that cannot be read.
    """
    policies = [Policy.from_dict(entry, f"policies[{index}]", tolerant=tolerant) for index, entry in enumerate(raw)]
    return {policy.service: policy for policy in policies}
