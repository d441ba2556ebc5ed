#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets of a stack on its host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: secret_store
short_description: Keep the secrets of a stack on its host
version_added: "0.1.0"
description:
  - Generates each secret once, on the host, or adopts a value given from outside, and keeps it in C(/etc/latentum-ops/secrets/<stack>).
  - Each consumer gets a copy of its own, readable by the user of its container alone.
  - No value is in a result, a diff or a log; metadata holds versions, dates and keyed fingerprints.
  - The same stack on several hosts gets the same secrets. They travel sealed for the receiving host, see O(state).
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: Shows paths, modes and owners, never a value.
options:
  stack:
    description: Name of the stack.
    type: str
    required: true
  state:
    description:
      - V(present) makes the store what O(entries) say, after taking over what is in O(sealed).
      - V(invited) prepares this host to receive the secrets of another, and returns a public key.
      - V(sealed) returns this host's secrets sealed for O(recipients).
    type: str
    choices: [present, invited, sealed]
    default: present
  entries:
    description: The secrets.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the secret and of its file.
        type: str
        required: true
      kind:
        description: How the value comes to be.
        type: str
        required: true
        choices: [password, token, uuid, rsa, ed25519, fernet, htpasswd, bcrypt, template, provided]
      value:
        description: A value from outside, which is adopted instead of a generated one.
        type: str
      length:
        description: Characters of a V(password).
        type: int
      encoding:
        description: How a V(token) is written.
        type: str
        choices: [urlsafe, hex, base64]
      bytes:
        description: Random bytes of a V(token).
        type: int
      bits:
        description: Size of an V(rsa) key.
        type: int
      user:
        description: User name of an V(htpasswd) line.
        type: str
      of:
        description: The secret that a V(bcrypt) hash is made of.
        type: str
      template:
        description: Text with C({{ name }}) or C({{ name | urlencode }}) for other secrets.
        type: str
      consumers:
        description: Services that read the secret from a file.
        type: list
        elements: dict
        default: []
        suboptions:
          service:
            description: Name of the service.
            type: str
            required: true
          uid:
            description: User number of its container's process, which owns the copy.
            type: int
            required: true
          gid:
            description: Group number.
            type: int
            required: true
      rotation:
        description: How the secret is replaced while its consumers go on (module M(latentum.ops.secret_rotation)).
        type: dict
        suboptions:
          # BEGIN OPTIONS secret_rotation.SecretRotation
          kind:
            description: Who checks it, and so how an old and a new value are good at once.
            type: str
            required: true
            choices: [postgresql, redis, overlap, file]
          service:
            description: The service that is the server. Its file is written in place, and its containers are not replaced.
            type: str
          user:
            description: Of PostgreSQL the role that owns the database, of Redis the user whose password it is.
            type: str
          database:
            description: The PostgreSQL database that its clients use.
            type: str
            default: postgres
          admin:
            description: The superuser of the PostgreSQL server.
            type: str
          port:
            description: On which the PostgreSQL server listens in its container.
            type: int
            default: 5432
          every:
            description: Told is a value that is older, in seconds; 0 for never.
            type: float
            default: 0.0
          grace:
            description: For so long the value before is kept, and good where nobody else can say that it is out of use, in seconds.
            type: float
            default: 86400.0
          separator:
            description: What stands between the values in the file of an overlap.
            type: str
            choices: [line, comma, space]
            default: line
          # END OPTIONS
      environment:
        description: Services that can only read it from their environment; it is visible in C(docker inspect) then.
        type: list
        elements: dict
        default: []
        suboptions:
          service:
            description: Name of the service.
            type: str
            required: true
          variable:
            description: Name of the variable.
            type: str
            required: true
  sealed:
    description: What another host sealed for this one.
    type: str
    default: ""
  recipients:
    description: Public keys by host, for O(state=sealed).
    type: dict
    default: {}
  purge:
    description:
      - Remove secrets that are no longer declared, instead of keeping them in a folder of their own.
      - Remove also the copies that no declared service reads any more. Without it those stay which a release that the host keeps names; a
        rollback to it needs them.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Have the secrets of the shop
  latentum.ops.secret_store:
    stack: shop
    entries:
      - name: database_password
        kind: password
        consumers:
          - {service: database, uid: 999, gid: 999}
"""

RETURN = r"""
created:
  description: Names of the secrets that were generated or adopted for the first time.
  returned: O(state=present)
  type: list
  elements: str
  sample: [database_password]
updated:
  description: Names of the secrets whose value changed.
  returned: O(state=present)
  type: list
  elements: str
  sample: []
retired:
  description: Names that are no longer declared.
  returned: O(state=present)
  type: list
  elements: str
  sample: []
