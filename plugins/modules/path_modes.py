#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Permissions of many paths in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: path_modes
short_description: Take permissions away from paths that exist
version_added: "0.1.0"
description:
  - Takes away from each path what its mode does not allow, all in one call, and never adds a permission.
  - Paths that do not exist, and symbolic links, are passed over.
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
  paths:
    description: Octal mode, quoted, by absolute path. The path may be a shell pattern.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Close what others need not read
  latentum.ops.path_modes:
    paths:
      /etc/crontab: "0600"
      /etc/cron.d: "0700"
      /home/*: "0750"
"""

RETURN = r"""
changed_paths:
  description: The paths whose mode was, or in check mode would be, changed.
  returned: success
  type: list
  elements: str
  sample: [/etc/crontab]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import EntryError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.modes import differing, parse_modes


def main() -> None:
    """Modes in, differences out."""
    module = AnsibleModule(argument_spec={"paths": {"type": "dict", "required": True}}, supports_check_mode=True)
    try:
        changes = differing(parse_modes(module.params["paths"]))
        if not module.check_mode:
            for path, (_now, wanted) in changes.items():
                path.chmod(wanted)
    except (EntryError, OSError) as error:
        module.fail_json(**failure(error))
    module.exit_json(
        changed=bool(changes),
        changed_paths=sorted(str(path) for path in changes),
        diff={
            "before": "".join(f"{path} {now:04o}\n" for path, (now, _wanted) in sorted(changes.items())),
            "after": "".join(f"{path} {wanted:04o}\n" for path, (_now, wanted) in sorted(changes.items())),
        },
    )


if __name__ == "__main__":
    main()
