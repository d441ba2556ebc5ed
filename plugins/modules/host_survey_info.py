#!/usr/bin/python
# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on a host that is not bare, and what a run would do to it."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_survey_info
short_description: Look at a host that is not bare, and judge what a run would do to what is there
version_added: "0.1.0"
description:
  - Lists ports with who listens, sites of web servers, certificates, rules of firewalls, Compose projects, containers, volumes,
    networks, databases, cron jobs and timers, settings of the SSH server, accounts, kernel settings, updates and agents, and stacks
    of this collection.
  - Says of each what becomes of it, by the variables of the roles and the declaration. Something V(stays), is V(taken_over) by a role,
    makes a V(conflict), or is V(reported) because it works now and would not afterwards. What belongs to this collection already is
    V(managed). Without O(judge) it is only V(found).
  - Changes nothing and installs nothing. It needs Python alone, and root to see all; nothing is started by looking, not even a stopped
    Docker engine.
  - Secrets in what is read are hidden.
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
  roles:
    description: Names of the roles of this collection that are to run. What others would do is not judged.
    type: list
    elements: str
    default: []
  judge:
    description: Judge what is found; V(false) for an inventory alone.
    type: bool
    default: true
  show:
    description: Print the table on the terminal of the controller, its lines whole. The action of this name does it.
    type: bool
    default: false
  wanted:
    description: What each role wants, by role. The action of this name fills it in.
    type: dict
    default: {}
  stacks:
    description: The declared stacks, as far as a host concerns them. The action of this name fills it in.
    type: list
    elements: dict
    default: []
"""

EXAMPLES = r"""
- name: Look at the host
  latentum.ops.host_survey_info:
    roles: [base, ssh_hardening, firewall, docker, nginx]
  register: found

- name: Show what asks for a decision
  ansible.builtin.debug:
    msg: "{{ found.findings | selectattr('verdict', 'in', ['conflict', 'reported']) }}"

- name: An inventory, whatever is declared
  latentum.ops.host_survey_info:
    judge: false
    show: true
"""

RETURN = r"""
survey:
  description: All that was found, by part, without secrets.
  returned: success
  type: dict
  sample: {"version": 1, "listeners": [{"port": 5432, "protocol": "tcp", "program": "postgres"}]}
findings:
  description: Each thing with its kind, name, details, verdict, the role that does something, the effect, and the key and value to write.
  returned: success
  type: list
  elements: dict
  sample:
    - {"kind": "port", "name": "5433/tcp", "verdict": "reported", "role": "firewall", "key": "firewall_extra_rules",
       "value": "[{port: 5433, protocol: tcp}]"}
counts:
  description: How many findings have each verdict.
  returned: success
  type: dict
  sample: {"conflict": 1, "stays": 12}
table:
  description: The findings as lines of text, 120 columns wide.
  returned: success
  type: list
  elements: str
  sample: ["web1: 1 conflict, 12 stays"]
markdown:
  description: The findings as a document.
  returned: success
  type: str
  sample: "# web1\n"
unseen:
  description: What could not be looked at, with the reason.
  returned: success
  type: list
  elements: str
  sample: []
"""

import os
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.latentum.ops.plugins.module_utils.adopt import report
from ansible_collections.latentum.ops.plugins.module_utils.adopt.finding import Verdict
from ansible_collections.latentum.ops.plugins.module_utils.adopt.host import SurveyedHost
from ansible_collections.latentum.ops.plugins.module_utils.adopt.judgement import judge
from ansible_collections.latentum.ops.plugins.module_utils.adopt.survey.survey import survey
from ansible_collections.latentum.ops.plugins.module_utils.core.times import moment


def main() -> None:
    """What is wanted in, what is there out."""
    module = AnsibleModule(
        argument_spec={
            "roles": {"type": "list", "elements": "str", "default": []},
            "judge": {"type": "bool", "default": True},
            "show": {"type": "bool", "default": False},
            "wanted": {"type": "dict", "default": {}},
            "stacks": {"type": "list", "elements": "dict", "default": []},
        },
        supports_check_mode=True,
    )
    given = module.params
    host = SurveyedHost()
    surveyed = survey(host)
    findings = judge(host, surveyed, given["wanted"] if given["judge"] else {}, given["stacks"])
    name = os.uname().nodename
    module.exit_json(
        changed=False,
        survey=surveyed.as_dict(),
        findings=[finding.as_dict() for finding in findings],
        counts={verdict.value: count for verdict in Verdict if (count := sum(finding.verdict is verdict for finding in findings))},
        table=report.table(name, findings, surveyed.unseen).splitlines(),
        markdown=report.markdown(name, findings, surveyed.unseen, moment(time.time())),
        unseen=surveyed.unseen,
    )


if __name__ == "__main__":
    main()
