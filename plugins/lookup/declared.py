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
  - Takes it from C(ops_declared), what the play has derived once (M(latentum.ops.declaration)), and where no play has, from C(ops_stack)
    or C(ops_stacks).
  - Of several stacks it gives what they give together, and nothing of what only one stack can have. Where C(ops_turn) names one of them,
    as it does in roles that run once a stack, it gives what that one gives.
  - A template that names both variables renders both, and C(ops_stack) holds a whole Compose file; the defaults of roles ask here instead.
author:
  - The latentum.ops contributors (@latentum)
options:
  _terms:
    description:
      - One name of a filter that derives from a declaration, for example V(nginx_sites); or a plain key, V(name), V(contact),
        V(directory) or V(environment).
      - V(names) is the list of the stacks that the run works on, C(ops_only) considered; V(stack) the only one of them, for what is done
        to one stack at a time. It is an error where there are several, which says how to choose.
    type: list
    elements: str
    required: true
  by_stack:
    description: Give the results as a dictionary by the names of the stacks.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Show the sites that nginx will have
  ansible.builtin.debug:
    msg: "{{ lookup('latentum.ops.declared', 'nginx_sites') }}"

- name: Show which stack opens which ports
  ansible.builtin.debug:
    msg: "{{ lookup('latentum.ops.declared', 'firewall_rules', by_stack=true) }}"
"""

RETURN = r"""
_raw:
  description: What the filter gives for the declaration; of a plain key its value, or an empty one where it is not declared.
  type: list
  elements: raw
"""

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleLookupError
from ansible.plugins.lookup import LookupBase
from ansible_collections.latentum.ops.plugins.module_utils.declaration.loader import InvalidDeclaration, report
from ansible_collections.latentum.ops.plugins.module_utils.declaration.together.given import ONE, ONLY, SEVERAL, given
from ansible_collections.latentum.ops.plugins.module_utils.declaration.together.loader import DERIVATIONS
from ansible_collections.latentum.ops.plugins.plugin_utils.declared import NAMES, REMEMBERED, by_stack, declared, remember, written

CHOSEN = "stack"  # the one of them


class LookupModule(LookupBase):  # type: ignore[misc]  # Ansible has no type hints
    """Nothing but the variables of the play is read."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[Any]:
        """One result a name."""
        self.set_options(var_options=variables, direct=kwargs)
        known = variables or {}
        return [self._one(name, known) for name in terms]

    def _one(self, name: str, known: Mapping[str, Any]) -> Any:
        if name in (NAMES, CHOSEN):
            names = self._names(known)
            return names if name == NAMES else chosen(names)
        turn = str(self._templar.template(known.get("ops_turn")) or "")
        if name in DERIVATIONS and DERIVATIONS[name].secret and not self.get_option("by_stack"):
            return declared(name, self._written(known, turn))  # what a play remembers holds no value of a secret
        source = known.get("ops_declared")
        if not (isinstance(source, Mapping) and REMEMBERED in source):  # else a result, in which nothing is a template
            source = self._templar.template(source) or self._declared(known)
        return (by_stack if self.get_option("by_stack") else declared)(name, source, turn)

    def _written(self, known: Mapping[str, Any], turn: str) -> Any:
        """The declaration itself, of several that of the stack whose turn it is."""
        if not known.get(SEVERAL):
            return self._templar.template(known.get(ONE))
        stacks = self._templar.template(known[SEVERAL])
        return next((stack for stack in stacks if isinstance(stack, Mapping) and stack.get("name") == turn), None)

    def _declared(self, known: Mapping[str, Any]) -> Any:
        """What is declared, where no play remembers it."""
        stack = self._templar.template(known.get(ONE))
        if not (stacks := self._templar.template(known.get(SEVERAL))):
            return stack
        try:
            return remember(written(stack, stacks, self._templar.template(known.get(ONLY))))
        except InvalidDeclaration as error:
            raise AnsibleLookupError(str(error)) from None

    def _names(self, known: Mapping[str, Any]) -> list[str]:
        """The names of the stacks that the run works on; nothing but them is rendered where they are written as mappings."""
        name, several = (self._name(known.get(ONE)), known.get(SEVERAL))
        if isinstance(several, list):
            several = [self._name(stack) for stack in several]
        choice = given(name, self._templar.template(several), self._templar.template(known.get(ONLY)))
        if choice.problems:
            raise AnsibleLookupError(report(choice.problems, choice.variable))
        return list(choice.chosen)

    def _name(self, stack: Any) -> Any:
        if isinstance(stack, Mapping) and "name" in stack:
            return {"name": self._templar.template(stack["name"])}
        return self._templar.template(stack)


def chosen(names: list[str]) -> str:
    """The only one of the stacks.

    :raises AnsibleLookupError: there are several, or none.
    """
    if len(names) == 1:
        return names[0]
    if not names:
        raise AnsibleLookupError("declared: no stack is declared: set ops_stack or ops_stacks, or stack_name")
    raise AnsibleLookupError(f"this works on one stack, and {', '.join(names)} are declared: name one, such as -e ops_only={names[0]}")
