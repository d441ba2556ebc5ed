# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands that the watchdog runs in containers: each follows from the settings alone, so that the socket proxy can know it in advance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...contracts.freshness import Freshness
from ...contracts.watchdog_settings import ProbeSpec

NONE = "none"  # what a query of freshness answers where there is nothing
# Connections used in percent; on a standby the seconds since the last replayed transaction, unless it has all that was sent;
# on a primary the largest lag that its standbys report. A receiver of WAL (pg_receivewal, Barman) replays nothing and has no
# `replay_lsn`; its `replay_lag` is the age of its last segment, which in a quiet database grows for minutes.
_POSTGRESQL = """
select 100 * (select count(*) from pg_stat_activity where backend_type = 'client backend') / current_setting('max_connections')::int,
  coalesce(case when pg_is_in_recovery()
    then case when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
         else extract(epoch from now() - pg_last_xact_replay_timestamp()) end
    else (select max(extract(epoch from replay_lag)) from pg_stat_replication where replay_lsn is not null) end, 0)::bigint
"""
# A role of PostgreSQL 14 that can read all tables and change nothing; where the user may become it, it asks as that.
_READER = (
    "SELECT set_config('role', 'pg_read_all_data', true) FROM pg_roles WHERE rolname = 'pg_read_all_data' AND pg_has_role(oid, 'MEMBER')"
)


def of_probe(spec: ProbeSpec) -> list[str]:
    """The command of a probe; none of one that asks from outside."""
    return _OF_KIND[spec.kind](spec.options) if spec.kind in _OF_KIND else []


def _command(options: Mapping[str, Any]) -> list[str]:
    return [str(word) for word in options["argv"]]


def _postgresql(options: Mapping[str, Any]) -> list[str]:
    """By the socket inside: no password leaves the secret store for it."""
    argv = ["psql", "-X", "-A", "-t", "-F", " ", "-v", "ON_ERROR_STOP=1", "-U", str(options["user"]), "-d", str(options["database"])]
    return [*argv, "-c", " ".join(_POSTGRESQL.split())]


_OF_KIND = {"command": _command, "postgresql": _postgresql}


def of_query(spec: Freshness) -> list[str]:
    """The newest time of a query, as the user of the database, in a transaction that can only read."""
    patience = max(1, math.ceil(spec.timeout))
    statements = [
        "BEGIN TRANSACTION READ ONLY",
        f"SET LOCAL statement_timeout = '{patience}s'",
        f"SET LOCAL lock_timeout = '{patience}s'",
        f"{_READER} LIMIT 1",
        f"SELECT 'newest=' || coalesce(extract(epoch FROM ({spec.sql})::timestamptz)::text, '{NONE}')",  # noqa: S608 - the operator's own, one statement
        "ROLLBACK",
    ]
    argv = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-w", "-U", spec.user, "-d", spec.database]
    for statement in statements:
        argv += ["-c", statement]
    return argv
