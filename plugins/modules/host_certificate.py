#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificate by which other hosts of an inventory know this one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_certificate
short_description: Ask for, and install, the certificate by which other hosts know this one
version_added: "0.2.0"
description:
  - With O(state=requested) makes a key on the host, where it needs a new certificate, and gives a request for
    M(latentum.ops.host_authority). The key never leaves the host. One that is in use stays so until its successor has a certificate.
  - A new certificate is needed where there is none, its key or authority is gone, its names are others, or less than a third of its days is
    left.
  - With O(state=present) installs what the authority gave, if it fits the key and is valid by the clock of the host, and has readers
    take it.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: No key is made, so a host without one gives no request.
  diff_mode:
    support: full
    details: Keys are not shown.
options:
  state:
    description: Whether to ask, or to install.
    type: str
    choices: [requested, present]
    required: true
  folder:
    description: Where C(key.pem), C(certificate.pem) and C(authority.pem) are.
    type: path
    default: /etc/latentum-ops/host-certificate
  name:
    description: With O(state=requested), the name of the host in the inventory.
    type: str
  addresses:
    description: With O(state=requested), addresses and further names that others reach it by.
    type: list
    elements: str
    default: []
  certificate:
    description: With O(state=present), the certificate, PEM; empty where there is no new one.
    type: str
  authority:
    description: With O(state=present), the authorities to trust, PEM.
    type: str
  group:
    description: With O(state=present), the group that may read the key.
    type: str
    default: root
  activate:
    description: With O(state=present), commands that have readers take what has changed, each a list of words.
    type: list
    elements: list
    default: []
seealso:
  - module: latentum.ops.host_authority
"""

EXAMPLES = r"""
- name: Ask
  latentum.ops.host_certificate:
    state: requested
    name: "{{ inventory_hostname }}"
    addresses: [203.0.113.7]
  register: asked

- name: Sign
  latentum.ops.host_authority:
    requests: ["{{ asked.request }}"]
    members: [web1]
  delegate_to: eye-1
  register: signed

- name: Install
  latentum.ops.host_certificate:
    state: present
    certificate: "{{ signed.certificates[inventory_hostname] | default('') }}"
    authority: "{{ signed.authority }}"
"""

RETURN = r"""
request:
  description: What to hand to M(latentum.ops.host_authority).
  returned: with O(state=requested)
  type: dict
  sample: {host: web1, due: false}
reason:
  description: Why a new certificate is needed; empty where none is.
  returned: with O(state=requested)
  type: str
  sample: less than a third of its days is left
begins:
  description: When the present certificate begins, in seconds since the epoch; 0 where there is none.
  returned: with O(state=present)
  type: float
  sample: 1795996800.0
ends:
  description: When the present certificate ends, in seconds since the epoch; 0 where there is none.
  returned: success
  type: float
  sample: 1827532800.0
"""

import grp
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.host_certificates import FOLDER, CertificateRequest
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import EntryError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.tls import member
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import CertificateError


def main() -> None:
    """Ask or install."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["requested", "present"], "required": True},
            "folder": {"type": "path", "default": FOLDER},
            "name": {"type": "str"},
            "addresses": {"type": "list", "elements": "str", "default": []},
            "certificate": {"type": "str"},
            "authority": {"type": "str"},
            "group": {"type": "str", "default": "root"},
            "activate": {"type": "list", "elements": "list", "default": []},
        },
        required_if=[("state", "requested", ("name",)), ("state", "present", ("authority",))],
        supports_check_mode=True,
    )
    try:
        (requested if module.params["state"] == "requested" else present)(module)
    except ImportError as error:
        if module.check_mode:  # on a bare host the library comes earlier in the same run
            module.exit_json(changed=True, request={"host": module.params["name"], "due": True}, reason="there is none yet", ends=0)
        module.fail_json(**failure(f"python3-cryptography is missing on this host: {error}"))
    except (CertificateError, CommandError, ConfigSetError, ContractError, EntryError, KeyError, OSError) as error:
        module.fail_json(**failure(error))


def requested(module: AnsibleModule) -> None:
    """The request, and why."""
    given = module.params
    raw = {"host": given["name"], "addresses": given["addresses"]}
    wanted = CertificateRequest.from_dict(raw, "host_certificates")
    asked = member.ask(Path(given["folder"]), wanted.host, wanted.addresses, check_mode=bool(module.check_mode))
    module.exit_json(changed=bool(asked.reason), request=asked.request.to_dict(), reason=asked.reason, ends=asked.ends)


def present(module: AnsibleModule) -> None:
    """The difference."""
    given = module.params
    folder = Path(given["folder"])
    try:
        group = grp.getgrnam(given["group"]).gr_gid
    except KeyError:
        if not module.check_mode:
            module.fail_json(**failure(f"group: {given['group']!r} is not on this host: run role host_certificates as a whole"))
        group = 0
    outcome = member.install(
        folder, given["certificate"] or "", given["authority"], group, activate=given["activate"], check_mode=bool(module.check_mode)
    )
    begins, ends = member.validity(folder)
    module.exit_json(changed=bool(outcome.changes), begins=begins, ends=ends, diff=[change.difference() for change in outcome.changes])


if __name__ == "__main__":
    main()
