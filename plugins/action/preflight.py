# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers what the roles of a run want of a host, and has the module compare it with what is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.plugin_utils.declared import EACH
from ansible_collections.latentum.ops.plugins.plugin_utils.role_variables import RoleVariables


def takes_part(role: str, run: Collection[str], skip: Collection[str]) -> bool:
    """Whether a run with these tags (``--tags``, ``--skip-tags``) reaches a role; all of its tags begin with its name."""
    named = any(tag == role or tag.startswith(f"{role}_") for tag in run)
    return (named or "all" in run or "tagged" in run) and role not in skip


def included(roles: Iterable[str], variables: Mapping[str, Any]) -> list[str]:
    """Roles that a play does not import, and that somebody has turned on or off: site.yml includes no others."""
    return [role for role in roles if f"__{role}_preflight" not in variables and f"{role}_enabled" in variables]


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """The roles' variables are read here: those of a play that imports its roles are known before the first of them."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _validated, arguments = self.validate_argument_spec(argument_spec={"roles": {"type": "list", "elements": "str", "required": True}})
        tags = {name: variables.get(f"ansible_{name}_tags") or [] for name in ("run", "skip")}
        roles = [role for role in arguments["roles"] if takes_part(role, tags["run"], tags["skip"])]
        wanted: Mapping[str, Any] = {role: variables[name] for role in roles if (name := f"__{role}_preflight") in variables}
        # Those that it includes where somebody has switched them are read from their files.
        chosen = included(roles, variables)
        own = RoleVariables(self._templar, self._loader, chosen, variables)
        wanted = {**wanted, **{role: given for role in chosen if (given := own.get(f"__{role}_preflight")) is not None}}
        units = self._templar.template([variables[name] for role in roles if (name := f"__{role}_service_units") in variables])
        module_arguments = {
            "roles": arguments["roles"],
            "wanted": self._templar.template(wanted),
            "units": sorted({unit for names in units for unit in names}),
            "stacks": self._of_each(variables) if "stack" in wanted else {},
        }
        result: dict[str, Any] = self._execute_module(
            module_name="latentum.ops.preflight", module_args=module_arguments, task_vars=variables
        )
        return result

    def _of_each(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """What role stack wants of each of several stacks, which it runs for one after the other."""
        remembered = variables.get("ops_declared")
        wanted = {}
        for name in remembered.get(EACH) or () if isinstance(remembered, Mapping) else ():
            templar = self._templar.copy_with_new_env(available_variables={**variables, "ops_turn": name})
            wanted[name] = templar.template(variables["__stack_preflight"])
        return wanted
