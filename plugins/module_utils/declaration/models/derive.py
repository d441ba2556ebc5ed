# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What module compose_rollout is told of models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...contracts.registered_model import RegisteredModel
from ..compose_project import secret_file
from ..model import Declaration
from .model import ModelEntry


def registered_models(declaration: Declaration) -> list[dict[str, Any]]:
    """One dictionary a model: the registry, the alias whose version a deployment takes, and the Compose variable that gets it."""
    return [
        RegisteredModel(
            name=entry.name,
            model=entry.model,
            variable=entry.variable,
            service=entry.service,
            port=entry.port,
            url=entry.url,
            alias=entry.alias,
            live_alias=entry.live_alias,
            user=entry.user,
            password_file=secret_file(declaration, entry.password_secret),
            fallback=entry.fallback,
        ).to_dict()
        for entry in entries(declaration).values()
    ]


def entries(declaration: Declaration) -> dict[str, ModelEntry]:
    """The declared models by name."""
    models: dict[str, ModelEntry] = declaration.parts["models"]
    return models


def read_secrets(declaration: Declaration) -> Iterator[tuple[str, str]]:
    """The declared secrets that models read, by the key that names one."""
    for entry in entries(declaration).values():
        if entry.password_secret:
            yield f"{entry.key}.password_secret", entry.password_secret
