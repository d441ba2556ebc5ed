# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From C(ops_stack) to a typed declaration or to the full list of what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from ..compose import model as compose_model
from ..schema.nodes import HIDDEN, Problem, Refused, plain, require_bounded
from . import model as declaration_model
from . import schema as declaration_schema
from .advice import advice
from .advice import report as advice_report
from .model import Declaration
from .registry import SECTIONS


class InvalidDeclaration(ValueError):
    """A declaration that cannot be derived from; its text is the readable report."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(report(self.problems))


def is_empty(stack: object) -> bool:
    """Whether nothing is declared at all: no stack, so nothing to derive."""
    return stack is None or (isinstance(stack, (Mapping, str)) and not stack)


def problems(stack: object) -> tuple[Problem, ...]:
    """Everything that is wrong with the declaration, in the order of its keys; nothing for an empty one."""
    return () if is_empty(stack) else _checked(stack)[1]


def read(stack: object) -> tuple[Declaration | None, tuple[Problem, ...]]:
    """The declaration as far as it can be read, and everything that is wrong with it."""
    return _read(_canonical(stack))


def load(stack: object) -> Declaration:
    """The typed declaration; raises InvalidDeclaration with every problem. Callers must not change what it holds."""
    declaration, errors = _checked(stack)
    if errors or declaration is None:
        raise InvalidDeclaration(errors)
    return declaration


def report(errors: Iterable[Problem]) -> str:
    """The problems as text: a heading, then for each what is wrong and, below it, what to write instead."""
    entries = [f"{number}. {problem}" for number, problem in enumerate(errors, 1)]
    if not entries:
        return ""
    heading = "ops_stack has one error" if len(entries) == 1 else f"ops_stack has {len(entries)} errors"
    return "\n".join([f"{heading}; nothing was changed:", *entries])


def summary(declaration: Declaration) -> list[str]:
    """What is declared, for an operator to recognise, and what may come unexpected: never a value, only names and numbers."""
    return [*names(declaration), *(f"advice: {item.problem}" for item in advice(declaration))]


def advised(declaration: Declaration) -> list[str]:
    """What is declared, and what may come unexpected with the lines to add."""
    items = advice(declaration)
    return [*names(declaration), f"no error, {len(items) or 'no'} advice", *advice_report(items)]


def advice_on(stack: object) -> list[Problem]:
    """Advice on a faultless declaration; none on a wrong one, whose errors come first, and none on an empty one."""
    return [] if is_empty(stack) or problems(stack) else advice(load(stack))


def names(declaration: Declaration) -> list[str]:
    """What is declared, by its names."""
    services = ", ".join(
        f"{service.name} x{count}" if (count := declaration.replicas(service)) != 1 else service.name
        for service in declaration.compose.services.values()
    )
    lines = [f"stack {declaration.name}: {services}"]
    lines += [f"https://{r.domain}{r.path} -> {r.service}:{r.port}" for r in declaration.routes]
    if declaration.secrets:
        lines.append(f"secrets: {', '.join(declaration.secrets)}")
    return lines


def without_values(stack: object) -> Any:
    """The declaration as plain data, which a play may keep for its later tasks: the values of secrets are not in it.

    Everything but the values can be derived from it as from the declaration itself.
    """
    data = plain(stack)
    secrets = data.get("secrets") if isinstance(data, dict) else None
    for secret in secrets.values() if isinstance(secrets, dict) else ():
        if isinstance(secret, dict) and "value" in secret:
            secret["value"] = HIDDEN
    return data


def _canonical(stack: object) -> str:
    return json.dumps(plain(stack), sort_keys=False)


def _checked(stack: object) -> tuple[Declaration | None, tuple[Problem, ...]]:
    """The declaration and its problems; it is not read at all when it is too large to."""
    try:
        require_bounded(stack)
    except Refused as error:
        return None, (Problem("ops_stack", "", error.problem, error.fix),)
    return _read(_canonical(stack))


@lru_cache(maxsize=16)
def _read(text: str) -> tuple[Declaration | None, tuple[Problem, ...]]:
    from .checks import check

    errors: list[Problem] = []
    stack = json.loads(text)
    if not isinstance(stack, dict):
        declaration_schema.STACK.read(stack, "ops_stack", errors)
        return None, tuple(errors)
    read = declaration_schema.STACK.read(stack, "", errors)
    environment = {"COMPOSE_PROJECT_NAME": read["name"], **read["environment"]}
    compose = compose_model.Compose()
    if read["compose"] is not None:
        compose = compose_model.parse(read["compose"], environment, errors)
    declaration = declaration_model.build(read, compose, SECTIONS)
    known = len(errors)
    check(declaration, errors)
    errors[known:] = [problem for problem in errors[known:] if problem.key not in compose.unresolved]
    return declaration, tuple(dict.fromkeys(errors))
