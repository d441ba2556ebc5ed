#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates that an operator brings."""

from __future__ import annotations

DOCUMENTATION = r"""
module: own_certificates
short_description: Give nginx certificates that an operator brings
version_added: "0.1.0"
description:
  - Takes chains from the controller or from files of the host, and private keys from the secret store of the stack or from files of the
    host, checks them, and puts them into service below C(/etc/latentum-ops/tls/NAME), where module M(latentum.ops.certificates) has the
    others.
  - Nothing is changed unless all of them can be used. The key must fit, the chain be in order and end at an authority that the host
    trusts or that is given, the names cover the site, and nothing be expired, weak, encrypted or in another format than PEM.
  - Chain and key are replaced at once and nginx takes over without losing a request, after its own test; where that refuses, the old
    files are back.
  - C(certbot) forgets a certificate of the same name, unless a file below C(/etc) still names it.
  - What a stack declares no more stays in service while a site names it, until there is one by C(certbot); then it is removed.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: nginx does not test them, since it needs the new files in place. A key that is not in the store yet is not looked at.
  diff_mode:
    support: full
    details: Keys are not shown.
options:
  certificates:
    description: The certificates; the result of filter P(latentum.ops.own_certificates#filter).
    type: list
    elements: dict
    required: true
    suboptions:
      # BEGIN OPTIONS own_certificate.OwnCertificate
      name:
        description: Its name, which is the domain of the site.
        type: str
        required: true
      stack:
        description: The stack whose site it is.
        type: str
        required: true
      domains:
        description: The names that it must be for.
        type: list
        elements: str
        required: true
      chain:
        description: The certificate and those that have issued it, PEM.
        type: str
      chain_file:
        description: The same as a file of the host.
        type: str
      ca:
        description: The authority that the chain must end at, PEM; empty for those that the host trusts.
        type: str
      key_secret:
        description: The secret in the store of the stack that is the private key.
        type: str
      key_file:
        description: The same as a file of the host.
        type: str
      # END OPTIONS
  stacks:
    description: The stacks whose certificates these are, all of them; what such a stack has no more is taken away. Others are left alone.
    type: list
    elements: str
    required: true
seealso:
  - plugin: latentum.ops.own_certificates
    plugin_type: filter
  - module: latentum.ops.certificates
  - module: latentum.ops.secret_store
"""

EXAMPLES = r"""
- name: Serve a certificate of the company's authority
  latentum.ops.own_certificates:
    stacks: [shop]
    certificates:
      - name: app.example.com
        stack: shop
        domains: [app.example.com]
        chain_file: /etc/ssl/company/app.pem
        key_file: /etc/ssl/private/app.key
"""

RETURN = r"""
certificates:
  description: The names of the certificates that are given.
  returned: success
  type: list
  elements: str
  sample: [app.example.com]
kept:
  description: Those that are declared no more and that a site, or a release of the host, still names.
  returned: success
  type: list
  elements: str
  sample: []
forgotten:
  description: Those that C(certbot) has forgotten, or would in check mode.
  returned: success
  type: list
  elements: str
  sample: [app.example.com]
in_use:
  description: Those that C(certbot) goes on renewing, with the files that name them.
  returned: success
  type: dict
  sample: {}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.authentication.host_files import references
from ansible_collections.latentum.ops.plugins.module_utils.contracts.argspec import argspec
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.own_certificate import OwnCertificate
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import EntryError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import CertificateError
from ansible_collections.latentum.ops.plugins.module_utils.tls.own import ensure

# The name of a secret, and the path of a file.
PLACES = ("key_secret", "key_file")
CERTIFICATE = {name: {**option, "no_log": False} if name in PLACES else option for name, option in argspec(OwnCertificate).items()}


def key_of(certificate: OwnCertificate) -> str | None:
    """The private key in the store of its stack; what is no longer declared there may still lie in its folder."""
    store = Store(certificate.stack)
    return store.value(certificate.key_secret) if certificate.key_secret in store.metadata() else None


def named(name: str) -> bool:
    """A site of nginx, or of a release that is kept, has this certificate."""
    return f"/etc/latentum-ops/tls/{name}/" in references()


def main() -> None:
    """Certificates in, difference out."""
    module = AnsibleModule(
        argument_spec={
            "certificates": {"type": "list", "elements": "dict", "required": True, "options": CERTIFICATE},
            "stacks": {"type": "list", "elements": "str", "required": True},
        },
        supports_check_mode=True,
    )
    given: dict[str, Any] = module.params
    try:
        certificates = [OwnCertificate.from_dict(item, f"certificates[{index}]") for index, item in enumerate(given["certificates"])]
        outcome = ensure(certificates, given["stacks"], key_of, named, check_mode=bool(module.check_mode))
    except ImportError as error:
        if module.check_mode:
            # On a bare host the library comes earlier in the same run.
            module.exit_json(changed=True, certificates=[], kept=[], forgotten=[], in_use={})
        module.fail_json(**failure(f"python3-cryptography is missing on this host: {error}"))
    except (CertificateError, CommandError, ConfigSetError, ContractError, EntryError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(
        changed=outcome.changed,
        certificates=[certificate.name for certificate in certificates],
        kept=outcome.kept,
        forgotten=outcome.forgotten,
        in_use=outcome.in_use,
        diff=[change.difference() for change in outcome.changes],
    )


if __name__ == "__main__":
    main()
