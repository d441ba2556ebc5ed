#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Updates of the packages of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_patches
short_description: Update the packages of a host, and restart what uses what was replaced
version_added: "0.2.0"
description:
  - Upgrades packages by apt without a question. Nothing is removed or downgraded, and configuration files that somebody has changed stay.
  - Holds the locks of all stacks meanwhile, so that nobody deploys, backs up or heals on a host that changes.
  - Restarts services that use files which were replaced, and starts those that the update has stopped. It does not reboot.
  - It works detached on the host, so that a lost connection does not interrupt dpkg, and shows its progress.
  - Whether the host may be worked on now is M(latentum.ops.host_patches_info)'s to say, before the host leaves the traffic.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
  - latentum.ops.patches
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
options:
  exemption:
    description: By what an error budget that is nearly spent does not hold it up (M(latentum.ops.host_patches_info)); for the record.
    type: str
    default: ""
  stack:
    description: Under which name its progress is kept; nobody has a need of another one.
    type: str
    default: host
  attempt:
    description: Names this run, for whoever follows it.
    type: str
    default: ansible
  detach:
    description: Begin the work and return; the action of this name does so, and waits.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Security updates
  latentum.ops.host_patches:
    scope: security
"""

RETURN = r"""
changes:
  description: >-
    Packages that were, or in check mode would be, changed, with C(package), C(before), C(after), C(security), and the vulnerabilities that
    are gone as C(closes). Those of an earlier run that was interrupted are among them.
  returned: always
  type: list
  elements: dict
  sample: [{package: openssl, before: 3.5.1-1, after: 3.5.4-1~deb13u1, security: true, closes: [CVE-2026-1234]}]
kept:
  description: Configuration files that stayed as they were; the new ones lie beside.
  returned: always
  type: list
  elements: str
  sample: [/etc/ssh/sshd_config]
restarted:
  description: Units that were restarted.
  returned: always
  type: list
  elements: str
  sample: [nginx.service]
still_old:
  description: Units that go on with replaced files, each with the reason.
  returned: always
  type: dict
  sample: {dbus.service: only a reboot replaces it}
reboot_due:
  description: Why a reboot is due now.
  returned: always
  type: list
  elements: str
  sample: ["the kernel 6.12.41+deb13-amd64 runs, and 6.12.57+deb13-amd64 is installed"]
advisories:
  description: Why it is not known which vulnerabilities are gone; empty where it is.
  returned: always
  type: str
  sample: ""
seconds:
  description: How long each step took.
  returned: always
  type: dict
  sample: {packages: 41.2, services: 3.0}
table:
  description: The changes as aligned text.
  returned: always
  type: str
  sample: "openssl  3.5.1-1  3.5.4-1~deb13u1"
"""

from collections.abc import Mapping
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core import detached
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.format import columns, fitted
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockHeld
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress
from ansible_collections.latentum.ops.plugins.module_utils.patching import record, updating, upgrades
from ansible_collections.latentum.ops.plugins.module_utils.patching.argspec import ARGUMENTS
from ansible_collections.latentum.ops.plugins.module_utils.patching.obstacle import PatchError
from ansible_collections.latentum.ops.plugins.module_utils.patching.record import Update
from ansible_collections.latentum.ops.plugins.module_utils.patching.request import Settings


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "exemption": {"type": "str", "default": ""},
            "stack": {"type": "str", "default": "host"},
            "attempt": {"type": "str", "default": "ansible"},
            "detach": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    if module.check_mode:
        result = predict(Settings.from_dict(module.params))
        if result.get("failed"):
            module.fail_json(**result)
        module.exit_json(**result)
    detached.leave(module, carry_out)


def carry_out(given: Mapping[str, Any]) -> dict[str, Any]:
    """The module's result, whether the update succeeds or not: what was changed until then is in it."""
    progress = Progress(given["stack"], given["attempt"])
    try:
        return outcome(updating.carry_out(Settings.from_dict(given), progress.say, given["exemption"]))
    except (PatchError, CommandError, LockHeld, OSError, ValueError) as error:
        known = record.current()
        return failure(error, **outcome(known if known and known.unfinished else Update("")))
    finally:
        progress.close()


def predict(settings: Settings) -> dict[str, Any]:
    """The same for what would be changed."""
    try:
        plan = upgrades.look(settings)
    except (CommandError, OSError) as error:
        return failure(error)
    changes = tuple({"package": one.package, "before": one.installed, "after": one.available, "closes": []} for one in plan.upgrades)
    return outcome(Update("", changes=changes))


def outcome(update: Update) -> dict[str, Any]:
    """The result for an update."""
    changes = [dict(change) for change in update.changes]
    rows = [[change["package"], change["before"] or "new", change["after"] or "gone"] for change in changes]
    return {
        "changed": bool(changes or update.restarted),
        "changes": changes,
        "kept": list(update.kept),
        "restarted": list(update.restarted),
        "still_old": dict(update.left),
        "reboot_due": list(update.reboot_due),
        "advisories": update.advisories,
        "seconds": dict(update.seconds),
        "table": "\n".join(columns(fitted(rows))),
        "diff": {
            side: "".join(f"{change['package']} {change[side]}\n" for change in changes if change[side]) for side in ("before", "after")
        },
    }


if __name__ == "__main__":
    main()
