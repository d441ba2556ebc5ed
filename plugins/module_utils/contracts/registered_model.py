# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of a registry whose version belongs to a release, as the digest of an image does."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..schema.nodes import Refused
from .base import Contract, ContractError, option

ALIAS = re.compile(r"(?!v[0-9]+$)(?!latest$)[A-Za-z0-9_-]{1,255}")
VERSION = re.compile(r"[1-9][0-9]*")


def model_alias(value: str) -> str:
    """:raises Refused: no alias that MLflow takes."""
    if value == "latest" or re.fullmatch(r"v[0-9]+", value):
        fix = "write an alias that somebody sets, such as candidate or champion"
        raise Refused("is no alias: MLflow keeps it for versions, and what it means changes with each training", fix)
    if not ALIAS.fullmatch(value):
        raise Refused("is no alias of MLflow", "write letters, digits, _ and -, such as candidate")
    return value


def registered_name(value: str) -> str:
    """:raises Refused: no name that MLflow takes."""
    if not value or any(letter in value for letter in "/:") or value != value.strip():
        raise Refused("is no name of a registered model", "write it as the registry shows it; / and : cannot be in it")
    return value


@dataclass(frozen=True)
class RegisteredModel(Contract):
    """One model. The registry is MLflow: a service of the stack, or what answers at an address."""

    name: str = option("What messages and C(opsctl) call it.")
    model: str = option("Name of the registered model.", check=registered_name)
    variable: str = option("The Compose variable that gets the version.")
    service: str = option("The service of the stack that is the registry; empty where O(models[].url) says where it is.", "")
    port: int = option("Its port inside the container.", 5000, least=1, most=65535)
    url: str = option("Address of the registry as the host reaches it.", "")
    alias: str = option("A deployment takes the version that has this alias.", "candidate", check=model_alias)
    live_alias: str = option(
        (
            "The version of a release that is good gets this alias, after a rollback again the one before.",
            "V(none) gives none.",
        ),
        "champion",
        check=model_alias,
    )
    user: str = option("User of the registry; empty where it asks for none.", "")
    password_file: str = option("File on the host with the password.", "")
    fallback: str = option("The version while the registry has none, before the first training.", "")

    @property
    def alias_of_live(self) -> str:
        """The alias that what serves is given; empty for none."""
        return "" if self.live_alias == "none" else self.live_alias


def models_from(raw: Sequence[Mapping[str, Any]], *, tolerant: bool = True) -> tuple[RegisteredModel, ...]:
    """Models, each with a name and a variable of its own.

    :raises ContractError: one that cannot be read.
    """
    models = tuple(RegisteredModel.from_dict(entry, f"models[{index}]", tolerant=tolerant) for index, entry in enumerate(raw))
    for attribute in ("name", "variable"):
        values = [getattr(model, attribute) for model in models]
        for index, value in enumerate(values):
            if value in values[:index]:
                raise ContractError(f"models[{index}].{attribute}: {value!r} is that of models[{values.index(value)}] already")
    return models
