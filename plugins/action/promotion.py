# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what the hosts of one environment run to the images of another, or to everything that stands against it at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.module_utils.core.masking import clean
from ansible_collections.latentum.ops.plugins.module_utils.core.units import DURATION_HINT, parse_duration
from ansible_collections.latentum.ops.plugins.module_utils.declaration.together.given import ONE, ONLY, SEVERAL
from ansible_collections.latentum.ops.plugins.module_utils.environments.promotion import NotPromoted, Running, promotion
from ansible_collections.latentum.ops.plugins.plugin_utils.environments import declarations, hosts_of

OPTIONS = {
    "source": {"type": "str", "required": True},
    "releases": {"type": "str", "required": True},
    "health": {"type": "str", "required": True},
    "plan": {"type": "str", "required": True},
    "own": {"type": "list", "elements": "str", "default": []},
    "minimum_age": {"type": "raw", "default": 0},
}


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """What the hosts of the source have said is read from their variables; nothing is asked of the host of the task."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Images by digest, and where they come from."""
        super().run(tmp, task_vars)
        _validated, given = self.validate_argument_spec(argument_spec=OPTIONS)
        try:
            age = parse_duration(given["minimum_age"])
        except ValueError:
            raise AnsibleActionFail(f"promote_minimum_age: {given['minimum_age']!r}: {DURATION_HINT}. Nothing was changed.") from None
        variables = task_vars or {}
        hostvars = variables["hostvars"]
        hosts = [
            host
            for host in hosts_of(given["source"], hostvars, list(variables["groups"]["all"]))
            if not _skipped(hostvars[host].get(given["releases"]))
        ]
        running = [_running(host, *(hostvars[host].get(given[key]) for key in ("releases", "health", "plan"))) for host in hosts]
        declared = self._declared(variables)
        try:
            promoted = promotion(given["source"], running, declared, own=given["own"], minimum_age=age)
        except NotPromoted as refusal:
            raise AnsibleActionFail(str(refusal)) from None
        return {"changed": False, "images": dict(promoted.images), "promoted_from": promoted.origin, "notes": list(promoted.notes)}

    def _declared(self, variables: Mapping[str, Any]) -> dict[str, str]:
        """The images of the one stack that the run works on."""
        rendered = {name: self._templar.template(variables.get(name)) for name in (ONE, SEVERAL, ONLY)}
        stacks = declarations(variables["inventory_hostname"], rendered)
        if len(stacks) != 1:
            fix = f"name one, such as -e ops_only={stacks[0].name}" if stacks else "declare ops_stack, or ops_stacks"
            raise AnsibleActionFail(
                f"{ONLY}: {len(stacks)} stacks are declared here, and one is promoted at a time: {fix}. Nothing was changed."
            )
        resolved = stacks[0].compose.resolved["services"]
        return {name: str(resolved[name]["image"]) for name in stacks[0].compose.services if resolved[name].get("image")}


def _skipped(result: Any) -> bool:
    """A host of the environment that has no stack, such as a load balancer."""
    return isinstance(result, Mapping) and bool(result.get("skipped"))


def _running(host: str, releases: Any, health: Any, plan: Any) -> Running:
    """What a host runs, from registered results of compose_release_info, compose_health_info and compose_rollout in check mode."""
    for result, key in ((releases, "releases"), (health, "services")):
        if not isinstance(result, Mapping) or key not in result:
            return Running(host, unseen=clean((result or {}).get("msg") or "it did not answer", 300))
        if key == "releases" and not result["live"]:
            return Running(host)
    if not isinstance(plan, Mapping) or ("plan" not in plan and not plan.get("failed")):
        return Running(host, unseen=clean((plan or {}).get("msg") or "it did not answer", 300))
    live = next(release for release in releases["releases"] if release["live"])
    return Running(
        host,
        release=releases["live"],
        images=dict(live["images"]),
        state=live["state"],
        since=releases.get("live_since") or live["created"],
        underway=releases["underway"],
        ailing={service["service"]: service["reason"] for service in health["services"] if service["state"] != "ok"},
        drift=_drift(plan),
    )


def _drift(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """What a deployment of the repository would change on a host."""
    if plan.get("failed"):
        return (clean(plan.get("msg"), 300),)
    if not plan.get("changed"):
        return ()
    return tuple(plan["plan"]) or ("files of the release",)
