# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox of units, for templates of roles."""

from __future__ import annotations

DOCUMENTATION = r"""
name: unit_sandbox
short_description: The sandbox that every unit of this collection begins with, and what some need of it
version_added: "0.1.0"
description:
  - Lines for the section C([Service]) of a unit or of a drop-in, which take away all that systemd can take away from a service.
  - Stands first in its section. What the service needs of it is given back below. A later line replaces a switch, and adds to a list.
author:
  - The latentum.ops contributors (@latentum)
options:
  _terms:
    description: With V(rollout), in place of the sandbox what a service needs of it that carries out deployments. It stands below it.
    type: list
    elements: str
    choices: [rollout]
"""

EXAMPLES = r"""
# A template of a unit that has a folder of its own, and talks to others over the network.
- name: Write a unit in a sandbox
  ansible.builtin.copy:
    content: |
      [Service]
      {{ lookup('latentum.ops.unit_sandbox') }}
      ExecStart=/usr/bin/shop
      User=shop
      StateDirectory=shop
      RestrictAddressFamilies=AF_INET AF_INET6
    dest: /etc/systemd/system/shop.service
    mode: "0644"
"""

RETURN = r"""
_raw:
  description: The lines, without a newline at their end.
  type: list
  elements: str
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.sandbox import ROLLOUT, SANDBOX


class LookupModule(LookupBase):  # type: ignore[misc]
    """See above."""

    def run(self, terms: Sequence[str], variables: Mapping[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """The lines.

        :raises AnsibleError: nobody has named what is asked for.
        """
        if not set(terms) <= {"rollout"}:
            raise AnsibleError(f"unit_sandbox: {', '.join(terms)} is not known: write rollout, or nothing for the sandbox itself")
        return [ROLLOUT for _term in terms] or [SANDBOX]
