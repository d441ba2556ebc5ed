# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends the engine to a host: its digest first, and all its files as one archive where that differs."""

from __future__ import annotations

from typing import Any

from ansible_collections.latentum.ops.plugins.plugin_utils.engine_source import archive, own_engine
from ansible_collections.latentum.ops.plugins.plugin_utils.rendered import RenderingAction


class ActionModule(RenderingAction):
    """The arguments of the module that say which engine it is are filled in here; a task only names the files around it."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result; `sent` is the size of the archive."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        files = self.rendered(self._task.args.get("files") or [], variables)
        arguments = {**self._task.args, "files": files, **own_engine().to_dict()}
        result = self._module(arguments, variables)
        if result.get("failed") or not result.get("wanting") or self._task.check_mode:
            return result
        packed = archive()
        folder = self._make_tmp_path()
        try:
            path = self._connection._shell.join_path(folder, "engine.tar.gz")
            self._transfer_data(path, packed)
            return {**self._module({**arguments, "archive": path}, variables), "sent": len(packed)}
        finally:
            self._remove_tmp_path(folder)

    def _module(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = self._execute_module(module_name="latentum.ops.engine", module_args=arguments, task_vars=variables)
        return result
