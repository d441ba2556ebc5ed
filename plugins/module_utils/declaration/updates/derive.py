# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout needs to know, derived from the declaration."""

from __future__ import annotations

from typing import Any

from ...contracts.update_safety import WAIVERS
from ..model import Declaration


def rollout_policies(declaration: Declaration) -> list[dict[str, Any]]:
    """How each service of the Compose file is updated; durations in seconds. The shape of module compose_rollout's policies."""
    policies = []
    for service in declaration.compose.services.values():
        options = declaration.options(service.name)
        update = options.update
        policies.append(
            {
                "service": service.name,
                "strategy": update.strategy,
                "surge": update.surge,
                "min_healthy": update.min_healthy,
                "healthy_timeout": update.healthy_timeout,
                "drain_timeout": update.drain_timeout,
                "observe": update.observe,
                "keep_for": update.keep_for,
                "maintenance": update.maintenance,
                "job": declaration.expect(service) == "completed",
                "allow": [one for one in options.allow if one in WAIVERS],
                "canary": dict(update.canary) if update.canary else None,
                "migration": dict(update.migration) if update.migration else None,
            }
        )
    return policies


def rollout_hooks(declaration: Declaration) -> dict[str, Any]:
    """What the host does before a release changes anything: argument lists, and seconds for each."""
    return {"before": [list(argv) for argv in declaration.update.before], "before_timeout": declaration.update.before_timeout}
