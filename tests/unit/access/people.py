# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operators that the tests of several files declare, with keys that were made for them."""

from __future__ import annotations

import base64
import struct
from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.access.declaration import Reader, Surroundings
from ansible_collections.latentum.ops.plugins.module_utils.access.operators import Operator

NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC


def public_key(number: int, kind: str = "ssh-ed25519") -> str:
    """A line of a .pub file; each number is another key."""
    point = bytes([number]) * 32
    fields = [kind.encode(), point, *([b"ssh:"] if kind.startswith("sk-") else [])]
    blob = b"".join(struct.pack(">I", len(field)) + field for field in fields)
    return f"{kind} {base64.b64encode(blob).decode()} laptop-{number}"


def entry(name: str, number: int = 1, *, level: str = "admin", **more: Any) -> dict[str, Any]:
    """An operator as it is declared."""
    return {"name": name, "keys": [{"key": public_key(number)}], "scopes": [{"level": level}], **more}


def read(*declared: dict[str, Any], stacks: tuple[str, ...] = ("shop", "blog"), **around: Any) -> tuple[list[Operator], list[str]]:
    """The operators, and each problem as it is told."""
    reader = Reader(Surroundings(NOW, stacks, **around))
    operators = reader.read(declared)
    return operators, [str(problem) for problem in reader.problems]


def operators(*declared: dict[str, Any], **around: Any) -> list[Operator]:
    """Operators without a problem."""
    found, problems = read(*declared, **around)
    assert not problems, problems
    return found
