#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stack as a plain Compose project that goes on without this collection."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_ejection
short_description: Leave a stack as a plain Compose project
version_added: "0.1.0"
description:
  - V(prepared) writes secrets beside the project, where it finds them from now on, and returns arguments of
    M(latentum.ops.compose_rollout) that bring the containers there. Routed services get fixed ports of loopback. Nothing that serves is
    changed.
  - V(finished), after that rollout, lets nginx ask these ports, names certificates where certbot keeps them, writes a script of restic with
    a timer in place of the backups, a README, and removes the engine, its units and its files; of a host with other stacks only what is
    this one's.
  - What was backed up stays. Playbook C(eject) does it all.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Of files with secrets only the names.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description: Which half.
    type: str
    choices: [prepared, finished]
    required: true
  confirm:
    description: The name of the stack again; nothing is done without it.
    type: str
    default: ""
  directory:
    description: Where the project lives on the host, to know a stack that was ejected before. C(/opt/) and the name of the stack by
      default.
    type: path
"""

EXAMPLES = r"""
- name: Write what is left beside what runs
  latentum.ops.stack_ejection:
    stack: shop
    state: prepared
    confirm: shop
  register: ejection

- name: Bring the containers there
  latentum.ops.compose_rollout: "{{ ejection.rollout | combine({'stack': 'shop'}) }}"

- name: Let plain nginx serve it, and remove the engine
  latentum.ops.stack_ejection:
    stack: shop
    state: finished
    confirm: shop
"""

RETURN = r"""
ejected:
  description: The stack was ejected by an earlier run; there is nothing left to do.
  returned: success
  type: bool
  sample: false
rollout:
  description: Arguments of M(latentum.ops.compose_rollout).
  returned: when O(state=prepared) and it was not ejected before
  type: dict
  sample: {directory: /opt/shop, compose: {}, environment: {}, services: [], policies: [], domains: []}
listening:
  description: Where nginx finds the routed services from now on.
  returned: when it was not ejected before
  type: list
  elements: str
  sample: ["web: 127.0.0.1:18080-18081:8080"]
units:
  description: Units that were, or would be, stopped and disabled.
  returned: when O(state=finished)
  type: list
  elements: str
  sample: [latentum-ops-watchdog.service]
removed:
  description: Files and folders that were, or would be, removed.
  returned: when O(state=finished)
  type: list
  elements: str
  sample: [/usr/lib/latentum-ops]
lost:
  description: What nobody does any more.
  returned: when O(state=finished)
  type: list
  elements: str
  sample: []
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.eject.host import Ejection, was_ejected
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.release.store import ReleaseError


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["prepared", "finished"], "required": True},
            "confirm": {"type": "str", "default": ""},
            "directory": {"type": "path"},
        },
        supports_check_mode=True,
    )
    given = module.params
    stack = given["stack"]
    if given["confirm"] != stack:
        what = f"confirm: {given['confirm']!r} is not the name of the stack: nothing was changed; write {stack} if it is to be ejected"
        module.fail_json(**failure(what))
    if was_ejected(stack, Path(given["directory"] or f"/opt/{stack}")):
        module.exit_json(changed=False, ejected=True)
    try:
        result = carry_out(Ejection(stack), given["state"], check=module.check_mode)
    except (ConfigSetError, CommandError, ReleaseError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(ejected=False, **result)


def carry_out(ejection: Ejection, state: str, *, check: bool) -> dict[str, Any]:
    """One half."""
    outcome = ejection.prepare(check=check) if state == "prepared" else ejection.finish(check=check)
    diff = [change.difference() for change in outcome.changes]
    result: dict[str, Any] = {
        "diff": diff,
        "listening": [f"{listener.service}: {listener.written()}" for listener in ejection.left.listening],
    }
    if state == "prepared":
        return {"changed": bool(outcome.changes), "rollout": ejection.rollout(), **result}
    return {"changed": True, "units": outcome.units, "removed": outcome.removed, "lost": outcome.lost, **result}


if __name__ == "__main__":
    main()
