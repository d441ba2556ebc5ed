# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that compose_health and its info twin share, and those about services that compose_rollout has too."""

from __future__ import annotations


class ModuleDocFragment:
    """What is expected of the services of a Compose project."""

    DOCUMENTATION = r"""
options:
  project:
    description: Name of the Compose project.
    type: str
    required: true
  log_lines:
    description: Last log lines to return of containers that are not as expected.
    type: int
    default: 20
"""

    SERVICES = r"""
options:
  services:
    description: What each service must reach; services that are not listed are not looked at.
    type: list
    elements: dict
    required: true
    suboptions:
      # BEGIN OPTIONS health.Expectation
      service:
        description: Name of the service in the Compose file.
        type: str
        required: true
      expect:
        description:
          - V(healthy) needs a healthcheck that says so.
          - V(running) is satisfied by running without one.
          - V(completed) is for one-shot jobs, whose containers must have exited with 0.
        type: str
        choices: [healthy, running, completed]
        default: running
      replicas:
        description: How many containers must be so.
        type: int
        default: 1
      probe:
        description: An HTTP request that each container must answer, sent from the host.
        type: dict
        suboptions:
          port:
            description: Port in the container.
            type: int
            required: true
          path:
            description: Path of the request.
            type: str
            default: /
          status:
            description: Status that counts as well; redirects are not followed.
            type: int
            default: 200
          timeout:
            description: Seconds to wait for the answer.
            type: float
            default: 5.0
      # END OPTIONS
requirements:
  - A Docker engine on the host whose API is 1.41 or newer (20.10)
"""
