# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Contracts: the dataclasses that a controller hands over to a host, each described, typed and read in one way.

A field stands with its default, its description and its limits in its dataclass and nowhere else. The argument spec of a module, its
documentation, the schema of the declaration and the reference are made of these fields (modules argspec and schema.described,
tests/tools/contract_docs.py).
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any, TypeVar

from ..schema.nodes import Refused, close_to, shown

_C = TypeVar("_C", bound="Contract")
_METADATA = "option"


class ContractError(ValueError):
    """A hand-over that cannot be read; the message names the key, the value, and what to write."""


@dataclass(frozen=True)
class Option:
    """What is known of a field beside its type and default.

    :param description: one or more paragraphs in Ansible's markup.
    :param key: its name in the data, where that is no name for Python, or another one.
    :param check: raises Refused.
    :param rest: this field keeps every key that no other field has.
    :param sparse: it is left out of the data while it has its default.
    """

    description: str | tuple[str, ...] = ""
    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    key: str = ""
    check: Callable[[Any], Any] | None = None
    rest: bool = False
    sparse: bool = False


def option(description: str | tuple[str, ...], default: Any = MISSING, **more: Any) -> Any:
    """A field of a contract; without a default it is required."""
    return _made(dataclasses.field, default, {_METADATA: Option(description, **more)})


