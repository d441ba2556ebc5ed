#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: engine
short_description: Install the engine of this collection on a host, or leave a newer one in its place
version_added: "0.1.0"
description:
  - Compares the engine on the host with that of the collection by its digest, and sends all its files as one archive where they differ.
  - The new engine must start before it takes effect. It takes effect in one step, the daemons that run the engine are started anew, and
    the old one is back when any of this fails.
  - A newer engine stays. Two repositories may manage stacks on one host, and an older engine could not read what a newer one wrote.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
  - latentum.ops.files
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details: The engine is shown by version and digest, the files around it as they are.
options:
  version:
    description: Version of the collection's engine. The action plugin fills it in.
    type: str
  digest:
    description: Digest of its files. The action plugin fills it in.
    type: str
  state_format:
    description: The newest format of state files that it writes. The action plugin fills it in.
    type: int
  archive:
    description: Archive of its files on the host. The action plugin sends it where it is needed.
    type: path
"""

EXAMPLES = r"""
- name: Install the engine before anything uses it
  latentum.ops.engine:
    files:
      - path: /usr/local/sbin/opsctl
        content: "{{ lookup('ansible.builtin.template', 'usr/local/sbin/opsctl.j2') }}"
        mode: "0755"
"""

RETURN = r"""
engine:
  description:
    - Version, digest and state format of the engine that was installed before (C(installed), null for none), and of the collection's
      (C(own)).
  returned: success
  type: dict
  sample: {"installed": null, "own": {"version": "0.1.0", "digest": "5f0c", "state_format": 1}}
kept:
  description: Whether the host keeps an engine that is newer than the collection's.
  returned: success
  type: bool
  sample: false
wanting:
  description: Whether the engine's files differ and no archive of them was given.
  returned: success
  type: bool
  sample: false
sent:
  description: Bytes of the archive that was sent.
  returned: when the engine was installed
  type: int
  sample: 230000
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockBusy
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.core.version import EngineVersion
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.engine import EngineRefused, Host
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import FILE_OPTIONS, EntryError, parse_entries
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            "version": {"type": "str"},
            "digest": {"type": "str"},
            "state_format": {"type": "int"},
            "archive": {"type": "path"},
            "files": {"type": "list", "elements": "dict", "default": [], "options": FILE_OPTIONS},
        },
        required_together=[("version", "digest", "state_format")],
        supports_check_mode=True,
    )
    given = module.params
    own = EngineVersion(given["version"] or "", given["digest"] or "", given["state_format"] or 0)
    if not own.digest:
        module.fail_json(**failure("digest: the action plugin of this module has not run: call it as latentum.ops.engine from a playbook"))
    try:
        packed = Path(given["archive"]).read_bytes() if given["archive"] else b""
        done = Host().install(own, parse_entries(given["files"]), packed, check_mode=module.check_mode)
    except (EngineRefused, EntryError, ConfigSetError, CommandError, LockBusy, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    if done.kept:
        module.warn(
            f"the engine on this host is newer ({done.before}) than this collection's ({own}) and stays: update the collection latentum.ops"
            " where this playbook runs"
        )
    shown = [{"before_header": "engine", "after_header": "engine", "before": f"{done.before or 'none'}\n", "after": f"{own}\n"}]
    module.exit_json(
        changed=done.changed,
        kept=done.kept,
        wanting=done.wanting,
        engine={"installed": done.before.to_dict() if done.before else None, "own": own.to_dict()},
        diff=(shown if done.changed and str(done.before) != str(own) else []) + [change.difference() for change in done.changes],
    )


if __name__ == "__main__":
    main()
