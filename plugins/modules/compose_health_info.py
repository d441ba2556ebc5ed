#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look at the health of the services of a Compose project."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compose_health_info
short_description: Look at the health of the services of a Compose project
version_added: "0.1.0"
description:
  - Looks once, waits for nothing, changes nothing, and never fails because a service is unhealthy.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
  - latentum.ops.expectations
  - latentum.ops.expectations.services
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
"""

EXAMPLES = r"""
- name: Look at the shop
  latentum.ops.compose_health_info:
    project: shop
    services:
      - {service: web, expect: healthy, replicas: 2}
  register: shop
"""

RETURN = r"""
services:
  description: One dictionary a service.
  returned: always
  type: list
  elements: dict
  contains:
    service:
      description: Name of the service.
      returned: always
      type: str
      sample: api
    state:
      description: V(ok), V(waiting) or V(failed).
      returned: always
      type: str
      sample: ok
    reason:
      description: Why it is not V(ok).
      returned: always
      type: str
      sample: api-1 is unhealthy
    containers:
      description: Name, state, health, exit code, restarts, image and digest of each container; with health log and log when not V(ok).
      returned: always
      type: list
      elements: dict
      sample: []
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable, Engine
from ansible_collections.latentum.ops.plugins.module_utils.contracts.health import expectations_from
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.health.argspec import ARGUMENTS
from ansible_collections.latentum.ops.plugins.module_utils.health.assessment import look
from ansible_collections.latentum.ops.plugins.module_utils.health.report import details


def main() -> None:
    """Arguments in, verdicts out."""
    module = AnsibleModule(argument_spec=dict(ARGUMENTS), supports_check_mode=True)
    given = module.params
    try:
        wanted = expectations_from(given["services"], tolerant=False)
        engine = Engine()
        services = details(engine, look(engine, given["project"], wanted), given["log_lines"])
    except (DockerUnavailable, ValueError, OSError) as error:
        module.fail_json(**failure(error, services=[]))
    module.exit_json(changed=False, services=services)


if __name__ == "__main__":
    main()
