# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All stacks of an inventory, read, or the full list of what is wrong with them, each for itself and together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ...schema.nodes import Problem
from .. import loader
from ..model import Declaration, Derivation
from ..registry import SECTIONS
from .checks import check_together
from .given import Given

DERIVATIONS = {name: derivation for section in SECTIONS for name, derivation in section.derivations.items()}


def problems(given: Given) -> tuple[Problem, ...]:
    """Everything that is wrong: with the variables, with each stack that the run works on, and between these and the others.

    What is wrong inside a stack that the run leaves alone is no error of this run.
    """
    errors = list(given.problems)
    for name in given.chosen:
        errors += [of_stack(given, name, problem) for problem in loader.problems(given.stacks[name])]
    if given.several:
        readable = {name: declaration for name, stack in given.stacks.items() if (declaration := loader.checked(stack)[0])}
        errors += check_together(readable, given.chosen)
    return tuple(dict.fromkeys(errors))


def of_stack(given: Given, name: str, problem: Problem) -> Problem:
    """A problem as it is reported: with the stack's name, where there are several."""
    return replace(problem, key=f"{name}: {problem.key}") if given.several else problem


def load(given: Given) -> dict[str, Declaration]:
    """The stacks that the run works on, by name.

    :raises InvalidDeclaration: with every problem.
    """
    if errors := problems(given):
        raise loader.InvalidDeclaration(errors, given.variable)
    return {name: loader.load(given.stacks[name]) for name in given.chosen}


def derive(declaration: Declaration | None) -> dict[str, Any]:
    """All that may be remembered of a stack, by the names of the filters; what nothing gives for none."""
    plain = {name: derivation for name, derivation in DERIVATIONS.items() if not derivation.secret}
    return {name: derivation.derive(declaration) if declaration else derivation.empty() for name, derivation in plain.items()}


def merge(derived: list[dict[str, Any]]) -> dict[str, Any]:
    """What several stacks of a host give together; what only one stack can have is empty."""
    merged = derive(None)
    for name in merged:
        if DERIVATIONS[name].merged and derived:
            merged[name] = _together([each[name] for each in derived])
    return merged


def whole(given: Given, declarations: Mapping[str, Declaration]) -> dict[str, Any]:
    """What all stacks of a host give together; those that the run leaves alone as far as they can be read."""
    left = {name: loader.checked(stack) for name, stack in given.stacks.items() if name not in declarations}
    wholes: dict[str, Any] = {}
    for name, derivation in DERIVATIONS.items():
        if derivation.whole and (results := [*map(derivation.derive, declarations.values()), *_of_left(derivation, left)]):
            wholes[name] = _together(results)
    return wholes


def _of_left(derivation: Derivation, left: Mapping[str, tuple[Declaration | None, tuple[Problem, ...]]]) -> Iterator[Any]:
    for name, (declaration, errors) in left.items():
        if errors and derivation.unreadable:
            yield derivation.unreadable(name)
        elif declaration:
            yield derivation.derive(declaration)


def _together(results: Iterable[list[Any]]) -> list[Any]:
    items: list[Any] = []
    for result in results:
        items += [item for item in result if item not in items]
    return items
