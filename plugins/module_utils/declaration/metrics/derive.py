# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exporters of databases and caches of a stack, derived from the declaration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...compose.syntax import Port
from ...contracts.claims import Claim, Kind
from ...contracts.database_exporters import REDIS, DatabaseExporter, MeasuredKey, MeasuredQuery
from ..compose_project import secret_file
from ..model import Declaration
from .measured import Measured, measured


def database_exporters(declaration: Declaration) -> list[dict[str, Any]]:
    """One entry a service with C(metrics). Of secrets only the paths of their files on the host, never a value."""
    return [_exporter(declaration, item).to_dict() for item in measured(declaration)]


def claims(declaration: Declaration) -> Iterator[Claim]:
    """Ports of loopback."""
    for item in measured(declaration):
        port = Port(item.exporter_port, (item.exporter_port, item.exporter_port), "127.0.0.1", "tcp")
        yield Claim(Kind.PORT, port, f"{item.key}.exporter_port", f"127.0.0.1:{item.exporter_port}")


def _exporter(declaration: Declaration, item: Measured) -> DatabaseExporter:
    written = item.written
    queries = tuple(
        MeasuredQuery(
            metric,
            query["sql"],
            tuple(query["labels"]),
            query["series"],
            query["interval"],
            query["help"],
            query["max"],
            query["for"],
        )
        for metric, query in (written.queries or {}).items()
    )
    return DatabaseExporter(
        stack=declaration.name,
        service=item.service,
        kind=item.kind,
        exporter_port=item.exporter_port,
        port=item.port,
        user=item.user,
        password_file=secret_file(declaration, item.password_secret),
        admin=item.databases[0].user if item.made else "",
        database=item.database,
        tls=written.tls,
        timeout=written.timeout,
        queries=queries,
        keys=tuple(_keys(declaration, item)) if item.kind == REDIS else (),
        max_connections=declaration.watchdog.max_connections,
        max_lag=declaration.watchdog.max_replication_lag,
    )


def _keys(declaration: Declaration, item: Measured) -> Iterator[MeasuredKey]:
    """Those that are named, and the queues that the watchdog looks at, with its limit."""
    named = [MeasuredKey(key["key"], key["db"], key["measure"], key["max"], key["for"]) for key in item.written.keys]
    yield from named
    there = {(key.db, key.key) for key in named}
    for queue in declaration.options(item.service).watch.queues:
        if queue["port"] == item.port and (0, queue["list"]) not in there:
            yield MeasuredKey(queue["list"], max=queue["max"])
