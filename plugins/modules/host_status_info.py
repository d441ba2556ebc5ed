#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host looks like now."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_status_info
short_description: Collect what an operator wants to know about a production host
version_added: "0.1.0"
description:
  - The version of the engine, services with health, images and digests, certificates, open ports, disks, pending updates and failed units.
  - The same as C(opsctl status) on the host, without needing C(opsctl) there.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options: {}
"""

EXAMPLES = r"""
- name: Look at the host
  latentum.ops.host_status_info:
  register: status

- name: Show it
  ansible.builtin.debug:
    msg: "{{ status.table }}"
"""

RETURN = r"""
status:
  description: Everything as data, by part.
  returned: success
  type: dict
  sample: {"host": {"name": "web1", "uptime": 86400}, "stacks": [], "certificates": []}
table:
  description: The same as lines of aligned text.
  returned: success
  type: list
  elements: str
  sample: ["web1: up 1d 0h, load 0.10 0.08 0.05"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.status.collect import collect
from ansible_collections.latentum.ops.plugins.module_utils.status.table import table


def main() -> None:
    """Nothing in, the state out."""
    module = AnsibleModule(argument_spec={}, supports_check_mode=True)
    collected = collect()
    module.exit_json(changed=False, status=collected, table=table(collected).splitlines())


if __name__ == "__main__":
    main()
