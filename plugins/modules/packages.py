#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages, looked up without opening apt's cache."""

from __future__ import annotations

DOCUMENTATION = r"""
module: packages
short_description: Have packages installed, quickly when they are
version_added: "0.1.0"
description:
  - Compares the names with dpkg's database, and calls apt only when something is missing. A run that changes nothing costs some
    milliseconds, where M(ansible.builtin.apt) opens the whole package cache.
  - In a play that has registered the result of M(latentum.ops.preflight) as C(ops_preflight), packages that it has seen as they should be
    do not cost a call to the host.
  - In check mode it says what would be installed even on a bare host that has no package lists yet.
  - Removes or downgrades nothing that is not named. Where apt would, for example an engine from another repository, it fails with the
    names of these packages, and nothing is changed.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  name:
    description: Names of the packages.
    type: list
    elements: str
    required: true
  state:
    description: Whether they are installed.
    type: str
    choices: [present, absent]
    default: present
  lists_valid:
    description: Package lists older than this many seconds are fetched before something is installed; V(0) fetches them in any case.
    type: int
    default: 3600
  recommends:
    description: Install what the packages recommend, too.
    type: bool
    default: false
  replaces:
    description: Packages that may be removed for those of O(name), where apt cannot have both.
    type: list
    elements: str
    default: []
  chosen_by:
    description: The variable that chose these packages; an error names it.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Have what the engine needs
  latentum.ops.packages:
    name: [python3-requests, python3-yaml]
"""

RETURN = r"""
packages:
  description: Names that were, or in check mode would be, installed or removed.
  returned: success
  type: list
  elements: str
  sample: [python3-requests]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import apt


def main() -> None:
    """Names in, the difference out."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "lists_valid": {"type": "int", "default": 3600},
            "recommends": {"type": "bool", "default": False},
            "replaces": {"type": "list", "elements": "str", "default": []},
            "chosen_by": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    given = module.params
    names = given["name"]
    verb, compare = ("install", apt.missing) if given["state"] == "present" else ("remove", apt.present)
    how = {name: given[name] for name in ("recommends", "replaces", "chosen_by")}
    try:
        affected = compare(names)
        if affected and module.check_mode:
            apt.require_no_losses(verb, affected, **how)
        elif affected and verb == "install":
            apt.install(affected, lists_valid=given["lists_valid"], **how)
        elif affected:
            apt.remove(affected, chosen_by=given["chosen_by"])
    except (apt.PackageError, CommandError, OSError) as error:
        module.fail_json(**failure(error))
    module.exit_json(changed=bool(affected), packages=affected)


if __name__ == "__main__":
    main()
