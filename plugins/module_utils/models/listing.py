# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Models of a stack: the version that serves beside what the registry says, as people and as programs read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..containers.client import Engine
from ..contracts.registered_model import RegisteredModel, models_from
from ..core.format import columns
from ..release.store import Release
from .registry import NotRegistered, Registry, RegistryError, address
from .versions import held


def described(release: Release, engine: Engine | None) -> list[dict[str, Any]]:
    """One dictionary a model: name, model, version, alias, offered, live_alias, told, newest, error.

    C(offered) is the version that a deployment would take, C(told) the one of which the registry believes that it serves.
    """
    versions = held(release)
    return [
        {
            "name": model.name,
            "model": model.model,
            "version": versions[model.name],
            "alias": model.alias,
            "live_alias": model.alias_of_live,
            **_looked_up(model, release.stack, engine),
        }
        for model in models_from(release.models)
    ]


def _looked_up(model: RegisteredModel, stack: str, engine: Engine | None) -> dict[str, str]:
    answers = {"offered": "", "told": "", "newest": "", "error": ""}
    try:
        registry = Registry(model, address(model, stack, engine))
        answers["newest"] = registry.newest()
        for key, alias in (("offered", model.alias), ("told", model.alias_of_live)):
            try:
                answers[key] = registry.version_of(alias) if alias else ""
            except NotRegistered:
                continue
    except (NotRegistered, RegistryError) as error:
        answers["error"] = str(error)
    return answers


def table(models: Sequence[dict[str, Any]]) -> str:
    """For a terminal; a line below a model says what is to be done."""
    rows, notes = [["model", "registered as", "serves", "alias", "newest"]], [""]
    for model in models:
        aliases = f"{model['alias']} {model['offered'] or 'none'}"
        if model["live_alias"]:
            aliases += f", {model['live_alias']} {model['told'] or 'none'}"
        rows.append([model["name"], model["model"], model["version"] or "none", aliases, model["newest"] or "none"])
        notes.append(_note(model))
    lines = [line for pair in zip(columns(rows), notes, strict=True) for line in pair if line]
    return "\n".join(lines) if models else "no models are declared (docs: guides/models.md)"


def _note(model: dict[str, Any]) -> str:
    if model["error"]:
        return f"      {model['error']}"
    if model["offered"] and model["offered"] != model["version"]:
        return f"      version {model['offered']} waits: `opsctl deploy --model {model['name']}`"
    if model["live_alias"] and model["version"] and model["told"] != model["version"]:
        again = f"opsctl deploy --model {model['name']}={model['version']}"
        return f"      the registry calls another one {model['live_alias']} than what serves: `{again}`"
    return ""
