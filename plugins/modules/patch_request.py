# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of action ``patch_request``, which works on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patch_request
short_description: Refuse what cannot be meant, before any host is updated
version_added: "0.2.0"
description:
  - Reads the variables of role C(patch) on the controller, and those about hosts (C(ops_edge_group), O(canary)), and refuses all that is
    wrong with them together, each with what to write instead.
  - No host is asked.
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
  variables:
    description: The variables, by their names.
    type: dict
    required: true
  canary:
    description: The host that is updated first; empty for none.
    type: str
    default: ""
  edge:
    description: The group of load balancers; empty for none.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Refuse what cannot be meant
  latentum.ops.patch_request:
    variables:
      patch_scope: security
    canary: web1
"""

RETURN = r"""
hosts:
  description: The hosts that are updated, the canary first.
  returned: success
  type: list
  elements: str
  sample: [web1, web2, web3]
"""
