#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Settings of the running kernel, all in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kernel_settings
short_description: Bring the running kernel to the wanted settings
version_added: "0.1.0"
description:
  - Compares all keys with C(/proc/sys) and writes those that differ. Write the same values to C(/etc/sysctl.d) for the next boot.
  - A key that this kernel lacks is reported in RV(missing) and is no error.
  - A key that keeps another value is an error on a machine of its own. In a container, where the kernel is the host's, it is
    reported in RV(refused) with a warning.
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
  settings:
    description:
      - Value by key, as in sysctl.d(5). A key with a star stands for all that are there, such as C(net.ipv6.conf.*.accept_ra).
      - One without a star wins over it, and one whose value is C(null) is left alone.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Forward between Docker's networks, and keep kernel addresses to the kernel
  latentum.ops.kernel_settings:
    settings:
      net.ipv4.ip_forward: 1
      kernel.kptr_restrict: 2
"""

RETURN = r"""
changed_keys:
  description: Keys that were, or in check mode would be, changed.
  returned: always
  type: list
  elements: str
  sample: [kernel.kptr_restrict]
missing:
  description: Keys that this kernel does not have.
  returned: always
  type: list
  elements: str
  sample: [kernel.yama.ptrace_scope]
refused:
  description: Why a key keeps another value, by key.
  returned: always
  type: dict
  sample: {kernel.unprivileged_bpf_disabled: "Operation not permitted, stays 2"}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.sysctl import apply, in_container


def main() -> None:
    """Settings in, an honest account out."""
    module = AnsibleModule(argument_spec={"settings": {"type": "dict", "required": True}}, supports_check_mode=True)
    outcome = apply(module.params["settings"], check_mode=module.check_mode)
    changed = sorted(outcome.changed)
    result = {
        "changed": bool(changed),
        "changed_keys": changed,
        "missing": sorted(outcome.missing),
        "refused": outcome.refused,
        "diff": {side: "".join(f"{key} = {outcome.changed[key][at]}\n" for key in changed) for at, side in enumerate(["before", "after"])},
    }
    if outcome.refused:
        refusals = "; ".join(f"{key}: {why}" for key, why in sorted(outcome.refused.items()))
        if not in_container():
            message = f"the kernel does not take {refusals}: restart the host if a value can only be set once, or correct it"
            module.fail_json(**failure(message, **result))
        module.warn(f"this is a container, and its kernel does not take {refusals}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
