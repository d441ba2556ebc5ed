# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host knows of its operators: the file that role access writes, opsctl asks, and nobody but root may change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.atomic_files import read_text, understood
from .operators import EVERY_STACK, Key, Level, Operator, Scope, SecondFactor
from .public_keys import parse

FOLDER = Path("/etc/latentum-ops/access")
FILE = FOLDER / "operators.json"
VERSION = 1


@dataclass(frozen=True)
class Register:
    """Operators of a host.

    :param departed: accounts that were operators: locked, and never to be opened by what lies in their homes.
    """

    operators: tuple[Operator, ...] = ()
    departed: tuple[str, ...] = ()

    def of(self, name: str) -> Operator | None:
        """An operator by name."""
        return next((operator for operator in self.operators if operator.name == name), None)

    def text(self) -> str:
        """As it is written; no password, and nothing that opens an account, is in it."""
        operators = [_to_dict(operator) for operator in sorted(self.operators, key=_name)]
        return json.dumps({"version": VERSION, "operators": operators, "departed": sorted(self.departed)}, indent=2) + "\n"


def load(file: Path | None = None) -> Register:
    """What is known; nobody where there is no file.

    :raises ValueError: it is damaged; the message names it.
    """
    path = file or FILE
    text = read_text(path)
    if text is None:
        return Register()
    with understood(path):
        raw = json.loads(text)
        return Register(tuple(map(_from_dict, raw["operators"])), tuple(map(str, raw.get("departed") or ())))


def _name(operator: Operator) -> str:
    return operator.name


def _to_dict(operator: Operator) -> dict[str, Any]:
    return {
        "name": operator.name,
        "keys": [
            {"key": f"{own.key.kind} {own.key.encoded}", "comment": own.key.comment, "from": list(own.networks), "expires": own.expires}
            for own in operator.keys
        ],
        "scopes": [{"level": scope.level.value, "stacks": list(scope.stacks)} for scope in operator.scopes],
        "from": list(operator.networks),
        "certificates": operator.certificates,
        "expires": operator.expires,
        "second_factor": operator.second_factor.value,
        "forwarding": operator.forwarding,
        "break_glass": operator.break_glass,
    }


def _from_dict(raw: Mapping[str, Any]) -> Operator:
    return Operator(
        str(raw["name"]),
        keys=tuple(
            Key(parse(f"{own['key']} {own.get('comment') or ''}"), _strings(own.get("from")), float(own.get("expires") or 0))
            for own in raw.get("keys") or ()
        ),
        scopes=tuple(Scope(Level(scope["level"]), _strings(scope.get("stacks", [EVERY_STACK]))) for scope in raw.get("scopes") or ()),
        networks=_strings(raw.get("from")),
        certificates=bool(raw.get("certificates")),
        expires=float(raw.get("expires") or 0),
        second_factor=SecondFactor(raw.get("second_factor") or SecondFactor.NONE.value),
        forwarding=bool(raw.get("forwarding")),
        break_glass=bool(raw.get("break_glass")),
    )


def _strings(given: Sequence[Any] | None) -> tuple[str, ...]:
    return tuple(map(str, given or ()))
