# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of a rollout's policies, and how a module's arguments become a declaration and an order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..contracts.argspec import argspec
from ..contracts.base import fields
from ..contracts.carried_files import Carried
from ..contracts.delivery import ADOPT, REFUSE, REPLACE
from ..contracts.error_budget import SloSettings
from ..contracts.health import Expectation, expectations_from
from ..contracts.registered_model import RegisteredModel, models_from
from ..contracts.rollout_policy import Hooks, Policy, policies_from
from ..contracts.routes import Routes, routes_from
from ..contracts.upstreams import upstreams_from
from ..release.pinning import Declared, with_references
from ..slo.gate import passage
from .request import Order

ARGUMENTS: dict[str, Any] = {
    "stack": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["deployed", "rolled_back", "scaled"], "default": "deployed"},
    "compose": {"type": "dict"},
    "images": {"type": "dict", "default": {}},
    "promoted_from": {"type": "str", "default": ""},
    "site_run": {"type": "str", "choices": ["", ADOPT, REPLACE, REFUSE], "default": ""},
    "directory": {"type": "path"},
    "environment": {"type": "dict", "default": {}},
    "services": {"type": "list", "elements": "dict", "default": [], "options": argspec(Expectation)},
    "policies": {"type": "list", "elements": "dict", "default": [], "options": argspec(Policy)},
    # What each upstream may say, its contract judges.
    "routes": {"type": "dict", "options": {"upstreams": {"type": "list", "elements": "dict"}, "sites": {"type": "dict"}}},
    "files": {"type": "list", "elements": "dict", "default": [], "options": argspec(Carried)},
    "models": {"type": "list", "elements": "dict", "default": [], "options": argspec(RegisteredModel)},
    "versions": {"type": "dict", "default": {}},
    "domains": {"type": "list", "elements": "str", "default": []},
    "slo": {"type": "dict", "default": {}},  # its contract judges it
    "security_fix": {"type": "str", "default": ""},
    "budget_override": {"type": "str", "default": ""},
    "pull": {"type": "str", "choices": ["missing", "always"], "default": "missing"},
    "recreate": {"type": "list", "elements": "str", "default": []},
    **argspec(Hooks),
    "to": {"type": "str"},
    "replicas": {"type": "dict", "default": {}},
    "force": {"type": "bool", "default": False},
    "automatic": {"type": "bool", "default": False},
    "wait": {"type": "float", "default": 0.0},
    "confirm": {"type": "str", "default": ""},
    "attempt": {"type": "str"},
    "detach": {"type": "bool", "default": False},
}
KINDS = {"deployed": "deploy", "rolled_back": "rollback", "scaled": "scale"}


def _routes(given: Mapping[str, Any] | None) -> Routes | None:
    """Routes with every option of their upstreams written out, so that they compare with those of a host."""
    routes = routes_from(given)
    return routes and replace(routes, upstreams=tuple(upstream.to_dict() for upstream in upstreams_from(routes.upstreams, tolerant=False)))


def _versions(given: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What somebody asks for.

    :raises ValueError: of a model that is not declared.
    """
    known = [str(model["name"]) for model in models]
    for name in given:
        if name not in known:
            raise ValueError(f"versions: {name!r} is no model: write one of {', '.join(known) or '(none is declared)'}")
    return {name: str(version) for name, version in given.items()}


def declared_from(given: Mapping[str, Any]) -> Declared:
    """What is to be deployed.

    :raises ValueError: a Compose project without services; a policy or an expectation that cannot be.
    """
    compose = given["compose"] or {}
    if not compose.get("services"):
        raise ValueError("compose: has no services: write the Compose project, for example with filter compose_project")
    policies_from(given["policies"], tolerant=False)
    expectations_from(given["services"], tolerant=False)
    return Declared(
        stack=given["stack"],
        directory=given["directory"] or f"/opt/{given['stack']}",
        project=with_references(compose, {service: str(reference) for service, reference in given["images"].items()}),
        environment=given["environment"],
        services=given["services"],
        policies=[_without_empty(policy) for policy in given["policies"]],
        domains=given["domains"],
        routes=_routes(given["routes"]),
        pull=given["pull"],
        models=models_from(given["models"], tolerant=False),
        versions=_versions(given["versions"], given["models"]),
        files=tuple(Carried.from_dict(item, f"files[{index}]") for index, item in enumerate(given["files"])),
    )


_SPARSE = {field.key for field in fields(Policy) if field.option.sparse}


def _without_empty(policy: Mapping[str, Any]) -> dict[str, Any]:
    """A policy as the declaration has it: AnsibleModule fills in what is left out there."""
    return {name: value for name, value in policy.items() if value or name not in _SPARSE}


def slo_from(given: Mapping[str, Any]) -> SloSettings | None:
    """The objectives of the stack.

    :raises ValueError: of another form.
    """
    return SloSettings.from_dict(given["slo"], "slo") if given["slo"] else None


def order_from(given: Mapping[str, Any], *, check: bool) -> Order:
    """How it is to be carried out.

    :raises ValueError: objectives of another form, or an exemption without a reason.
    """
    chosen = {"attempt": given["attempt"]} if given["attempt"] else {}
    return Order(
        kind=KINDS[given["state"]],
        force=given["force"],
        automatic=given["automatic"],
        wait=given["wait"],
        check=check,
        before=given["before"] if given["state"] == "deployed" else None,
        before_timeout=given["before_timeout"],
        backup_max_age=given["backup_max_age"],
        recreate=given["recreate"],
        promoted_from=given["promoted_from"],
        slo=slo_from(given),
        passage=passage(given["budget_override"], given["security_fix"]),
        **chosen,
    )