services:
  description: Services whose containers hold an older value.
  returned: O(state=present)
  type: list
  elements: str
  sample: []
rotates:
  description: Whether one of the secrets is declared to rotate.
  returned: O(state=present)
  type: bool
  sample: true
public_key:
  description: For the host that is to seal its secrets.
  returned: O(state=invited)
  type: str
  sample: age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p
sealed:
  description: Ciphertext by recipient.
  returned: O(state=sealed)
  type: dict
  sample: {web2: "-----BEGIN AGE ENCRYPTED FILE-----\n…"}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.contracts.argspec import argspec
from ansible_collections.latentum.ops.plugins.module_utils.contracts.secret_rotation import SecretRotation
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import EntryError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.kinds import SecretError
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.sealing import SealError
from ansible_collections.latentum.ops.plugins.module_utils.secretstore.store import Store

KINDS = ["password", "token", "uuid", "rsa", "ed25519", "fernet", "htpasswd", "bcrypt", "template", "provided"]
CONSUMER: dict[str, Any] = {
    "service": {"type": "str", "required": True},
    "uid": {"type": "int", "required": True},
    "gid": {"type": "int", "required": True},
}
ROTATION = argspec(SecretRotation)
VARIABLE: dict[str, Any] = {"service": {"type": "str", "required": True}, "variable": {"type": "str", "required": True}}
ENTRY: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "kind": {"type": "str", "required": True, "choices": KINDS},
    "value": {"type": "str", "no_log": True},
    "length": {"type": "int"},
    "encoding": {"type": "str", "choices": ["urlsafe", "hex", "base64"]},
    "bytes": {"type": "int"},
    "bits": {"type": "int"},
    "user": {"type": "str"},
    "of": {"type": "str"},
    "template": {"type": "str"},
    "consumers": {"type": "list", "elements": "dict", "default": [], "options": CONSUMER},
    "environment": {"type": "list", "elements": "dict", "default": [], "options": VARIABLE},
    "rotation": {"type": "dict", "options": ROTATION},
}


class Module(AnsibleModule):  # type: ignore[misc]
    """A module whose journal line has no arguments.

    Ansible writes the text of nested arguments to the journal and removes secret values from that text as they are; a value
    with line breaks or quotes stands there escaped, and stays.
    """

    no_log_values: set[str]

    def _log_invocation(self) -> None:
        names = ", ".join(entry["name"] for entry in self.params["entries"])
        self.log(f"Invoked with stack={self.params['stack']} state={self.params['state']} names={names}")

    def show_names(self) -> None:
        """Let results name secrets and services even when a value from outside happens to be such a name."""
        entries = self.params["entries"]
        names = [self.params["stack"], *(entry["name"] for entry in entries)]
        names += [use["service"] for entry in entries for use in [*entry["consumers"], *entry["environment"]]]
        self.no_log_values = {value for value in self.no_log_values if not any(value in name for name in names)}


def act(store: Store, given: dict[str, Any], check_mode: bool) -> dict[str, Any]:
    """One state, under the store's lock; the result holds names and ciphertext only."""
    if given["state"] == "invited":
        return {"changed": False, "public_key": "" if check_mode else store.invite()}
    if given["state"] == "sealed":
        return {"changed": False, "sealed": store.seal(given["recipients"])}
    if given["sealed"] and not check_mode:
        store.open(given["sealed"])
    outcome = store.ensure(given["entries"], purge=given["purge"], check_mode=check_mode)
    return {
        "changed": outcome.changed or bool(given["sealed"]),
        "created": outcome.created,
        "updated": outcome.updated,
        "retired": outcome.retired,
        "services": outcome.services,
        "rotates": any(entry["rotation"] for entry in given["entries"]),
        "diff": [change.difference() for change in outcome.changes],
    }


def main() -> None:
    """Arguments in, names out."""
    module = Module(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "invited", "sealed"], "default": "present"},
            "entries": {"type": "list", "elements": "dict", "default": [], "options": ENTRY},
            "sealed": {"type": "str", "default": ""},
            "recipients": {"type": "dict", "default": {}},
            "purge": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    module.show_names()
    store = Store(module.params["stack"])
    try:
        if module.check_mode:
            result = act(store, module.params, check_mode=True)
        else:
            with store.locked():
                result = act(store, module.params, check_mode=False)
    except ImportError as error:
        if module.check_mode:
            # On a bare host the libraries come earlier in the same run.
            module.exit_json(
                changed=True, created=[entry["name"] for entry in module.params["entries"]], updated=[], retired=[], services=[]
            )
        missing = f"a Python library is missing on this host ({error.name}): install python3-cryptography and python3-bcrypt"
        module.fail_json(**failure(missing))
    except (SecretError, SealError, EntryError, ConfigSetError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
