# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuses variables of an update that cannot be meant. Reaches no host."""

from __future__ import annotations

from typing import Any

from ansible.errors import AnsibleActionFail
from ansible.plugins.action import ActionBase
from ansible_collections.latentum.ops.plugins.module_utils.patching.request import Fleet, problems


class ActionModule(ActionBase):  # type: ignore[misc]  # Ansible has no type hints
    """All problems together, so that nobody corrects them one by one."""

    TRANSFERS_FILES = False
    _requires_connection = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """The hosts in the order in which they are updated."""
        super().run(tmp, task_vars)
        options = {
            "variables": {"type": "dict", "required": True},
            "canary": {"type": "str", "default": ""},
            "edge": {"type": "str", "default": ""},
        }
        _validated, given = self.validate_argument_spec(argument_spec=options)
        variables = task_vars or {}
        groups = variables.get("groups") or {}
        balancers = list(groups.get(given["edge"], []))
        hosts = [host for host in variables["ansible_play_hosts_all"] if host not in balancers]
        found = problems(given["variables"], Fleet(hosts, given["canary"], given["edge"], balancers, list(groups)))
        if found:
            listed = "\n".join(map(str, found))
            raise AnsibleActionFail(
                f"{len(found)} problem{'s' if len(found) > 1 else ''} with the variables of this run:\n{listed}\nNothing was changed."
            )
        first = [host for host in hosts if host == given["canary"]]
        return {"changed": False, "hosts": first + [host for host in hosts if host not in first]}
