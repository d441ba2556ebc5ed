#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators of a host: accounts, keys, scopes, and who has left."""

from __future__ import annotations

DOCUMENTATION = r"""
module: operator_access
short_description: Make the operators of a host what is declared, and no others
version_added: "0.1.0"
description:
  - Makes accounts of operators, with keys that root keeps outside of their homes, so that none which is not declared opens them.
  - What an operator may is a scope. An admin becomes root by sudo; everybody else may run C(opsctl) by it, which judges verb, stack and
    options before it does anything.
  - Who is not declared any more is locked, loses keys, certificates and rules of sudo, and all that they have running is ended. Files stay.
  - The rules of sudo are judged by C(visudo) and the part of sshd by C(sshd -t) before they stay. A change of sshd takes itself back unless
    it is confirmed through a new connection (M(latentum.ops.config_set), set C(access-sshd)).
  - At last sshd and sudo are asked what is in force; what another file gives beyond the scopes fails the task.
  - The account that the run is connected as is never shut out.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: The checkers are not run, since they need the new files in place.
  diff_mode:
    support: full
    details: Passwords are not shown.
options:
  operators:
    description: All operators of the host; required with O(state=present).
    type: list
    elements: dict
    suboptions:
      name:
        description: Login name.
        type: str
        required: true
      state:
        description: V(absent) shuts the account.
        type: str
        choices: [present, absent]
        default: present
      keys:
        description: Public keys that open the account.
        type: list
        elements: dict
        default: []
        suboptions:
          key:
            description: The line of a file such as C(~/.ssh/id_ed25519.pub).
            type: str
            required: true
          from:
            description: Addresses and networks from which it is good; empty for anywhere.
            type: list
            elements: str
            default: []
          expires:
            description: Its last day in UTC, or a time; empty for never.
            type: str
            default: ""
      scopes:
        description: What the operator may do.
        type: list
        elements: dict
        default: []
        suboptions:
          level:
            description: V(read) sees, V(deploy) also changes releases, V(admin) becomes root.
            type: str
            choices: [read, deploy, admin]
            required: true
          stacks:
            description: On which stacks; without it on all, and on the host itself.
            type: list
            elements: str
      from:
        description: Addresses and networks from which keys and certificates are good; empty for anywhere.
        type: list
        elements: str
        default: []
      certificates:
        description: Whether a certificate of one of O(authorities) opens the account.
        type: bool
        default: false
      expires:
        description: Last day of the account in UTC, or a time; empty for never.
        type: str
        default: ""
      second_factor:
        description: What is asked for beside a key.
        type: str
        choices: [none, password, totp, fido2]
        default: none
      password_hash:
        description: For V(password), a hash of crypt(3).
        type: str
        default: ""
      totp_secret:
        description: For V(totp), the secret of the codes in Base32.
        type: str
        default: ""
      forwarding:
        description: May forward ports, as far as the server lets anybody.
        type: bool
        default: false
      break_glass:
        description: An account for emergencies.
        type: bool
        default: false
  stacks:
    description: Names of the stacks of this host; those that were deployed are known besides.
    type: list
    elements: str
    default: []
  known_stacks:
    description: Names of all stacks of the inventory, which scopes may name.
    type: list
    elements: str
    default: []
  authorities:
    description: Public keys of authorities whose certificates open accounts.
    type: list
    elements: str
    default: []
  revoked:
    description: What opens nothing any more.
    type: list
    elements: dict
    default: []
    suboptions:
      key:
        description: A public key, as such or in a certificate.
        type: str
        default: ""
      serial:
        description: Serial of a certificate, or a range such as V(4-9).
        type: str
        default: ""
      id:
        description: Id of a certificate.
        type: str
        default: ""
  base_operators:
    description: Accounts that role C(base) makes, as its C(base_operators) has them.
    type: list
    elements: dict
    default: []
  restrict_su:
    description: Nobody becomes somebody else by C(su) but root and members of the group root.
    type: bool
    default: true
  unit:
    description: Unit of the SSH server.
    type: str
    default: ssh.service
  state:
    description: V(confirmed) keeps the changes that wait for it, O(armed) of them; call it through a new connection.
    type: str
    choices: [present, confirmed]
    default: present
  armed:
    description: What waits for its confirmation, as the run that has changed it returned it.
    type: list
    elements: str
    default: []
  revert_after:
    description: Seconds after which a change of sshd, sudo or PAM takes itself back unless confirmed; 0 for never.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Keep what a run has changed, through a new connection
  latentum.ops.operator_access:
    state: confirmed
    armed: [access-pam, access, access-sshd]

- name: Two operators
  latentum.ops.operator_access:
    operators:
      - name: anna
        keys:
          - {key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL/Hj9e1EvI5Bx27FT4CYWInrqVc+NOhGxgC5M5hstb6 anna"}
        scopes: [{level: admin}]
      - name: ben
        keys:
          - key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIL/Hj9e1EvI5Bx27FT4CYWInrqVc+NOhGxgC5M5hstb6 ben"
            from: [198.51.100.0/24]
            expires: 2027-06-30
        scopes: [{level: read}, {level: deploy, stacks: [shop]}]
"""

