# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what on a host, as a table: text, Markdown, JSON."""

from __future__ import annotations

import time
from typing import Any

from ..core.format import columns
from .operators import EVERY_STACK, Key, Level, Operator
from .register import Register

HEAD = ("OPERATOR", "READ", "DEPLOY", "ADMIN", "LOGS IN BY", "FROM", "SUDO ASKS FOR", "UNTIL")


def rows(register: Register, now: float) -> list[dict[str, Any]]:
    """An operator each, and those that have left."""
    known = [_row(operator, now) for operator in register.operators]
    return known + [{"operator": name, "state": "departed", "scopes": {}, "keys": []} for name in register.departed]


def _row(operator: Operator, now: float) -> dict[str, Any]:
    return {
        "operator": operator.name,
        "state": "present" if operator.present(now) else "expired",
        "scopes": {level.value: _stacks(operator, level) for level in Level},
        "keys": [_key(operator, key, now) for key in operator.keys],
        "certificates": operator.certificates,
        "from": list(operator.networks),
        "second_factor": operator.second_factor.value,
        "forwarding": operator.forwarding,
        "break_glass": operator.break_glass,
        "until": operator.expires,
    }


def _stacks(operator: Operator, level: Level) -> list[str]:
    """On which stacks a level is permitted: by it, or by a higher one."""
    named = {stack for scope in operator.scopes if scope.level.rank >= level.rank for stack in scope.stacks}
    return [EVERY_STACK] if EVERY_STACK in named else sorted(named)


def _key(operator: Operator, key: Key, now: float) -> dict[str, Any]:
    return {
        "fingerprint": key.key.fingerprint,
        "kind": key.key.kind,
        "comment": key.key.comment,
        "from": list(operator.networks_of(key)),
        "until": key.expires,
        "state": "valid" if key.valid(now) else "expired",
    }


def lines(register: Register, now: float) -> list[list[str]]:
    """The cells, the head first."""
    return [list(HEAD), *(_cells(row, now) for row in rows(register, now))]


def _cells(row: dict[str, Any], now: float) -> list[str]:
    if row["state"] == "departed":
        return [row["operator"], "-", "-", "-", "nothing: left", "-", "-", "-"]
    valid = [key for key in row["keys"] if key["state"] == "valid"]
    ways = [f"{len(valid)} key{'s' if len(valid) != 1 else ''}"] if valid else []
    ways += ["certificate"] if row["certificates"] else []
    ways += [f"{len(row['keys']) - len(valid)} expired"] if len(valid) < len(row["keys"]) else []
    networks = list(dict.fromkeys(network for key in valid for network in key["from"] or ["anywhere"])) or row["from"]
    scopes = [", ".join("all" if stack == EVERY_STACK else stack for stack in row["scopes"][level.value]) or "-" for level in Level]
    name = f"{row['operator']} (break-glass)" if row["break_glass"] else row["operator"]
    if row["state"] == "expired":
        return [name, "-", "-", "-", "nothing: expired", "-", "-", _until(row["until"])]
    ends = [key["until"] for key in valid]
    last = 0 if row["certificates"] or 0 in ends else max(ends, default=0)
    end = min(filter(None, (row["until"], last)), default=0)
    asked = row["second_factor"] if row["second_factor"] in ("password", "totp") else "nothing"
    return [name, *scopes, ", ".join(ways), ", ".join(networks) or "anywhere", asked, _until(end)]


def _until(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(at)) if at else "-"


def text(register: Register, now: float) -> str:
    """For a terminal."""
    if not register.operators and not register.departed:
        return "no operators are declared on this host (role access)"
    return "\n".join(columns(lines(register, now)))


def markdown(register: Register, now: float) -> str:
    """For a wiki, or an auditor."""
    head, *rest = lines(register, now)
    table = [head, ["---"] * len(head), *rest]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in table)
