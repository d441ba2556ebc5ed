#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files by which the callers of routes are recognized."""

from __future__ import annotations

DOCUMENTATION = r"""
module: route_authentication
short_description: Keep the files by which callers of routes are recognized
version_added: "0.1.0"
description:
  - Writes password files, digests of keys, and authorities of clients' certificates for nginx and for the service C(latentum-ops-auth),
    below C(/etc/latentum-ops/authentication). Values are read from the secret store of the stack on the host itself and kept as hashes.
  - A password, a key or a user that changes holds from the next request on. nginx is reloaded only for another authority or
    revocation list, after it has tested them.
  - Nothing of it belongs to a release, so that a rollback lets nobody in who was shut out. What a release that is kept still asks by
    stays, with those callers whose secrets are still declared.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: nginx does not test new authorities, since it needs the new files in place.
  diff_mode:
    support: full
    details: Hashes are not shown.
options:
  policies:
    description: How callers are recognized; the result of filter P(latentum.ops.route_authentication#filter).
    type: list
    elements: dict
    required: true
    suboptions:
      # BEGIN OPTIONS route_authentication.RouteAuthentication
      name:
        description: Its name; that of its files, and by which sites refer to it.
        type: str
        required: true
      stack:
        description: The stack whose route it is.
        type: str
        required: true
      kind:
        description: How callers are recognized.
        type: str
        required: true
        choices: [basic, api_key, jwt, client_ca, forward]
      users:
        description: Of V(basic), the name of a user and the secret that is the password.
        type: dict
        default: {}
      realm:
        description: What a browser shows when it asks for the password, and clients of an API see.
        type: str
      header:
        description: Of V(api_key), the header that carries the key.
        type: str
      keys:
        description: Of V(api_key), the name of a caller and the secret that is the key.
        type: dict
        default: {}
      jwks:
        description: Of V(jwt), the URL of the key set.
        type: str
      public_keys:
        description: Of V(jwt), public keys in PEM, instead of a key set.
        type: list
        elements: str
        default: []
      algorithms:
        description: Of V(jwt), the signatures that are accepted.
        type: list
        elements: str
        choices: [RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA]
        default: []
      issuer:
        description: Of V(jwt), who must have issued a token.
        type: str
      audience:
        description: Of V(jwt), for whom a token must be; one of these.
        type: list
        elements: str
        default: []
      leeway:
        description: Of V(jwt), by how many seconds clocks may differ.
        type: float
        default: 30.0
      user_claim:
        description: Of V(jwt), the claim that is the name of the caller.
        type: str
        default: sub
      claims:
        description: Of V(jwt), the header of the request and the claim that it hands over.
        type: dict
        default: {}
      ca:
        description: Of V(client_ca), certificates of the authorities, PEM.
        type: str
      crl:
        description: Of V(client_ca), their revocation lists, PEM.
        type: str
      login:
        description: Of V(forward), where browsers that are not logged in are sent.
        type: str
      login_parameter:
        description: Of V(forward), the parameter of that page which gets the address that was asked for.
        type: str
        default: rd
      hosts:
        description: Of V(forward), the names under which the route is asked for.
        type: list
        elements: str
        default: []
      limit:
        description: Requests of one caller, of V(api_key) and V(jwt).
        type: dict
        suboptions:
          requests:
            description: So many requests.
            type: int
            required: true
          per:
            description: The time in which they are counted.
            type: str
            choices: [second, minute]
            default: second
          burst:
            description: So many more at once.
            type: int
            default: 0
      # END OPTIONS
  stacks:
    description: The stacks whose policies these are, all of them; what such a stack has no more is removed. Others are left alone.
    type: list
    elements: str
    required: true
  nginx_group:
    description: The group of nginx's workers, which read password files.
    type: str
    default: www-data
  service_group:
    description: The group of the service.
    type: str
    default: latentum-auth
seealso:
  - plugin: latentum.ops.route_authentication
    plugin_type: filter
  - module: latentum.ops.secret_store
"""

EXAMPLES = r"""
- name: Let partners in by their keys
  latentum.ops.route_authentication:
    stacks: [shop]
    policies:
      - name: api.example.com-api_key-1f2e3d4c
        stack: shop
        kind: api_key
        header: X-API-Key
        keys: {partner: partner_key}
"""

RETURN = r"""
policies:
  description: The policies that are there now, as stack and name.
  returned: success
  type: list
  elements: str
  sample: [shop/api.example.com-api_key-1f2e3d4c]
kept:
  description: Those of them that are declared no more, and that a site or a release of the host still names.
  returned: success
  type: list
  elements: str
  sample: []
"""

import grp
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.authentication.host_files import (
    AuthenticationError,
    Readers,
    ensure,
    policies_from,
)
from ansible_collections.latentum.ops.plugins.module_utils.contracts.argspec import argspec
from ansible_collections.latentum.ops.plugins.module_utils.contracts.route_authentication import RouteAuthentication
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import EntryError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError

# Names of secrets, and keys that everybody may know.
PLACES = ("keys", "public_keys", "users")
POLICY = {name: {**option, "no_log": False} if name in PLACES else option for name, option in argspec(RouteAuthentication).items()}


def group(name: str, *, check_mode: bool) -> int:
    """The number of a group; in check mode it may come later in the run.

    :raises AuthenticationError: there is none of this name.
    """
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        if check_mode:
            return 0
        raise AuthenticationError(f"group {name!r} does not exist on this host: role nginx makes it, run it with the tag nginx") from None


def main() -> None:
    """Policies in, difference out."""
    module = AnsibleModule(
        argument_spec={
            "policies": {"type": "list", "elements": "dict", "required": True, "options": POLICY},
            "stacks": {"type": "list", "elements": "str", "required": True},
            "nginx_group": {"type": "str", "default": "www-data"},
            "service_group": {"type": "str", "default": "latentum-auth"},
        },
        supports_check_mode=True,
    )
    given: dict[str, Any] = module.params
    check = bool(module.check_mode)
    try:
        policies = policies_from(given["policies"])
        readers = (
            Readers(group(given["nginx_group"], check_mode=check), group(given["service_group"], check_mode=check))
            if policies
            else Readers()
        )
        outcome = ensure(policies, given["stacks"], readers, check_mode=check)
    except ImportError as error:
        if check:
            # On a bare host the libraries come earlier in the same run.
            module.exit_json(changed=True, policies=[], kept=[])
        module.fail_json(**failure(f"a Python library is missing on this host ({error.name}): install python3-cryptography"))
    except (AuthenticationError, CommandError, ConfigSetError, EntryError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(
        changed=bool(outcome.changes),
        policies=sorted({*(policy.reference for policy in policies), *outcome.kept}),
        kept=outcome.kept,
        diff=[change.difference() for change in outcome.changes],
    )


if __name__ == "__main__":
    main()
