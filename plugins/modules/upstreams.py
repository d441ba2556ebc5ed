#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx upstreams from running containers."""

from __future__ import annotations

DOCUMENTATION = r"""
module: upstreams
short_description: Write the upstreams of nginx from the running containers
version_added: "0.1.0"
description:
  - Renders one file in C(/etc/nginx/upstreams.d) for each upstream, with the addresses of the containers that may get traffic.
  - A container may get traffic when it runs and, where it has a healthcheck, is healthy.
  - When none may, the last written addresses that still exist are kept; when there is no container at all, nginx answers 502.
  - On the host, C(opsctl upstreams follow) keeps the same files true by Docker's events.
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
  upstreams:
    description: What nginx is to reach.
    type: list
    elements: dict
    required: true
    suboptions:
      # BEGIN OPTIONS upstreams.Upstream
      name:
        description: Name of the upstream, used in C(proxy_pass).
        type: str
        required: true
      project:
        description: Name of the Compose project. Not for an upstream with members.
        type: str
      service:
        description: Name of the service in it.
        type: str
      port:
        description: Port in the container.
        type: int
      balance:
        description: How requests are spread over the containers.
        type: str
        choices: [least_conn, round_robin, ip_hash, sticky]
        default: least_conn
      keepalive:
        description: Idle connections that each worker of nginx keeps to the containers.
        type: int
        default: 32
      members:
        description: Hosts behind this load balancer, instead of containers; module M(latentum.ops.upstream_member) drains them.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: How the host is called, for example its name in the inventory.
            type: str
            required: true
          address:
            description: Its address.
            type: str
            required: true
          port:
            description: Its port.
            type: int
            default: 443
      ports:
        description: Definition of a container to its port, where that is another one. The engine says so while a rollout changes the
          port.
        type: dict
        default: {}
      generation:
        description: Write a variable of nginx with it that is another one for each definition of the containers; what nginx keeps of
          their answers is kept by it.
        type: bool
        default: false
      stream:
        description: Where nginx listens for it, where it is no HTTP.
        type: dict
        suboptions:
          port:
            description: The port of the host.
            type: int
            required: true
          protocol:
            description: By which protocol.
            type: str
            choices: [tcp, udp]
            default: tcp
          tls:
            description: Name of the certificate with which TLS ends at nginx; empty for none.
            type: str
          proxy_protocol:
            description: Tell the address of the client by the PROXY protocol.
            type: bool
            default: false
          allow_from:
            description: Networks that may connect; everybody when empty.
            type: list
            elements: str
            default: []
          timeout:
            description: Seconds of silence in both directions after which a connection is closed.
            type: int
            default: 600
      # END OPTIONS
  purge:
    description: Remove the files of upstreams that are not in O(upstreams).
    type: bool
    default: false
  stacks:
    description: With O(purge), the names of the stacks that O(upstreams) are of. Files of upstreams of other stacks of this host stay.
    type: list
    elements: str
  reload:
    description: Test the result with C(nginx -t) and reload nginx when it is active.
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Point nginx at the containers of the api
  latentum.ops.upstreams:
    upstreams:
      - {name: shop_api_8080, project: shop, service: api, port: 8080}

- name: Point a load balancer at two hosts
  latentum.ops.upstreams:
    upstreams:
      - name: edge_shop
        members:
          - {name: app-1, address: 192.0.2.11}
          - {name: app-2, address: 192.0.2.12}
"""

RETURN = r"""
changed_paths:
  description: The files that were changed, or would be in check mode.
  returned: success
  type: list
  elements: str
  sample: [/etc/nginx/upstreams.d/shop_api_8080.conf]
held:
  description:
    - Stacks whose live release has other upstreams than O(upstreams), or that a rollout is changing. What they have published is
      written instead, until module M(latentum.ops.compose_rollout) brings about what is declared.
    - Each with C(definitions), the content of its file in C(/etc/latentum-ops/upstreams), and C(sites), name to content.
  returned: success
  type: dict
  sample: {}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable, Engine
from ansible_collections.latentum.ops.plugins.module_utils.contracts.argspec import argspec
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import Upstream, upstreams_from
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import EntryError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSetError
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync as upstreams
from ansible_collections.latentum.ops.plugins.module_utils.release.routing import held_back


def main() -> None:
    """Arguments in, outcome out."""
    module = AnsibleModule(
        argument_spec={
            "upstreams": {"type": "list", "elements": "dict", "required": True, "options": argspec(Upstream)},
            "purge": {"type": "bool", "default": False},
            "stacks": {"type": "list", "elements": "str"},
            "reload": {"type": "bool", "default": True},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        wanted = upstreams_from(given["upstreams"], tolerant=False)
        held = held_back(wanted)
        wanted = [
            *(upstream for upstream in wanted if upstream.project not in held),
            *(upstream for upstream in upstreams.load() if upstream.project in held),
        ]
        engine = None
        try:
            engine = Engine() if any(not upstream.members for upstream in wanted) else None
        except DockerUnavailable:
            # On a bare host the engine comes later in the same run; a check must be able to say what would be written.
            if not module.check_mode:
                raise
        options = {"purge": given["purge"], "own": given["stacks"], "reload": given["reload"]}
        outcome = upstreams.sync(engine, wanted, **options, check_mode=module.check_mode)
    except (EntryError, ConfigSetError, CommandError, DockerUnavailable, OSError, ValueError) as error:
        module.fail_json(**failure(error))
    for stack in held:
        module.warn(
            f"{stack}: its live release has other routes than these, or a rollout changes them: what is published stays. "
            "Roll the new ones out with role stack or playbook rolling_update"
        )
    module.exit_json(
        held=held,
        changed=bool(outcome.changes),
        changed_paths=outcome.paths,
        diff=[change.difference() for change in outcome.changes],
    )


if __name__ == "__main__":
    main()
