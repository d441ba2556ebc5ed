# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The environment that a host belongs to, such as staging or production, and whether that is protected."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..schema.nodes import Refused
from .base import Contract, ContractError, option

NAME = re.compile(r"(?:[a-z0-9][a-z0-9._-]{0,62})?")


def _require_name(value: str) -> None:
    if not NAME.fullmatch(value):
        raise Refused("is no name of an environment", "write lower-case letters, digits, '-', '_' and '.', such as production")


@dataclass(frozen=True)
class HostEnvironment(Contract):
    """What a host knows of its environment."""

    environment: str = option(
        "Name of the environment that the host belongs to, such as V(production). Empty, what the host knows of it stays as it is.",
        "",
        check=_require_name,
    )
    protected: bool = option("Whatever deploys or destroys on the host wants the name of the environment as its confirmation.", False)

    def check(self, key: str) -> None:
        """Without a name there is nothing to confirm with."""
        if self.protected and not self.environment:
            where = f"{key}.environment" if key else "environment"
            raise ContractError(f"{where}: is empty, and protected is true: write the environment's name, such as production")
