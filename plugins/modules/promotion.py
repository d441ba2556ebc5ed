# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of action ``promotion``, which works on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: promotion
short_description: Take the images that one environment runs, by digest, for another one
version_added: "0.1.0"
description:
  - Reads what the hosts of the source have answered, and returns the images of the host that the task is for; each in the registry that its
    own declaration names, with the tag and the digest that the source runs.
  - Fails, with all reasons at once, where the source has no good release, is not healthy, is in the middle of a rollout, or runs a release
    that is younger than O(minimum_age) or differs from what the repository declares; where its hosts run different images; and for an
    image that was not tried there, is in no registry, or is another one.
  - Nothing is asked of a host, and nothing is changed. M(latentum.ops.preflight) asks whether the registry of the target has a digest.
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
  source:
    description: Name of the environment that is promoted from, as C(ops_environment) has it.
    type: str
    required: true
  releases:
    description: Name of the variable in which its hosts have a registered result of M(latentum.ops.compose_release_info).
    type: str
    required: true
  health:
    description: The same of M(latentum.ops.compose_health_info).
    type: str
    required: true
  plan:
    description: The same of M(latentum.ops.compose_rollout) in check mode.
    type: str
    required: true
  own:
    description: Services that the target deploys as it declares them.
    type: list
    elements: str
    default: []
  minimum_age:
    description: How long the source must have run its release, such as V(2h); a number is seconds.
    type: raw
    default: 0
"""

EXAMPLES = r"""
- name: What staging runs
  latentum.ops.promotion:
    source: staging
    releases: __promote_releases
    health: __promote_health
    plan: __stack_rollout
    minimum_age: 2h
  register: __promotion
"""

RETURN = r"""
images:
  description: Service to image reference, pinned by digest; argument C(images) of M(latentum.ops.compose_rollout).
  returned: success
  type: dict
  sample: {api: "registry.example.com/api:1.5.0@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}
promoted_from:
  description: The environment and its release.
  returned: success
  type: str
  sample: staging@3f2a90c1d4e7
notes:
  description: What an operator should know, such as a tag of the target's declaration that the next run would bring back.
  returned: success
  type: list
  elements: str
  sample: []
"""
