# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role takes from the declaration, without rendering the whole of it for each question."""

from __future__ import annotations

DOCUMENTATION = r"""
name: declared
short_description: What is derived from the declaration, or a plain key of it
version_added: "0.1.0"
description:
  - Takes it from C(ops_declared), what the play has derived once (M(latentum.ops.declaration)), and where no play has, from C(ops_stack).
  - A template that names both variables renders both, and C(ops_stack) holds a whole Compose file; the defaults of roles ask here instead.
author:
  - The latentum.ops contributors (@latentum)
options:
  _terms:
    description:
      - One name of a filter that derives from a declaration, for example V(nginx_sites), except of those that read values of secrets;
        or a plain key, V(name), V(contact), V(directory) or V(environment).
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show the sites that nginx will have
  ansible.builtin.debug:
    msg: "{{ lookup('latentum.ops.declared', 'nginx_sites') }}"
"""

RETURN = r"""
_raw:
  description: What the filter gives for the declaration; of a plain key its value, or an empty one where it is not declared.
  type: list
  elements: raw
"""

from collections.abc import Mapping
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.latentum.ops.plugins.plugin_utils.declared import REMEMBERED, declared


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no type hints
    """Nothing but the variables of the play is read."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """One result a name."""
        known = variables or {}
        source = known.get("ops_declared")
        if not (isinstance(source, Mapping) and REMEMBERED in source):  # else a result, in which nothing is a template
            source = self._templar.template(source) or self._templar.template(known.get("ops_stack"))
        return [declared(name, source) for name in terms]
