# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Actions whose module works detached on the host: its progress is shown line by line, on a terminal and in the log of a job alike."""

from __future__ import annotations

import time
import uuid
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

PATIENCE = 2.0  # seconds for which one look waits on the host
LOST = 120.0  # seconds for which a broken connection is tried again
PROGRESS = "latentum.ops.job_progress"

display = Display()


class FollowedAction(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Check mode, and a task with `async`, run the module as any other: there is nothing to tell in between, or nobody to be told.

    A module that is run so takes `stack`, `attempt` and `detach`, and works by module_utils.core.detached.

    :cvar module: its full name.
    :cvar what: the work, for people.
    :cvar stack: under which name the progress is kept of work on no stack.
    :cvar afterwards: what to tell them when its process ended without a result.
    """

    TRANSFERS_FILES = False
    module = ""
    what = ""
    stack = ""
    afterwards = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        super().run(tmp, task_vars)
        # Mitogen runs modules in one process with threads; what forks itself gets one of its own. Nobody else reads this.
        variables = {**(task_vars or {}), "mitogen_task_isolation": "fork"}
        arguments = dict(self._task.args)
        if self._task.check_mode or self._task.async_val:
            result: dict[str, Any] = self._execute_module(
                module_name=self.module, module_args=arguments, task_vars=variables, wrap_async=self._task.async_val
            )
            return result
        attempt = str(arguments.get("attempt") or uuid.uuid4().hex[:12])
        begun = self._execute_module(
            module_name=self.module, module_args={**arguments, "attempt": attempt, "detach": True}, task_vars=variables
        )
        if begun.get("failed") or "look" not in begun:
            return dict(begun)
        job = {"stack": str(arguments.get("stack") or self.stack), "attempt": attempt, "process": int(begun["process"])}
        return self._follow(job, begun["look"], variables)

    def _follow(self, job: dict[str, Any], look: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Show lines until there is a result, or nobody any more who could write one."""
        host = variables.get("inventory_hostname", "")
        last = ""
        while True:
            for last in look["lines"]:
                display.display(f"  {host} {last}")
            if look["result"] is not None:
                return self._shown(host, look["result"])
            if not look["alive"]:
                return {"failed": True, "changed": True, "msg": self._ended(job, look, last)}
            look = self._look(host, {**job, "offset": look["offset"], "patience": PATIENCE}, variables)

    def _look(self, host: str, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """One look at the host; a connection that breaks is tried again."""
        reached = time.monotonic()
        while True:
            try:
                answer = self._execute_module(module_name=PROGRESS, module_args=arguments, task_vars=variables)
            except AnsibleConnectionFailure:
                # The work goes on without us; it is only we who cannot see it.
                if time.monotonic() - reached > LOST:
                    raise
                display.display(f"  {host} the connection is lost; trying again, the work goes on")
                self._connection.reset()
                time.sleep(PATIENCE)
                continue
            if "look" not in answer:
                return {"lines": [], "alive": True, "offset": arguments["offset"], "result": {**answer, "failed": True}}
            return dict(answer["look"])

    def _ended(self, job: dict[str, Any], look: dict[str, Any], last: str) -> str:
        """What was seen of work that ended without a result, and what that means."""
        if look["silent_for"] is None:
            seen = "it had not written a line"
        else:
            seen = f"its last line came {look['silent_for']:.0f} s before" + (f": {last}" if last else "")
        return f"{self.what}: process {job['process']} is not on the host any more and left no result; {seen}. {self.afterwards}"

    def _shown(self, host: str, result: dict[str, Any]) -> dict[str, Any]:
        """The result, its table on the screen."""
        if result.get("changed") and result.get("table"):
            for line in str(result["table"]).splitlines():
                display.display(f"  {host} {line}")
        return dict(result)
