#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until the services of a Compose project are healthy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compose_health
short_description: Wait until the services of a Compose project are healthy
version_added: "0.1.0"
description:
  - Waits on Docker's events until every service is as expected, with a deadline.
  - Fails at once when waiting is pointless, that is when a container crashes again and again, when one that should have completed
    has failed, or when one without a healthcheck should be healthy.
  - One that is unhealthy, or was stopped, has O(patience) to come back, for Docker goes on asking it, and a watchdog starts it again.
  - A failure says for each service what an operator needs to know without logging in.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
  - latentum.ops.expectations
  - latentum.ops.expectations.services
attributes:
  check_mode:
    support: full
    details: Looks once and does not wait; what is not there yet is no failure.
  diff_mode:
    support: none
options:
  timeout:
    description: Seconds to wait for all services together.
    type: float
    default: 180.0
  settle:
    description: Seconds that everything must stay as expected before it counts.
    type: float
    default: 2.0
  patience:
    description: Seconds that a service may be unhealthy or stopped without a break before that is a failure.
    type: float
    default: 60.0
"""

EXAMPLES = r"""
- name: Wait for the shop
  latentum.ops.compose_health:
    project: shop
    timeout: 120
    services:
      - {service: web, expect: healthy, replicas: 2, probe: {port: 8080, path: /health}}
      - {service: migrate, expect: completed}
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
from ansible_collections.latentum.ops.plugins.module_utils.health.assessment import look, wait
from ansible_collections.latentum.ops.plugins.module_utils.health.report import details, text


def main() -> None:
    """Arguments in, verdicts out."""
    module = AnsibleModule(
        argument_spec={
            **ARGUMENTS,
            "timeout": {"type": "float", "default": 180.0},
            "settle": {"type": "float", "default": 2.0},
            "patience": {"type": "float", "default": 60.0},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        wanted = expectations_from(given["services"], tolerant=False)
        engine = Engine()
        if module.check_mode:
            verdicts = look(engine, given["project"], wanted)
        else:
            verdicts = wait(engine, given["project"], wanted, given["timeout"], given["settle"], patience=given["patience"])
        services = details(engine, verdicts, given["log_lines"])
    except (DockerUnavailable, OSError) as error:
        if module.check_mode:
            # On a bare host the engine comes earlier in the same run.
            module.exit_json(changed=False, services=[])
        module.fail_json(**failure(error, services=[]))
    except ValueError as error:
        module.fail_json(**failure(error, services=[]))
    if not module.check_mode and any(service["state"] != "ok" for service in services):
        module.fail_json(**failure(f"{given['project']} is not healthy:\n{text(services)}", services=services))
    module.exit_json(changed=False, services=services)


if __name__ == "__main__":
    main()
