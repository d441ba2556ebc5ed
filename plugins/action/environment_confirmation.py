# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks on the controller for the name of a protected environment, before anything else of a run."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible.utils.vars import load_extra_vars
from ansible_collections.latentum.ops.plugins.plugin_utils.confirmation import Refusal, environment_from, require_confirmed


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Nothing is asked of the host, and no variable but these three is read: a secret may be behind any other."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The environment of this host."""
        super().run(tmp, task_vars)
        self.validate_argument_spec(argument_spec={})
        variables = task_vars or {}
        name, protected, confirmed = (
            self._templar.template(variables.get(key)) for key in ("ops_environment", "ops_protected", "ops_confirm")
        )
        try:
            environment = environment_from(name, False if protected is None else protected)
            if not self._task.check_mode:
                require_confirmed(environment, confirmed, on_command_line="ops_confirm" in load_extra_vars(self._loader))
        except Refusal as refusal:
            raise AnsibleActionFail(f"{refusal}. Nothing was changed.") from None
        return {"changed": False, "environment": environment.environment, "protected": environment.protected}
