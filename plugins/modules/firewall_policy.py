#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole firewall of a host as one policy."""

from __future__ import annotations

DOCUMENTATION = r"""
module: firewall_policy
short_description: Make the firewall of a host what a policy says, Docker's published ports included
version_added: "0.1.0"
description:
  - Takes the whole policy and brings UFW to it - missing rules come, rules that are not in O(rules) go, and the order is the given one.
  - The rules are exchanged in one atomic step for each IP version, so that at no moment the rule for SSH or the firewall is missing.
  - Ports that Docker publishes, which bypass UFW otherwise, follow the same rules through Docker's own chain C(DOCKER-USER). It is kept
    in UFW's C(after.rules) and C(after6.rules), and so outlives a reload, a restart of Docker or the host, and re-created containers.
  - A policy that would shut out the SSH connection in use is refused, and with O(revert_after) a change takes itself back unless it is
    confirmed through a new connection.
  - When the loaded rules differ from the files, for example after C(iptables -F), the policy is put in force again.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
    details: Works before UFW is installed as well.
  diff_mode:
    support: full
    details: Shows the policy in words.
requirements:
  - The package ufw (0.36 or newer) on the host.
notes:
  - The chain C(DOCKER-USER) belongs to this module while O(docker=true); rules of others in it go with the next change.
  - An application profile of UFW is a rule like any other and goes unless its ports are in O(rules), or O(keep_foreign=true).
  - Docker's nftables backend does not use C(DOCKER-USER); where Docker says that it uses it, O(docker=true) is refused.
seealso:
  - module: latentum.ops.config_set
    description: Confirms a change that waits, with O(latentum.ops.config_set#module:name=firewall).
options:
  rules:
    description:
      - The rules, in the order in which they are tried.
      - A rule for incoming traffic is valid for services of the host and for ports that containers publish, by the port on the host.
    type: list
    elements: dict
    default: []
    suboptions:
      action:
        description:
          - What happens to matching traffic.
          - V(limit) admits six new connections from an address in 30 seconds.
        type: str
        choices: [allow, limit, deny, reject]
        default: allow
      port:
        description: A port (V(443)), a range (V(8000-8010)), or a list (V("80,443")). Every port when not given.
        type: str
      protocol:
        description: The protocol; a range or a list of ports needs V(tcp) or V(udp).
        type: str
        choices: [tcp, udp, any]
        default: any
      from:
        description: Addresses or networks that the traffic comes from. From anywhere, over IPv4 and IPv6, when empty.
        type: list
        elements: str
        default: []
      to:
        description: Addresses or networks that the traffic goes to. Anywhere when empty.
        type: list
        elements: str
        default: []
      direction:
        description: Whether the traffic comes in, goes out, or is forwarded by this host, as by a VPN gateway.
        type: str
        choices: [in, out, routed]
        default: in
      interface:
        description: The interface that the traffic passes; for routed traffic the one it comes in by.
        type: str
        default: ""
      interface_out:
        description: The interface that routed traffic leaves by.
        type: str
        default: ""
      comment:
        description: A note that UFW shows beside the rule, without an apostrophe.
        type: str
        default: ""
  stacks:
    description:
      - Which of O(rules) are there for which stack, as lists of rules by its name; each stack of the run, if with none.
      - They are recorded on the host. Rules that are recorded of other stacks are kept, so that a run which does not know a stack takes
        nothing away from it; a stack loses what it does not declare any more. Rules of stacks stand together, by the names of the stacks.
    type: dict
    default: {}
  incoming:
    description: What happens to incoming traffic that no rule matches.
    type: str
    choices: [allow, deny, reject]
    default: deny
  outgoing:
    description: What happens to outgoing traffic that no rule matches.
    type: str
    choices: [allow, deny, reject]
    default: allow
  routed:
    description: What happens to forwarded traffic that no rule matches. Docker's own rules come before it.
    type: str
    choices: [allow, deny, reject]
    default: deny
  logging:
    description: UFW's log level; from V(low) on, dropped packets are logged with a rate limit.
    type: str
    choices: ["off", low, medium, high, full]
    default: low
  ipv6:
    description: Look after IPv6 as well. Otherwise UFW drops all of it except on the loopback interface.
    type: bool
    default: true
  ufw_sysctl:
    description:
      - Let UFW set the kernel parameters of C(/etc/ufw/sysctl.conf) whenever it starts.
      - They overrule C(/etc/sysctl.d); V(false) leaves them to that.
    type: bool
    default: true
  docker:
    description: Let Docker's published ports follow the policy.
    type: bool
    default: true
  docker_interfaces:
    description: The bridges of Docker's networks; a closing C(+) matches any ending.
    type: list
    elements: str
    default: [docker0, docker_gwbridge, br-+]
  docker_networks:
    description: Address pools of Docker's networks, for bridges whose names O(docker_interfaces) does not match.
    type: list
    elements: str
    default: []
  ssh_port:
    description: The port that must stay open when the host is not managed over SSH. Otherwise it is the port of the connection in use.
    type: int
    default: 22
  allow_without_ssh:
    description: Accept a policy that shuts SSH out, for a host with another way in.
    type: bool
    default: false
  keep_foreign:
    description:
      - Keep rules of UFW that this module has not written, as they stand and before its own. One that a rule of O(rules) covers goes.
      - What it has written is recorded from the first such run on, so that a rule that is declared no more goes. Kept openings are valid
        for ports that containers publish, too. A kept rule that shuts a declared opening out is refused.
    type: bool
    default: false
  containers:
    description:
      - Hold containers of the stacks of this host back from its own services, and from the metadata service of its cloud.
      - What is open for everybody is closed for them, but for what a stack opens (the web). A rule that names where packets come from
        is valid for them as well, and the declaration of a stack opens ports of the host for single networks.
      - Rules are in a table of nftables of their own, for the bridges of networks of the stacks alone.
    type: bool
    default: false
    version_added: "0.2.0"
  revert_after:
    description: Seconds after which a change takes itself back unless confirmed; 0 for never.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Admit SSH, the web, and a metrics port for one network
  latentum.ops.firewall_policy:
    rules:
      - {action: limit, port: 22, protocol: tcp, comment: SSH}
      - {port: "80,443", protocol: tcp, comment: Web}
      - {port: 9443, protocol: tcp, from: [203.0.113.0/24], comment: Metrics}
    revert_after: 60
  register: firewall

- name: Open a new connection
  ansible.builtin.meta: reset_connection

- name: Keep the change, now that a new connection works
  latentum.ops.config_set:
    name: firewall
    state: confirmed
  when: firewall.armed
"""

