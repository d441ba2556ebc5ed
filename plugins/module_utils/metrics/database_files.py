# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exporters of databases read: where the server is, what they ask beside their own questions, and the password.

Sources: postgres_exporter (0.11 to 0.19) and redis_exporter (1.45 to 1.86) of Debian 12 to 14, as the tests run them; lib/pq, "Connection
String Parameters"; PostgreSQL, "The Password File"; systemd.exec(5), EnvironmentFile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from ..compose.yaml_writer import dump
from ..contracts.database_exporters import PGBOUNCER, POSTGRESQL, PREFIX, QUERIES, REDIS, SUFFIX, DatabaseExporter, MeasuredQuery

_HEAD = "# Queries of an exporter, by latentum.ops; do not edit. Role exporters writes it.\n"
CONNECT = 5  # seconds
_SCRIPT = """\
-- Keys that an exporter asks for, by latentum.ops; do not edit. Role exporters writes it.
local wanted = {
WANTED
}
local length = {list = "LLEN", set = "SCARD", zset = "ZCARD", hash = "HLEN", stream = "XLEN", string = "STRLEN"}
local answers = {}
for _, key in ipairs(wanted) do
  local measure, db, name = key[1], key[2], key[3]
  redis.pcall("SELECT", db)
  local kind = redis.pcall("TYPE", name)
  local number
  if kind.ok and measure == "value" then
    number = tonumber(redis.pcall("GET", name) or "")
  elseif kind.ok == "none" then
    number = 0
  elseif kind.ok and length[kind.ok] then
    number = redis.pcall(length[kind.ok], name)
  end
  if type(number) == "number" then
    table.insert(answers, measure .. ";db" .. db .. ";" .. name)
    table.insert(answers, string.format("%.17g", number))
  end
end
return answers
"""
# Connections that can be used, without those that are kept for superusers and, from PostgreSQL 16 on, for a role; and those in use.
_CONNECTIONS = (
    "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::float8 AS used, "
    "(sum(setting::int) FILTER (WHERE name = 'max_connections') "
    "- coalesce(sum(setting::int) FILTER (WHERE name <> 'max_connections'), 0))::float8 AS usable "
    "FROM pg_settings WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
)
# On a standby: behind what it has received, 0 where it has replayed all of that, however long nothing was written; `connected` says
# whether it receives at all, which 0 seconds behind would hide. On a primary: behind it, by the name of a standby; a receiver of WAL
# (pg_receivewal, Barman) replays nothing. Two standbys of one name are one, as two series with the same labels would end the scrape.
_REPLICATION = (
    "SELECT 'primary' AS peer, CASE WHEN pg_last_wal_receive_lsn() IS NULL OR pg_last_wal_receive_lsn() <= pg_last_wal_replay_lsn() THEN 0 "
    "ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0) END::float8 AS lag_seconds, "
    "coalesce(pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), 0)::float8 AS lag_bytes, "
    "CASE WHEN current_setting('primary_conninfo') = '' OR EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 1 ELSE 0 END::float8 "
    "AS connected "
    "WHERE pg_is_in_recovery() "
    "UNION ALL SELECT application_name, max(coalesce(extract(epoch FROM replay_lag), 0))::float8, "
    "max(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, replay_lsn))::float8, "
    "1::float8 FROM pg_stat_replication WHERE replay_lsn IS NOT NULL GROUP BY application_name"
)


def queries_path(exporter: DatabaseExporter) -> str:
    """The file with what it asks beside its own questions."""
    return f"{QUERIES}/{exporter.name}.yml"


def queries_file(exporter: DatabaseExporter) -> str:
    """Its content: connections and replication for the alerts, the same for all versions of the exporter, and what is declared."""
    document: dict[str, Any] = {
        "latentum_ops_connections": _asked(
            _CONNECTIONS, {}, {"used": "Connections of clients.", "usable": "Connections that clients without privileges can have."}, 0
        ),
        "latentum_ops_replication": _asked(
            _REPLICATION,
            {"peer": "A standby by its name, or primary for what this one follows."},
            {
                "lag_seconds": "Seconds behind; 0 where all that was received is replayed.",
                "lag_bytes": "Bytes of WAL behind.",
                "connected": "0 where it is to follow a primary, and does not receive.",
            },
            0,
        ),
    }
    for query in exporter.queries:
        labels = {label: label for label in query.labels}
        # The exporter joins a name of two parts, of which the first is there once: so each is a part of its own, and Prometheus takes
        # what is around the declared name away (monitoring/scraping.py).
        document[f"{PREFIX}{query.metric}"] = _asked(statement(query), labels, {SUFFIX: query.help or query.metric}, query.interval)
    return _HEAD + dump(document)


def script_path(exporter: DatabaseExporter) -> str:
    """The file with which it asks for keys."""
    return f"{QUERIES}/{exporter.name}.lua"


