#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Progress and result of work that runs detached on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: job_progress
short_description: Follow a rollout, a backup or a restore that runs detached on a host
version_added: "0.1.0"
description:
  - Returns the lines that a detached job has written since the last look, and its result once there is one.
  - The actions M(latentum.ops.compose_rollout), M(latentum.ops.backup) and M(latentum.ops.restore) call it again and again, so it carries
    nothing but this; a playbook has no need of it.
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
    description: Name of the Compose project that the job works on.
    type: str
    required: true
  attempt:
    description: Name of the job.
    type: str
    required: true
  process:
    description: Number of its process.
    type: int
    required: true
  offset:
    description: Where the last look ended, in bytes.
    type: int
    default: 0
  patience:
    description: Seconds to wait for a line, or for the end.
    type: float
    default: 2.0
"""

EXAMPLES = r"""
- name: Look at a rollout that runs on the host
  latentum.ops.job_progress:
    stack: shop
    attempt: 5f0c1a2b3c4d
    process: 4711
  register: job
"""

RETURN = r"""
look:
  description: What was seen.
  returned: success
  type: dict
  contains:
    lines:
      description: New lines.
      type: list
      elements: str
    offset:
      description: Where to go on.
      type: int
    alive:
      description: Whether the process is there.
      type: bool
    silent_for:
      description: Seconds since the last line; null before the first one.
      type: float
    result:
      description: The result of the job once it has ended.
      type: dict
  sample: {"lines": ["[   1.2 s  10 %] api: start 2 of api:1.1.0 beside 2"], "offset": 1024, "alive": true}
"""

from dataclasses import asdict

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core import detached


def main() -> None:
    """Arguments in, one look out."""
    module = AnsibleModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "attempt": {"type": "str", "required": True},
            "process": {"type": "int", "required": True},
            "offset": {"type": "int", "default": 0},
            "patience": {"type": "float", "default": 2.0},
        },
        supports_check_mode=True,
    )
    given = module.params
    seen = detached.look(given["stack"], given["attempt"], given["process"], given["offset"], given["patience"])
    module.exit_json(changed=False, look=asdict(seen))


if __name__ == "__main__":
    main()
