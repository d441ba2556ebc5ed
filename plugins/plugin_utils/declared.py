# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is derived from a declaration: one by one as filters, or all at once for a play to remember.

Ansible renders a variable anew wherever it is used, in a process of its own for each task. A play therefore derives everything in one
task (action `declaration`) and remembers it as plain data; the filters take their result from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.declaration.loader import InvalidDeclaration, is_empty, load
from ..module_utils.declaration.registry import SECTIONS
from .as_written import as_written

REMEMBERED = "derived"  # the key of what a play remembers; no declaration has it


DERIVATIONS = {name: derivation for section in SECTIONS for name, derivation in section.derivations.items()}


def derived(name: str) -> Callable[[object], Any]:
    """The filter of this name; for what a play remembers it gives the remembered result."""
    derivation = DERIVATIONS[name]

    def apply(stack: object) -> Any:
        if isinstance(stack, Mapping) and REMEMBERED in stack:
            if derivation.secret:
                raise AnsibleFilterError(f"{name}: values of secrets are not remembered: apply the filter to ops_stack itself")
            return stack[REMEMBERED][name]
        if is_empty(stack):
            return derivation.empty()
        try:
            return derivation.derive(load(as_written(stack)))
        except InvalidDeclaration as error:
            raise AnsibleFilterError(str(error)) from None

    return apply


def remember(stack: object) -> dict[str, Any]:
    """All that may be remembered of a declaration, by the names of the filters.

    :raises InvalidDeclaration: it contradicts itself.
    """
    if is_empty(stack):
        return {name: derivation.empty() for name, derivation in DERIVATIONS.items() if not derivation.secret}
    declaration = load(as_written(stack))
    return {name: derivation.derive(declaration) for name, derivation in DERIVATIONS.items() if not derivation.secret}
