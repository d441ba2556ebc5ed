#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of an update on its host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_patch_record
short_description: Record on a host that an update has come to its end
version_added: "0.2.0"
description:
  - Ends the update that M(latentum.ops.host_patches) has begun, after the reboot and the look at the services. The last fifty are kept.
  - An update that nobody ends is gone on with by the next run.
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
  state:
    description: How it ended.
    type: str
    choices: [finished, failed]
    required: true
  rebooted:
    description: The host was restarted for it.
    type: bool
    default: false
  reason:
    description: Where it stopped, and why.
    type: str
    default: ""
  seconds:
    description: How long further steps took, by their names.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: All is well
  latentum.ops.host_patch_record:
    state: finished
    rebooted: true
"""

RETURN = r"""
recorded:
  description: What the host has recorded; empty where no update was under way.
  returned: success
  type: dict
  sample: {phase: finished, began: "2026-11-30T02:00:11+00:00"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.patching import record
from ansible_collections.latentum.ops.plugins.module_utils.patching.record import Phase


def main() -> None:
    """Arguments in, the record out."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": [Phase.FINISHED.value, Phase.FAILED.value], "required": True},
            "rebooted": {"type": "bool", "default": False},
            "reason": {"type": "str", "default": ""},
            "seconds": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        if module.check_mode:
            known = record.current()
            module.exit_json(changed=bool(known and known.unfinished), recorded=known.as_dict() if known else {})
        times = {str(name): float(value) for name, value in given["seconds"].items()}
        ended = record.end(Phase(given["state"]), rebooted=given["rebooted"], reason=given["reason"], seconds=times)
    except (OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(changed=ended is not None, recorded=ended.as_dict() if ended else {})


if __name__ == "__main__":
    main()
