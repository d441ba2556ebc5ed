#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of files as one transaction."""

from __future__ import annotations

DOCUMENTATION = r"""
module: config_set
short_description: Write a set of files as one transaction
version_added: "0.1.0"
description:
  - Compares all files, links and directories of a set with the host, and writes what differs, each atomically.
  - Then runs the real checkers with the new files in place. When one refuses, every old file comes back and the module fails.
  - Then activates, for example by a reload. When that fails, the old files come back and are activated again.
  - A run that is killed in between is taken back by the next one.
  - With O(revert_after) the change takes itself back unless it is confirmed through a new connection, so that a mistake in the
    configuration of the SSH server or the firewall locks nobody out.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
  - latentum.ops.files
attributes:
  check_mode:
    support: full
    details: The checkers are not run, since they need the new files in place.
  diff_mode:
    support: full
    details: The content of files marked as sensitive is not shown.
options:
  name:
    description: Names the set, in messages and as the name of its revert timer.
    type: str
    required: true
  state:
    description:
      - V(present) writes the set.
      - V(confirmed) keeps a change that waits for its confirmation; call it through a new connection.
    type: str
    choices: [present, confirmed]
    default: present
  purge:
    description: Files in these directories that no entry of O(files) names are removed in the same transaction.
    type: list
    elements: dict
    default: []
    suboptions:
      directory:
        description: Absolute path of the directory; one that does not exist is passed over.
        type: path
        required: true
      pattern:
        description: Shell pattern of the file names to consider.
        type: str
        default: "*"
      recursive:
        description: Also the files of all directories below. Directories themselves stay.
        type: bool
        default: false
  validate:
    description: Commands, each a list of arguments, that must succeed with the new files in place.
    type: list
    elements: list
    default: []
  activate:
    description: Commands, each a list of arguments, that are run when something changed.
    type: list
    elements: list
    default: []
  activate_when_active:
    description: Run O(activate) only while this systemd unit is active.
    type: str
    default: ""
  revert_after:
    description: Seconds after which the change takes itself back unless confirmed; 0 for never.
    type: int
    default: 0
  parents:
    description: Make missing parent directories (mode 0755, owned by root) instead of refusing.
    type: bool
    default: false
  nginx_stacks:
    description:
      - For a set that purges sites and upstreams of nginx, the names of the stacks that it is of. What nginx has of other stacks of this
        host is not purged, because other runs manage those.
      - The set is then applied while nobody else writes files of nginx.
    type: list
    elements: str
  sections:
    description:
      - Sections (C([name])) of files of this set that are there for stacks, as the path of the file, the stack, and a list of names; each
        stack of the run is in it, if with an empty list.
      - They are recorded on the host with the set. Sections that are recorded of other stacks and that a file lacks are added to its end.
    type: dict
    default: {}
  words:
    description:
      - Directives of files of this set whose words are there for stacks, of which a file can have one line only, as C(PermitOpen) of sshd.
        The path of the file has C(directive), C(after) (the directive whose line it follows), and C(stacks), a list of words by stack; each
        stack of the run is in it, if with an empty list.
      - They are recorded on the host with the set. Words that are recorded of other stacks are added to the line. Not together with
        O(sections).
    type: dict
    default: {}
  request:
    description:
      - A digest of the set. The action of this name fills it in; it is recorded on the host, and in a play that has registered the result
        of M(latentum.ops.preflight) as C(ops_preflight), the same set costs no call to the host as long as nobody has changed a file of it.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Write the configuration of sshd, which takes itself back unless confirmed
  latentum.ops.config_set:
    name: sshd
    files:
      - path: /etc/ssh/sshd_config.d/10-latentum-ops.conf
        template: etc/ssh/sshd_config.d/10-latentum-ops.conf.j2
        mode: "0600"
    validate:
      - [sshd, -t]
    activate:
      - [systemctl, reload, ssh]
    revert_after: 60
  register: sshd

- name: Open a new connection
  ansible.builtin.meta: reset_connection

- name: Keep the change, now that a new connection works
  latentum.ops.config_set:
    name: sshd
    state: confirmed
  when: sshd.armed
"""

