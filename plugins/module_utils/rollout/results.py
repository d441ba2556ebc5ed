# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The outcome of a deployment as plain data: what modules return, and opsctl with `--json`."""

from __future__ import annotations

from typing import Any

from .request import Outcome
from .table import table


def as_dict(outcome: Outcome) -> dict[str, Any]:
    """Release, plan, services with digests, requests and seconds."""
    return {
        "release": outcome.release,
        "previous": outcome.previous,
        "found": outcome.found,
        "plan": outcome.sentences,
        "kept": {service: [container.name for container in containers] for service, containers in outcome.kept.items()},
        "services": [
            {
                "service": plan.service,
                "action": plan.action,
                "strategy": plan.policy.strategy,
                "replicas": plan.replicas,
                "reason": plan.reason,
            }
            | {"digest_before": before, "digest": after}
            for plan, (_name, before, after) in zip(outcome.plans, outcome.digests, strict=True)
        ],
        "steps": outcome.phases.as_list(),
        "budget": list(outcome.budget),
        "delivered": list(outcome.delivered),
        "failed_tasks": list(outcome.failed_tasks),
        "requests": outcome.served,
        "failed_requests": outcome.failed,
        "maintenance_requests": outcome.maintenance,
        "seconds": {what: round(seconds, 2) for what, seconds in outcome.timings},
        "table": table(outcome),
    }
