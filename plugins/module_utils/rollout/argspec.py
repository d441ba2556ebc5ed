# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of a rollout's policies, and how a module's arguments become a declaration and an order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..contracts.rollout_policy import MAINTENANCE, STRATEGIES
from ..health.argspec import SERVICE
from ..release.pinning import Declared
from .request import Order

CANARY: dict[str, Any] = {
    "share": {"type": "int", "default": 10},
    "duration": {"type": "float", "default": 60.0},
    "min_requests": {"type": "int", "default": 100},
    "max_error_rate": {"type": "float", "default": 1.0},
    "max_latency_ratio": {"type": "float", "default": 1.5},
    "on_low_traffic": {"type": "str", "choices": ["abort", "promote"], "default": "abort"},
    "prometheus": {
        "type": "dict",
        "options": {
            "url": {"type": "str", "required": True},
            "query": {"type": "str", "required": True},
            "max": {"type": "float", "required": True},
        },
    },
}
POLICY: dict[str, Any] = {
    "service": {"type": "str", "required": True},
    "strategy": {"type": "str", "choices": list(STRATEGIES), "default": "rolling"},
    "surge": {"type": "str", "default": "100%"},
    "min_healthy": {"type": "float", "default": 5.0},
    "healthy_timeout": {"type": "float", "default": 120.0},
    "drain_timeout": {"type": "float", "default": 60.0},
    "observe": {"type": "float", "default": 10.0},
    "keep_for": {"type": "float", "default": 600.0},
    "maintenance": {"type": "str", "choices": list(MAINTENANCE), "default": "dependents"},
    "job": {"type": "bool", "default": False},
    "allow": {"type": "list", "elements": "str", "default": []},
    "canary": {"type": "dict", "options": CANARY},
    "migration": {
        "type": "dict",
        "options": {
            "command": {"type": "list", "elements": "str", "required": True},
            "timeout": {"type": "float", "default": 600.0},
        },
    },
}
ARGUMENTS: dict[str, Any] = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["deployed", "rolled_back", "scaled"], "default": "deployed"},
    "compose": {"type": "dict"},
    "directory": {"type": "path"},
    "environment": {"type": "dict", "default": {}},
    "services": {"type": "list", "elements": "dict", "default": [], "options": SERVICE},
    "policies": {"type": "list", "elements": "dict", "default": [], "options": POLICY},
    "domains": {"type": "list", "elements": "str", "default": []},
    "pull": {"type": "str", "choices": ["missing", "always"], "default": "missing"},
    "recreate": {"type": "list", "elements": "str", "default": []},
    "before": {"type": "list", "elements": "list", "default": []},
    "before_timeout": {"type": "float", "default": 1800.0},
    "to": {"type": "str"},
    "replicas": {"type": "dict", "default": {}},
    "force": {"type": "bool", "default": False},
    "wait": {"type": "float", "default": 0.0},
    "attempt": {"type": "str"},
}
KINDS = {"deployed": "deploy", "rolled_back": "rollback", "scaled": "scale"}


def declared_from(given: Mapping[str, Any]) -> Declared:
    """What is to be deployed.

    :raises ValueError: a Compose project without services.
    """
    compose = given["compose"] or {}
    if not compose.get("services"):
        raise ValueError("compose: has no services: write the Compose project, for example with filter compose_project")
    return Declared(
        stack=given["stack"],
        directory=given["directory"] or f"/opt/{given['stack']}",
        project=compose,
        environment=given["environment"],
        services=given["services"],
        policies=given["policies"],
        domains=given["domains"],
        pull=given["pull"],
    )


def order_from(given: Mapping[str, Any], *, check: bool) -> Order:
    """How it is to be carried out."""
    chosen = {"attempt": given["attempt"]} if given["attempt"] else {}
    return Order(
        kind=KINDS[given["state"]],
        force=given["force"],
        wait=given["wait"],
        check=check,
        before=given["before"],
        before_timeout=given["before_timeout"],
        recreate=given["recreate"],
        **chosen,
    )
