#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an update would change on a host, and what stands against it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_patches_info
short_description: What an update would change on a host, and what stands against it
version_added: "0.2.0"
description:
  - Asks apt for what it would do, and looks whether the host may be worked on now. That are the state of apt and dpkg, room on the disks,
    the window, locks of stacks, rollouts and restores, error budgets, and the health of services.
  - Changes nothing but apt's lists, which are fetched with O(fetch), and not in check mode.
  - Says all that stands against it instead of failing.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
  - latentum.ops.patches
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options:
  window:
    description: When the host may be updated, C(start) as a calendar expression of systemd and C(duration); empty for any time.
    type: dict
    default: {}
  reboot:
    description: Whether a reboot that is due is something to do.
    type: str
    choices: [when_due, never]
    default: when_due
  budget_override:
    description: Why the host is updated although an error budget is nearly spent.
    type: str
    default: ""
  security_fix:
    description: Name of the security fix for which it is updated although an error budget is nearly spent.
    type: str
    default: ""
  fetch:
    description: Fetch the lists of packages first. A repository that does not answer, or whose lists have expired, is an obstacle.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: What would change, and may it
  latentum.ops.host_patches_info:
    scope: all
    window: {start: "Sun *-*-* 02:00", duration: 3h}
  register: look
"""

RETURN = r"""
needed:
  description: There is something to do (packages, services that use replaced files, a reboot, or an update that was begun and not ended).
  returned: success
  type: bool
  sample: true
upgrades:
  description: Packages that would change, with C(package), C(installed), C(available), C(origin), C(security) and C(engine).
  returned: success
  type: list
  elements: dict
  sample: [{package: openssl, installed: 3.5.1-1, available: 3.5.4-1~deb13u1, security: true}]
waiting:
  description: Newer versions that stay, each with the reason as C(why).
  returned: success
  type: list
  elements: dict
  sample: [{package: docker.io, why: "of the engine: patch_engine"}]
obstacles:
  description: What stands against it, each with C(kind) and C(text).
  returned: success
  type: list
  elements: dict
  sample: [{kind: window, text: it is not its window}]
notes:
  description: What does not stand against it, and is to be known.
  returned: success
  type: list
  elements: str
  sample: ["shop: error budget: availability has 18.2% left"]
exemption:
  description: By what an error budget that is nearly spent does not hold it up; empty where nothing would.
  returned: success
  type: str
  sample: ""
reboot_due:
  description: Why a reboot is due already.
  returned: success
  type: list
  elements: str
  sample: ["/run/reboot-required: linux-image-amd64"]
restarts:
  description: Units that use files which were replaced already, and would be restarted.
  returned: success
  type: list
  elements: str
  sample: [nginx.service]
left:
  description: An update that was begun and not ended, as the host has recorded it; empty for none.
  returned: success
  type: dict
  sample: {phase: upgraded}
maintenance:
  description: Somebody has begun a maintenance window of the whole host.
  returned: success
  type: bool
  sample: false
healthy:
  description: All services of the host are as they should be.
  returned: success
  type: bool
  sample: true
stacks:
  description: The stacks of the host, each with C(name) and what is expected of its C(services).
  returned: success
  type: list
  elements: dict
  sample: [{name: shop, services: [{service: web, expect: healthy, replicas: 2}]}]
download:
  description: Bytes that would be fetched.
  returned: success
  type: int
  sample: 5242880
table:
  description: The same for people, line by line.
  returned: success
  type: list
  elements: str
  sample: ["openssl  3.5.1-1  3.5.4-1~deb13u1  security"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.format import columns, fitted
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.patching.argspec import ARGUMENTS
from ansible_collections.latentum.ops.plugins.module_utils.patching.look import Look, look, rows
from ansible_collections.latentum.ops.plugins.module_utils.patching.request import Reboot, Settings

WIDTH = 160  # columns of a terminal


def main() -> None:
    """Arguments in, what was seen out."""
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "window": {"type": "dict", "default": {}},
            "reboot": {"type": "str", "choices": [reboot.value for reboot in Reboot], "default": Reboot.WHEN_DUE.value},
            "budget_override": {"type": "str", "default": ""},
            "security_fix": {"type": "str", "default": ""},
            "fetch": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        seen = look(Settings.from_dict(given), fetch=given["fetch"] and not module.check_mode)
    except (CommandError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(
        changed=False,
        needed=seen.needed(Reboot(given["reboot"])),
        upgrades=[upgrade.as_dict() for upgrade in seen.plan.upgrades],
        waiting=[waiting.as_dict() for waiting in seen.plan.waiting],
        obstacles=[obstacle.as_dict() for obstacle in seen.obstacles],
        notes=list(seen.notes),
        exemption=seen.exemption,
        reboot_due=list(seen.reboot_due),
        restarts=list(seen.restarts),
        left=seen.left.as_dict() if seen.left else {},
        maintenance=seen.maintenance,
        healthy=seen.healthy,
        stacks=list(seen.stacks),
        download=seen.plan.download,
        table=table(seen),
    )


def table(seen: Look) -> list[str]:
    """What would change, then what is to be known, then what stands against it."""
    lines = list(columns(fitted(rows(seen), WIDTH)))
    lines += [f"{unit} uses replaced files" for unit in seen.restarts]
    lines += [f"a reboot is due: {why}" for why in seen.reboot_due]
    lines += [f"an update of {seen.left.began} was left: {seen.left.phase}"] if seen.left else []
    return [*lines, *seen.notes, *(f"not now: {obstacle.text}" for obstacle in seen.obstacles)]


if __name__ == "__main__":
    main()
