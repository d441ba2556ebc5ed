# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is derived from a declaration: one by one as filters or a lookup, or all at once for a play to remember.

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
PLAIN: Mapping[str, type] = {"name": str, "contact": str, "directory": str, "environment": dict}  # keys that roles read as they are

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
    plain = {name: _plain(stack, name) for name in PLAIN}
    if is_empty(stack):
        return plain | {name: derivation.empty() for name, derivation in DERIVATIONS.items() if not derivation.secret}
    declaration = load(as_written(stack))
    return plain | {name: derivation.derive(declaration) for name, derivation in DERIVATIONS.items() if not derivation.secret}


def declared(name: str, source: object) -> Any:
    """What a filter of this name gives, or the value of a plain key.

    :param source: a declaration, or what a play remembers of one; None for neither.
    """
    if name in PLAIN:
        return _plain(source[REMEMBERED] if isinstance(source, Mapping) and REMEMBERED in source else source, name)
    if name not in DERIVATIONS:
        raise AnsibleFilterError(f"declared: nothing is called {name!r}: write {', '.join([*PLAIN, *sorted(DERIVATIONS)])}")
    return derived(name)(source)


def _plain(source: object, name: str) -> Any:
    value = source.get(name) if isinstance(source, Mapping) else None
    return PLAIN[name]() if value is None else value
