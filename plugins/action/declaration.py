# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the declarations of a host, or derives everything from them, on the controller.

Ansible imports this file in the process that all tasks are forked from, and with it the part of the engine that reads declarations: the
tasks after it, whose variables need that as filters, find it loaded.
"""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.module_utils.declaration import loader
from ansible_collections.latentum.ops.plugins.module_utils.declaration.builds.checks import hosts_problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.jobs.checks import job_hosts_problems
from ansible_collections.latentum.ops.plugins.module_utils.declaration.jobs.model import jobs_of
from ansible_collections.latentum.ops.plugins.module_utils.declaration.model import Declaration
from ansible_collections.latentum.ops.plugins.module_utils.declaration.together import loader as together
from ansible_collections.latentum.ops.plugins.module_utils.declaration.together.given import ONE, ONLY, SEVERAL, Given
from ansible_collections.latentum.ops.plugins.module_utils.schema.nodes import Problem
from ansible_collections.latentum.ops.plugins.plugin_utils.compose_config import complaint
from ansible_collections.latentum.ops.plugins.plugin_utils.declared import remember, written


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Nothing is asked of the host."""

    TRANSFERS_FILES = False
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """A summary; with `advice`, what to add as well; with `derive`, all that is derived."""
        super().run(tmp, task_vars)
        options = {name: {"type": "bool", "default": False} for name in ("derive", "advice")}
        _validated, arguments = self.validate_argument_spec(argument_spec=options, mutually_exclusive=[["derive", "advice"]])
        # Not arguments: those of a task are shown to callbacks, and a declaration may hold values of secrets.
        variables = task_vars or {}
        stacks = written(*(self._templar.template(variables.get(name)) for name in (ONE, SEVERAL, ONLY)))
        result: dict[str, Any] = {"changed": False}
        try:
            if arguments["derive"]:
                return result | remember(stacks)
            if declarations := together.load(stacks):
                self._require_hosts(stacks, declarations, variables)
                result |= {"msg": self._summary(stacks, declarations, arguments["advice"]), "_ansible_verbose_always": True}
        except loader.InvalidDeclaration as error:
            raise AnsibleActionFail(str(error)) from None
        return result

    def _require_hosts(self, stacks: Given, declarations: dict[str, Declaration], variables: dict[str, Any]) -> None:
        """What a declaration says of hosts fits those of the inventory, and of the run.

        :raises InvalidDeclaration: it does not.
        """
        if not any(declaration.builds or jobs_of(declaration) for declaration in declarations.values()):
            return
        groups = variables.get("groups") or {}
        edge = groups.get(self._templar.template(variables.get("ops_edge_group")) or "", ())
        hosts = [host for host in variables.get("ansible_play_hosts_all") or () if host not in edge]
        # Which hosts have which of several stacks is known only when each has derived its own: role stack looks again.
        known = groups.get("all") or hosts
        problems = [
            together.of_stack(stacks, name, problem)
            for name, declaration in declarations.items()
            for problem in (
                *hosts_problems(declaration, hosts[:1] if stacks.several else hosts, known),
                *job_hosts_problems(declaration, known),
            )
        ]
        if problems:
            raise loader.InvalidDeclaration(problems, stacks.variable)

    @staticmethod
    def _summary(stacks: Given, declarations: dict[str, Declaration], in_full: bool) -> list[str]:
        problems, lines = [], []
        for name, declaration in declarations.items():
            if refusal := complaint(declaration):
                fix = "correct the Compose file; this is what `docker compose config` on the controller says of it"
                problems.append(together.of_stack(stacks, name, Problem("compose", "", refusal, fix)))
            lines += loader.advised(declaration) if in_full else loader.summary(declaration)
        if problems:
            raise loader.InvalidDeclaration(problems, stacks.variable)
        return lines