RETURN = r"""
changed_paths:
  description: The paths that were changed, or would be in check mode.
  returned: O(state=present)
  type: list
  elements: str
  sample: [/etc/ssh/sshd_config.d/10-latentum-ops.conf]
confirmed:
  description: Whether a change was waiting and stays. V(false) when there was none, or when it has already been taken back.
  returned: O(state=confirmed)
  type: bool
  sample: true
armed:
  description: Whether a change waits for its confirmation.
  returned: O(state=present)
  type: bool
  sample: true
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import FILE_OPTIONS, EntryError, parse_entries
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.sections import shared
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.settled_sets import remember
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSet, ConfigSetError, apply, confirm
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.words import shared as shared_words
from ansible_collections.latentum.ops.plugins.module_utils.nginx import ownership

PURGE_SPEC: dict[str, Any] = {
    "directory": {"type": "path", "required": True},
    "pattern": {"type": "str", "default": "*"},
    "recursive": {"type": "bool", "default": False},
}


def _wanted(given: Mapping[str, Any], kept: Collection[Path]) -> ConfigSet:
    """The set, with what other stacks of this host have a part in."""
    entries = parse_entries(given["files"])
    if given["words"]:
        entries, recorded = shared_words(given["name"], entries, given["words"])
    else:
        entries, recorded = shared(given["name"], entries, given["sections"])
    return ConfigSet(
        name=given["name"],
        entries=entries,
        purge=given["purge"],
        kept=kept,
        validate=[[str(word) for word in argv] for argv in given["validate"]],
        activate=[[str(word) for word in argv] for argv in given["activate"]],
        activate_unit=given["activate_when_active"],
        revert_after=given["revert_after"],
        parents=given["parents"],
        journal=True,
        recorded=recorded,
    )


class Module(AnsibleModule):  # type: ignore[misc]  # Ansible has no type hints
    """A module whose journal line has the paths of the files, and no content of them.

    Ansible writes the text of nested arguments to the journal and removes secret values from that text as they are; a value with line
    breaks or quotes stands there escaped, and stays.
    """

    def _log_invocation(self) -> None:
        paths = ", ".join(str(file["path"]) for file in self.params["files"])
        self.log(f"Invoked with name={self.params['name']} state={self.params['state']} paths={paths}")


def main() -> None:
    """Arguments in, outcome out; the engine does the rest."""
    module = Module(
        argument_spec={
            "name": {"type": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "confirmed"], "default": "present"},
            "files": {"type": "list", "elements": "dict", "default": [], "options": FILE_OPTIONS},
            "purge": {"type": "list", "elements": "dict", "default": [], "options": PURGE_SPEC},
            "validate": {"type": "list", "elements": "list", "default": []},
            "activate": {"type": "list", "elements": "list", "default": []},
            "activate_when_active": {"type": "str", "default": ""},
            "revert_after": {"type": "int", "default": 0},
            "parents": {"type": "bool", "default": False},
            "nginx_stacks": {"type": "list", "elements": "str"},
            "sections": {"type": "dict", "default": {}},
            "words": {"type": "dict", "default": {}},
            "request": {"type": "str", "default": ""},
        },
        mutually_exclusive=[("sections", "words")],
        supports_check_mode=True,
    )
    given = module.params
    try:
        if given["state"] == "confirmed":
            waiting = confirm(given["name"], check_mode=module.check_mode)
            module.exit_json(changed=waiting, confirmed=waiting)
        with ownership.undisturbed(given["nginx_stacks"]) as kept:
            wanted = _wanted(given, kept)
            outcome = apply(wanted, check_mode=module.check_mode)
            if not module.check_mode:
                remember(given["name"], given["request"], given["files"], given["purge"], [entry.path for entry in wanted.recorded])
    except (EntryError, ConfigSetError, CommandError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(
        changed=bool(outcome.changes),
        changed_paths=outcome.paths,
        armed=outcome.armed,
        diff=[change.difference() for change in outcome.changes],
    )


if __name__ == "__main__":
    main()
