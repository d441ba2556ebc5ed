# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goes to the host only for units that are not as the preflight of this play has seen them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.service_units import Unit, steps

_ASKED = {"name", "state", "enabled", "daemon_reload"}


def settled(arguments: Mapping[str, Any], seen: Mapping[str, Sequence[str]]) -> bool:
    """Whether what was seen needs no step.

    :param seen: LoadState, ActiveState and UnitFileState by unit.
    """
    names, enabled = arguments.get("name"), arguments.get("enabled")
    if not isinstance(names, list) or not names or not set(names) <= set(seen) or not set(arguments) <= _ASKED:
        return False
    if arguments.get("state") not in {None, "started", "stopped"} or boolean(arguments.get("daemon_reload", False)):
        return False
    units = [Unit(name, *seen[name]) for name in names]
    # What is not installed yet, an earlier task of this play may have brought, and its package started it.
    return all(unit.installed for unit in units) and not list(
        steps(units, arguments.get("state"), None if enabled is None else boolean(enabled))
    )


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """Each role asks for its units; one look of the preflight answers all of them where nothing is to be done.

    The look is the one of module preflight, registered as ``ops_preflight`` by a play in which only this collection works on these units.
    What was seen stays true to the end of the play: a transaction that reloads or restarts a unit fails when the unit does, and no two
    roles of that play want one unit in different states. Without the look, each call looks.
    """

    TRANSFERS_FILES = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The module's result."""
        super().run(tmp, task_vars)
        variables, arguments = task_vars or {}, dict(self._task.args)
        seen = (variables.get("ops_preflight") or {}).get("units")
        if seen and settled(arguments, seen):
            return {"changed": False, "steps": []}
        result: dict[str, Any] = self._execute_module(
            module_name="latentum.ops.service_units", module_args=arguments, task_vars=variables, wrap_async=self._task.async_val
        )
        return result
