# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Has the module look at roles that take part in a run: one that is limited by tags asks about no others."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.action.preflight import takes_part


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """No connection is made where no role takes part."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        _validated, arguments = self.validate_argument_spec(argument_spec={"roles": {"type": "list", "elements": "str", "required": True}})
        tags = {name: variables.get(f"ansible_{name}_tags") or [] for name in ("run", "skip")}
        roles = [role for role in arguments["roles"] if takes_part(role, tags["run"], tags["skip"])]
        if not roles:
            return {"changed": False, "deviations": [], "allowed": [], "unused": [], "unseen": []}
        result: dict[str, Any] = self._execute_module(
            module_name="latentum.ops.effective_config", module_args={"roles": roles}, task_vars=variables
        )
        return result
