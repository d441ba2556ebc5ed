# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of a schema made of the fields of a contract: default, description and limits stand in the field alone.

What only a declaration has stays with the caller: an example, the form in which an operator writes a value, whether it may be shown.
"""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any

from ..schema.nodes import Flag, Number, Text
from ..schema.values import between, lasting
from .base import Contract, Field, field_of


def text(contract: type[Contract], name: str, example: str = "", **more: Any) -> Text:
    """A string, or a choice."""
    field = field_of(contract, name)
    checked = {"check": field.option.check} if field.option.check else {}
    return Text(**{**_common(field, ""), "choices": field.option.choices, "example": example, **checked, **more})


def number(contract: type[Contract], name: str, example: str = "", **more: Any) -> Number:
    """A whole number."""
    field = field_of(contract, name)
    limits = {"least": field.option.least, "most": field.option.most}
    given = {key: int(value) for key, value in limits.items() if value is not None}
    return Number(**{**_common(field, 0), **given, "example": example or ("" if field.default is MISSING else str(field.default)), **more})


def flag(contract: type[Contract], name: str, **more: Any) -> Flag:
    """True or false."""
    return Flag(**{**_common(field_of(contract, name), False), **more})


def duration(contract: type[Contract], name: str, example: str, *, whole: bool = False, **more: Any) -> Text:
    """A duration, which an operator writes in its units, and the contract has in seconds.

    :param whole: no fractions of a second.
    """
    field = field_of(contract, name)
    check = lasting(*_limits(field), whole=whole)
    about = _description(field).replace(", in seconds", "")
    return Text(**{**_common(field, None), "description": about, "numbers": True, "check": check, "example": example, **more})


def decimal(contract: type[Contract], name: str, example: str, **more: Any) -> Text:
    """A number with decimals."""
    field = field_of(contract, name)
    check = between(*_limits(field), example)
    return Text(**{**_common(field, 0.0), "numbers": True, "check": check, "example": example, **more})


def described(contract: type[Contract], name: str) -> str:
    """The description of a field, for a part of the schema that is not made of it alone."""
    return _description(field_of(contract, name))


def _description(field: Field) -> str:
    description = field.option.description
    return description if isinstance(description, str) else " ".join(description)


def _limits(field: Field) -> tuple[float, float]:
    if field.option.least is None or field.option.most is None:
        raise TypeError(f"{field.key} has no limits: write least and most at the field")
    return field.option.least, field.option.most


def _common(field: Field, empty: Any) -> dict[str, Any]:
    common = {"description": _description(field)}
    return {**common, "required": True, "default": empty} if field.default is MISSING else {**common, "default": field.default}
