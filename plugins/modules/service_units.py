#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd, several in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: service_units
short_description: Bring units of systemd to a state, several in one call
version_added: "0.1.0"
description:
  - Starts, stops, reloads or restarts units, now and at boot, and does nothing for those that are as they should be.
  - In check mode a unit that is not installed counts as one that would be started, because the package or file of an earlier task that was
    not written would have brought it. Outside of check mode it is an error.
  - A unit that is not installed is as stopped and disabled as it can be.
  - A unit that fails to start is reported with the last lines of its journal.
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
  name:
    description: Names of the units with their suffix, in the order in which they are acted on.
    type: list
    elements: str
    required: true
  state:
    description:
      - V(started) and V(stopped) act on units that are not in that state. The failure of a unit that is to be stopped is reset.
      - V(restarted) and V(reloaded) act each time; a unit that does not run is started, and one that cannot reload is restarted.
      - Without it, units run on as they are.
    type: str
    choices: [started, stopped, restarted, reloaded]
  enabled:
    description: Whether the units start at boot. Without it that stays as it is.
    type: bool
  daemon_reload:
    description: Let systemd read its files again before the units are looked at.
    type: bool
    default: false
  no_block:
    description: Queue the work and do not wait for it.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Serve now and at boot
  latentum.ops.service_units:
    name: [nginx.service]
    state: started
    enabled: true

- name: A timer and its listener, not any more
  latentum.ops.service_units:
    name: [shop-report.timer, shop-report.path]
    state: stopped
    enabled: false
"""

RETURN = r"""
steps:
  description: What was done, or in check mode would be, a verb and a unit each.
  returned: success
  type: list
  elements: str
  sample: ["enable nginx.service", "start nginx.service"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, run
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import service_units


def main() -> None:
    """Units and a state in, steps out."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": list(service_units.STATES)},
            "enabled": {"type": "bool"},
            "daemon_reload": {"type": "bool", "default": False},
            "no_block": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    wanted = module.params
    try:
        if wanted["daemon_reload"] and not module.check_mode:
            run(["systemctl", "daemon-reload"])
        units = service_units.look(wanted["name"])
        planned = list(service_units.steps(units.values(), wanted["state"], wanted["enabled"]))
        if not module.check_mode:
            service_units.refuse_impossible(units.values(), planned)
            for step in planned:
                service_units.take(step, block=not wanted["no_block"])
        after = service_units.look(wanted["name"]) if planned and not module.check_mode else units
    except (CommandError, service_units.UnitError) as error:
        module.fail_json(**failure(error))
    lines = [f"{step}\n" for step in planned]
    module.exit_json(
        changed=bool(planned),
        steps=[str(step) for step in planned],
        diff={
            "before": "".join(f"{unit.described()}\n" for unit in units.values()),
            "after": "".join([f"{unit.described()}\n" for unit in after.values()] + (lines if module.check_mode else [])),
        },
    )


if __name__ == "__main__":
    main()
