# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role by which an exporter asks a PostgreSQL server: made by the server's superuser, and itself none.

Sources: PostgreSQL's documentation, "Predefined Roles" (pg_monitor from version 10 on, pg_read_all_data from 14 on), "CREATE ROLE".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ..backup.postgres import same_password, verifier
from ..contracts.database_exporters import ROLE

CONNECTIONS = 5  # an exporter has two, and one that is started anew meets those of the old one
READS_ALL = 140000  # server_version_num of the first version with pg_read_all_data
_ABOUT = """
SELECT pg_is_in_recovery(), current_setting('server_version_num'), coalesce(rolsuper, false), coalesce(rolpassword, ''),
       coalesce(pg_has_role(a.oid, (SELECT oid FROM pg_roles WHERE rolname = 'pg_monitor'), 'MEMBER'), false),
       coalesce((SELECT pg_has_role(a.oid, r.oid, 'MEMBER') FROM pg_roles r WHERE rolname = 'pg_read_all_data'), false), a.oid IS NOT NULL
FROM (SELECT) AS one LEFT JOIN pg_authid a ON rolname = :'role'
"""


class Sql(Protocol):
    """A superuser's question to a server, as backup.psql.Psql asks it."""

    def __call__(self, statement: str, database: str = "postgres", timeout: float = 60, **values: str) -> str:
        """Rows as lines, columns divided by ``|``."""


class RoleRefused(Exception):
    """The role cannot be made as it is needed; the message says what to do."""


@dataclass(frozen=True)
class Standing:
    """What a server knows of the role."""

    standby: bool
    version: int
    superuser: bool
    stored: str
    monitors: bool
    reads: bool
    exists: bool


def look(sql: Sql) -> Standing:
    """What is there now."""
    standby, version, superuser, stored, monitors, reads, exists = sql(_ABOUT, role=ROLE).split("|")
    return Standing(standby == "t", int(version), superuser == "t", stored, monitors == "t", reads == "t", exists == "t")


def ensure(sql: Sql, password: str, *, reads: bool) -> list[str]:
    """Let the role be there, with this password and no more than it needs; what was changed, nothing on a second call.

    :param reads: queries are declared, so it may read all tables.
    :raises RoleRefused: somebody has made it a superuser, or the server is too old for what is declared.
    """
    there = look(sql)
    if there.standby:
        return []  # it comes from the primary
    if there.superuser:
        raise RoleRefused(f"role {ROLE} is a superuser, which nobody needs to measure: ALTER ROLE {ROLE} NOSUPERUSER")
    if reads and there.version < READS_ALL:
        raise RoleRefused(
            f"queries need pg_read_all_data, which PostgreSQL has from version 14 on: make a role of your own that may read their tables, "
            f"and write user and password_secret (the server is {there.version // 10000})"
        )
    done = []
    statements = []
    if not same_password(there.stored, password):
        verb = "ALTER" if there.exists else "CREATE"
        statements += [
            f"{verb} ROLE {ROLE} LOGIN NOCREATEDB NOCREATEROLE NOREPLICATION CONNECTION LIMIT {CONNECTIONS}"
            f" PASSWORD '{verifier(password)}'",
            f"ALTER ROLE {ROLE} SET default_transaction_read_only = on",
        ]
        done.append("password" if there.exists else "role")
    if not there.monitors:
        statements.append(f"GRANT pg_monitor TO {ROLE}")
        done.append("pg_monitor")
    if reads is not there.reads:
        statements.append(f"GRANT pg_read_all_data TO {ROLE}" if reads else f"REVOKE pg_read_all_data FROM {ROLE}")
        done.append("pg_read_all_data" if reads else "no pg_read_all_data")
    if statements:
        # The server writes no statement with a verifier to its log.
        sql(
            "; ".join(["BEGIN", "SET LOCAL log_statement = 'none'", "SET LOCAL log_min_duration_statement = -1", *statements, "COMMIT"])
            + ";"
        )
    return done
