#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts behind a load balancer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: upstream_member
short_description: Take a host out of a load balancer, and put it back
version_added: "0.1.0"
description:
  - Runs on the load balancer, an nginx whose upstreams have members (M(latentum.ops.upstreams)).
  - When a member is drained, waits until no worker of nginx that knew it, or no connection to it, is left.
  - The last member that serves is never taken out.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  name:
    description: Name of the member.
    type: str
    required: true
  state:
    description: V(drained) gets no new request; V(active) gets its share.
    type: str
    choices: [active, drained]
    required: true
  timeout:
    description: Seconds to wait for requests and WebSockets under way; after them it is drained all the same.
    type: float
    default: 60.0
"""

EXAMPLES = r"""
- name: Take this host out of the load balancer
  latentum.ops.upstream_member:
    name: "{{ inventory_hostname }}"
    state: drained
  delegate_to: edge-1
"""

RETURN = r"""
upstreams:
  description: The upstreams that name it.
  returned: success
  type: list
  elements: str
  sample: [edge_shop]
left:
  description: Connections to it that were still open when the time was up.
  returned: success
  type: int
  sample: 0
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.nginx.members import DrainError, set_member


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["active", "drained"], "required": True},
            "timeout": {"type": "float", "default": 60.0},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        outcome = set_member(given["name"], given["state"], given["timeout"], check=module.check_mode)
    except (DrainError, ConfigSetError, CommandError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    other = "drained" if given["state"] == "active" else "active"
    before = other if outcome.changed else given["state"]
    module.exit_json(
        changed=outcome.changed,
        upstreams=outcome.upstreams,
        left=outcome.left.connections if outcome.left else 0,
        diff={"before": f"{given['name']}: {before}\n", "after": f"{given['name']}: {given['state']}\n"},
    )


if __name__ == "__main__":
    main()
