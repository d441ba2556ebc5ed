#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates by placeholder and certbot."""

from __future__ import annotations

DOCUMENTATION = r"""
module: certificates
short_description: Have certificates in place, first placeholders, then issued by ACME
version_added: "0.1.0"
description:
  - nginx refers to C(/etc/latentum-ops/tls/<name>/fullchain.pem) and C(privkey.pem), which are links.
  - With O(state=placeholder) a self-signed certificate is put behind the links unless something is there, so that nginx can start.
  - With O(state=issued) certbot is asked for each certificate that is missing, names other domains, comes from another ACME directory,
    has another type of key, or has expired. Then the links are switched, and nginx is tested and reloaded.
  - The failure of one certificate stops no other; the module fails at the end with certbot's reason for each.
  - Renewing is certbot's own timer's.
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
options:
  state:
    description: What must be there.
    type: str
    choices: [placeholder, issued]
    default: issued
  directory_url:
    description: The ACME directory that issues.
    type: str
    default: https://acme-v02.api.letsencrypt.org/directory
  contact:
    description: Mail address of the ACME account; needed with O(state=issued).
    type: str
    default: ""
  webroot:
    description: Folder that nginx serves under C(/.well-known/acme-challenge/) of every domain.
    type: path
    default: /var/www/acme
  key_type:
    description: Type of the private keys.
    type: str
    choices: [ecdsa, rsa]
    default: ecdsa
  ca_bundle:
    description: File of the CAs that the ACME directory's own certificate is checked against, for a private directory.
    type: str
    default: ""
  dns_plugin:
    description: Prove control by DNS with this plugin of certbot, for example V(rfc2136), instead of by HTTP.
    type: str
    default: ""
  dns_credentials:
    description: Credentials file of the plugin on the host.
    type: str
    default: ""
  dns_propagation_seconds:
    description: Seconds to wait until the DNS record can be seen.
    type: int
    default: 60
  force:
    description: Names of certificates to issue anew although they are right. Mind the rate limits of the directory.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Have a certificate for the shop
  latentum.ops.certificates:
    contact: ops@example.com
    certificates:
      - name: shop.example.com
        domains: [shop.example.com, www.shop.example.com]
"""

RETURN = r"""
issued:
  description: Why each certificate was, or in check mode would be, issued or put in place.
  returned: success
  type: dict
  sample: {shop.example.com: there is none yet}
failures:
  description: Names and reasons of the certificates that could not be issued.
  returned: failure
  type: list
  elements: dict
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils import certificates
from ansible_collections.latentum.ops.plugins.module_utils.runner import CommandError

DIRECTORY = "https://acme-v02.api.letsencrypt.org/directory"


def main() -> None:
    """Arguments in, outcome out."""
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
            "state": {"type": "str", "choices": ["placeholder", "issued"], "default": "issued"},
            "directory_url": {"type": "str", "default": DIRECTORY},
            "contact": {"type": "str", "default": ""},
            "webroot": {"type": "path", "default": "/var/www/acme"},
            "key_type": {"type": "str", "choices": ["ecdsa", "rsa"], "default": "ecdsa", "no_log": False},
            "ca_bundle": {"type": "str", "default": ""},
            "dns_plugin": {"type": "str", "default": ""},
            "dns_credentials": {"type": "str", "default": ""},
            "dns_propagation_seconds": {"type": "int", "default": 60},
            "force": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    done = certificates.Issued()
    try:
        wanted = [certificates.certificate_from(one["name"], one["domains"]) for one in given["certificates"]]
        if given["state"] == "placeholder":
            for one in wanted:
                if certificates.ensure_placeholder(one, check_mode=module.check_mode):
                    done.issued[one.name] = "there was nothing that nginx could use"
        else:
            if not given["contact"]:
                module.fail_json(msg="contact is empty: write the mail address of the ACME account")
            acme = certificates.Acme(
                directory_url=given["directory_url"],
                contact=given["contact"],
                webroot=given["webroot"],
                key_type=given["key_type"],
                ca_bundle=given["ca_bundle"],
                dns_plugin=given["dns_plugin"],
                dns_credentials=given["dns_credentials"],
                dns_propagation_seconds=given["dns_propagation_seconds"],
                force=tuple(given["force"]),
            )
            done = certificates.issue(wanted, acme, check_mode=module.check_mode)
    except ImportError:
        if module.check_mode:
            # On a bare host the library comes earlier in the same run.
            module.exit_json(changed=True, issued={one["name"]: "there is none yet" for one in given["certificates"]})
        module.fail_json(msg="the Python library cryptography is missing on this host: install the package python3-cryptography")
    except (CommandError, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    if done.failures:
        said = "\n".join(f"{one.name}: {one.reason}" for one in done.failures)
        module.fail_json(
            msg=f"{len(done.failures)} of {len(wanted)} certificates could not be issued; nginx keeps what it had:\n{said}",
            changed=bool(done.issued),
            failures=[{"name": one.name, "reason": one.reason} for one in done.failures],
        )
    module.exit_json(changed=bool(done.issued), issued=done.issued)


if __name__ == "__main__":
    main()
