# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of action ``environment_diff``, which works on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_diff
short_description: Compare what two environments of the inventory declare and run
version_added: "0.1.0"
description:
  - Renders the declarations of both environments and compares them by meaning; services, routes, secrets, databases, volumes, networks,
    firewall, backups and watchdog are compared by their names, and not line by line.
  - What environments differ in by their nature (domains, replicas, limits of resources, receivers of alerts, targets of backups) is marked,
    and so is a value that differs in the stack's name or its domains only.
  - Of secrets only names and kinds are compared. A value that could be a secret is compared and never shown.
  - Nothing is asked of a host, and nothing is changed.
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
  source:
    description: Name of the one environment, as C(ops_environment) has it.
    type: str
    required: true
  target:
    description: Name of the other one.
    type: str
    required: true
  expected:
    description: Patterns of keys that are expected to differ, beside the ones that always are, such as V(environment.LOG_LEVEL).
    type: list
    elements: str
    default: []
  live:
    description: Name of the variable in which hosts have a registered result of M(latentum.ops.compose_release_info). Empty, what runs is
      not compared.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: What differs between staging and production
  latentum.ops.environment_diff:
    source: staging
    target: production
  run_once: true
  register: difference

- name: Show it
  ansible.builtin.debug:
    msg: "{{ difference.table.splitlines() }}"
  run_once: true
"""

RETURN = r"""
difference:
  description: Both environments, every difference (stack, kind, key, both values, and whether it was to be expected), and notes.
  returned: success
  type: dict
  sample:
    from: {environment: staging, hosts: [app-1], stacks: [shop]}
    to: {environment: production, hosts: [app-2], stacks: [shop]}
    differences:
      - {stack: shop, kind: changed, key: services.api.image, from: "api:1.5.0", to: "api:1.4.2", expected: false}
    notes: []
table:
  description: The same for people.
  returned: success
  type: str
  sample: "differences (1)"
"""
