# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of action ``starting_inventory``, which works on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: starting_inventory
short_description: Write a starting inventory from a Compose file
version_added: "0.1.0"
description:
  - Reads a plain Compose file, and the env files beside it, on the controller. Writes C(hosts.yml), C(group_vars/all/stack.yml) with
    C(ops_stack), and C(group_vars/all/compose.yml.j2), the Compose file without its ports and secrets.
  - Routes are guessed from published ports. Secrets are declared, to be made on the host; no value is taken over. Services that cannot be
    updated beside themselves get the strategy C(recreate), those that a route leads to a healthcheck.
  - What only the operator can answer is left as a numbered question, in the result and in C(stack.yml). Each security waiver is one;
    none is given here.
  - Never overwrites a file.
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
  compose:
    description:
      - The Compose file, or several that are merged in their order, as the first names their folder. What they include or extend is
        read from there.
      - A relative path begins where the command was given.
    type: list
    elements: path
    required: true
  profiles:
    description: Profiles of the Compose file that are to be on; services of others are kept as they are, and left out of all else.
    type: list
    elements: str
    default: []
  inventory:
    description: The folder to write.
    type: path
    default: production
  name:
    description: The name of the stack. Left out, that of the folder of the Compose file.
    type: str
  domain:
    description: The domain of the first route; further ones are names below it. Left out, an example.
    type: str
  contact:
    description: The account at the certificate authority.
    type: str
    default: ops@example.com
"""

EXAMPLES = r"""
- name: Write a starting inventory from a Compose file
  latentum.ops.starting_inventory:
    compose: ./docker-compose.yml
    domain: shop.example.com
    contact: ops@example.com

- name: From a base and an override, with a profile
  latentum.ops.starting_inventory:
    compose: [./docker-compose.yml, ./docker-compose.prod.yml]
    profiles: [with-replica]
"""

RETURN = r"""
files:
  description: The files that were written.
  returned: success
  type: list
  elements: str
  sample: ["/home/anna/production/hosts.yml"]
questions:
  description: What only the operator can answer.
  returned: success
  type: list
  elements: str
  sample: ["1. services.web.allow: [latest_tag]: \"nginx\" can be another image tomorrow"]
msg:
  description: Both, for people.
  returned: success
  type: list
  elements: str
  sample: []
"""
