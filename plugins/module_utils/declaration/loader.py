# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From C(ops_stack) to a typed declaration or to the full list of what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from ..compose import model as compose_model
from ..compose.sources import no_folder
from ..schema.nodes import HIDDEN, Problem, Refused, plain, require_bounded
from . import controller_files
from . import model as declaration_model
from . import schema as declaration_schema
from .advice import advice
from .advice import report as advice_report
from .builds.model import references
from .controller_files import Folder
from .files.derive import read_only_mounts
from .files.model import with_content
from .model import Declaration
from .models.model import placeholders
from .registry import SECTIONS


class InvalidDeclaration(ValueError):
    """A declaration that cannot be derived from; its text is the readable report."""

    def __init__(self, problems: Iterable[Problem], variable: str = "ops_stack") -> None:
        self.problems = tuple(problems)
        super().__init__(report(self.problems, variable))


def is_empty(stack: object) -> bool:
    """Whether nothing is declared at all: no stack, so nothing to derive."""
    return stack is None or (isinstance(stack, (Mapping, str)) and not stack)


def problems(stack: object) -> tuple[Problem, ...]:
    """Everything that is wrong with the declaration, in the order of its keys; nothing for an empty one."""
    return () if is_empty(stack) else checked(stack)[1]


def checked(stack: object) -> tuple[Declaration | None, tuple[Problem, ...]]:
    """The declaration and its problems; it is not read at all when it is too large to."""
    try:
        require_bounded(stack)
    except Refused as error:
        return None, (Problem("ops_stack", "", error.problem, error.fix),)
    return _read(_canonical(stack))


def read(stack: object) -> tuple[Declaration | None, tuple[Problem, ...]]:
    """The declaration as far as it can be read, and everything that is wrong with it."""
    return _read(_canonical(stack))


def load(stack: object) -> Declaration:
    """The typed declaration; raises InvalidDeclaration with every problem. Callers must not change what it holds."""
    declaration, errors = checked(stack)
    if errors or declaration is None:
        raise InvalidDeclaration(errors)
    return declaration


def report(errors: Iterable[Problem], variable: str = "ops_stack") -> str:
    """The problems as text: a heading, then for each what is wrong and, below it, what to write instead."""
    entries = [f"{number}. {problem}" for number, problem in enumerate(errors, 1)]
    if not entries:
        return ""
    heading = f"{variable} has one error" if len(entries) == 1 else f"{variable} has {len(entries)} errors"
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
    if off := declaration.compose.profiles.off:
        lines.append(f"left out: {', '.join(f'{name} (profile {profiles[0]})' for name, profiles in off.items())}")
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


@lru_cache(maxsize=16)
def _read(text: str) -> tuple[Declaration | None, tuple[Problem, ...]]:
    from .checks import check

    errors: list[Problem] = []
    stack = json.loads(text)
    if not isinstance(stack, dict):
        declaration_schema.STACK.read(stack, "ops_stack", errors)
        return None, tuple(errors)
    recorded = stack.pop(controller_files.RECORDED, None)
    folder = controller_files.Replay(recorded) if isinstance(recorded, dict) else None
    read = declaration_schema.STACK.read(stack, "", errors)
    compose = _with_files_read(read, folder, errors)
    declaration = declaration_model.build(read, compose, SECTIONS)
    declaration = replace(declaration, compose=read_only_mounts(compose, declaration.files))
    known = len(errors)
    check(declaration, errors)
    errors[known:] = [problem for problem in errors[known:] if problem.key not in compose.unresolved]
    return declaration, tuple(dict.fromkeys(_located(problem, compose) for problem in errors))


def _with_files_read(read: dict[str, Any], folder: Folder | None, errors: list[Problem]) -> compose_model.Compose:
    """The Compose file of what the schema read, with the files that it names, and with what is in C(files)."""
    compose = compose_model.Compose()
    if read["compose"] is not None:
        environment = {"COMPOSE_PROJECT_NAME": read["name"], **placeholders(read["models"]), **read["environment"]}
        read_text = folder.text if folder else no_folder
        built = references(read["name"], read["builds"])
        compose = compose_model.parse(read["compose"], environment, errors, read=read_text, profiles=read["profiles"], built=built)
    read["files"] = with_content(read["files"], compose.folder, folder)
    return compose


def _located(problem: Problem, compose: compose_model.Compose) -> Problem:
    """A problem of a Compose file with the file and line of its key, where that is known."""
    place = compose.places.of(problem.key.removeprefix("compose.")) if problem.key.startswith("compose.") else ""
    return replace(problem, problem=f"{problem.problem} ({place})") if place else problem


def with_files(stack: Any, open_folder: Callable[[str], Folder]) -> Any:
    """C(ops_stack) with the files of the controller that its Compose files name, so that all that reads it later reads the same.

    :param open_folder: makes of C(compose_folder) what reads the files in it.
    """
    if not isinstance(stack, Mapping) or not isinstance(stack.get("compose_folder"), str):
        return stack
    recorder = controller_files.Recorder(open_folder(stack["compose_folder"]))
    data = plain({key: value for key, value in stack.items() if key != controller_files.RECORDED})
    try:
        require_bounded(data)
    except Refused:
        return stack
    _with_files_read(declaration_schema.STACK.read(data, "", []), recorder, [])
    return {**stack, controller_files.RECORDED: recorder.files}
