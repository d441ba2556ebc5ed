#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration of the Docker engine, merged into what is there."""

from __future__ import annotations

DOCUMENTATION = r"""
module: docker_daemon
short_description: Configure the Docker engine beside the settings of others
version_added: "0.1.0"
description:
  - Merges options into C(/etc/docker/daemon.json). What is declared wins, what was declared last and is no more goes, and what others have
    written stays. The file as it was before the first merge is kept as C(/etc/docker/daemon.json.before-latentum-ops).
  - The engine itself checks the result. It is reloaded where that suffices, and restarted otherwise.
  - Refuses what would lose something - a C(data-root) that would move, a restart that would stop containers of others, an option that the
    unit gives the engine on its command line as well, and settings of others that open the engine or its published ports.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: The engine does not check the result, since it needs the new file in place.
  diff_mode:
    support: full
options:
  options:
    description: Options of C(daemon.json).
    type: dict
    required: true
  registries:
    description: Private registries whose certificate is signed by an own CA. Their files need no reload.
    type: list
    elements: dict
    default: []
    suboptions:
      host:
        description: Name of the registry, with its port.
        type: str
        required: true
      ca_certificate:
        description: The CA's certificate, PEM.
        type: str
        required: true
  confirm_move:
    description:
      - Let the engine start on another C(data-root), C(userns-remap) or C(storage-driver), without the containers and volumes it has now.
    type: bool
    default: false
  confirm_restart:
    description:
      - Let a restart stop containers that are not of this collection, and with O(keep_foreign=true) let there be one at all while they run.
    type: bool
    default: false
  keep_foreign:
    description:
      - While containers that are not of this collection are running, an option that needs a restart of the engine is not changed, and named
        in RV(deferred_options). With C(live-restore) containers survive a restart, but for the second that it takes nobody gets a new
        connection to their published ports.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Limit the logs of all containers
  latentum.ops.docker_daemon:
    options:
      live-restore: true
      log-driver: json-file
      log-opts: {max-size: 10m, max-file: "5"}
"""

RETURN = r"""
changed_paths:
  description: The paths that were changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/docker/daemon.json]
changed_options:
  description: The options that changed.
  returned: success
  type: list
  elements: str
  sample: [live-restore]
kept_options:
  description: The options of others that stay.
  returned: success
  type: list
  elements: str
  sample: [data-root, registry-mirrors]
deferred_options:
  description: The options that would change, and wait for a restart that is confirmed.
  returned: success
  type: list
  elements: str
  sample: [userland-proxy]
problems:
  description: What stands against it.
  returned: failure
  type: list
  elements: dict
  sample: []
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.docker_daemon import Confirmed, config_set, plan
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import Entry, EntryError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError, apply
from ansible_collections.latentum.ops.plugins.module_utils.preflight.docker import present
from ansible_collections.latentum.ops.plugins.module_utils.preflight.host import Host

REGISTRY: dict[str, Any] = {"host": {"type": "str", "required": True}, "ca_certificate": {"type": "str", "required": True}}


def main() -> None:
    """Options in, difference out; the engine does the rest."""
    module = AnsibleModule(
        argument_spec={
            "options": {"type": "dict", "required": True},
            "registries": {"type": "list", "elements": "dict", "default": [], "options": REGISTRY},
            "confirm_move": {"type": "bool", "default": False},
            "confirm_restart": {"type": "bool", "default": False},
            "keep_foreign": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    authorities = [
        Entry(Path(f"/etc/docker/certs.d/{registry['host']}/ca.crt"), content=registry["ca_certificate"].encode())
        for registry in given["registries"]
    ]
    try:
        existing = present(Host())
        planned = plan(given["options"], existing, Confirmed(given["confirm_move"], given["confirm_restart"], given["keep_foreign"]))
        if planned.problems:
            problems = [problem.as_dict() for problem in planned.problems]
            module.fail_json(**failure("\n".join(map(str, planned.problems)), problems=problems))
        outcome = apply(config_set(planned, existing, authorities), check_mode=module.check_mode)
    except (EntryError, ConfigSetError, CommandError, OSError) as error:
        module.fail_json(**failure(error, problems=[]))
    module.exit_json(
        changed=bool(outcome.changes),
        changed_paths=outcome.paths,
        changed_options=planned.changed,
        kept_options=planned.kept,
        deferred_options=planned.deferred,
        diff=[change.difference() for change in outcome.changes],
    )


if __name__ == "__main__":
    main()
