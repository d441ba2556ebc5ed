# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services that are measured, with what follows from the rest of the declaration where nothing is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...contracts.database_exporters import EXPORTER_PORTS, PGBOUNCER, POSTGRESQL, REDIS, ROLE, SERVER_PORTS
from ..model import Declaration
from ..secrets.model import Database
from .model import Metrics


@dataclass(frozen=True)
class Measured:
    """A service that is measured, with what follows from the rest of the declaration.

    :param made: the host makes the role and its password itself.
    """

    service: str
    written: Metrics
    kind: str
    exporter_port: int
    port: int
    user: str
    password_secret: str
    database: str
    databases: tuple[Database, ...]
    made: bool

    @property
    def key(self) -> str:
        """Where it is declared."""
        return f"services.{self.service}.metrics"


def measured(declaration: Declaration) -> Iterator[Measured]:
    """Services with C(metrics), in their order; C(kind) is empty where nobody can tell it."""
    for name, options in declaration.services.items():
        written = options.metrics
        if written is None or name not in declaration.compose.services:
            continue
        databases = tuple(database for database in declaration.databases if database.service == name)
        kind = written.kind or (POSTGRESQL if databases else "")
        made = kind == POSTGRESQL and not written.user and bool(databases)
        yield Measured(
            name,
            written,
            kind,
            written.exporter_port or EXPORTER_PORTS.get(kind, 0),
            written.port or SERVER_PORTS.get(kind, 0),
            ROLE if made else written.user,
            written.password_secret or _implied_secret(declaration, name, kind, made),
            _database(written, kind, databases),
            databases,
            made,
        )


def own_secret(service: str) -> str:
    """The secret of the role that the host makes in a PostgreSQL server."""
    return f"metrics_password_{re.sub('[.-]', '_', service).lower()}"


def made_secrets(declaration: Declaration) -> dict[str, dict[str, Any]]:
    """Passwords of roles that the host makes, unless they are declared."""
    return {item.password_secret: {"kind": "password", "length": 32} for item in measured(declaration) if item.made}


def read_secrets(declaration: Declaration) -> Iterator[tuple[str, str]]:
    """What exporters read of the declared secrets: the key that names one, and the secret."""
    for name, options in declaration.services.items():
        if options.metrics and options.metrics.password_secret:
            yield f"services.{name}.metrics.password_secret", options.metrics.password_secret


def _implied_secret(declaration: Declaration, service: str, kind: str, made: bool) -> str:
    """Of Redis the one by which the watchdog asks for the length of its queues."""
    if made:
        return own_secret(service)
    if kind != REDIS:
        return ""
    return next((queue["password_secret"] for queue in declaration.options(service).watch.queues if queue["password_secret"]), "")


def _database(written: Metrics, kind: str, databases: tuple[Database, ...]) -> str:
    if kind == PGBOUNCER:
        return PGBOUNCER  # its console
    if kind != POSTGRESQL:
        return ""
    # A connection to a database keeps others from dropping it: to one with data only where a query needs it.
    return written.database or (databases[0].name if written.queries and databases else "postgres")
