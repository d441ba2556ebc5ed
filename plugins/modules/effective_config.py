#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether what hardening roles have written is in force, and who overrules it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: effective_config
short_description: Refuse a host on which something overrules the settings of hardening roles
version_added: "0.2.0"
description:
  - Compares the files of roles as they lie on the host with what the programs make of all files together, such as C(sshd -T), for everybody
    and for each C(Match) block, C(apt-config dump), the running kernel and all of C(sysctl.d), drop-ins of systemd, sudo's Defaults,
    limits of logins and needrestart. It only reads.
  - Fails with all that is not in force, each with both values and the file and line that win. What the inventory allows
    (C(<role>_allowed_deviations)) is no failure.
  - In check mode it warns instead, since a run may be about to write what is not in force yet.
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
  roles:
    description:
      - Names of roles of this collection, without its name. Those without such settings, that have not run here, or that a run limited by
        tags leaves out, are passed over.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Refuse what overrules the SSH server's settings
  latentum.ops.effective_config:
    roles: [ssh_hardening]
"""

RETURN = r"""
deviations:
  description: What is not in force and nobody allows.
  returned: always
  type: list
  elements: dict
  sample:
    - role: ssh_hardening
      key: PermitRootLogin
      wanted: "no"
      effective: "yes"
      where: /etc/ssh/sshd_config.d/01-permitrootlogin.conf:1
      declare: the role's variables
      reason: ""
allowed:
  description: The same of what the inventory allows, with its reasons.
  returned: always
  type: list
  elements: dict
  sample: []
unused:
  description: What the inventory allows and is not the case.
  returned: always
  type: list
  elements: str
  sample: []
unseen:
  description: What could not be looked at; that alone stops no run.
  returned: always
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.effective.judgement import judge


def main() -> None:
    """Roles in, what overrules them out."""
    module = AnsibleModule(argument_spec={"roles": {"type": "list", "elements": "str", "required": True}}, supports_check_mode=True)
    judgement = judge(module.params["roles"])
    result = judgement.as_dict()
    if judgement.deviations and not module.check_mode:
        module.fail_json(**failure(judgement.report(), **result))
    for problem in judgement.problems():
        module.warn(str(problem))
    for key in judgement.unused:
        module.warn(f"{key} is allowed as a deviation and is none: remove it from the inventory")
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
