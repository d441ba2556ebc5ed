#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Maintenance windows of the watchdog."""

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance
short_description: Work on a host without alarms and healing
version_added: "0.1.0"
description:
  - Begins or ends a maintenance window of the watchdog (role C(watchdog)). While it lasts, nothing in its scope is told or healed.
  - A window always has an end, so that what is forgotten does not stay silent.
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
  scope:
    description: What is worked on, a stack or C(STACK/SERVICE); V(host) is everything on the host.
    type: str
    default: host
  state:
    description:
      - V(present) begins it, or gives it another reason or end.
      - One that has the same reason, and was begun for at least as long, stays as it is.
      - V(absent) ends it.
    type: str
    choices: [absent, present]
    default: present
  reason:
    description: Why; shown on the status page. Required with O(state=present).
    type: str
  duration:
    description: How long it lasts at the most, such as V(30m), V(2h) or V(1d); up to 14 days. Required with O(state=present).
    type: str
"""

EXAMPLES = r"""
- name: Work on the database for half an hour
  latentum.ops.maintenance:
    scope: shop/database
    reason: a larger disk
    duration: 30m

- name: All is done
  latentum.ops.maintenance:
    scope: shop/database
    state: absent
"""

RETURN = r"""
windows:
  description: All windows after it, with C(scope), C(reason), C(who), and C(since) and C(until) in seconds since 1970.
  returned: success
  type: list
  elements: dict
  sample: [{scope: shop/database, reason: a larger disk, who: root (pid 812), since: 1795266142.4, until: 1795267942.4}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import windows as maintenance_windows


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            "scope": {"type": "str", "default": "host"},
            "state": {"type": "str", "choices": ["absent", "present"], "default": "present"},
            "reason": {"type": "str"},
            "duration": {"type": "str"},
        },
        required_if=[("state", "present", ("reason", "duration"))],
        supports_check_mode=True,
    )
    given = module.params
    try:
        if given["state"] == "present":
            changed, windows = maintenance_windows.present(given["scope"], given["reason"], given["duration"], check=module.check_mode)
        else:
            changed, windows = maintenance_windows.absent(given["scope"], check=module.check_mode)
    except (OSError, ValueError) as error:
        module.fail_json(**failure(error))
    reasons = {window.scope: f"{window.reason}\n" for window in windows}
    before = "" if changed and given["state"] == "present" else f"{given['scope']}\n" if changed else reasons.get(given["scope"], "")
    module.exit_json(
        changed=changed,
        windows=[vars(window) for window in windows],
        diff={"before": before, "after": reasons.get(given["scope"], "")},
    )


if __name__ == "__main__":
    main()
