# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Databases and caches of a stack that an exporter measures: connections, replication, memory, and queues that grow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..contracts.database_exporters import POSTGRESQL, REDIS, VALUE, DatabaseExporter
from ..contracts.monitoring import MonitoredStack
from ..core.units import spell_duration
from ..slo.promql import duration, number, selector
from .names import WATCHDOG
from .rule import CRITICAL, WARNING, AlertRule

FAILING, CONNECTIONS, LAG, QUEUE = "DatabaseExporterFailing", "DatabaseConnectionsHigh", "ReplicationLag", "QueueDepth"
MEMORY, REJECTED = "RedisMemoryHigh", "RedisRejectedConnections"
_UP = {POSTGRESQL: "pg_up", REDIS: "redis_up"}
_NEARLY_ALL = 97  # percent
_PERCENT = "{{ $value | humanizePercentage }}"
# States of a service that the watchdog tells itself, or that somebody wants: there is no server to be asked then.
_NO_SERVER = 'state=~"down|starting|affected|maintenance"'
# Of a cache that evicts, a full memory is its daily work; these refuse to write then. volatile-* evicts only keys that expire.
_REFUSES = 'maxmemory_policy=~"noeviction|volatile-.*"'


def rules(stack: MonitoredStack, exporters: Sequence[DatabaseExporter]) -> Iterator[AlertRule]:
    """The alerts of all databases of a stack that are measured."""
    for exporter in exporters:
        if exporter.stack == stack.stack:
            yield from _failing(exporter)
            yield from _OF_KIND.get(exporter.kind, _none)(stack, exporter)
            yield from _queues(exporter)


def _of(exporter: DatabaseExporter, *more: str) -> str:
    return selector({"stack": exporter.stack, "service": exporter.service}, *more)


def _rule(
    exporter: DatabaseExporter, name: str, expression: str, severity: str, summary: str, description: str, patience: str, **labels: str
) -> AlertRule:
    both = {"stack": exporter.stack, "service": exporter.service}
    return AlertRule(name, expression, severity, f"{exporter.stack}: {summary}", description, patience, {**both, **labels})


def _failing(exporter: DatabaseExporter) -> Iterator[AlertRule]:
    """It has no numbers although its server is there, or a query gives none."""
    up = _UP.get(exporter.kind, f"{exporter.kind}_up")
    job = f'job="{exporter.kind}"'
    silent = f"max by (instance) (up{_of(exporter, job)} == 0 or {up}{_of(exporter)} == 0)"
    there = f"max by (instance) ({WATCHDOG}service_state{_of(exporter, _NO_SERVER)}) == 1"
    about = "The service runs: a password was rotated, the role is gone, or the server lets it in from nowhere. Alerts of it are blind."
    what = f"{exporter.service} on {{{{ $labels.instance }}}} is not measured"
    yield _rule(exporter, FAILING, f"{silent} unless {there}", WARNING, what, about, "5m", failing="all")
    if exporter.kind == POSTGRESQL:
        some = f"max by (instance) (pg_exporter_last_scrape_error{_of(exporter)}) == 1 and max by (instance) ({up}{_of(exporter)}) == 1"
        about = "A table that it names may be gone. The journal of the exporter has what the server says; the other numbers arrive."
        yield _rule(exporter, FAILING, some, WARNING, f"a query of {exporter.service} gives no number", about, "15m", failing="query")


