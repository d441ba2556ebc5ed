#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the certificates in service say."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates_info
short_description: Look at the certificates that nginx uses
version_added: "0.1.0"
description:
  - Reads domains, end, issuer and serial number of each certificate, and whether it is only the placeholder.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
  - latentum.ops.certificate_list
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
"""

EXAMPLES = r"""
- name: Look at the certificate of the shop
  latentum.ops.certificates_info:
    certificates:
      - {name: shop.example.com, domains: [shop.example.com]}
  register: certificates
"""

RETURN = r"""
certificates:
  description: One dictionary a certificate; one that is not there has only C(name) and C(present).
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the certificate.
      returned: always
      type: str
      sample: shop.example.com
    present:
      description: Whether there is one.
      returned: always
      type: bool
      sample: true
    domains:
      description: The domains that it names.
      returned: when present
      type: list
      elements: str
      sample: [shop.example.com]
    days_left:
      description: Whole days until its end.
      returned: when present
      type: int
      sample: 61
    issuer:
      description: Common name of its issuer.
      returned: when present
      type: str
      sample: E7
    serial:
      description: Serial number in hexadecimal.
      returned: when present
      type: str
      sample: 03a1b2
    placeholder:
      description: Whether it is only the placeholder.
      returned: when present
      type: bool
      sample: false
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.certificates import TLS, certificate_from, inspect


def describe(name: str) -> dict[str, Any]:
    """One certificate as plain data."""
    state = inspect(TLS / name / "fullchain.pem")
    if state is None:
        return {"name": name, "present": False}
    return {
        "name": name,
        "present": True,
        "domains": list(state.domains),
        "days_left": state.days_left,
        "issuer": state.issuer,
        "serial": state.serial,
        "placeholder": state.placeholder,
    }


def main() -> None:
    """Names in, states out."""
    module = AnsibleModule(
        argument_spec={
            "certificates": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "domains": {"type": "list", "elements": "str", "required": True},
                },
            },
        },
        supports_check_mode=True,
    )
    try:
        wanted = [certificate_from(one["name"], one["domains"]) for one in module.params["certificates"]]
        found = [describe(one.name) for one in wanted]
    except ImportError:
        module.fail_json(msg="the Python library cryptography is missing on this host: install the package python3-cryptography")
    except (OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, certificates=found)


if __name__ == "__main__":
    main()
