# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goes to the host only for packages that are not as the preflight of this play has seen them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ansible.plugins.action import ActionBase


def settled(names: Iterable[str], state: str, installed: Iterable[str]) -> bool:
    """Whether all packages are in that state already."""
    wanted = set(names)
    return wanted <= set(installed) if state == "present" else wanted.isdisjoint(installed)


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Each role asks for its packages, fifteen times a run; one look at dpkg's database answers all of them.

    The look is the one of module preflight, registered as ``ops_preflight`` by a play in which only this collection works on packages:
    none of its package operations removes what it was not told to, so what was seen stays true to the end of the play. Without it, each
    call looks.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        names, state = self._task.args.get("name"), self._task.args.get("state", "present")
        elsewhere = self._task.delegate_to not in (None, variables.get("inventory_hostname"))  # what was seen is of the host of the play
        seen = None if elsewhere else (variables.get("ops_preflight") or {}).get("installed")
        if seen and isinstance(names, list) and settled(map(str, names), state, seen.split()):
            return {"changed": False, "packages": []}
        result: dict[str, Any] = self._execute_module(
            module_name="latentum.ops.packages", module_args=dict(self._task.args), task_vars=variables, wrap_async=self._task.async_val
        )
        return result
