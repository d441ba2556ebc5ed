# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of registered models: where the registry is, and who gets the version."""

from __future__ import annotations

from collections.abc import Iterator

from ...schema.nodes import Problem, shown
from ..model import Declaration
from .derive import entries, read_secrets
from .model import ModelEntry


def check_models(declaration: Declaration, problems: list[Problem]) -> None:
    variables: dict[str, ModelEntry] = {}
    for key, name in read_secrets(declaration):
        if name not in declaration.secrets:
            fix = f"declare secrets: {{{name}: {{kind: provided, value: …}}}}"
            problems.append(Problem(key, shown(name), "is not a declared secret", fix))
    for entry in entries(declaration).values():
        problems.extend(_registry(declaration, entry))
        problems.extend(_variable(declaration, entry, variables))
        variables.setdefault(entry.variable, entry)


def _registry(declaration: Declaration, entry: ModelEntry) -> Iterator[Problem]:
    if entry.service and entry.url:
        yield Problem(
            f"{entry.key}.url", shown(entry.url), f"and service: {entry.service} both say where the registry is", "remove one of the two"
        )
    elif not (entry.service or entry.url):
        yield Problem(entry.key, "", "says nowhere where the registry is", "write service: mlflow, a service of the Compose file, or url:")
    elif entry.service and (lacking := declaration.compose.lacking(entry.service, "is the registry in")):
        yield Problem(f"{entry.key}.service", shown(entry.service), *lacking)
    if bool(entry.user) != bool(entry.password_secret):
        missing = "password_secret" if entry.user else "user"
        yield Problem(
            f"{entry.key}.{missing}", "", "is missing: user and password_secret belong together", f"write {missing}:, or remove the other"
        )


def _variable(declaration: Declaration, entry: ModelEntry, variables: dict[str, ModelEntry]) -> Iterator[Problem]:
    key = f"{entry.key}.variable"
    if not entry.variable:
        return  # reported already
    if entry.variable in declaration.environment:
        fix = f"remove {entry.variable} from environment, or choose another variable"
        yield Problem(key, shown(entry.variable), "is in environment already, with a fixed value", fix)
    if entry.variable in variables:
        other = variables[entry.variable]
        yield Problem(key, shown(entry.variable), f"is that of {other.key} already", "write a variable for each model")
    if entry.variable not in declaration.compose.variables:
        fix = f'write environment: {{{entry.variable}: "${{{entry.variable}}}"}} at the service that serves the model'
        yield Problem(key, shown(entry.variable), "is used nowhere in the Compose file, so nobody would get the version", fix)
