# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout needs to know, derived from the declaration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...contracts.update_safety import WAIVERS
from ..model import Declaration


def rollout_policies(declaration: Declaration) -> list[dict[str, Any]]:
    """How each service of the Compose file is updated; durations in seconds. The shape of module compose_rollout's policies."""
    return [
        replace(
            declaration.options(service.name).update.policy,
            service=service.name,
            job=declaration.expect(service) == "completed",
            allow=tuple(waiver for waiver in declaration.options(service.name).allow if waiver in WAIVERS),
        ).to_dict()
        for service in declaration.compose.services.values()
    ]


def rollout_hooks(declaration: Declaration) -> dict[str, Any]:
    """What the host does before a release changes anything: argument lists, and seconds for each."""
    return declaration.update.to_dict()
