# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exporters of databases and caches (filter database_exporters, files in /etc/latentum-ops/exporters/databases)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .base import Contract, option

DAY = 86400
POSTGRESQL, REDIS, PGBOUNCER = "postgresql", "redis", "pgbouncer"
KINDS = (POSTGRESQL, REDIS, PGBOUNCER)
# Where the programs listen unless somebody says otherwise, and where the servers do in their containers.
EXPORTER_PORTS: Mapping[str, int] = {POSTGRESQL: 9187, REDIS: 9121, PGBOUNCER: 9127}
SERVER_PORTS: Mapping[str, int] = {POSTGRESQL: 5432, REDIS: 6379, PGBOUNCER: 6432}
ROLE = "latentum_ops_metrics"  # in PostgreSQL, made by the host itself
FOLDER = "/etc/latentum-ops/exporters/databases"  # on a host, one file a stack
QUERIES = "/etc/latentum-ops/exporters/queries"  # likewise, one file a database with queries of its own
# An exporter calls the metric of a declared query by its name between these two; Prometheus takes them away.
PREFIX, SUFFIX = "latentum_ops_query_", "value"
SIZE, VALUE = "size", "value"


@dataclass(frozen=True)
class MeasuredQuery(Contract):
    """A number that SQL gives. Times in seconds."""

    metric: str = option("The name of the metric.")
    sql: str = option("One SELECT: the columns of C(labels) in their order, then the number.")
    labels: tuple[str, ...] = option("Names of the labels.", ())
    series: int = option("At most so many rows become series, those with the largest numbers.", 20, least=1, most=200)
    interval: float = option("Seconds for which an answer is given again.", 60, least=0, most=DAY)
    help: str = option("What it counts.", "")
    max: float | None = option("More is told, as a queue that is too long.", None)
    patience: float = option("Seconds for which it must be more.", 600, least=0, most=DAY)


@dataclass(frozen=True)
class MeasuredKey(Contract):
    """A key of Redis: a list, stream, set, sorted set, hash, or a number. Times in seconds."""

    key: str = option("The key.")
    db: int = option("The number of its database.", 0, least=0, most=1000)
    measure: str = option("Its V(size), or the V(value) of a number.", SIZE, choices=(SIZE, VALUE))
    max: float | None = option("More is told, as a queue that is too long.", None)
    patience: float = option("Seconds for which it must be more.", 600, least=0, most=DAY)


@dataclass(frozen=True)
class DatabaseExporter(Contract):
    """An exporter for one database server or cache in a container. Times in seconds."""

    stack: str = option("Name of the stack.")
    service: str = option("Name of the service.")
    kind: str = option("What it is.", choices=KINDS)
    exporter_port: int = option("The port of loopback at which the exporter answers.", least=1, most=65535)
    port: int = option("The port inside the container.", least=1, most=65535)
    user: str = option("Who asks.", "")
    password_file: str = option("The file with the password.", "")
    admin: str = option("Superuser that makes C(user), by the socket inside the container; empty where the role is somebody else's.", "")
    database: str = option("The database that is connected to.", "")
    tls: bool = option("The connection is by TLS; the certificate is not verified, since the way is inside the host.", False)
    timeout: float = option("Seconds after which the server ends a query.", 5, least=1, most=60)
    queries: tuple[MeasuredQuery, ...] = option("Numbers by SQL.", ())
    keys: tuple[MeasuredKey, ...] = option("Numbers by key.", ())
    max_connections: float = option("Percent of the connections from which on it is told.", 85, least=1, most=100)
    max_lag: float = option("Seconds by which a standby may be behind.", 60, least=1, most=DAY)

    @property
    def name(self) -> str:
        """Of its unit and its files; a stack's name has no dot."""
        return f"{self.stack}.{self.service}"

    @property
    def address(self) -> str:
        """Where Prometheus asks it."""
        return f"127.0.0.1:{self.exporter_port}"

    @property
    def unit(self) -> str:
        """Its unit of systemd."""
        return f"latentum-ops-{self.kind}-exporter@{self.name}.service"
