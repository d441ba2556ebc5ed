# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates the variables of all roles of a play at once, before the first of them changes anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.plugin_utils.left_out import lost, refused

ROLES = Path(__file__).parents[2] / "roles"


def argument_spec(role: str) -> dict[str, Any]:
    """The options of a role's main entry point, without their texts."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)((ROLES / role / "meta/argument_specs.yml").read_bytes())
    options: dict[str, Any] = loader.get_single_data()["argument_specs"]["main"]["options"]
    return options


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """What Ansible does before each role, a task and a reading of all variables each time, in one task."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fails with every error of every role."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _validated, arguments = self.validate_argument_spec(
            argument_spec={
                "roles": {"type": "list", "elements": "str", "required": True},
                "left_out": {"type": "list", "elements": "str", "default": []},
            }
        )
        left_out = arguments["left_out"]
        if reasons := list(refused(left_out)):
            return {"failed": True, "msg": "\n".join([*reasons, "nothing was changed"]), "argument_errors": {}}
        errors = {role: role_errors for role in arguments["roles"] if (role_errors := self._errors(role, variables))}
        if errors:
            lines = [f"{role}: {text}" for role, texts in errors.items() for text in texts]
            return {
                "failed": True,
                "msg": "\n".join(["variables of roles are wrong; nothing was changed:", *lines]),
                "argument_errors": errors,
            }
        valid = f"the variables of {len(arguments['roles'])} roles are valid"
        return {"changed": False, "msg": [valid, *lost(left_out)] if left_out else valid, "_ansible_verbose_always": bool(left_out)}

    def _errors(self, role: str, variables: dict[str, Any]) -> list[str]:
        spec = argument_spec(role)
        given = self._templar.template({name: variables[name] for name in spec if name in variables})
        result = ArgumentSpecValidator(spec).validate(given, validate_role_argument_spec=True)
        return [str(message) for message in result.error_messages]
