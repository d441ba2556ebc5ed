# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of action ``patch_report``, which works on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: patch_report
short_description: Write one report of the updates of several hosts
version_added: "0.2.0"
description:
  - Makes a table, JSON and Markdown of what each host of the run has in the variable O(answers), on the controller. A host without one was
    not begun.
  - The files have the time of the run in their names, and none is replaced.
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
    description: The variable of each host with what became of it.
    type: str
    required: true
  hosts:
    description: The hosts of the run, in their order.
    type: list
    elements: str
    required: true
  canary:
    description: The host that was updated first.
    type: str
    default: ""
  folder:
    description: The folder for the files. A relative path begins where the command was given.
    type: path
    default: patches
"""

EXAMPLES = r"""
- name: What was changed
  latentum.ops.patch_report:
    answers: patch_result
    hosts: [web1, web2]
    folder: patches
  run_once: true
"""

RETURN = r"""
files:
  description: What was written, or would be.
  returned: success
  type: list
  elements: str
  sample: [/home/ops/production/patches/patches-2026-11-30T020011Z.md]
reports:
  description: What became of each host.
  returned: success
  type: list
  elements: dict
  sample: [{host: web1, outcome: updated}]
going_on:
  description: What to do after a run that stopped; empty where it came to its end.
  returned: success
  type: str
  sample: ""
table:
  description: The same for people, line by line.
  returned: success
  type: list
  elements: str
  sample: ["web1  updated  12  3"]
"""
