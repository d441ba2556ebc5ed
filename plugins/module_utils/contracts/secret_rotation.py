# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a secret is replaced by another one while its consumers go on: who checks it, and for how long both are good."""

from __future__ import annotations

from dataclasses import dataclass

from .base import Contract, option

DAY = 86400.0
POSTGRESQL, REDIS, OVERLAP, FILE = KINDS = ("postgresql", "redis", "overlap", "file")
SEPARATORS = {"line": "\n", "comma": ",", "space": " "}
ROLE_LENGTH = 63  # NAMEDATALEN of PostgreSQL, less the byte that ends a name


@dataclass(frozen=True)
class SecretRotation(Contract):
    """The rotation of one secret."""

    kind: str = option("Who checks it, and so how an old and a new value are good at once.", choices=KINDS)
    service: str = option("The service that is the server. Its file is written in place, and its containers are not replaced.", "")
    user: str = option("Of PostgreSQL the role that owns the database, of Redis the user whose password it is.", "", sparse=True)
    database: str = option("The PostgreSQL database that its clients use.", "postgres", sparse=True)
    admin: str = option("The superuser of the PostgreSQL server.", "", sparse=True)
    port: int = option("On which the PostgreSQL server listens in its container.", 5432, least=1, most=65535)
    every: float = option("Told is a value that is older, in seconds; 0 for never.", 0.0, least=0, most=3650 * DAY)
    grace: float = option(
        "For so long the value before is kept, and good where nobody else can say that it is out of use, in seconds.",
        DAY,
        least=0,
        most=365 * DAY,
    )
    separator: str = option("What stands between the values in the file of an overlap.", "line", choices=tuple(SEPARATORS))

    @property
    def logins(self) -> tuple[str, str]:
        """The two roles of PostgreSQL that take turns."""
        return f"{self.user}_a", f"{self.user}_b"

    def joined(self, value: str, beside: str) -> str:
        """Both values as a consumer's file has them; one where there is one."""
        return value + SEPARATORS[self.separator] + beside if self.kind == OVERLAP and beside and beside != value else value
