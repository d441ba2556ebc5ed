#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small authority that signs certificates for the hosts of an inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_authority
short_description: Sign certificates by which the hosts of an inventory know each other
version_added: "0.2.0"
description:
  - Keeps an authority in a folder of one host, or of the controller, and signs what hosts ask for by M(latentum.ops.host_certificate).
    Names and addresses are those that the controller gives; what a request says of them counts for nothing.
  - An authority is replaced with an overlap, where O(terms.generation) is larger or less than a third of its days is left. All hosts
    trust the new one before it signs, and the old one until each has a certificate of the new one. Each step takes a run.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: Nothing is signed.
  diff_mode:
    support: none
options:
  folder:
    description: Where the authority is, with its key; nobody but its owner may read it.
    type: path
    default: /etc/latentum-ops/authority
  members:
    description:
      - All hosts of the inventory that have such certificates, also those that the run does not reach.
      - What is known of others is forgotten.
    type: list
    elements: str
    required: true
  requests:
    description: What the hosts of the run ask for.
    type: list
    elements: dict
    required: true
    suboptions:
      # BEGIN OPTIONS host_certificates.CertificateRequest
      host:
        description: Its name in the inventory.
        type: str
        required: true
      addresses:
        description: Addresses and further names that others reach it by.
        type: list
        elements: str
        default: []
      csr:
        description: The request, PEM; empty in check mode, where it has no key yet.
        type: str
      due:
        description: It needs a new certificate, whoever has signed the one that it has.
        type: bool
        default: false
      trusts:
        description: Fingerprints of the authorities that it trusts.
        type: list
        elements: str
        default: []
      issuer:
        description: Fingerprint of the authority that has signed what it has.
        type: str
      newest:
        description: The largest generation among those authorities.
        type: int
        default: 0
      clock:
        description: What time it is there, in seconds since the epoch; V(0) where that is not known.
        type: float
        default: 0.0
      # END OPTIONS
  terms:
    description: How the authority is, and on which terms it signs.
    type: dict
    default: {}
    suboptions:
      # BEGIN OPTIONS host_certificates.AuthorityTerms
      generation:
        description:
          - Which authority of this inventory it is. A larger number has it replaced by a new one, with an overlap in which both are
            trusted, until each host has a certificate of the new one.
          - Where the key of the present one is gone, the new one signs at once.
        type: int
        default: 1
      days:
        description: Days that a certificate of a host is valid; it is renewed when less than a third is left.
        type: int
        default: 365
      authority_days:
        description: Days that an authority is valid; it is replaced, with an overlap, when less than a third is left.
        type: int
        default: 3650
      constraints:
        description:
          - Domains and networks that names and addresses of hosts are in (C(example.internal), C(10.0.0.0/8)); the authority can then
            sign for no other, whoever has its key. Without any it signs for all names of the inventory.
          - They are part of an authority, so a change needs a larger O(terms.generation).
        type: list
        elements: str
        default: []
      # END OPTIONS
seealso:
  - module: latentum.ops.host_certificate
"""

EXAMPLES = r"""
- name: Sign what the hosts of the run ask for
  latentum.ops.host_authority:
    requests: "{{ ansible_play_hosts | map('extract', hostvars, ['asked', 'request']) }}"
    members: "{{ groups.all }}"
  delegate_to: eye-1
  run_once: true
"""

RETURN = r"""
certificates:
  description: Certificates that were signed, PEM, by host.
  returned: success
  type: dict
  sample: {}
authority:
  description: The authorities that hosts have to trust, PEM; empty in check mode where one would be made.
  returned: success
  type: str
  sample: ""
steps:
  description: What was done, or would be in check mode, a sentence each.
  returned: success
  type: list
  elements: str
  sample: [sign for web1]
waiting:
  description: Hosts that a replacement of the authority waits for.
  returned: success
  type: list
  elements: str
  sample: []
generation:
  description: The generation that signs.
  returned: success
  type: int
  sample: 1
begins:
  description: When it begins, in seconds since the epoch.
  returned: success
  type: float
  sample: 1796007010.0
ends:
  description: When it ends, in seconds since the epoch.
  returned: success
  type: float
  sample: 2111370610.0
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.contracts.argspec import argspec
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.host_certificates import AUTHORITY, AuthorityTerms, CertificateRequest
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockBusy
from ansible_collections.latentum.ops.plugins.module_utils.tls.authority import sign
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import CertificateError


def main() -> None:
    """Requests in, certificates out."""
    module = AnsibleModule(
        argument_spec={
            "folder": {"type": "path", "default": AUTHORITY},
            "members": {"type": "list", "elements": "str", "required": True},
            "requests": {"type": "list", "elements": "dict", "required": True, "options": argspec(CertificateRequest)},
            "terms": {"type": "dict", "default": {}, "options": argspec(AuthorityTerms)},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        requests = [CertificateRequest.from_dict(raw, f"requests[{index}]") for index, raw in enumerate(given["requests"])]
        terms = AuthorityTerms.from_dict(given["terms"], "host_certificates")
        signed = sign(Path(given["folder"]), requests, given["members"], terms, check_mode=bool(module.check_mode))
    except ImportError as error:
        if module.check_mode:  # on a bare host the library comes earlier in the same run
            steps = [f"sign for {raw['host']}" for raw in given["requests"]]
            module.exit_json(changed=True, certificates={}, authority="", steps=steps, waiting=[], generation=0, begins=0, ends=0)
        module.fail_json(**failure(f"python3-cryptography is missing where the authority is: {error}"))
    except LockBusy as error:
        module.fail_json(**failure(f"{error}: another run signs; try again when it is done"))
    except (CertificateError, ContractError, OSError) as error:
        module.fail_json(**failure(error))
    module.exit_json(
        changed=bool(signed.steps),
        certificates=signed.certificates,
        authority=signed.bundle,
        steps=signed.steps,
        waiting=signed.waiting,
        generation=signed.generation,
        begins=signed.begins,
        ends=signed.ends,
    )


if __name__ == "__main__":
    main()
