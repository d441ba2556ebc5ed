#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, from a placeholder to the issued one."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates
short_description: Give nginx certificates, from placeholders to issued ones
version_added: "0.1.0"
description:
  - Every certificate is a link C(/etc/latentum-ops/tls/NAME) to a folder with C(fullchain.pem) and C(privkey.pem).
  - With O(state=placeholder) the link leads to a self-signed placeholder until there is an issued certificate, so that nginx
    can start before any authority was asked.
  - With O(state=issued) C(certbot) is asked once for each certificate that there is none of yet, whose names, key type or
    authority differ from what is declared, or that has expired; then the links are switched and nginx takes over, tested first.
  - A certificate that cannot be had stops no other one. The module fails in the end, naming each with the reason of C(certbot),
    and nginx keeps serving what it had.
  - Renewal is the business of C(certbot.timer), unless O(renew) asks for it.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: No authority is asked; RV(asked) tells what it would be asked for.
  diff_mode:
    support: full
    details: Keys are never shown.
options:
  certificates:
    description: The certificates of this host. Entries of one name are one certificate for the names of all of them.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the certificate and its folders.
        type: str
        required: true
      domains:
        description: The names that it is valid for.
        type: list
        elements: str
        required: true
  state:
    description: How far to go.
    type: str
    choices: [placeholder, issued]
    default: issued
  contact:
    description: Mail address that the authority registers the account with; needed where a certificate has to be issued.
    type: str
    default: ""
  directory_url:
    description: Address of the ACME directory of the authority.
    type: str
    default: https://acme-v02.api.letsencrypt.org/directory
  ca_bundle:
    description: File on the host with the CA that signs the authority's own web server; for private authorities only.
    type: str
    default: ""
  key_type:
    description: Kind of the private keys; V(ecdsa) is on the curve P-256.
    type: str
    choices: [ecdsa, rsa]
    default: ecdsa
  webroot:
    description: Folder that nginx serves C(/.well-known/acme-challenge/) from.
    type: str
    default: /var/www/acme
  dns:
    description: Prove control over the names by DNS records instead of the webroot.
    type: dict
    suboptions:
      plugin:
        description: Name of the plugin of C(certbot) without C(dns-), for example V(cloudflare).
        type: str
        required: true
      credentials:
        description: File on the host with the plugin's credentials.
        type: str
        default: ""
      propagation:
        description: Seconds until a new record is seen everywhere; V(0) for the plugin's default.
        type: int
        default: 0
  stacks:
    description:
      - Names of the stacks whose certificates these are. Where another stack of the host has paths of the same name, its further names stay
        in the certificate; and one of the operator's own (M(latentum.ops.own_certificates)) that it has brought stays in service, and no
        other one is asked for.
    type: list
    elements: str
    default: []
  renew:
    description: Names of certificates to be renewed now although they need not; V(*) for all.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Let nginx start before any certificate was issued
  latentum.ops.certificates:
    state: placeholder
    certificates:
      - {name: www.example.com, domains: [www.example.com, example.com]}

- name: Replace the placeholder
  latentum.ops.certificates:
    contact: ops@example.com
    certificates:
      - {name: www.example.com, domains: [www.example.com, example.com]}
"""

RETURN = r"""
asked:
  description: What was asked for, or would be in check mode, with the reason.
  returned: O(state=issued)
  type: dict
  sample: {"www.example.com": "there is none yet"}
failed_certificates:
  description: What could not be had, with the reason that C(certbot) gives.
  returned: O(state=issued)
  type: dict
  sample: {}
changed_paths:
  description: Files and links that were changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/latentum-ops/tls/www.example.com]
"""

from dataclasses import replace
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import Change, EntryError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.nginx.shared_sites import further_names
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import CertificateError, Wanted, owner_of, wanted_from
from ansible_collections.latentum.ops.plugins.module_utils.tls.issue import PRODUCTION, Authority, Dns, Issued, issue
from ansible_collections.latentum.ops.plugins.module_utils.tls.placeholder import ensure_placeholders

DNS_SPEC: dict[str, Any] = {
    "plugin": {"type": "str", "required": True},
    "credentials": {"type": "str", "default": ""},
    "propagation": {"type": "int", "default": 0},
}
CERTIFICATE_SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "domains": {"type": "list", "elements": "str", "required": True},
}


def reported(changes: list[Change]) -> dict[str, Any]:
    """What both states return of changed paths."""
    return {"changed_paths": [str(change.entry.path) for change in changes], "diff": [change.difference() for change in changes]}


def _beside_others(wanted: list[Wanted], stacks: list[str]) -> list[Wanted]:
    """The same, with what other stacks of this host have of the same names."""
    if not stacks:
        return wanted
    mine = [certificate for certificate in wanted if owner_of(certificate.name) in ("", *stacks)]
    others = {certificate.name: further_names(certificate.name, stacks) for certificate in mine}
    return [replace(certificate, domains=tuple(dict.fromkeys((*certificate.domains, *others[certificate.name])))) for certificate in mine]


def finish(module: AnsibleModule, done: Issued) -> None:
    """Success, or a failure that names every certificate that could not be had."""
    result = {"changed": done.changed, "asked": done.asked, "failed_certificates": done.failed, **reported(done.links)}
    if done.failed:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in done.failed.items())
        module.fail_json(**failure(f"{len(done.failed)} of {len(done.asked)} certificates could not be had. {reasons}", **result))
    module.exit_json(**result)


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            "certificates": {"type": "list", "elements": "dict", "required": True, "options": CERTIFICATE_SPEC},
            "state": {"type": "str", "choices": ["placeholder", "issued"], "default": "issued"},
            "contact": {"type": "str", "default": ""},
            "directory_url": {"type": "str", "default": PRODUCTION},
            "ca_bundle": {"type": "str", "default": ""},
            "key_type": {"type": "str", "choices": ["ecdsa", "rsa"], "default": "ecdsa", "no_log": False},
            "webroot": {"type": "str", "default": "/var/www/acme"},
            "dns": {"type": "dict", "options": DNS_SPEC},
            "stacks": {"type": "list", "elements": "str", "default": []},
            "renew": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        wanted = wanted_from(given["certificates"])
        if given["state"] == "placeholder":
            changes = ensure_placeholders(wanted, check_mode=module.check_mode)
            module.exit_json(changed=bool(changes), **reported(changes))
        authority = Authority(
            contact=given["contact"],
            directory_url=given["directory_url"],
            key_type=given["key_type"],
            webroot=given["webroot"],
            ca_bundle=given["ca_bundle"],
            dns=Dns(**given["dns"]) if given["dns"] else None,
        )
        done = issue(_beside_others(wanted, given["stacks"]), authority, renew=given["renew"], check_mode=module.check_mode)
    except ImportError as error:
        module.fail_json(**failure(f"python3-cryptography is missing on this host: {error}"))
    except (CertificateError, CommandError, ConfigSetError, EntryError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    finish(module, done)


if __name__ == "__main__":
    main()