def script(exporter: DatabaseExporter) -> str:
    """Its content: one question for all keys, in which a key that is missing, or denied, takes nothing from the others.

    Not C(check-single-keys): redis_exporter 1.69 of Debian 13 leaves out all keys after one that does not exist, as the list of an empty
    queue (oliver006/redis_exporter#1008).
    """
    wanted = ",\n".join(f'  {{"{key.measure}", "{key.db}", "{_lua(key.key)}"}}' for key in exporter.keys)
    return _SCRIPT.replace("WANTED", wanted)


def _lua(text: str) -> str:
    """What may stand between double quotes, whatever is in it (Lua 5.1, "Lexical Conventions")."""
    return "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"\\{byte:03d}" for byte in text.encode())


def statement(query: MeasuredQuery) -> str:
    """The declared SELECT inside another one, where nothing can follow it, write, or give more series than are declared."""
    named = [f'"{label}"' for label in query.labels]
    shown = [f"coalesce({label}::text, '') AS {label}" for label in named]
    shown.append(f"sum(value::float8) AS {SUFFIX}")
    # Rows with the same labels are one series: two of them would end the whole scrape.
    groups = f" GROUP BY {', '.join(str(number) for number in range(1, len(named) + 1))}" if named else ""
    inside = ", ".join([*named, '"value"'])
    return (
        f"SELECT {', '.join(shown)} FROM ({query.sql}) AS declared({inside})"  # noqa: S608 - the operator's own, one statement
        f"{groups} HAVING count(value) > 0 ORDER BY value DESC LIMIT {query.series}"
    )


def _asked(sql: str, labels: Mapping[str, str], gauges: Mapping[str, str], seconds: float) -> dict[str, Any]:
    columns = [{name: {"usage": "LABEL", "description": about}} for name, about in labels.items()]
    columns += [{name: {"usage": "GAUGE", "description": about}} for name, about in gauges.items()]
    cached = {"cache_seconds": int(seconds)} if seconds else {}
    return {"query": sql, "master": True, **cached, "metrics": columns}


def environment(exporter: DatabaseExporter, address: str) -> dict[str, str]:
    """Variables of its unit; no secret is among them.

    :param address: of the container.
    """
    host = f"[{address}]" if ":" in address else address
    common = {"LISTEN": exporter.address}
    if exporter.kind == REDIS:
        user = {"REDIS_USER": exporter.user} if exporter.user else {}
        asked = {"REDIS_EXPORTER_SCRIPT": script_path(exporter)} if exporter.keys else {}
        return {**common, "REDIS_ADDR": redis_address(exporter, address), **user, **asked}
    mode = "require" if exporter.tls else "disable"
    parameters = {"sslmode": mode, "connect_timeout": str(CONNECT)}
    if exporter.kind == POSTGRESQL:
        # What the server is told for the whole connection: it only reads, and ends what takes long. PgBouncer's console takes none.
        parameters |= {
            "application_name": exporter.user,
            "default_transaction_read_only": "on",
            "statement_timeout": str(int(exporter.timeout * 1000)),
            "lock_timeout": str(int(exporter.timeout * 1000)),
        }
    where = (
        f"postgresql://{quote(exporter.user, safe='')}@{host}:{exporter.port}/{quote(exporter.database, safe='')}?{urlencode(parameters)}"
    )
    return {**common, "CONNECTION" if exporter.kind == PGBOUNCER else "DATA_SOURCE_NAME": where}


def redis_address(exporter: DatabaseExporter, address: str) -> str:
    """As the exporter is told it, and as it looks the password up."""
    return f"redis://[{address}]:{exporter.port}" if ":" in address else f"redis://{address}:{exporter.port}"


def environment_text(variables: Mapping[str, str]) -> str:
    """As systemd reads a file of variables."""
    escaped = {
        name: value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$").replace("`", "\\`") for name, value in variables.items()
    }
    return "".join(f'{name}="{value}"\n' for name, value in escaped.items())


def access(exporter: DatabaseExporter, address: str, password: str) -> str:
    """The file by which the exporter has its password.

    For PostgreSQL and PgBouncer one of libpq's form: a password in C(DATA_SOURCE_PASS_FILE) becomes a part of the connection string, which
    postgres_exporter 0.11 writes to its log where it cannot read it, as with a quote in it. For Redis a JSON mapping from address to
    password; up to 1.45 redis_exporter looks the address up without the user.
    """
    if exporter.kind != REDIS:
        escaped = password.replace("\\", "\\\\").replace(":", "\\:")
        return f"*:*:*:{exporter.user}:{escaped}\n"
    if not password:
        return "{}\n"
    where = redis_address(exporter, address)
    with_user = where.replace("redis://", f"redis://{exporter.user}@", 1)
    return json.dumps({where: password, **({with_user: password} if exporter.user else {})}) + "\n"
