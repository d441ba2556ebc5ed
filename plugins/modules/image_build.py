#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images that are built from a repository, where they are not there yet."""

from __future__ import annotations

DOCUMENTATION = r"""
module: image_build
short_description: Build images from a tag or a commit of a git repository
version_added: "0.1.0"
description:
  - Fetches one commit of each repository, without its history and without running anything of it, and builds the image by BuildKit on
    this host, at the lowest priority. Nothing is built that is there already.
  - An image is there when one was built of the same commit with the same inputs; those that are pushed are looked for in their registry.
  - A tag that names another commit than when it was built here is refused, and so is a branch.
  - An image that is pushed is returned by the digest of its registry, another one by its id, as option C(images) of
    M(latentum.ops.compose_rollout) takes them.
  - The module works detached on the host, and its progress is shown while it does.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: Repositories are asked for their tags; nothing is fetched or built.
  diff_mode:
    support: full
options:
  stack:
    description: The stack whose images these are.
    type: str
    required: true
  builds:
    description: The images; the result of filter P(latentum.ops.image_builds#filter).
    type: list
    elements: dict
    required: true
    suboptions:
      # BEGIN OPTIONS image_build.ImageBuild
      service:
        description: Name of the service.
        type: str
        required: true
      repository:
        description: The git repository.
        type: str
        required: true
      revision:
        description: A tag, or the whole id of a commit.
        type: str
        required: true
      context:
        description: The folder in the repository that is the build context.
        type: str
        default: .
      dockerfile:
        description: The Dockerfile, from the context.
        type: str
      target:
        description: The stage of the Dockerfile that is built.
        type: str
      args:
        description: Arguments of the build. Nothing secret, since each image tells its own.
        type: dict
        default: {}
      options:
        description: Further keys of C(build:) as the Compose file has them.
        type: dict
        default: {}
      secrets:
        description: Secrets that C(RUN --mount=type=secret) reads, by their id there. Each is a secret of the stack by its name, or a
          file of the host that builds by its path.
        type: dict
        default: {}
      ssh:
        description: A key that C(RUN --mount=type=ssh) may use. A secret or a file.
        type: str
      submodules:
        description: Whether submodules are fetched. A repository that has some is refused as long as that is undecided.
        type: str
        choices: [undecided, fetched, left_out]
        default: undecided
      credentials:
        description: C(user:token), or a token alone, for a repository by HTTPS. A secret of the stack by its name, or a file of the
          host that builds by its path.
        type: str
      ssh_key:
        description: The private key, without a passphrase, for a repository by SSH. A secret or a file.
        type: str
      known_hosts:
        description: Lines of known_hosts(5) for it, in place of those of root.
        type: list
        elements: str
        default: []
      push:
        description: Where the image is pushed to, without a tag. It stays on the host that builds without it.
        type: str
      host:
        description: The host of the inventory that builds.
        type: str
      timeout:
        description: Time for the build, in seconds.
        type: float
        default: 1800.0
      # END OPTIONS
  rebuild:
    description: Services whose image is built anew, from the commit that their tag has now.
    type: list
    elements: str
    default: []
  protocols:
    description: Ways on which repositories and their submodules may be reached.
    type: list
    elements: str
    choices: [https, ssh, file]
    default: [https, ssh]
  wait:
    description: Seconds to wait while another run builds images of this stack on this host.
    type: float
    default: 60
  attempt:
    description: Names this run for those who follow its progress. The action plugin chooses one.
    type: str
    default: ansible
  detach:
    description: Work on in a process of its own, whose progress and result M(latentum.ops.job_progress) reads. The action sets it.
    type: bool
    default: false
seealso:
  - plugin: latentum.ops.image_builds
    plugin_type: filter
  - module: latentum.ops.compose_rollout
"""

EXAMPLES = r"""
- name: Build the image of the shop
  latentum.ops.image_build:
    stack: shop
    builds:
      - service: web
        repository: https://git.example.com/shop/web.git
        revision: v1.4.2
        push: registry.example.com/shop/web
  register: built

- name: Deploy it
  latentum.ops.compose_rollout:
    stack: shop
    compose: "{{ ops_stack | latentum.ops.compose_project }}"
    images: "{{ built.images }}"
"""

RETURN = r"""
stack:
  description: The stack.
  returned: success
  type: str
  sample: shop
images:
  description: Service to image, by digest or id. In check mode without those that would be built.
  returned: success
  type: dict
  sample: {"web": "registry.example.com/shop/web:v1.4.2-3f2a90c1d4e7@sha256:…"}
commits:
  description: Service to the commit that its revision is.
  returned: success
  type: dict
  sample: {"web": "8f3c2b1e9d7a6f5c4b3a2918f7e6d5c4b3a29180"}
built:
  description: Services whose image was, or in check mode would be, built.
  returned: success
  type: list
  elements: str
  sample: [web]
notes:
  description: What was not asked, because a repository did not answer, and an image of it is there. The action shows them as warnings.
  returned: success
  type: list
  elements: str
  sample: []
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.builds.access import BuildRefused
from ansible_collections.latentum.ops.plugins.module_utils.builds.builder import Builder, Outcome
from ansible_collections.latentum.ops.plugins.module_utils.builds.buildkit import BuildFailed
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable
from ansible_collections.latentum.ops.plugins.module_utils.contracts.argspec import argspec
from ansible_collections.latentum.ops.plugins.module_utils.contracts.image_build import PROTOCOLS, ImageBuild
from ansible_collections.latentum.ops.plugins.module_utils.core import detached
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress

# Where secrets are, not what they are.
PLACES = ("secrets", "ssh_key")
BUILD = {name: {**option, "no_log": False} if name in PLACES else option for name, option in argspec(ImageBuild).items()}


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "builds": {"type": "list", "elements": "dict", "required": True, "options": BUILD},
            "rebuild": {"type": "list", "elements": "str", "default": []},
            "protocols": {"type": "list", "elements": "str", "choices": list(PROTOCOLS), "default": ["https", "ssh"]},
            "wait": {"type": "float", "default": 60.0},
            "attempt": {"type": "str", "default": "ansible"},
            "detach": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    detached.leave(module, partial(carry_out, check=module.check_mode))


def carry_out(given: Mapping[str, Any], *, check: bool) -> dict[str, Any]:
    """The module's result, whether all images are there afterwards or one is refused."""
    progress = Progress(given["stack"], given["attempt"], silent=check)
    builder = Builder(given["stack"], progress, given["rebuild"], given["protocols"], given["wait"])
    try:
        builds = [ImageBuild.from_dict(entry, f"builds[{index}]") for index, entry in enumerate(given["builds"])]
        outcome = builder.check(builds) if check else builder.carry_out(builds)
    except (BuildRefused, BuildFailed, CommandError, DockerUnavailable, OSError, ValueError) as error:
        return failure(error)
    finally:
        progress.close()
    return as_dict(given["stack"], outcome)


def as_dict(stack: str, outcome: Outcome) -> dict[str, Any]:
    """The result of what was, or would be, built."""
    sentences = [wanted.sentence() for wanted in outcome.wanted if wanted.build.service in outcome.built]
    diff = [{"before_header": "built", "after_header": "to build", "before": "", "after": "".join(f"{line}\n" for line in sentences)}]
    return {
        "changed": bool(outcome.built),
        "stack": stack,
        "images": outcome.images,
        "commits": {wanted.build.service: wanted.commit for wanted in outcome.wanted},
        "built": outcome.built,
        "diff": diff if sentences else [],
        "notes": outcome.notes,
    }


if __name__ == "__main__":
    main()
