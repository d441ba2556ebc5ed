# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions share that run long: the module works detached on the host, and its progress is shown line by line, on a terminal and in
the log of a job alike."""

from __future__ import annotations

import time
import uuid
from typing import Any

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

LIMIT = 24 * 3600  # seconds that it may take; its own deadlines end it much earlier
PATIENCE = 2.0  # seconds for which one look waits on the host
SILENCE = 10.0  # seconds without a line after which the job itself is looked at
SPEAKS = 60.0  # seconds within which it says its first word
LOST = 120.0  # seconds for which a broken connection is tried again
INFO = "latentum.ops.compose_release_info"

display = Display()


class FollowedAction(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Check mode runs in the foreground: it changes nothing and has nothing to tell in between.

    A module that is run so takes `stack` and `attempt`, and tells its progress under them (module_utils.core.progress).

    :cvar module: its full name.
    :cvar killed: what to tell people when its process is gone without a result.
    """

    TRANSFERS_FILES = False
    module = ""
    killed = ""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        if self._task.check_mode or self._task.async_val:
            result: dict[str, Any] = self._execute_module(
                module_name=self.module, module_args=arguments, task_vars=variables, wrap_async=self._task.async_val
            )
            return result
        attempt = str(arguments.get("attempt") or uuid.uuid4().hex[:12])
        self._task.async_val = LIMIT
        try:
            job = self._execute_module(
                module_name=self.module, module_args={**arguments, "attempt": attempt}, task_vars=variables, wrap_async=True
            )
        finally:
            self._task.async_val = 0
        if job.get("failed") or "ansible_job_id" not in job:
            return dict(job)
        return self._follow(str(arguments.get("stack", "")), attempt, str(job["ansible_job_id"]), variables)

    def _follow(self, stack: str, attempt: str, job: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Show lines until the end, then fetch the result."""
        host = variables.get("inventory_hostname", "")
        offset, began = 0, time.monotonic()
        heard = reached = began
        ended = gone = was_gone = False
        while True:
            try:
                if not ended:
                    info = self._look(stack, attempt, offset, variables)
                    for line in info.get("lines", []):
                        display.display(f"  {host} {line}")
                        heard = time.monotonic()
                    offset, ended = info.get("offset", offset), bool(info.get("end"))
                    was_gone, gone = gone, not ended and info.get("alive") is False
                    if not ended and info.get("alive") is None and time.monotonic() - began > SPEAKS:
                        was_gone = gone = True  # killed before its first word
                elif time.monotonic() - reached > LOST:
                    was_gone = gone = True  # it said that it ended, and never wrote its result
                if ended or gone or time.monotonic() - heard > SILENCE:
                    heard = time.monotonic()
                    result = self._status(job, variables, "status")
                    if result.get("finished") or result.get("failed"):
                        self._status(job, variables, "cleanup")
                        return self._shown(host, result)
                    if gone and was_gone:
                        # Its process is not there, and it left no result: nobody will ever write one.
                        self._status(job, variables, "cleanup")
                        return {"failed": True, "changed": True, "msg": self.killed}
                if not ended:
                    reached = time.monotonic()
            except AnsibleConnectionFailure:
                # The work goes on without us; it is only we who cannot see it.
                if time.monotonic() - reached > LOST:
                    raise
                display.display(f"  {host} the connection is lost; trying again, the work goes on")
                self._connection.reset()
                time.sleep(PATIENCE)

    def _look(self, stack: str, attempt: str, offset: int, variables: dict[str, Any]) -> dict[str, Any]:
        arguments = {"stack": stack, "follow": attempt, "offset": offset, "patience": PATIENCE}
        result: dict[str, Any] = self._execute_module(module_name=INFO, module_args=arguments, task_vars=variables)
        return result

    def _status(self, job: str, variables: dict[str, Any], mode: str) -> dict[str, Any]:
        folder = self._remote_expand_user(self.get_shell_option("async_dir", default="~/.ansible_async"))
        result: dict[str, Any] = self._execute_module(
            module_name="ansible.legacy.async_status", module_args={"jid": job, "mode": mode, "_async_dir": folder}, task_vars=variables
        )
        return result

    def _shown(self, host: str, result: dict[str, Any]) -> dict[str, Any]:
        """The result without the marks of the job, its table on the screen."""
        for key in ("ansible_job_id", "started", "finished", "results_file", "erased", "stdout", "stderr", "stdout_lines", "stderr_lines"):
            result.pop(key, None)
        if result.get("changed") and result.get("table"):
            for line in str(result["table"]).splitlines():
                display.display(f"  {host} {line}")
        return result
