# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of action ``declaration``, which works on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: declaration
short_description: Check a declaration, or derive everything from it at once
version_added: "0.1.0"
description:
  - Reads the variable C(ops_stack), or C(ops_stacks) with several, and refuses a declaration that contradicts itself or another one, with
    every error in one report. Without a declaration the results are empty.
  - The variable C(ops_only), names as a list or separated by commas, narrows the stacks that are worked on. The others are read only for
    what they could have against these.
  - With O(derive) returns all that the roles derive from it. Ansible renders a variable anew wherever it is used; a play that registers the
    result as C(ops_declared) before its roles renders and derives once a host, and the defaults of the roles take theirs from it.
  - Values of secrets are not in the result; role C(secrets) reads C(ops_stack) itself.
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
  advice:
    description: Show advice with the lines to add, as P(latentum.ops.declaration_advice#filter) gives it, after the summary.
    type: bool
    default: false
  derive:
    description: Return what is derived rather than a summary.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Refuse a declaration that contradicts itself
  latentum.ops.declaration:

- name: Also say what it will do that may come unexpected
  latentum.ops.declaration:
    advice: true

- name: Derive everything once, for the roles of this play
  latentum.ops.declaration:
    derive: true
  register: ops_declared
  no_log: true
"""

RETURN = r"""
msg:
  description: What is declared, for an operator to recognise.
  returned: without O(derive)
  type: list
  elements: str
  sample: ["stack shop: api x2, database"]
derived:
  description: The results of the filters on declarations, by their names. Of several stacks what they give together.
  returned: with O(derive)
  type: dict
  sample: {}
each:
  description: The same of each of several stacks, by its name.
  returned: with O(derive) and C(ops_stacks)
  type: dict
  sample: {}
names:
  description: The names of the stacks that are worked on.
  returned: with O(derive)
  type: list
  elements: str
  sample: [shop]
known:
  description: The names of all stacks that are declared.
  returned: with O(derive)
  type: list
  elements: str
  sample: [shop, blog]
"""
