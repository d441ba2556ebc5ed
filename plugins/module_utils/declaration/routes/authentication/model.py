# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Authentication of a route, read and typed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ....contracts.route_authentication import KINDS


@dataclass(frozen=True)
class Authentication:
    """Who may use a route.

    :param kind: one of KINDS; empty where none or several are declared, which is an error.
    :param options: those of the kind, as the schema read them.
    :param public: paths that need none, as clients ask for them.
    :param kinds: all that are declared.
    """

    kind: str
    options: Mapping[str, Any]
    public: tuple[str, ...] = ()
    user_header: str = ""
    kinds: tuple[str, ...] = field(default=())

    def secrets(self) -> Iterator[tuple[str, str]]:
        """The key below C(auth) that names a secret, and the secret."""
        for table in ("users", "keys"):
            for name, secret in (self.options.get(table) or {}).items():
                if secret:
                    yield f"{self.kind}.{table}.{name}", secret

    def headers(self) -> tuple[str, ...]:
        """Names of headers, beside that of the user, by which the service is told who asks."""
        if self.kind == "jwt":
            return tuple(self.options.get("headers") or {})
        return tuple(name for name in self.options.get("headers") or () if name) if self.kind == "forward" else ()


def authentication_from(item: Mapping[str, Any] | None) -> Authentication | None:
    """From what the schema read."""
    if item is None:
        return None
    kinds = tuple(kind for kind in KINDS if item.get(kind) is not None)
    kind = kinds[0] if len(kinds) == 1 else ""
    public = tuple(dict.fromkeys(path.rstrip("/") or "/" for path in item.get("public") or () if path))
    return Authentication(kind, dict(item[kind]) if kind else {}, public, item.get("user_header") or "", kinds)
