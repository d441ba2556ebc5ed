# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of action ``capacity_report``, which works on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: capacity_report
short_description: Write one report of capacity and cost of several hosts
version_added: "0.2.0"
description:
  - Makes Markdown and HTML with pictures of what C(opsctl report --json) says on each host of the play, on the controller.
  - A host that says nothing (no Prometheus, not reached, an older engine) is named with its reason, and the others are reported.
  - Files are made anew each time, and are no change. No host is reached.
  - What the numbers mean is in C(docs/guides/capacity.md).
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
  answers:
    description: The variable in which each host has registered the result of the command.
    type: str
    required: true
  folder:
    description: The folder for the files. A relative path begins where the command was given.
    type: path
    default: report
"""

EXAMPLES = r"""
- name: Ask each host
  ansible.builtin.command:
    argv: [/usr/local/sbin/opsctl, report, --json]
  register: answer
  changed_when: false
  failed_when: false

- name: Write the report of all
  latentum.ops.capacity_report:
    answers: answer
    folder: report
  run_once: true
"""

RETURN = r"""
files:
  description: What was written, or would be.
  returned: success
  type: list
  elements: str
  sample: [/home/ops/production/report/capacity.md]
unknown:
  description: Hosts without a report, each with the reason.
  returned: success
  type: list
  elements: str
  sample: ["web2: no Prometheus measures this host"]
reports:
  description: The report of each host, as C(opsctl report --json) has it.
  returned: success
  type: list
  elements: dict
  sample: [{host: web1}]
table:
  description: The same for people, line by line.
  returned: success
  type: list
  elements: str
  sample: ["web1, 2026-11-01 to 2026-11-30"]
"""
