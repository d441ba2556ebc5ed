# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two roles of a PostgreSQL server that take turns: one logs in now, the other one from the next rotation on.

A role has one password, so no old and new one of it are good at once. Both are members of the role that owns the database, and work as
that one (``ALTER ROLE … SET role``), so that whatever they make belongs to it and not to one of the two. Two fixed names, since each
further role would stay in the access lists of the server for ever.

The first rotation goes from the owner itself to the first of the two. The owner keeps what it owns and loses its password.

Sources: PostgreSQL's documentation, "ALTER ROLE" (settings of a role count for who logs in, not for whom it becomes), "pg_hba.conf"
(a name means that role alone, ``+name`` its members, too), "pg_stat_activity" (usename is who has logged in).
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from ..backup.postgres import same_password, verifier
from ..contracts.secret_rotation import SecretRotation
from .refusal import RotationRefused

MARK = "latentum.ops: logs in for {owner}"
# Their values are lists of names that are quoted already (GUC_LIST_QUOTE of the server's sources).
LISTS = ("local_preload_libraries", "search_path", "session_preload_libraries", "temp_tablespaces", "unix_socket_directories")
_ABOUT = """
SELECT pg_is_in_recovery(), coalesce((SELECT rolconnlimit FROM pg_roles WHERE rolname = :'owner'), -2)
"""
_ROLE = """
SELECT rolcanlogin, rolsuper OR rolreplication OR rolbypassrls, coalesce(rolpassword, ''),
       coalesce(pg_has_role(oid, (SELECT oid FROM pg_roles WHERE rolname = :'owner'), 'MEMBER'), false),
       coalesce(shobj_description(oid, 'pg_authid'), '')
FROM pg_authid WHERE rolname = :'login'
"""
# Settings of a role: in all databases, or in one of them; a value may hold anything.
_SETTINGS = r"""
SELECT coalesce(d.datname, ''), translate(encode(convert_to(setting, 'UTF8'), 'base64'), E'\n', '')
FROM pg_db_role_setting s LEFT JOIN pg_database d ON d.oid = s.setdatabase, unnest(s.setconfig) AS setting
WHERE s.setrole = (SELECT oid FROM pg_roles WHERE rolname = :'owner')
"""
# Rules that name the owner itself, and not its members.
_RULES = """
SELECT line_number || ' (' || type || ' ' || array_to_string(database, ',') || ' ' || array_to_string(user_name, ',') || ')'
FROM pg_hba_file_rules WHERE error IS NULL AND type <> 'local' AND :'owner' = ANY (user_name) AND NOT ('+' || :'owner') = ANY (user_name)
     AND NOT :'login' = ANY (user_name) ORDER BY line_number LIMIT 1
"""
# What a unit of the host does by the server's own socket has no address, and is none of the application.
_SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE usename = :'login' AND client_addr IS NOT NULL AND pid <> pg_backend_pid()"
_END = _SESSIONS.replace("count(*)", "count(pg_terminate_backend(pid))")
# The server writes no statement with a verifier to its log.
_QUIET = "SET LOCAL log_statement = 'none'; SET LOCAL log_min_duration_statement = -1; SET LOCAL log_min_error_statement = panic"


class Sql(Protocol):
    """A superuser's question to a server, as backup.psql.Psql asks it."""

    def __call__(self, statement: str, database: str = "postgres", timeout: float = 60, **values: str) -> str:
        """Rows as lines, columns divided by ``|``."""


@dataclass(frozen=True)
class Role:
    """What a server knows of a role."""

    logs_in: bool
    powerful: bool
    stored: str
    member: bool
    comment: str


def role(sql: Sql, owner: str, login: str) -> Role | None:
    """None where the server has no such role."""
    row = sql(_ROLE, owner=owner, login=login)
    if not row:
        return None
    logs_in, powerful, stored, member, comment = row.split("|", 4)
    return Role(logs_in == "t", powerful == "t", stored, member == "t", comment)


