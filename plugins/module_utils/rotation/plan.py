# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rotation would do, for a person: each secret with its age, who reads it, and what would be replaced."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..core.format import columns, duration
from ..core.times import epoch
from ..secretstore.store import Store
from .declared import Rotating
from .journal import Journal, Pending

HEAD = ("", "secret", "age", "every", "kind", "checked by", "replaced", "the value before")


@dataclass(frozen=True)
class Row:
    """One secret.

    :param age: seconds since it got its value.
    :param replaced: services that are replaced, each with how.
    :param before: what is there of the value before.
    """

    secret: str
    age: int
    every: int
    late: bool
    kind: str
    server: str
    login: str
    replaced: tuple[str, ...]
    before: str


def rows(store: Store, journal: Journal, secrets: Sequence[Rotating], strategies: Mapping[str, str]) -> list[Row]:
    """A row a secret, the oldest first."""
    metadata, pending = store.metadata(), journal.pending()
    made = [_row(secret, metadata.get(secret.name, {}), pending.get(secret.name), strategies) for secret in secrets]
    return sorted(made, key=lambda row: -row.age)


def _row(secret: Rotating, about: Mapping[str, Any], kept: Pending | None, strategies: Mapping[str, str]) -> Row:
    age = int(max(0.0, time.time() - epoch(str(about["updated"])))) if about.get("updated") else 0
    every = int(secret.rotation.every)
    replaced = tuple(f"{service} ({how})" if (how := strategies.get(service)) else service for service in secret.services)
    return Row(
        secret.name,
        age,
        every,
        bool(every and age > every),
        secret.rotation.kind,
        secret.server,
        str(about.get("login") or secret.rotation.user if secret.rotation.admin else ""),
        replaced,
        _before(kept),
    )


def _before(kept: Pending | None) -> str:
    if kept is None:
        return "gone"
    left = duration(int(max(0.0, kept.until - time.time())))
    return f"good no more, kept for {left}" if kept.revoked else f"good for {left}"


def table(made: Sequence[Row]) -> str:
    """The rows as lines; two exclamation marks before what is older than it should be."""
    lines = [list(HEAD)]
    for row in made:
        server = f"{row.server} as {row.login}" if row.login else row.server
        lines.append(
            [
                "!!" if row.late else "",
                row.secret,
                duration(row.age),
                duration(row.every) if row.every else "",
                row.kind,
                server or "nobody but its readers",
                ", ".join(row.replaced) or "nothing",
                row.before,
            ]
        )
    return "\n".join(columns(lines))


def as_list(made: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as plain data."""
    return [asdict(row) for row in made]
