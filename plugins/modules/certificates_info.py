#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates_info
short_description: Tell names, age and origin of the certificates in service
version_added: "0.1.0"
description:
  - Reads every certificate that nginx can name, C(/etc/latentum-ops/tls/NAME/fullchain.pem).
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: The module only reads.
  diff_mode:
    support: none
    details: The module only reads.
options:
  names:
    description: Only the certificates of these names; all when empty.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Look at the certificates
  latentum.ops.certificates_info:
  register: tls

- name: Refuse to go on with a certificate that ends within a week
  ansible.builtin.assert:
    that: tls.certificates | selectattr('days_left', 'lt', 7) | length == 0
"""

RETURN = r"""
certificates:
  description: One entry a certificate, sorted by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Its name.
      type: str
      returned: success
    path:
      description: The file that was read.
      type: str
      returned: success
    domains:
      description: The names that it is valid for.
      type: list
      elements: str
      returned: success
    issuer:
      description: Who issued it.
      type: str
      returned: success
    serial:
      description: Its serial number, hexadecimal.
      type: str
      returned: success
    key_type:
      description: Kind of its key.
      type: str
      returned: success
    not_before:
      description: Begin of its validity, seconds since the epoch.
      type: int
      returned: success
    not_after:
      description: End of its validity, seconds since the epoch.
      type: int
      returned: success
    days_left:
      description: Whole days until it ends; negative after that.
      type: int
      returned: success
    placeholder:
      description: Whether it is only the self-signed placeholder.
      type: bool
      returned: success
    own:
      description: Whether the operator has brought it (module M(latentum.ops.own_certificates)).
      type: bool
      returned: success
  sample:
    - name: www.example.com
      path: /etc/latentum-ops/tls/www.example.com/fullchain.pem
      domains: [www.example.com, example.com]
      issuer: CN=E7,O=Let's Encrypt,C=US
      serial: 4f1c
      key_type: ecdsa
      not_before: 1763700000
      not_after: 1771476000
      days_left: 89
      placeholder: false
      own: false
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import in_service


def main() -> None:
    """Names in, certificates out."""
    module = AnsibleModule(argument_spec={"names": {"type": "list", "elements": "str", "default": []}}, supports_check_mode=True)
    names = module.params["names"]
    try:
        certificates = [certificate.as_dict() for certificate in in_service() if not names or certificate.name in names]
    except ImportError as error:
        module.fail_json(**failure(f"python3-cryptography is missing on this host: {error}"))
    module.exit_json(changed=False, certificates=certificates)


if __name__ == "__main__":
    main()
