#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The releases of a Compose project on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compose_release_info
short_description: Look at the releases of a Compose project
version_added: "0.1.0"
description:
  - Says which release is live, which ones were good, failed or were rolled back, and whether a rollout is under way or was interrupted.
  - Changes nothing.
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
  stack:
    description: Name of the Compose project.
    type: str
    required: true
  follow:
    description: Return what the rollout of this name said since O(offset), waiting up to O(patience) for it.
    type: str
  offset:
    description: Where the last look ended, in bytes.
    type: int
    default: 0
  patience:
    description: Seconds.
    type: float
    default: 2.0
"""

EXAMPLES = r"""
- name: Look at the releases of the shop
  latentum.ops.compose_release_info:
    stack: shop
  register: shop

- name: Show them
  ansible.builtin.debug:
    msg: "{{ shop.table }}"
"""

RETURN = r"""
live:
  description: Id of the live release; empty before the first one.
  returned: without O(follow)
  type: str
  sample: 3f2a90c1d4e7
previous:
  description: Ids of the good releases before it, the last one first.
  returned: without O(follow)
  type: list
  elements: str
  sample: [91be07aa52c0]
live_since:
  description: When the live release went live, ISO 8601; empty where the journal does not say any more.
  returned: without O(follow)
  type: str
  sample: "2026-11-28T10:00:00+00:00"
releases:
  description: Id, state, reason, images and time of each release, and where it was promoted from; oldest first.
  returned: without O(follow)
  type: list
  elements: dict
  sample: []
underway:
  description: The rollout that has begun and not ended; empty when there is none.
  returned: without O(follow)
  type: str
  sample: ""
table:
  description: The releases as a table.
  returned: without O(follow)
  type: str
  sample: shop (live, -1 is where a rollback goes)
lines:
  description: What the rollout said.
  returned: with O(follow)
  type: list
  elements: str
  sample: ["[   1.2 s  10 %] api: start 2 of api:1.1.0 beside 2"]
offset:
  description: Where to go on.
  returned: with O(follow)
  type: int
  sample: 1024
end:
  description: That was all.
  returned: with O(follow)
  type: bool
  sample: false
alive:
  description: Whether its process is there; null before it has begun to speak.
  returned: with O(follow)
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core import progress
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.release.listing import release_dict, releases
from ansible_collections.latentum.ops.plugins.module_utils.release.store import ReleaseError, Store


def main() -> None:
    """Arguments in, state out."""
    module = AnsibleModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "follow": {"type": "str"},
            "offset": {"type": "int", "default": 0},
            "patience": {"type": "float", "default": 2.0},
        },
        supports_check_mode=True,
    )
    given = module.params
    if given["follow"]:
        lines, offset, end = progress.follow(given["stack"], given["follow"], given["offset"], given["patience"])
        module.exit_json(changed=False, lines=lines, offset=offset, end=end, alive=progress.alive(given["stack"], given["follow"]))
    store = Store(given["stack"])
    try:
        journal = Journal(given["stack"])
        live, underway = store.live(), journal.underway()
        described = [
            release_dict(release, live=live is not None and release.id == live.id, promoted_from=store.origin(release.id))
            for release in store.all()
        ]
        module.exit_json(
            changed=False,
            live=live.id if live else "",
            live_since=journal.live_since(live.id) if live else "",
            previous=store.previous(),
            releases=described,
            underway=underway.describe() if underway else "",
            table=releases(store),
        )
    except (ReleaseError, OSError, ValueError) as error:
        module.fail_json(**failure(f"stack: the releases of {given['stack']} cannot be read: {error}"))


if __name__ == "__main__":
    main()
