# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of a module's options, made of a contract."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import MISSING
from typing import Any

from .base import Contract, Field, fields, plain

_TYPES = {str: "str", int: "int", float: "float", bool: "bool"}


def argspec(contract: type[Contract]) -> dict[str, dict[str, Any]]:
    """The options of a dictionary that becomes this contract."""
    return {field.key: spec(field) for field in fields(contract)}


def spec(field: Field) -> dict[str, Any]:
    """The options of one field, as AnsibleModule takes them."""
    options: dict[str, Any] = {"type": type_name(field.type)}
    if options["type"] == "list":
        options["elements"] = type_name(typing.get_args(field.type)[0])
    if field.required:
        options["required"] = True
    if field.option.choices:
        options["choices"] = list(field.option.choices)
    if field.contract is not None:
        options["options"] = argspec(field.contract)
    if has_default(field):
        options["default"] = float(field.default) if field.type is float else plain(field.default)
    return options


def has_default(field: Field) -> bool:
    """An option has a default of its own: not an empty string, which is nothing, nor a nested contract, whose fields have them."""
    return field.default is not MISSING and field.default not in (None, "") and not isinstance(field.default, Contract)


def type_name(kind: Any) -> str:
    """Ansible's name of a type."""
    origin = typing.get_origin(kind)
    if origin is tuple:
        return "list"
    if (origin is not None and issubclass(origin, Mapping)) or (isinstance(kind, type) and issubclass(kind, Contract)):
        return "dict"
    return _TYPES.get(kind, "raw")
