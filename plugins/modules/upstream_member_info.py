#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host behind a load balancer gets traffic."""

from __future__ import annotations

DOCUMENTATION = r"""
module: upstream_member_info
short_description: Whether a host behind a load balancer answers requests
version_added: "0.2.0"
description:
  - Runs on the load balancer. Asks its sites that lead to the member, through nginx itself, and reads in the access log which of the
    answers were the member's; those that clients get meanwhile count as well.
  - Waits until it has given three good answers in a row, for O(timeout) seconds at the most.
  - Says what it has seen instead of failing.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: One round of requests is sent in check mode as well.
  diff_mode:
    support: none
options:
  name:
    description: Name of the member.
    type: str
    required: true
  timeout:
    description: Seconds to wait.
    type: float
    default: 60.0
"""

EXAMPLES = r"""
- name: Traffic is back
  latentum.ops.upstream_member_info:
    name: "{{ inventory_hostname }}"
  delegate_to: edge-1
  register: traffic
  failed_when: traffic is failed or not traffic.answers
"""

RETURN = r"""
answers:
  description: It has given three good answers in a row.
  returned: success
  type: bool
  sample: true
good_answers:
  description: How many answers of it were below 500.
  returned: success
  type: int
  sample: 6
bad_answers:
  description: How many were 500 and above, or none at all.
  returned: success
  type: int
  sample: 0
asked:
  description: The sites that were asked.
  returned: success
  type: list
  elements: str
  sample: [shop.example.com/]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.patching.traffic import TrafficError, wait


def main() -> None:
    """Arguments in, what was seen out."""
    module = AnsibleModule(
        argument_spec={"name": {"type": "str", "required": True}, "timeout": {"type": "float", "default": 60.0}},
        supports_check_mode=True,
    )
    given = module.params
    try:
        seen = wait(given["name"], given["timeout"], once=module.check_mode)
    except (TrafficError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(changed=False, answers=seen.ok, good_answers=seen.answered, bad_answers=seen.failed, asked=list(seen.asked))


if __name__ == "__main__":
    main()