def require(sql: Sql, rotation: SecretRotation, login: str, name: str) -> None:
    """Refuse what would let nobody in with the next password.

    :param login: the role that is to log in with it.
    :param name: of the secret, for the message.
    :raises RotationRefused: says what to write.
    """
    owner, key = rotation.user, f"secret {name}"
    standby, limit = sql(_ABOUT, owner=owner).split("|")
    if standby == "t":
        raise RotationRefused(f"{key}, the server {rotation.service} is a standby, whose roles come from its primary: rotate there")
    if limit == "-2":
        fix = "correct user: of the entry of databases: that names this secret"
        raise RotationRefused(f"{key}, the server {rotation.service} has no role {owner}: {fix}")
    there = role(sql, owner, login)
    if there and login != owner and (there.comment != MARK.format(owner=owner) or there.powerful):
        what = "may do more than its owner lets it" if there.powerful else "was made by somebody else"
        fix = f"give it another name: ALTER ROLE {_name(login)} RENAME TO …"
        raise RotationRefused(f"{key}, the role {login} of {rotation.service} is there already and {what}: {fix}")
    if login != owner and (rule := sql(_RULES, owner=owner, login=login)):
        raise RotationRefused(
            f"{key}, line {rule} of pg_hba.conf of {rotation.service} lets {owner} in and not its members, so {login} could not log in:"
            f" write +{owner} in place of {owner}, and reload the server"
        )


def accept(sql: Sql, rotation: SecretRotation, login: str, password: str) -> bool:
    """Let a role log in with a password, and work as the owner; whether anything was changed."""
    owner = rotation.user
    there = role(sql, owner, login)
    statements = []
    if there is None or not same_password(there.stored, password) or not there.logs_in:
        verb = "ALTER" if there else "CREATE"
        statements.append(f"{verb} ROLE {_name(login)} LOGIN PASSWORD '{verifier(password)}'")
    if login != owner:
        statements += _as_owner(sql, owner, login, there)
    if not statements:
        return False
    sql("; ".join(["BEGIN", _QUIET, *statements, "COMMIT"]) + ";")
    return True


def _as_owner(sql: Sql, owner: str, login: str, there: Role | None) -> Iterator[str]:
    """What makes a role the owner's, with what holds for sessions of the owner."""
    if there is None:
        limit = sql(_ABOUT, owner=owner).split("|")[1]
        yield f"ALTER ROLE {_name(login)} INHERIT NOCREATEDB NOCREATEROLE CONNECTION LIMIT {int(limit)}"
        yield f"COMMENT ON ROLE {_name(login)} IS {_literal(MARK.format(owner=owner))}"
    if there is None or not there.member:
        yield f"GRANT {_name(owner)} TO {_name(login)}"
    wanted = sorted([*_settings(sql, owner), ("", "role", owner)])
    present = _settings(sql, login) if there else []
    if present == wanted:
        return
    # As they are for the owner now, so also without those that are gone.
    for database in sorted({database for database, _setting, _value in present}):
        yield f"ALTER ROLE {_name(login)}{_in(database)} RESET ALL"
    for database, setting, value in wanted:
        yield f"ALTER ROLE {_name(login)}{_in(database)} SET {_name(setting)} TO {value if setting in LISTS else _literal(value)}"


def _settings(sql: Sql, of: str) -> list[tuple[str, str, str]]:
    """Database (empty for all), name and value of each setting of a role."""
    found = []
    for line in sql(_SETTINGS, owner=of).splitlines():
        database, _bar, encoded = line.rpartition("|")
        setting, _sign, value = base64.b64decode(encoded).decode().partition("=")
        found.append((database, setting, value))
    return sorted(found)


def sessions(sql: Sql, login: str) -> int:
    """How many sessions of clients a role has."""
    return int(sql(_SESSIONS, login=login))


def shut_out(sql: Sql, rotation: SecretRotation, login: str) -> int:
    """Let a role log in no more, then end its sessions; how many there were. Nothing on a second call.

    One after the other and each by itself: a session that began between them would stay, with all that its role may do.
    """
    if role(sql, rotation.user, login) is None:
        return 0
    # What the host does by the server's own socket as the owner goes on.
    closed = "PASSWORD NULL" if login == rotation.user else "NOLOGIN PASSWORD NULL"
    sql(f"ALTER ROLE {_name(login)} {closed};")
    return int(sql(_END, login=login))


def following(rotation: SecretRotation, login: str) -> str:
    """Whose turn it is after this one."""
    first, second = rotation.logins
    return second if login == first else first


def _in(database: str) -> str:
    return f" IN DATABASE {_name(database)}" if database else ""


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _literal(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"E'{escaped.replace(chr(92), chr(92) * 2)}'" if chr(92) in text else f"'{escaped}'"
