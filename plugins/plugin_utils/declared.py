# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is derived from declarations: one by one as filters, or all at once for a play to remember.

Ansible renders a variable anew wherever it is used, in a process of its own for each task. A play therefore derives everything in one
task (action `declaration`) and remembers it as plain data; filters and the lookup `declared` take their result from there.

What is remembered of several stacks is what they give together, and beside it each for itself: roles of the host take the first, and
roles of a stack, which run once a stack, the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils.declaration.loader import InvalidDeclaration, is_empty, load
from ..module_utils.declaration.together import loader as together
from ..module_utils.declaration.together.given import Given, given
from ..module_utils.declaration.together.loader import DERIVATIONS
from .compose_folder import complete

REMEMBERED = "derived"  # the keys of what a play remembers; no declaration has them
EACH, NAMES, KNOWN = "each", "names", "known"
PLAIN: Mapping[str, type] = {"name": str, "contact": str, "directory": str, "environment": dict}  # keys that roles read as they are


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
            return derivation.derive(load(complete(stack)))
        except InvalidDeclaration as error:
            raise AnsibleFilterError(str(error)) from None

    return apply


def written(stack: object, stacks: object = None, only: object = None) -> Given:
    """What the variables C(ops_stack), C(ops_stacks) and C(ops_only) declare, Compose files as they were written."""
    if isinstance(stacks, list):
        stacks = [complete(entry) for entry in stacks]
    return given(complete(stack or {}), stacks, only)


def remember(stacks: Given) -> dict[str, Any]:
    """All that may be remembered of the stacks that a run works on, by the names of the filters, with the plain keys.

    :raises InvalidDeclaration: one contradicts itself, or another.
    """
    declarations = together.load(stacks)
    plain = {name: {key: _plain(stacks.stacks[name], key) for key in PLAIN} for name in declarations}
    each = {name: plain[name] | together.derive(declaration) for name, declaration in declarations.items()}
    about = {NAMES: list(declarations), KNOWN: list(stacks.stacks)}
    if stacks.several:
        nothing: dict[str, Any] = {key: kind() for key, kind in PLAIN.items()}
        contact = next((keys["contact"] for keys in plain.values() if keys["contact"]), "")
        merged = together.merge(list(each.values())) | together.whole(stacks, declarations)
        return {REMEMBERED: nothing | {"contact": contact} | merged, EACH: each, **about}
    alone = next(iter(each.values()), None)
    return {REMEMBERED: alone or {key: _plain(None, key) for key in PLAIN} | together.derive(None), **about}


def declared(name: str, source: object, turn: str = "") -> Any:
    """What a filter of this name gives, or the value of a plain key.

    :param source: a declaration, or what a play remembers; None for neither.
    :param turn: the stack of several whose turn it is; without one what they give together.
    """
    if name not in PLAIN and name not in DERIVATIONS:
        raise AnsibleFilterError(f"declared: nothing is called {name!r}: write {', '.join([*PLAIN, NAMES, 'stack', *sorted(DERIVATIONS)])}")
    if turn and isinstance(source, Mapping) and EACH in source:
        if turn not in source[EACH]:
            raise AnsibleFilterError(f"declared: {turn} is not a stack of this run ({', '.join(source[NAMES]) or 'there is none'})")
        return derived(name)({REMEMBERED: source[EACH][turn]}) if name in DERIVATIONS else source[EACH][turn][name]
    if name in PLAIN:
        return _plain(source[REMEMBERED] if isinstance(source, Mapping) and REMEMBERED in source else source, name)
    return derived(name)(source)


def by_stack(name: str, source: object, turn: str = "") -> dict[str, Any]:
    """The same for each stack of the run by its name, or for the one whose turn it is."""
    return {stack: declared(name, source, stack) for stack in ([turn] if turn else _names(source))}


def _names(source: object) -> list[str]:
    if isinstance(source, Mapping) and REMEMBERED in source:
        return list(source[NAMES])
    name = _plain(source, "name")
    return [name] if name else []


def _plain(source: object, name: str) -> Any:
    value = source.get(name) if isinstance(source, Mapping) else None
    return PLAIN[name]() if value is None else value
