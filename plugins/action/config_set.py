# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders the files of a set on the controller, and hands the whole set to the module, unless the host is known to have it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import entries
from ansible_collections.latentum.ops.plugins.plugin_utils.rendered import RenderingAction

# What is done with a difference is none; neither is the state, which is always the same here.
_DECIDES_NOTHING = {"activate", "activate_when_active", "parents", "revert_after", "state", "validate"}
# How entries are read and compared is a part of each request: another version may see a difference where this one sees none.
_SEMANTICS = hashlib.sha256(Path(entries.__file__).read_bytes()).hexdigest()


def request_of(arguments: Mapping[str, Any]) -> str:
    """The digest of what decides whether a set, rendered, would change something; empty for one that has to be asked for each time.

    A set with secrets leaves no digest anywhere.
    """
    files = arguments.get("files")
    if arguments.get("state", "present") != "present" or not isinstance(files, list) or any(file.get("sensitive") for file in files):
        return ""
    deciding = {name: value for name, value in arguments.items() if name not in _DECIDES_NOTHING}
    return hashlib.sha256(json.dumps([_SEMANTICS, deciding], sort_keys=True, default=str).encode()).hexdigest()


class ActionModule(RenderingAction):
    """Roles write a dozen sets; one look of the preflight says which are as the same request has left them (hostconfig/settled_sets).

    The look is the one of module preflight, registered as ``ops_preflight`` by a play in which only this collection works on these
    files. Two roles that write into one folder make one set of it, or what the second writes follows from the same declaration: then
    its own request is another one as well. Without the look, each call looks.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        if isinstance(arguments.get("files"), list):
            arguments["files"] = self.rendered(arguments["files"], variables)
        request = request_of(arguments)
        seen = (variables.get("ops_preflight") or {}).get("sets") or {}
        if request and seen.get(arguments.get("name")) == request:
            return {"changed": False, "changed_paths": [], "armed": False, "diff": []}
        result: dict[str, Any] = self._execute_module(
            module_name="latentum.ops.config_set",
            module_args={**arguments, "request": request},
            task_vars=variables,
            wrap_async=self._task.async_val,
        )
        return result
