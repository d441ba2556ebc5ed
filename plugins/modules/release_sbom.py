#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Software bill of materials of a release."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_sbom
short_description: Keep a software bill of materials beside a release
version_added: "0.2.0"
description:
  - Writes C(sbom.cdx.json) (CycloneDX 1.5) into the folder of a release, with which it goes when the release is forgotten. A release never
    changes, so one that is there stays.
  - Components of each image are those that Syft or Trivy names, where one is installed on the host; otherwise the packages of Debian,
    Ubuntu and Alpine that are listed in the image.
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
  stack:
    description: Name of the stack.
    type: str
    required: true
  release:
    description: Id of the release, or its beginning; the live one where it is empty.
    type: str
    default: ""
  force:
    description: Make it anew.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: What is in the live release
  latentum.ops.release_sbom:
    stack: shop
"""

RETURN = r"""
path:
  description: Where it lies on the host; empty where the stack has no release.
  returned: success
  type: str
  sample: /var/lib/latentum-ops/stacks/shop/releases/3f2a90c1d4e7/sbom.cdx.json
release:
  description: Id of the release.
  returned: success
  type: str
  sample: 3f2a90c1d4e7
components:
  description: How many components it names, by image.
  returned: success
  type: dict
  sample: {"registry.example.com/shop/web@sha256:5f70bf18a086": 214}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.advisories import sbom
from ansible_collections.latentum.ops.plugins.module_utils.advisories.scanners import ScanError
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable, Engine
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.release.store import ReleaseError, Store


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            "stack": {"type": "str", "required": True},
            "release": {"type": "str", "default": ""},
            "force": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        result = keep(Store(given["stack"]), given["release"], force=given["force"], check=module.check_mode)
    except (ReleaseError, ScanError, DockerUnavailable, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    module.exit_json(**result)


def keep(store: Store, wanted: str, *, force: bool, check: bool) -> dict[str, Any]:
    """The module's result: the document of a release is there, or in check mode would be."""
    release = store.find(wanted) if wanted else store.live()
    if release is None:
        return {"changed": False, "path": "", "release": "", "components": {}}
    document = None if force else sbom.stored(release)
    changed = document is None
    if document is None and not check:
        document = sbom.make(release, sbom.of_engine(Engine().api))
        sbom.write(release, document)
    listed = {image["bom-ref"]: len(image["components"]) for image in (document or {}).get("components") or ()}
    return {"changed": changed, "path": str(sbom.path(release)), "release": release.id, "components": listed}


if __name__ == "__main__":
    main()
