#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nginx of a host can do."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_info
short_description: Tell what the nginx of a host can do
version_added: "0.1.0"
description:
  - Reads version and OpenSSL from C(nginx -V), and whether the host speaks IPv6, so that a configuration can be written for it.
  - A host without nginx is no error.
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
  keep_foreign:
    description: Look at the sites of others as well, beside which ours are to come in.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Look at nginx
  latentum.ops.nginx_info:
  register: web
"""

RETURN = r"""
nginx:
  description: What was found.
  returned: success
  type: dict
  contains:
    installed:
      description: Whether nginx was found.
      type: bool
      returned: success
    version:
      description: Its version; empty without nginx.
      type: str
      returned: success
    openssl_version:
      description: The OpenSSL that it runs with.
      type: str
      returned: success
    http2_directive:
      description: Whether C(http2) is a directive (1.25.1) rather than a parameter of C(listen).
      type: bool
      returned: success
    keepalive_min_timeout:
      description: Whether a reload can leave kept connections open for a while (1.27.4).
      type: bool
      returned: success
    post_quantum:
      description: Whether TLS can agree on keys by X25519MLKEM768 (OpenSSL 3.5).
      type: bool
      returned: success
    http3:
      description: Whether it was built with C(ngx_http_v3_module).
      type: bool
      returned: success
    own_certificates:
      description: The stacks that have certificates of the operator's own on the host.
      type: list
      elements: str
      returned: success
    ipv6:
      description: Whether the host speaks IPv6.
      type: bool
      returned: success
    authentication:
      description: The stacks that have files of authentication on the host.
      type: list
      elements: str
      returned: success
    place:
      description: The file by which our sites come in beside those of others, read after all of theirs.
      type: str
      returned: with O(keep_foreign=true)
    ipv4_only:
      description: Ports on which sites of others listen on IPv4 only; ours would take their clients with IPv6.
      type: list
      elements: int
      returned: with O(keep_foreign=true)
    set_by_others:
      description: Names of directives that others have in the C(http) block itself.
      type: list
      elements: str
      returned: with O(keep_foreign=true)
  sample:
    installed: true
    version: 1.26.3
    openssl_version: 3.5.4
    http2_directive: true
    keepalive_min_timeout: false
    post_quantum: true
    ipv6: true
    http3: true
    own_certificates: []
    authentication: [shop]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.contracts.route_authentication import FOLDER
from ansible_collections.latentum.ops.plugins.module_utils.nginx.beside import MAIN, PLACES, ipv4_only, place, set_by_others, theirs
from ansible_collections.latentum.ops.plugins.module_utils.nginx.features import look
from ansible_collections.latentum.ops.plugins.module_utils.preflight.host import Host
from ansible_collections.latentum.ops.plugins.module_utils.preflight.nginx_sites import tree
from ansible_collections.latentum.ops.plugins.module_utils.tls.certificates import owners


def main() -> None:
    """The features, and with them what others have there."""
    module = AnsibleModule(argument_spec={"keep_foreign": {"type": "bool", "default": False}}, supports_check_mode=True)
    features = {**look().as_dict(), "authentication": sorted(folder.name for folder in FOLDER.glob("*") if folder.is_dir())}
    features["own_certificates"] = owners()
    if module.params["keep_foreign"]:
        host = Host()
        others = tree(host)
        features |= {
            "place": place(host.read(MAIN) or "") or PLACES[0],
            "ipv4_only": ipv4_only(theirs(others)),
            "set_by_others": set_by_others(others),
        }
    module.exit_json(changed=False, nginx=features)


if __name__ == "__main__":
    main()
