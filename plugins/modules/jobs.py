#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The jobs of a stack on a host: settings, units and timers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: jobs
short_description: Let a host have the jobs of a stack, and no others of it
version_added: "0.1.0"
description:
  - Writes the settings of all jobs, and for those that run on this host a unit of systemd each, with a timer where there is a schedule.
    All files are written together or not at all; systemd itself judges each schedule first.
  - A job that is not declared any more loses its unit and its timer. A run that is under way comes to its end.
  - What jobs have done stays. C(opsctl jobs) shows it.
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
  stack:
    description: Name of the stack.
    type: str
    required: true
  config:
    description:
      - Its jobs, as filter P(latentum.ops.jobs_config#filter) derives them. Empty for none.
    type: dict
    default: {}
  host:
    description: This host, as the inventory calls it. A job that one host runs is compared with it.
    type: str
    default: ""
  leader:
    description: The host of the stack that runs what only one host runs, where a job does not name it.
    type: str
    default: ""
  enabled:
    description: Whether the timers run. Without them, jobs run by C(opsctl run) alone.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: The jobs of a stack
  latentum.ops.jobs:
    stack: shop
    config: "{{ ops_stack | latentum.ops.jobs_config }}"
    host: "{{ inventory_hostname }}"
    leader: shop-1
"""

RETURN = r"""
jobs:
  description: The jobs that run on this host.
  returned: success
  type: list
  elements: str
  sample: [train, seed]
steps:
  description: What was done to timers, or in check mode would be, a verb and a unit each.
  returned: success
  type: list
  elements: str
  sample: ["enable latentum-ops-job-shop-train.timer", "start latentum-ops-job-shop-train.timer"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.contracts.base import ContractError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.job_settings import JobSettings
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.service_units import UnitError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.jobs import units


def main() -> None:
    """Jobs in, what changed out."""
    module = AnsibleModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "config": {"type": "dict", "default": {}},
            "host": {"type": "str", "default": ""},
            "leader": {"type": "str", "default": ""},
            "enabled": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    raw = {"directory": "", **given["config"], "stack": given["stack"], "host": given["host"], "leader": given["leader"]}
    try:
        settings = JobSettings.from_dict(raw, "config")
        outcome = units.bring(settings, enabled=given["enabled"], check_mode=module.check_mode)
    except (CommandError, ConfigSetError, ContractError, OSError, UnitError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(
        changed=outcome.changed,
        jobs=[job.name for job in settings.jobs if settings.here(job)],
        steps=[str(step) for step in outcome.steps],
        diff=[change.difference() for change in outcome.changes],
    )


if __name__ == "__main__":
    main()
