#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Known vulnerabilities of a host and its images."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_vulnerabilities_info
short_description: Known vulnerabilities of a host, and of the images of its stacks
version_added: "0.2.0"
description:
  - Asks Trivy or Grype where one is installed on the host. Otherwise package lists of the host and of the images of live releases are
    compared with debsecan's data, which knows packages of Debian only.
  - Package lists of an image are read out of it, without running it.
  - Of what nobody can judge (no network, another distribution, no package lists) it says why, and does not fail.
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
  name:
    description: How the host is called in the answer.
    type: str
    required: true
  scanner:
    description: Who judges; V(auto) is Trivy or Grype where it is installed, V(none) package lists alone.
    type: str
    choices: [auto, none, trivy, grype]
    default: auto
  advisories_url:
    description: Where debsecan's data lies, by https, http or C(file:///); the name of the suite is put behind it.
    type: str
    default: https://security-tracker.debian.org/tracker/debsecan/release/1/
  images:
    description: Look at the images of live releases, too.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: What is known
  latentum.ops.host_vulnerabilities_info:
    name: "{{ inventory_hostname }}"
  register: vulnerabilities
"""

RETURN = r"""
subjects:
  description: >-
    The host, then each image, with C(kind), C(name), C(system), C(used_by), C(source), C(packages), C(findings), C(severities), C(fixable),
    and where nothing is known the reason as C(unknown).
  returned: success
  type: list
  elements: dict
  sample: [{kind: host, name: web1, system: debian 13, source: "Debian's data", packages: 412, fixable: 0}]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.advisories import scanners, survey
from ansible_collections.latentum.ops.plugins.module_utils.advisories.debsecan import URL
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable, Engine
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure


def main() -> None:
    """Arguments in, what is known out."""
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "scanner": {"type": "str", "choices": ["auto", "none", "trivy", "grype"], "default": "auto"},
            "advisories_url": {"type": "str", "default": URL},
            "images": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        used = survey.images() if given["images"] else {}
        api = None
        if used:
            try:
                api = Engine().api
            except DockerUnavailable:
                api = None  # said of each image
        scanner = scanners.choose(given["scanner"])
        subjects = list(survey.survey(given["name"], scanner, survey.Known(given["advisories_url"]), api, used))
    except (scanners.ScanError, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(changed=False, subjects=[subject.as_dict() for subject in subjects])


if __name__ == "__main__":
    main()