def _postgresql(stack: MonitoredStack, exporter: DatabaseExporter) -> Iterator[AlertRule]:
    used = f"latentum_ops_connections_used{_of(exporter)} / (latentum_ops_connections_usable{_of(exporter)} > 0)"
    what = f"{exporter.service} on {{{{ $labels.instance }}}} has {_PERCENT} of its connections in use"
    about = "Without those that are kept for superusers: at the last one, services are refused."
    for severity, limit, patience in (
        (CRITICAL, max(exporter.max_connections, _NEARLY_ALL), "1m"),
        (WARNING, exporter.max_connections, "5m"),
    ):
        yield _rule(exporter, CONNECTIONS, f"max by (instance) ({used}) > {number(limit / 100)}", severity, what, about, patience)
    limits = stack.limits
    who = f"{exporter.service} on {{{{ $labels.instance }}}}"
    for measure, bound, shown in (
        ("lag_seconds", exporter.max_lag, "{{ $value | humanizeDuration }}"),
        ("lag_bytes", limits.replication_bytes, "{{ $value | humanize1024 }}B"),
    ):
        yield _rule(
            exporter, LAG, f"max by (instance, peer) ({_replication(exporter, measure)}) > {number(bound)}", WARNING,
            f"replication of {who} ({{{{ $labels.peer }}}}) is {shown} behind",
            "What is lost with the primary grows; a standby that replays all that there is, is not behind.", "5m", measure=measure,
        )  # fmt: skip
    cut_off = f"max by (instance, peer) ({_replication(exporter, 'connected')}) == 0"
    yield _rule(
        exporter, LAG, cut_off, CRITICAL, f"{who} follows its primary no more",
        "It is to be a standby, and receives nothing: the primary is gone, refuses it, or has removed the WAL that it needs.", "5m",
        measure="connected",
    )  # fmt: skip


def _replication(exporter: DatabaseExporter, measure: str) -> str:
    return f"latentum_ops_replication_{measure}{_of(exporter)}"


def _redis(stack: MonitoredStack, exporter: DatabaseExporter) -> Iterator[AlertRule]:
    share = f"redis_memory_used_bytes{_of(exporter)} / (redis_memory_max_bytes{_of(exporter)} > 0)"
    refuses = f"max by (instance) (redis_instance_info{_of(exporter, _REFUSES)})"
    who = f"{exporter.service} on {{{{ $labels.instance }}}}"
    yield _rule(
        exporter, MEMORY, f"max by (instance) ({share}) > {number(stack.limits.redis_memory / 100)} and on (instance) {refuses}", WARNING,
        f"{who} uses {_PERCENT} of its memory", "It does not evict: once its memory is full, it refuses to write.", "5m",
    )  # fmt: skip
    yield _rule(
        exporter, REJECTED, f"max by (instance) (increase(redis_rejected_connections_total{_of(exporter)}[5m])) > 0", WARNING,
        f"{who} refuses connections", "As many clients as maxclients are there.", "",
    )  # fmt: skip


def _queues(exporter: DatabaseExporter) -> Iterator[AlertRule]:
    for key in exporter.keys:
        if key.max is not None:
            metric = f"redis_key_{VALUE if key.measure == VALUE else 'size'}"
            chosen = _of(exporter, selector({"db": f"db{key.db}", "key": key.key}).strip("{}"))
            yield _queue(exporter, f"max by (instance) ({metric}{chosen})", key.key, key.max, key.patience)
    for query in exporter.queries:
        if query.max is not None:
            by = ", ".join(("instance", *query.labels))
            shown = "".join(f" {{{{ $labels.{label} }}}}" for label in query.labels)
            yield _queue(exporter, f"max by ({by}) ({query.metric}{_of(exporter)})", query.metric, query.max, query.patience, shown)


def _queue(exporter: DatabaseExporter, series: str, name: str, limit: float, patience: float, shown: str = "") -> AlertRule:
    safe = name.replace("{{", "{ {")
    return _rule(
        exporter, QUEUE, f"{series} > {number(limit)}", WARNING, f"{{{{ $value | humanize }}}} wait in {safe}{shown}",
        f"In {exporter.service}, for {spell_duration(patience)} or longer. The limit is {number(limit)}.",
        duration(patience) if patience else "", queue=safe,
    )  # fmt: skip


def _none(_stack: MonitoredStack, _exporter: DatabaseExporter) -> Iterator[AlertRule]:
    return iter(())


_OF_KIND = {POSTGRESQL: _postgresql, REDIS: _redis}
