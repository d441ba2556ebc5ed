# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of action ``role_arguments``, which works on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: role_arguments
short_description: Validate the variables of several roles of this collection at once
version_added: "0.1.0"
description:
  - Compares the variables of each role with its argument specification and fails with all errors of all roles, before any of them has
    changed something. Ansible itself validates role by role, between the changes of one and the next.
  - For plays that import the roles with C(rolespec_validate=false).
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
    description: Names of roles of this collection, without its name.
    type: list
    elements: str
    required: true
  left_out:
    description:
      - Roles that the play leaves out. What nobody promises then is shown. Refused are names that are no role, the engine, and a role
        without which another one that runs could not do its work.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Refuse wrong variables before the first change
  latentum.ops.role_arguments:
    roles: [base, firewall]
"""

RETURN = r"""
argument_errors:
  description: Role to what is wrong with its variables.
  returned: failure
  type: dict
  sample: {"firewall": ["argument 'firewall_ssh_port' is of type str and we were unable to convert to int"]}
"""
