# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Roles that take turns, on a real PostgreSQL server, and what goes wrong for people."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.secret_rotation import SecretRotation
from ansible_collections.latentum.ops.plugins.module_utils.rotation import postgresql
from ansible_collections.latentum.ops.plugins.module_utils.rotation.refusal import RotationRefused
from ansible_collections.latentum.ops.plugins.module_utils.rotation.scram_login import LoginUnknown, try_login

from ..databases.servers import PostgreSQL, environment, folder, port, program, wait_for

pytestmark = pytest.mark.skipif(
    not all(program(name) for name in ("initdb", "postgres", "psql")), reason="no PostgreSQL here: tests/tools/unit.sh provides one"
)
OWNER = 'shop "owner"'
ROTATION = SecretRotation("postgresql", "database", OWNER, "app")
A, B = ROTATION.logins
# What breaks a connection string, a file of passwords, and a shell.
FIRST, SECOND, THIRD = 'it\'s a: \\ /?#&=%41 "word" $HOME', "zweites-Paßwort", "third"


@pytest.fixture(scope="module")
def running() -> Iterator[PostgreSQL]:
    with folder() as path:
        made = PostgreSQL(path, port())
        made.make()
        with made.started("max_connections=25", "log_statement=all", "log_min_duration_statement=0"):
            yield made


@pytest.fixture
def server(running: PostgreSQL) -> PostgreSQL:
    """With a database of its own for each test, and its owner, who logs in with the first password."""
    running("DROP DATABASE IF EXISTS shop (FORCE)")
    for name in (A, B, OWNER):
        if running("SELECT 1 FROM pg_roles WHERE rolname = :'name'", name=name):
            running('DROP OWNED BY :"name" CASCADE; DROP ROLE :"name"', name=name)
    running('CREATE ROLE :"name" LOGIN CONNECTION LIMIT 7', name=OWNER)
    running('CREATE DATABASE shop OWNER :"name"', name=OWNER)
    postgresql.accept(running, ROTATION, OWNER, FIRST)
    return running


def lets_in(server: PostgreSQL, login: str, password: str) -> bool:
    return try_login("127.0.0.1", server.port, login, password, "shop").let_in


def as_client(server: PostgreSQL, login: str, password: str, statement: str) -> str:
    """What an application gets."""
    argv = [
        program("psql"),
        "-X",
        "-q",
        "-A",
        "-t",
        "-v",
        "ON_ERROR_STOP=1",
        "-h",
        "127.0.0.1",
        "-p",
        str(server.port),
        "-U",
        login,
        "shop",
    ]
    done = subprocess.run(argv, input=statement, env={**environment(), "PGPASSWORD": password}, capture_output=True, text=True, check=False)
    return done.stdout.strip() + done.stderr.strip()


