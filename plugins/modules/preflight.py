#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands against a run on a host, all of it before the first change."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Refuse what stands against a run on a host, before anything changes
version_added: "0.1.0"
description:
  - Compares what roles of this collection want with what is on the host, and fails with all findings at once, each naming the variable or
    file and what to write instead. It only reads, in check mode too, and works on a bare host.
  - What a role wants compared is in its variable C(__<role>_preflight); of a run that is limited by tags, only roles that take part count.
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
    description: Names of roles of this collection, without its name. Those without anything to compare are passed over.
    type: list
    elements: str
    required: true
  wanted:
    description: What each role wants, by role. The action of this name fills it in.
    type: dict
    default: {}
  units:
    description: Units of systemd to say the state of. The action of this name fills in those of the roles, C(__<role>_service_units).
    type: list
    elements: str
    default: []
  stacks:
    description: What role C(stack) wants of each of several stacks, by its name. The action of this name fills it in.
    type: dict
    default: {}
"""

EXAMPLES = r"""
- name: Refuse what stands against this run, before the first change
  latentum.ops.preflight:
    roles: [base, ssh_hardening]
"""

RETURN = r"""
unseen:
  description: What could not be looked at; that stops no run.
  returned: always
  type: list
  elements: str
  sample: []
installed:
  description:
    - Names of the packages that are installed, and of what they provide, separated by blanks; empty where there is no dpkg.
    - Tasks of module M(latentum.ops.packages) in the same play look here instead of asking the host each time.
  returned: success
  type: str
  sample: adduser apt base-files
units:
  description:
    - LoadState, ActiveState and UnitFileState by unit; empty where systemd does not answer.
    - Tasks of module M(latentum.ops.service_units) in the same play look here, and ask the host where something is to be done.
  returned: success
  type: dict
  sample: {nginx.service: [loaded, active, enabled]}
stacks:
  description: The names of the stacks that the host has, whoever manages them.
  returned: success
  type: list
  elements: str
  sample: [blog, shop]
deliveries:
  description: The names of those that releases come to by themselves (role C(deploy_hook)).
  returned: success
  type: list
  elements: str
  sample: [shop]
sets:
  description:
    - Digest of the last request by name, of each set of files that is as that request has left it.
    - Tasks of module M(latentum.ops.config_set) in the same play look here, and ask the host where the request or a file is another one.
  returned: success
  type: dict
  sample: {fail2ban: 6f1ed002ab5595859014ebf0951522d9}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.delivery import settings as delivery_settings
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import service_units, shares
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.apt import installed
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.settled_sets import settled
from ansible_collections.latentum.ops.plugins.module_utils.preflight.checks import look_at_several


def main() -> None:
    """What is wanted in, what stands against it out."""
    module = AnsibleModule(
        argument_spec={
            "roles": {"type": "list", "elements": "str", "required": True},
            "wanted": {"type": "dict", "default": {}},
            "units": {"type": "list", "elements": "str", "default": []},
            "stacks": {"type": "dict", "default": {}},
        },
        supports_check_mode=True,
    )
    findings = look_at_several(module.params["wanted"], module.params["stacks"])
    if findings.problems:
        module.fail_json(**failure(findings.report(), unseen=findings.unseen))
    try:
        packages = " ".join(sorted(installed()))
    except CommandError:
        packages = ""
    try:
        units = {unit.name: [unit.load, unit.active, unit.file] for unit in service_units.look(module.params["units"]).values()}
    except CommandError:
        units = {}
    stacks = sorted(shares.on_host())
    seen = {"unseen": findings.unseen, "installed": packages, "units": units, "stacks": stacks}
    module.exit_json(changed=False, **seen, deliveries=delivery_settings.stacks(), sets=settled())


if __name__ == "__main__":
    main()