def _made(field: Callable[..., Any], default: Any, metadata: Mapping[str, Option]) -> Any:
    """A field with a mapping as its default gets it from a factory, as dataclasses want it of what can be changed."""
    if isinstance(default, Mapping):
        return field(default_factory=lambda: default, metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Field:
    """One field of a contract, resolved: its name in the data, its type without C(None), and what its Option says."""

    attribute: str
    key: str
    type: Any
    default: Any
    option: Option

    @property
    def required(self) -> bool:
        """It must be given."""
        return self.default is MISSING

    @property
    def contract(self) -> type[Contract] | None:
        """The contract that the field, or each of its items, is; None for anything else."""
        kind = typing.get_args(self.type)[0] if typing.get_origin(self.type) is tuple else self.type
        return kind if isinstance(kind, type) and issubclass(kind, Contract) else None


class Contract:
    """A frozen dataclass that is made from plain data and becomes plain data again."""

    @classmethod
    def from_dict(cls: type[_C], raw: object, key: str = "", *, tolerant: bool = False) -> _C:
        """The typed hand-over. C(None) stands for what is not given.

        :param key: where it stands, for the messages.
        :param tolerant: keys that are not known are passed over, and limits are not looked at: the reader of a file that another
            version of the engine wrote.
        :raises ContractError: of another form.
        """
        if not isinstance(raw, Mapping):
            raise ContractError(f"{key or cls.__name__}: {shown(raw)} must be a mapping")
        known = fields(cls)
        names = [field.key for field in known if not field.option.rest]
        unknown = {name: value for name, value in raw.items() if name not in names}
        values: dict[str, Any] = {}
        for field in known:
            if field.option.rest:
                values[field.attribute], unknown = unknown, {}
            elif raw.get(field.key) is not None:
                values[field.attribute] = _read(field.type, raw[field.key], _join(key, field.key), field.option, tolerant)
            elif field.required:
                raise ContractError(f"{_join(key, field.key)}: is missing")
        if unknown and not tolerant:
            name = next(iter(unknown))
            near = close_to(str(name), names)
            fix = f"did you mean {near}?" if near else f"write one of {', '.join(names)}"
            raise ContractError(f"{_join(key, str(name))}: is not a known key: {fix}")
        made = cls(**values)
        made.check(key)
        return made

    def check(self, key: str) -> None:
        """What holds between fields.

        :raises ContractError: it does not.
        """

    def to_dict(self) -> dict[str, Any]:
        """Plain data in the order of the fields, defaults written out."""
        data: dict[str, Any] = {}
        for field in fields(type(self)):
            value = getattr(self, field.attribute)
            if not (field.option.sparse and value == field.default):
                data |= plain(value) if field.option.rest else {field.key: plain(value)}
        return data


_RESOLVED: dict[type[Contract], tuple[Field, ...]] = {}


def fields(contract: type[Contract]) -> tuple[Field, ...]:
    """The fields of a contract, in their order."""
    if contract not in _RESOLVED:
        _RESOLVED[contract] = tuple(_resolved(contract))
    return _RESOLVED[contract]


def _resolved(contract: type[Contract]) -> Iterator[Field]:
    hints = typing.get_type_hints(contract)
    for field in dataclasses.fields(contract):  # type: ignore[arg-type]  # every contract is a dataclass
        about = field.metadata.get(_METADATA) or Option()
        default = field.default if field.default_factory is MISSING else field.default_factory()
        yield Field(field.name, about.key or field.name, _without_none(hints[field.name]), default, about)


def field_of(contract: type[Contract], name: str) -> Field:
    """One field by its attribute."""
    return next(field for field in fields(contract) if field.attribute == name)


def plain(value: Any) -> Any:
    """A value of a contract as JSON has it."""
    if isinstance(value, Contract):
        return value.to_dict()
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    return value


def _without_none(kind: Any) -> Any:
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        (kind,) = [member for member in typing.get_args(kind) if member is not type(None)]
    return kind


def _join(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _read(kind: Any, value: Any, key: str, about: Option, tolerant: bool) -> Any:
    """A value of a type; limits and choices hold for a single value and for each item of a list alike."""
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
            raise ContractError(f"{key}: {shown(value)} must be a list")
        item = typing.get_args(kind)[0]
        return tuple(_read(item, entry, f"{key}[{index}]", about, tolerant) for index, entry in enumerate(value))
    if typing.get_origin(kind) is not None and issubclass(typing.get_origin(kind), Mapping):
        if not isinstance(value, Mapping):
            raise ContractError(f"{key}: {shown(value)} must be a mapping")
        item = typing.get_args(kind)[1]
        return {str(name): _read(item, entry, _join(key, str(name)), about, tolerant) for name, entry in value.items()}
    if isinstance(kind, type) and issubclass(kind, Contract):
        return kind.from_dict(value, key, tolerant=tolerant)
    return value if kind is Any else _limited(_scalar(kind, value, key), key, about, tolerant)


def _scalar(kind: type, value: Any, key: str) -> Any:
    """A string, a number or a truth; 5 is a number with decimals too, and stays what it is."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if (kind is str and isinstance(value, str)) or (kind is float and number):
        return value
    if kind is int and number and value == int(value):
        return int(value)
    if kind is bool and isinstance(value, bool):
        return value
    wanted = {str: "a string", float: "a number", int: "a whole number", bool: "true or false"}[kind]
    raise ContractError(f"{key}: {shown(value)} must be {wanted}")


def _limited(value: Any, key: str, about: Option, tolerant: bool) -> Any:
    if about.choices and value not in about.choices:
        near = close_to(str(value), about.choices)
        fix = f"did you mean {near}?" if near else f"write one of {', '.join(about.choices)}"
        raise ContractError(f"{key}: {shown(value)} cannot stand there: {fix}")
    if tolerant:
        return value
    if (about.least is not None and value < about.least) or (about.most is not None and value > about.most):
        raise ContractError(f"{key}: {shown(value)} is outside its limits: write {limits(about)}")
    if about.check:
        try:
            about.check(value)
        except Refused as error:
            raise ContractError(f"{key}: {shown(value)} {error.problem}: {error.fix}") from None
    return value


def limits(about: Option) -> str:
    """The limits of a number as words."""
    if about.most is None:
        return f"a number from {about.least:g} on"
    return f"a number up to {about.most:g}" if about.least is None else f"a number from {about.least:g} to {about.most:.16g}"
