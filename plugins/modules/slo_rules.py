# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of action ``slo_rules``, which works on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slo_rules
short_description: Write the rules of Prometheus for declared objectives, and report error budgets
version_added: "0.1.0"
description:
  - Makes a rule file of C(slos) of each declared stack of the hosts of the play, V(slo-<stack>.yml), on the controller. Recording rules
    measure each objective over windows from minutes to its whole window; alerts tell of a budget that burns or is spent, and of missing
    data.
  - With O(prometheus) it asks that server what was measured, what is left of each budget and what that means for releases, and draws the
    budget of each objective over its window. It is asked before anything is written.
  - Where C(promtool) is on the controller, it judges the rules first; what it refuses is not written.
  - A rule file of a stack that has no objective any more is removed. Pictures are made anew each time, and are no change.
  - No host is reached. How to write an objective is in C(docs/guides/objectives.md).
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
  folder:
    description:
      - The folder for rule files and pictures. A relative path begins where the command was given.
    type: path
    default: slo
  prometheus:
    description:
      - Address of a Prometheus, or of anything that answers its HTTP API, such as VictoriaMetrics; up to what stands before C(/api/v1).
      - Empty, nothing is asked, and the table has what is declared alone.
    type: str
    default: ''
  timeout:
    description: Seconds to wait for one answer of it.
    type: float
    default: 10.0
seealso:
  - plugin: latentum.ops.slo_objectives
    plugin_type: filter
"""

EXAMPLES = r"""
- name: Write the rule files
  latentum.ops.slo_rules:
    folder: files/prometheus
  run_once: true

- name: See what is left of the budgets
  latentum.ops.slo_rules:
    folder: files/prometheus
    prometheus: http://127.0.0.1:9090
  run_once: true
  check_mode: true
  register: budgets
"""

RETURN = r"""
files:
  description: The rule files.
  returned: success
  type: list
  elements: str
  sample: [/home/ops/production/slo/slo-shop.yml]
pictures:
  description: The pictures; none without O(prometheus).
  returned: success
  type: list
  elements: str
  sample: [/home/ops/production/slo/slo-shop-api.svg]
objectives:
  description: Each objective as it is declared, durations in seconds, and what was measured; null where nothing was.
  returned: success
  type: list
  elements: dict
  sample:
    - {stack: shop, name: api, indicator: availability, percent: 99.9, events: 120000.0, failed: 30.0, budget_remaining: 0.75}
state:
  description: The strictest state of all budgets that decide; V(unknown), V(normal), V(warn), V(canary) or V(refuse).
  returned: success
  type: str
  sample: normal
table:
  description: The same for people, line by line.
  returned: success
  type: list
  elements: str
  sample: ["objective  indicator  must be good  window  budget"]
"""
