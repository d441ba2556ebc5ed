# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forms of names that several sections of the declaration write."""

from __future__ import annotations

from typing import Any

from ..core.units import SIZE_HINT, parse_size
from ..schema import values
from ..schema.nodes import Items, Number, Refused, Text

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


@values.form("size")
def _memory(value: str) -> str:
    try:
        least = parse_size(value)
    except ValueError:
        raise Refused("is not a size", SIZE_HINT) from None
    if least < 6 * 1024**2:
        raise Refused("is less than Docker gives a container", "write at least 6m, such as 2g")
    return value.strip()


def memory(example: str, default: Any = None) -> Text:
    """Memory of a container."""
    return Text(default=default, check=_memory, example=example, description="Memory, as Compose writes sizes.")


def cpus(default: Any = None) -> Text:
    """Processors of a container."""
    return Text(default=default, numbers=True, check=values.between(0.01, 1024, "2"), example="2", description="Processors.")