@contextmanager
def session(server: PostgreSQL, login: str, password: str) -> Iterator[subprocess.Popen[str]]:
    """A pool that keeps its connection."""
    argv = [program("psql"), "-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-p", str(server.port), "-U", login, "shop"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(argv, env={**environment(), "PGPASSWORD": password}, **pipes) as process:  # type: ignore[call-overload]
        wait_for("the session", lambda: postgresql.sessions(server, login) == 1)
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(60)


def test_from_the_single_role_and_then_in_turns(server: PostgreSQL) -> None:
    assert postgresql.following(ROTATION, OWNER) == A and postgresql.following(ROTATION, A) == B and postgresql.following(ROTATION, B) == A
    for old, old_password, new, new_password in ((OWNER, FIRST, A, SECOND), (A, SECOND, B, THIRD), (B, THIRD, A, FIRST)):
        assert lets_in(server, old, old_password)
        postgresql.require(server, ROTATION, new, "database_password")
        assert postgresql.accept(server, ROTATION, new, new_password)
        assert not postgresql.accept(server, ROTATION, new, new_password), "the second time there is nothing to do"
        assert lets_in(server, old, old_password) and lets_in(server, new, new_password)
        assert not lets_in(server, new, old_password)
        postgresql.shut_out(server, ROTATION, old)
        postgresql.shut_out(server, ROTATION, old)
        assert not lets_in(server, old, old_password) and lets_in(server, new, new_password)
    assert server("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'shop%'") == "3", "no role for each rotation"


def test_what_the_two_make_belongs_to_the_owner(server: PostgreSQL) -> None:
    """Else the next role cannot change a table that the one before has made."""
    postgresql.accept(server, ROTATION, A, SECOND)
    assert as_client(server, A, SECOND, "CREATE TABLE made(id int); SELECT current_user, session_user") == f"{OWNER}|{A}"
    postgresql.accept(server, ROTATION, B, THIRD)
    assert as_client(server, B, THIRD, "CREATE INDEX ON made(id); ALTER TABLE made ADD more text; DROP TABLE made; SELECT 'done'") == "done"


def test_settings_of_the_owner_hold_for_the_two(server: PostgreSQL) -> None:
    """They count for who logs in, so an application would lose its search_path."""
    server('ALTER ROLE :"o" SET search_path TO "My Schema", public', o=OWNER)
    server('ALTER ROLE :"o" SET shop.note TO $$it\'s \\ mine$$', o=OWNER)
    server("ALTER ROLE :\"o\" IN DATABASE shop SET statement_timeout TO '7s'", o=OWNER)
    postgresql.accept(server, ROTATION, A, SECOND)
    shown = as_client(server, A, SECOND, "SHOW search_path; SHOW statement_timeout; SHOW shop.note; SELECT current_user")
    assert shown.splitlines() == ['"My Schema", public', "7s", "it's \\ mine", OWNER]
    server('ALTER ROLE :"o" RESET ALL', o=OWNER)
    assert postgresql.accept(server, ROTATION, A, SECOND), "as they are for the owner now"
    assert as_client(server, A, SECOND, "SHOW search_path; SHOW statement_timeout").splitlines() == ['"$user", public', "7s"]
    assert server("SELECT rolconnlimit, rolinherit, rolcreatedb FROM pg_roles WHERE rolname = :'a'", a=A) == "7|t|f"


def test_an_owner_that_is_a_superuser_as_images_make_it(server: PostgreSQL) -> None:
    """POSTGRES_USER is both. Only becoming it gives its rights, and its own local connections go on without a password."""
    server('ALTER ROLE :"o" SUPERUSER', o=OWNER)
    postgresql.accept(server, ROTATION, A, SECOND)
    assert server("SELECT rolsuper FROM pg_roles WHERE rolname = :'a'", a=A) == "f"
    assert as_client(server, A, SECOND, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements; SELECT 'done'").endswith("done")
    postgresql.shut_out(server, ROTATION, OWNER)
    assert server("SELECT rolcanlogin, rolpassword IS NULL FROM pg_authid WHERE rolname = :'o'", o=OWNER) == "t|t"


def test_a_pool_that_keeps_its_sessions_is_seen_and_ended(server: PostgreSQL) -> None:
    """A session goes on with all its rights when its role may log in no more."""
    postgresql.accept(server, ROTATION, A, SECOND)
    with session(server, A, SECOND) as process:
        assert postgresql.sessions(server, A) == 1 and postgresql.sessions(server, B) == 0
        assert postgresql.shut_out(server, ROTATION, A) == 1
        wait_for("its end", lambda: postgresql.sessions(server, A) == 0)
        process.stdin.write("SELECT 'still there';\n")
        process.stdin.close()
        assert "still there" not in process.stdout.read()


def test_what_the_host_does_by_the_socket_is_no_session_of_an_application(server: PostgreSQL) -> None:
    assert postgresql.sessions(server, "app") == 0


def test_neither_a_password_nor_its_verifier_is_in_the_log(server: PostgreSQL) -> None:
    postgresql.accept(server, ROTATION, A, SECOND)
    postgresql.shut_out(server, ROTATION, A)
    log = server.log.read_text()
    assert "SCRAM-SHA-256$" not in log and SECOND not in log and "PASSWORD NULL" in log


def test_a_backup_from_before_comes_back(server: PostgreSQL) -> None:
    """The server has roles as they were; what the store has is accepted again."""
    postgresql.accept(server, ROTATION, A, SECOND)
    postgresql.shut_out(server, ROTATION, A)
    server('ALTER ROLE :"a" RESET ALL', a=A)
    assert postgresql.accept(server, ROTATION, A, THIRD) and lets_in(server, A, THIRD)
    assert as_client(server, A, THIRD, "SELECT current_user") == OWNER


REFUSED = {
    "a role of somebody else": (
        f'CREATE ROLE "{A.replace(chr(34), chr(34) * 2)}" LOGIN',
        "was made by somebody else: give it another name",
    ),
    "a superuser": ("", "may do more than its owner lets it"),
    "no owner": ("", "has no role nobody: correct user: of the entry of databases: that names this secret"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_before_anything_changes(server: PostgreSQL, case: str) -> None:
    statement, reason = REFUSED[case]
    rotation, login = ROTATION, A
    if case == "no owner":
        rotation = replace(ROTATION, user="nobody")
    elif case == "a superuser":
        postgresql.accept(server, ROTATION, A, SECOND)
        server('ALTER ROLE :"a" SUPERUSER', a=A)
    else:
        server(statement)
    before = server("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1")
    with pytest.raises(RotationRefused, match=reason):
        postgresql.require(server, rotation, login, "database_password")
    assert server("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1") == before


def test_a_rule_that_names_the_owner_alone(server: PostgreSQL) -> None:
    """pg_hba.conf with the name of the role: its members are not let in."""
    file = server.path / "data/pg_hba.conf"
    before = file.read_text()
    named = '"' + OWNER.replace('"', '""') + '"'
    try:
        file.write_text(before.replace("host all all", f"host shop {named}"))
        server("SELECT pg_reload_conf()")
        wait_for("the rules", lambda: server("SELECT count(*) FROM pg_hba_file_rules WHERE :'o' = ANY (user_name)", o=OWNER) == "1")
        with pytest.raises(RotationRefused, match=r"write \+shop .*, and reload the server"):
            postgresql.require(server, ROTATION, A, "database_password")
        postgresql.accept(server, ROTATION, A, SECOND)
        answer = try_login("127.0.0.1", server.port, A, SECOND, "shop")
        assert not answer.let_in and "no pg_hba.conf entry" in answer.reason
    finally:
        file.write_text(before)
        server("SELECT pg_reload_conf()")


def test_nobody_answers() -> None:
    with pytest.raises(LoginUnknown, match="does not answer"):
        try_login("127.0.0.1", port(), "app", "x", "shop", timeout=1)


def test_too_many_connections_are_no_wrong_password(server: PostgreSQL) -> None:
    server('ALTER ROLE :"o" CONNECTION LIMIT 0', o=OWNER)
    with pytest.raises(LoginUnknown, match="too many connections"):
        try_login("127.0.0.1", server.port, OWNER, FIRST, "shop")


def test_a_role_that_may_not_log_in_has_a_password_that_is_good_for_nothing(server: PostgreSQL) -> None:
    server('ALTER ROLE :"o" NOLOGIN', o=OWNER)
    assert not lets_in(server, OWNER, FIRST)