RETURN = r"""
lines:
  description: What was, or in check mode would be, done.
  returned: success
  type: list
  elements: str
  sample: [account ben made]
ended:
  description: How many processes of whom were ended.
  returned: success
  type: dict
  sample: {carl: 4}
armed:
  description: What waits for its confirmation through a new connection.
  returned: success
  type: list
  elements: str
  sample: [access-pam, access, access-sshd]
confirmed:
  description: Whether all of O(armed) waited still, and is kept.
  returned: O(state=confirmed)
  type: bool
  sample: true
operators:
  description: Who may do what.
  returned: success
  type: list
  elements: dict
  sample: [{operator: anna, state: present, scopes: {read: ["*"], deploy: ["*"], admin: ["*"]}}]
table:
  description: The same as a table.
  returned: success
  type: str
  sample: "OPERATOR  READ  DEPLOY  ADMIN  LOGS IN BY  FROM      SUDO ASKS FOR  UNTIL"
markdown:
  description: The same in Markdown.
  returned: success
  type: str
  sample: "| OPERATOR | READ | DEPLOY | ADMIN | LOGS IN BY | FROM | SUDO ASKS FOR | UNTIL |"
"""

import time
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.access import applying, table
from ansible_collections.latentum.ops.plugins.module_utils.access.declaration import Reader, Surroundings, of_base
from ansible_collections.latentum.ops.plugins.module_utils.access.revocation import read as read_revoked
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import transaction
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.preflight.host import Host
from ansible_collections.latentum.ops.plugins.module_utils.release.stacks import stacks

NETWORKS: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
KEY: dict[str, Any] = {
    "key": {"type": "str", "required": True, "no_log": False},
    "from": NETWORKS,
    "expires": {"type": "str", "default": ""},
}
SCOPE: dict[str, Any] = {
    "level": {"type": "str", "choices": ["read", "deploy", "admin"], "required": True},
    "stacks": {"type": "list", "elements": "str"},
}
OPERATOR: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "keys": {"type": "list", "elements": "dict", "default": [], "options": KEY, "no_log": False},
    "scopes": {"type": "list", "elements": "dict", "default": [], "options": SCOPE},
    "from": NETWORKS,
    "certificates": {"type": "bool", "default": False},
    "expires": {"type": "str", "default": ""},
    "second_factor": {"type": "str", "choices": ["none", "password", "totp", "fido2"], "default": "none"},
    "password_hash": {"type": "str", "default": "", "no_log": True},
    "totp_secret": {"type": "str", "default": "", "no_log": True},
    "forwarding": {"type": "bool", "default": False},
    "break_glass": {"type": "bool", "default": False},
}
REVOKED: dict[str, Any] = {
    "key": {"type": "str", "default": "", "no_log": False},
    "serial": {"type": "str", "default": ""},
    "id": {"type": "str", "default": ""},
}


def main() -> None:
    """What is declared in, what was done out."""
    module = AnsibleModule(
        argument_spec={
            "operators": {"type": "list", "elements": "dict", "options": OPERATOR},
            "state": {"type": "str", "choices": ["present", "confirmed"], "default": "present"},
            "armed": {"type": "list", "elements": "str", "default": []},
            "stacks": {"type": "list", "elements": "str", "default": []},
            "known_stacks": {"type": "list", "elements": "str", "default": []},
            "authorities": {"type": "list", "elements": "str", "default": []},
            "revoked": {"type": "list", "elements": "dict", "default": [], "options": REVOKED},
            "base_operators": {"type": "list", "elements": "dict", "default": []},
            "restrict_su": {"type": "bool", "default": True},
            "unit": {"type": "str", "default": "ssh.service"},
            "revert_after": {"type": "int", "default": 0},
        },
        required_if=[("state", "present", ["operators"])],
        supports_check_mode=True,
    )
    given, now = module.params, time.time()
    host = Host()
    login = host.user if host.connection else ""
    try:
        if given["state"] == "confirmed":
            kept = [transaction.confirm(name, check_mode=module.check_mode) for name in given["armed"]]
            module.exit_json(changed=any(kept), confirmed=all(kept))
        known = [*given["known_stacks"], *given["stacks"], *(str(stack["name"]) for stack in stacks())]
        reader = Reader(Surroundings(now, sorted(set(known)), bool(given["authorities"]), of_base(given["base_operators"]), login))
        operators = reader.read(given["operators"])
        revoked = read_revoked(given["revoked"], reader.problems, authority=bool(given["authorities"]))
        if reader.problems:
            module.fail_json(**failure("\n".join(map(str, reader.problems))))
        wanted = applying.Wanted(
            tuple(operators),
            tuple(given["stacks"]),
            tuple(given["authorities"]),
            revoked,
            login,
            given["revert_after"],
            given["unit"],
            given["restrict_su"],
        )
        outcome = applying.apply(wanted, check=module.check_mode, now=now)
        if not module.check_mode:
            applying.verify(outcome.register, now)
    except (ConfigSetError, CommandError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(
        changed=bool(outcome.lines),
        lines=outcome.lines,
        ended=outcome.ended,
        armed=outcome.armed,
        operators=table.rows(outcome.register, now),
        table=table.text(outcome.register, now),
        markdown=table.markdown(outcome.register, now),
        diff=[*outcome.diff, *({"before": "", "after": f"{line}\n"} for line in outcome.lines if not line.startswith("/"))],
    )


if __name__ == "__main__":
    main()
