# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of action ``environment_confirmation``, which works on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: environment_confirmation
short_description: Refuse a run on a protected environment that nobody has confirmed
version_added: "0.1.0"
description:
  - Where C(ops_protected) is true, the run must be confirmed by C(-e ops_confirm=NAME), with the name in C(ops_environment). Without it,
    or with another name, the task fails and names the one that is expected.
  - A name that was confirmed and is not that of the host is refused where nothing is protected, too.
  - C(ops_confirm) counts on the command line (or among the extra variables of a job) only; in an inventory it would confirm every run.
  - Nothing is asked of the host, and no other variable is read. In check mode no confirmation is wanted.
author:
  - The latentum.ops contributors (@latentum)
extends_documentation_fragment:
  - latentum.ops.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
options: {}
"""

EXAMPLES = r"""
- name: Hosts of a protected environment go on by its name only
  hosts: all
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - name: Confirm
      latentum.ops.environment_confirmation:
"""

RETURN = r"""
environment:
  description: The environment of the host; empty where none is declared.
  returned: success
  type: str
  sample: production
protected:
  description: Whether it is protected.
  returned: success
  type: bool
  sample: true
"""