RETURN = r"""
changed_paths:
  description: The files that were changed.
  returned: success
  type: list
  elements: str
  sample: [/etc/ufw/user.rules, /etc/ufw/user6.rules]
armed:
  description: Whether a change waits for its confirmation.
  returned: success
  type: bool
  sample: true
policy:
  description: The policy in words.
  returned: success
  type: list
  elements: str
  sample: ["status: active", "default: deny incoming, allow outgoing, deny routed"]
problems:
  description: Everything that is wrong with the policy, or with the host for it.
  returned: failure
  type: list
  elements: str
  sample: ["rules[0].port: 70000: ports lie between 1 and 65535, and a range begins with the lower one"]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.core.failure import failure
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError
from ansible_collections.latentum.ops.plugins.module_utils.firewall.docker_ports import parse_networks
from ansible_collections.latentum.ops.plugins.module_utils.firewall.policy import Policy, apply
from ansible_collections.latentum.ops.plugins.module_utils.firewall.rules import ACTIONS, DIRECTIONS, PROTOCOLS, FirewallError, parse_rules
from ansible_collections.latentum.ops.plugins.module_utils.firewall.ufw_files import LOGGING, POLICIES

RULE: dict[str, Any] = {
    "action": {"type": "str", "choices": list(ACTIONS), "default": "allow"},
    "port": {"type": "str"},
    "protocol": {"type": "str", "choices": list(PROTOCOLS), "default": "any"},
    "from": {"type": "list", "elements": "str", "default": []},
    "to": {"type": "list", "elements": "str", "default": []},
    "direction": {"type": "str", "choices": list(DIRECTIONS), "default": "in"},
    "interface": {"type": "str", "default": ""},
    "interface_out": {"type": "str", "default": ""},
    "comment": {"type": "str", "default": ""},
}


def main() -> None:
    """Arguments in, outcome out; the engine does the rest."""
    policies = list(POLICIES)
    module = AnsibleModule(
        argument_spec={
            "rules": {"type": "list", "elements": "dict", "default": [], "options": RULE},
            "stacks": {"type": "dict", "default": {}},
            "incoming": {"type": "str", "choices": policies, "default": "deny"},
            "outgoing": {"type": "str", "choices": policies, "default": "allow"},
            "routed": {"type": "str", "choices": policies, "default": "deny"},
            "logging": {"type": "str", "choices": list(LOGGING), "default": "low"},
            "ipv6": {"type": "bool", "default": True},
            "ufw_sysctl": {"type": "bool", "default": True},
            "docker": {"type": "bool", "default": True},
            "docker_interfaces": {"type": "list", "elements": "str", "default": ["docker0", "docker_gwbridge", "br-+"]},
            "docker_networks": {"type": "list", "elements": "str", "default": []},
            "ssh_port": {"type": "int", "default": 22},
            "allow_without_ssh": {"type": "bool", "default": False},
            "keep_foreign": {"type": "bool", "default": False},
            "containers": {"type": "bool", "default": False},
            "revert_after": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    given = module.params
    try:
        policy = Policy(
            rules=parse_rules(given["rules"]),
            stacks={str(stack): parse_rules(rules, f"stacks.{stack}") for stack, rules in given["stacks"].items()},
            incoming=given["incoming"],
            outgoing=given["outgoing"],
            routed=given["routed"],
            logging=given["logging"],
            ipv6=given["ipv6"],
            own_sysctl=given["ufw_sysctl"],
            docker=parse_networks(given["docker_interfaces"], given["docker_networks"]) if given["docker"] else None,
            ssh_port=given["ssh_port"],
            allow_without_ssh=given["allow_without_ssh"],
            revert_after=given["revert_after"],
            keep_foreign=given["keep_foreign"],
            containers=given["containers"],
        )
        outcome = apply(policy, check_mode=module.check_mode)
    except FirewallError as error:
        module.fail_json(**failure("\n".join(error.problems), problems=error.problems))
    except (CommandError, OSError) as error:
        module.fail_json(**failure(error, problems=[str(error)]))
    module.exit_json(
        changed=outcome.changed,
        changed_paths=outcome.changed_paths,
        armed=outcome.armed,
        policy=outcome.after.splitlines(),
        diff={"before": outcome.before, "after": outcome.after, "before_header": "firewall", "after_header": "firewall"}
        if outcome.changed
        else {},
    )


if __name__ == "__main__":
    main()
