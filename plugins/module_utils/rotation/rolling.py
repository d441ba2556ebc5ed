# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The consumers of a secret, replaced by the rollout that any release takes: beside the old ones, healthy, and without a lost request."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from ..containers.client import Engine
from ..nginx import traffic_plan
from ..nginx.sync import sync
from ..release.pinning import redeclared
from ..release.store import Store
from ..rollout import standby
from ..rollout.deployment import Deployment
from ..rollout.request import ROTATION, Order


class Rolling:
    """What a rotation asks of the rollout; the stack is locked by the rotation already."""

    def __init__(self, stack: str, tell: Callable[[str], None]) -> None:
        self.stack, self.tell = stack, tell

    def roll(self, recreate: Collection[str] = ()) -> list[str]:
        """Bring the live release about again: services whose secrets were written since their containers were made are replaced.

        :param recreate: services to replace in any case.
        :raises DeployFailed: one did not become healthy; the containers from before go on.
        """
        live = Store(self.stack).live()
        if live is None:
            return []
        order = Order(kind=ROTATION, held=True, recreate=tuple(recreate), tell=self.tell)
        sentences = Deployment(self.stack, order).deploy(redeclared(live, "missing")).sentences
        self._settle()
        return sentences

    def _settle(self) -> None:
        """Who gets traffic by a rollout that was killed just before its end: its containers are those that are wanted, so none is begun."""
        left = set(traffic_plan.load(self.stack)) - set(standby.load(self.stack))
        if left:
            traffic_plan.put(self.stack, dict.fromkeys(left))
            sync(Engine())

    def made_since(self, when: float, services: Collection[str]) -> list[str]:
        """Services of which a container was made since then (epoch seconds)."""
        if not services or Store(self.stack).live() is None:
            return []
        made = {container.service for container in Engine().containers(self.stack) if container.created >= when}
        return sorted(made & set(services))

    def strategies(self) -> dict[str, str]:
        """How each service of the live release is replaced."""
        live = Store(self.stack).live()
        policies: Sequence[dict[str, object]] = live.policies if live else []
        return {str(policy.get("service")): str(policy.get("strategy") or "") for policy in policies}
