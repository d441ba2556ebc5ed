# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks a declaration, or derives everything from it, on the controller.

Ansible imports this file in the process that all tasks are forked from, and with it the part of the engine that reads declarations: the
tasks after it, whose variables need that as filters, find it loaded.
"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem
from ansible_collections.latentum.ops.plugins.plugin_utils.as_written import as_written
from ansible_collections.latentum.ops.plugins.plugin_utils.compose_config import complaint
from ansible_collections.latentum.ops.plugins.plugin_utils.declared import REMEMBERED, remember


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Nothing is asked of the host."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """A summary; with `advice`, what to add as well; with `derive`, all that is derived."""
        super().run(tmp, task_vars)
        options = {name: {"type": "bool", "default": False} for name in ("derive", "advice")}
        _validated, arguments = self.validate_argument_spec(argument_spec=options, mutually_exclusive=[["derive", "advice"]])
        # Not an argument: those of a task are shown to callbacks, and a declaration may hold values of secrets.
        stack = as_written(self._templar.template((task_vars or {}).get("ops_stack") or {}))
        problems = loader.problems(stack)
        if problems:
            raise AnsibleActionFail(loader.report(problems))
        result: dict[str, Any] = {"changed": False}
        if arguments["derive"]:
            result[REMEMBERED] = remember(stack)
        elif not loader.is_empty(stack):
            result |= {"msg": self._said(stack, arguments["advice"]), "_ansible_verbose_always": True}
        return result

    @staticmethod
    def _said(stack: Any, in_full: bool) -> list[str]:
        declaration = loader.load(stack)
        if said := complaint(declaration):
            fix = "correct the Compose file; this is what `docker compose config` on the controller says of it"
            raise AnsibleActionFail(loader.report([Problem("compose", "", said, fix)]))
        return loader.advised(declaration) if in_full else loader.summary(declaration)
