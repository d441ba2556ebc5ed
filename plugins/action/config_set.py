# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the files of a set on the controller, and hands the whole set to the module."""

from __future__ import annotations

from typing import Any

from ansible_collections.latentum.ops.plugins.plugin_utils.rendered import RenderingAction


class ActionModule(RenderingAction):
    """See RenderingAction."""

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        if isinstance(arguments.get("files"), list):
            arguments["files"] = self.rendered(arguments["files"], variables)
        result: dict[str, Any] = self._execute_module(
            module_name="latentum.ops.config_set", module_args=arguments, task_vars=variables, wrap_async=self._task.async_val
        )
        return result
