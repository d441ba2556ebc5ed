#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a stack's secrets, without their values."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_store_info
short_description: Look at the secrets of a stack without seeing them
version_added: "0.1.0"
description:
  - Names, kinds, versions, ages, consumers and keyed fingerprints of the secrets in a store. Two stores with the same fingerprints hold
    the same values.
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
  stack:
    description: Name of the stack.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Which secrets has the shop, and how old are they?
  latentum.ops.secret_store_info:
    stack: shop
  register: shop_secrets
"""

RETURN = r"""
secrets:
  description: What is known of each secret, by name.
  returned: success
  type: dict
  sample:
    database_password:
      kind: password
      version: 1
      created: "2026-11-21T04:12:09Z"
      updated: "2026-11-21T04:12:09Z"
      age_days: 0
      fingerprint: 5f0c2b7a9d3e1c44
      consumers: [database]
"""

import calendar
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.kinds import SecretError
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store


def age_days(updated: str) -> int:
    """Whole days since a date of the metadata."""
    return int((time.time() - calendar.timegm(time.strptime(updated, "%Y-%m-%dT%H:%M:%SZ"))) // 86400)


def main() -> None:
    """A stack in, its metadata out."""
    module = AnsibleModule(argument_spec={"stack": {"type": "str", "required": True}}, supports_check_mode=True)
    try:
        known = Store(module.params["stack"]).metadata()
        described = {name: {**fields, "age_days": age_days(fields["updated"])} for name, fields in known.items()}
    except (SecretError, OSError, KeyError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(changed=False, secrets=described)


if __name__ == "__main__":
    main()
