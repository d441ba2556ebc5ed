# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stacks that an inventory declares for a host, and those of them that a run works on.

C(ops_stack) is one declaration, C(ops_stacks) a list of them, C(ops_only) names those to work on: all of them where it names none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...schema.nodes import Problem, instead, shown
from .. import loader

ONE, SEVERAL, ONLY = "ops_stack", "ops_stacks", "ops_only"


@dataclass(frozen=True)
class Given:
    """What the variables say.

    :param stacks: the declarations as they are written, by name, in their order; one without a readable name by its place.
    :param chosen: the names of those that the run works on.
    :param variable: which of the two variables declares them.
    :param problems: what is wrong with the variables themselves.
    """

    stacks: Mapping[str, Any] = field(default_factory=dict)
    chosen: tuple[str, ...] = ()
    variable: str = ONE
    problems: tuple[Problem, ...] = ()

    @property
    def several(self) -> bool:
        """They stand in a list, so each error says of which stack it is."""
        return self.variable == SEVERAL


def given(stack: object, stacks: object = None, only: object = None) -> Given:
    """What C(ops_stack), C(ops_stacks) and C(ops_only) say; everything that is wrong with them is in C(problems)."""
    problems: list[Problem] = []
    if not loader.is_empty(stack) and not _is_nothing(stacks):
        what = "stands beside ops_stack, and one of the two would not be read"
        problems.append(Problem(SEVERAL, shown(stacks), what, "move ops_stack into the list ops_stacks, or remove one of the two"))
    if _is_nothing(stacks):
        variable, declared = ONE, {} if loader.is_empty(stack) else {_name(stack) or ONE: stack}
    else:
        variable, declared = SEVERAL, _listed(stacks, problems)
    return Given(declared, _chosen(only, declared, problems), variable, tuple(problems))


def _is_nothing(value: object) -> bool:
    return value is None or (isinstance(value, (str, Sequence, Mapping)) and not value)


def _name(stack: object) -> str:
    name = stack.get("name") if isinstance(stack, Mapping) else None
    return name if isinstance(name, str) else ""


def _listed(stacks: object, problems: list[Problem]) -> dict[str, Any]:
    if isinstance(stacks, str) or not isinstance(stacks, Sequence):
        fix = "write ops_stack for a single one, or a list: [{name: shop, compose: …}, {name: blog, compose: …}]"
        problems.append(Problem(SEVERAL, shown(stacks), "is not a list of stacks", fix))
        return {}
    declared: dict[str, Any] = {}
    places: dict[str, str] = {}
    for index, stack in enumerate(stacks):
        place = f"{SEVERAL}[{index}]"
        if loader.is_empty(stack):
            problems.append(
                Problem(place, shown(stack), "declares nothing", "write a stack, such as {name: shop, compose: …}, or remove it")
            )
            continue
        name = _name(stack) or place
        if name in places:
            what = f"is the name of {places[name]} already"
            problems.append(Problem(f"{place}.name", shown(name), what, "give one of the two another name, or remove one"))
            continue
        places[name], declared[name] = place, stack
    return declared


def _chosen(only: object, declared: Mapping[str, Any], problems: list[Problem]) -> tuple[str, ...]:
    """The names that C(ops_only) gives, in the order of the declarations; all where it gives none."""
    if _is_nothing(only):
        return tuple(declared)
    names = only.replace(",", " ").split() if isinstance(only, str) else only
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        problems.append(Problem(ONLY, shown(only), "is neither a name nor a list of names", "write -e ops_only=shop,blog"))
        return tuple(declared)
    for name in names:
        if name not in declared:
            known = ", ".join(declared) or "none"
            what = f"is not the name of a stack that is declared here (there are: {known})"
            problems.append(Problem(ONLY, shown(name), what, instead(name, declared, "stack")))
    return tuple(name for name in declared if name in names)
