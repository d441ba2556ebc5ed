#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment that a host belongs to."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_environment
short_description: Say which environment a host belongs to, or refuse what was not confirmed for it
version_added: "0.1.0"
description:
  - Keeps the name of the host's environment, and whether it is protected, in C(/etc/latentum-ops/environment.json). On a protected host
    C(opsctl) and the playbooks deploy and destroy only when the name is given as a confirmation.
  - A protected host does not change its name or lose its protection without O(confirm). An inventory that was meant for another host
    does not open it.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  state:
    description:
      - V(present) writes what the inventory says about the host.
      - V(confirmed) changes nothing. It fails where the host is protected and O(confirm) is not the name of its environment, and where
        O(confirm) names another environment than that of the host.
    type: str
    choices: [present, confirmed]
    default: present
  # BEGIN OPTIONS host_environment.HostEnvironment
  environment:
    description: Name of the environment that the host belongs to, such as V(production). Empty, what the host knows of it stays as it
      is.
    type: str
  protected:
    description: Whatever deploys or destroys on the host wants the name of the environment as its confirmation.
    type: bool
    default: false
  # END OPTIONS
  confirm:
    description: The environment that whoever runs this means; C(ops_confirm) in the playbooks.
    type: str
    default: ""
  what:
    description: With O(state=confirmed), what is about to be done, for the message.
    type: str
    default: this run
"""

EXAMPLES = r"""
- name: This host is production, and whoever deploys to it says so
  latentum.ops.host_environment:
    environment: production
    protected: true

- name: Refuse a run that was not meant for this host
  latentum.ops.host_environment:
    state: confirmed
    confirm: "{{ ops_confirm | default('') }}"
    what: deploy of shop
"""

RETURN = r"""
environment:
  description: Name of the environment that the host belongs to; empty where nobody has said.
  returned: success
  type: str
  sample: production
protected:
  description: Whether it wants a confirmation.
  returned: success
  type: bool
  sample: true
expected:
  description: The name that the confirmation must be.
  returned: when it was refused
  type: str
  sample: production
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.contracts.argspec import argspec
from ansible_collections.latentum.ops.plugins.module_utils.contracts.host_environment import HostEnvironment
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import protection


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "confirmed"], "default": "present"},
            **argspec(HostEnvironment),
            "confirm": {"type": "str", "default": ""},
            "what": {"type": "str", "default": "this run"},
        },
        supports_check_mode=True,
    )
    given = module.params
    changes = []
    try:
        if given["state"] == "present":
            wanted = HostEnvironment.from_dict({"environment": given["environment"], "protected": given["protected"]})
            changes = protection.keep(wanted, given["confirm"], check=module.check_mode)
            host = wanted if wanted.environment else protection.load()
        else:
            host = protection.require_confirmed(given["what"], given["confirm"])
    except protection.NotConfirmed as error:
        module.fail_json(**failure(error, expected=error.environment))
    except (ConfigSetError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(changed=bool(changes), diff=[change.difference() for change in changes], **host.to_dict())


if __name__ == "__main__":
    main()
