# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of names that several sections of the declaration write."""

from __future__ import annotations

from ..schema import values
from ..schema.nodes import Items, Number, Text

service_name = values.named(
    r"[A-Za-z0-9][A-Za-z0-9._-]*", "is not the name of a Compose service", "write the name that stands under services:", "service"
)


model_name = values.named(
    r"[a-z][a-z0-9-]{0,30}", "is not the name of a model here", "write lower case letters, digits and -, a letter first", "model"
)


def port(description: str, default: int = 0, example: str = "8080") -> Number:
    """A port; required without a default."""
    return Number(required=not default, default=default, least=1, most=65535, example=example, description=description)


def networks(description: str, implied: str = "") -> Items:
    """Addresses and networks."""
    address = Text(check=values.network, example="203.0.113.0/24")
    return Items(of=address, default=[], example="[203.0.113.0/24]", description=description, implied=implied)


def secret(description: str, example: str, *, required: bool = False) -> Text:
    """The name of a secret. Hidden when it cannot be one: then it may be the secret itself."""
    return Text(required=required, default="", hidden=True, check=values.secret_name, example=example, description=description)


def commands(description: str, example: str) -> Items:
    """A list of commands, each an argument list."""
    command = Items(of=Text(default="", numbers=True), default=[], example=example)
    return Items(of=command, default=[], example=f"[{example}]", description=description)
