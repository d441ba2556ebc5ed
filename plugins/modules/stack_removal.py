#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Takes a stack away from a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stack_removal
short_description: Take a stack away from a host, and nothing of others
version_added: "0.1.0"
description:
  - Its sites and upstreams go first, in one reload that nginx has tested, and the requests that had begun are waited for. Then its
    containers and networks, its timers, what watches it, firewall rules and jails that no other stack needs, certificates that no other
    site names, its releases and its state.
  - Volumes are kept unless O(volumes=true). Backups are kept in any case, and the secrets that open them unless O(secrets=true).
  - Each step finds out what there is, so a removal that was interrupted is finished by the next one, and a second one changes nothing.
  - Playbook C(remove_stack) makes and proves a backup before.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
  - latentum.ops.confirmation
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  stack:
    description: The name of the stack.
    type: str
    required: true
  confirmed:
    description: Without it nothing is changed, and the task fails with what would go.
    type: bool
    default: false
  volumes:
    description: Remove its volumes as well, and with them its data.
    type: bool
    default: false
  secrets:
    description: Remove its secrets as well. The keys of its backups are among them.
    type: bool
    default: false
  drain_timeout:
    description: Seconds to wait for requests that had begun.
    type: int
    default: 60
  wait:
    description: Seconds to wait while somebody else works on the stack.
    type: int
    default: 60
"""

EXAMPLES = r"""
- name: Take the shop away, and keep its data
  latentum.ops.stack_removal:
    stack: shop
    confirmed: true
"""

RETURN = r"""
removed:
  description: What went, or would go in check mode, by its kind.
  returned: always
  type: dict
  sample: {site: [shop.example.com], container: [shop-web-1]}
left:
  description: What stays of it, by its kind.
  returned: always
  type: dict
  sample: {volume: [shop_data]}
known:
  description: Whether the host knew a stack of this name.
  returned: always
  type: bool
  sample: true
lines:
  description: The same for people.
  returned: always
  type: list
  elements: str
  sample: ["site: shop.example.com", "stays, volume: shop_data"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable, Engine
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockHeld
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import FirewallError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import EntryError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.service_units import UnitError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.maintenance.protection import NotConfirmed, require_confirmed
from ansible_collections.latentum.ops.plugins.module_utils.removal.stack import Wish, remove, there

ERRORS = (
    CommandError,
    ConfigSetError,
    DockerUnavailable,
    EntryError,
    FirewallError,
    LockHeld,
    NotConfirmed,
    OSError,
    UnitError,
    ValueError,
)


def main() -> None:
    """Arguments in, what went out."""
    module = AnsibleModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "confirmed": {"type": "bool", "default": False},
            "confirm": {"type": "str", "default": ""},
            "volumes": {"type": "bool", "default": False},
            "secrets": {"type": "bool", "default": False, "no_log": False},
            "drain_timeout": {"type": "int", "default": 60},
            "wait": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    given = module.params
    wish = Wish(given["stack"], volumes=given["volumes"], secrets=given["secrets"], drain=given["drain_timeout"], wait=given["wait"])
    only_look = module.check_mode or not given["confirmed"]
    try:
        if not only_look:
            require_confirmed(f"removal of {wish.stack}", given["confirm"])
        known = there(wish.stack)
        try:
            engine = Engine()
        except DockerUnavailable:
            if known and not only_look:
                raise
            engine = None
        report = remove(wish, engine, check=only_look)
    except ERRORS as error:
        module.fail_json(**failure(error))
    result = {"removed": report.gone, "left": report.left, "known": known, "lines": report.lines}
    if report.gone and not given["confirmed"] and not module.check_mode:
        listed = "\n".join(f"  {line}" for line in report.lines)
        fix = "set remove_stack_confirm=true to take it away"
        module.fail_json(**failure(f"nothing was changed; of the stack {wish.stack} this would go:\n{listed}\n{fix}", **result))
    module.exit_json(changed=bool(report.gone), **result)


if __name__ == "__main__":
    main()
