#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about the backups of a stack."""

from __future__ import annotations

DOCUMENTATION = r"""
module: backup_info
short_description: Look at the backups of a stack
version_added: "0.1.0"
description:
  - Says what can be restored from which target, what was proven, and what failed.
  - Changes nothing.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  stack:
    description: Which stack.
    type: str
    required: true
  target:
    description: Only this target.
    type: str
    default: ""
  plan:
    description: Only the backups of this plan of C(backups.plans), which may be declared no more.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Look at the backups of the shop
  latentum.ops.backup_info:
    stack: shop
  register: shop

- name: Show them
  ansible.builtin.debug:
    msg: "{{ shop.table }}"
"""

RETURN = r"""
state:
  description: The last run, the last proof, and each target, as noted on the host; times in seconds since 1970.
  returned: success
  type: dict
  sample: {"restorable": 1795278762.3, "verify": {"ok": true}}
targets:
  description: Each target with its backups, the newest first.
  returned: success
  type: list
  elements: dict
  sample: [{"name": "offsite", "error": "", "backups": []}]
table:
  description: The same as lines of text.
  returned: success
  type: list
  elements: str
  sample: ["offsite (/srv/backup/shop), databases to any moment until 2026-11-21 16:33:01"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.backup import catalogue, settings, state
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError


def main() -> None:
    """Arguments in, state out."""
    module = AnsibleModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "target": {"type": "str", "default": ""},
            "plan": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    try:
        configuration = settings.load(module.params["stack"])
        listed = catalogue.collect(configuration, module.params["target"], module.params["plan"])
    except (BackupError, CommandError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    table = catalogue.table(listed).splitlines()
    module.exit_json(changed=False, state=state.read(configuration.stack), targets=listed["targets"], table=table)


if __name__ == "__main__":
    main()
