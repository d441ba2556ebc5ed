# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL by the exporter of the distribution: its role, its numbers, and what goes wrong for people."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.database_exporters import ROLE, DatabaseExporter, MeasuredQuery
from ansible_collections.latentum.ops.plugins.module_utils.databases.role import RoleRefused, ensure, look

from .servers import Exporter, PostgreSQL, as_nobody, environment, folder, port, program, running, wait_for

pytestmark = pytest.mark.skipif(
    not all(program(name) for name in ("initdb", "postgres", "psql", "prometheus-postgres-exporter")),
    reason="no PostgreSQL and no exporter of it on this machine: tests/tools/unit.sh provides them",
)
# What breaks a connection string, a file of passwords, and a shell.
PASSWORD = 'it\'s a: \\ /?#&=%41 "word" $HOME'
USED, USABLE = "latentum_ops_connections_used", "latentum_ops_connections_usable"
QUERIES = (
    MeasuredQuery("shop_documents_uploaded", "SELECT count(*) FROM documents", interval=0),
    MeasuredQuery("shop_documents_by_state", "SELECT state, count(*) FROM documents GROUP BY 1", ("state",), 5, 0),
    MeasuredQuery("shop_documents_twice", "SELECT state, 1 FROM documents", ("state",), 200, 0),
    MeasuredQuery("shop_documents_rows", "SELECT id FROM documents", interval=0),
    MeasuredQuery("shop_documents_none", "SELECT sum(id) FROM documents WHERE id > 1000", interval=0),
    MeasuredQuery("shop_money_total", "WITH paid AS (SELECT 12.5::numeric AS amount) SELECT sum(amount) FROM paid", interval=0),
)


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """With a database of a shop."""
    with folder() as path:
        made = PostgreSQL(path, port())
        made.make()
        with made.started("max_connections=25", "superuser_reserved_connections=4", "log_statement=all", "wal_level=replica"):
            made("CREATE DATABASE shop")
            made("CREATE TABLE documents(id int, state text)", "shop")
            made(
                "INSERT INTO documents SELECT n, 's' || n % 30 FROM generate_series(1, 100) n; INSERT INTO documents VALUES (7, NULL)",
                "shop",
            )
            yield made


def exporter(server: PostgreSQL, *queries: MeasuredQuery, database: str = "shop") -> DatabaseExporter:
    """One for the server."""
    return DatabaseExporter("shop", "db", "postgresql", port(), server.port, user=ROLE, database=database, timeout=2, queries=queries)


def test_the_role_is_made_once_and_may_look_and_no_more(server: PostgreSQL) -> None:
    server(f"DROP ROLE IF EXISTS {ROLE}")
    assert ensure(server, PASSWORD, reads=False) == ["role", "pg_monitor"]
    assert ensure(server, PASSWORD, reads=False) == []
    assert ensure(server, PASSWORD, reads=True) == ["pg_read_all_data"] and ensure(server, PASSWORD, reads=True) == []
    assert ensure(server, "another one", reads=False) == ["password", "no pg_read_all_data"]
    there = look(server)
    assert there.exists and there.monitors and not there.reads and not there.superuser
    assert server(f"SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolreplication FROM pg_roles WHERE rolname = '{ROLE}'") == "f"  # noqa: S608
    # Neither a password nor what is stored of one is in the server's log, although it writes all statements.
    log = server.log.read_text()
    assert (
        f"ALTER ROLE {ROLE} SET" not in log
        and "SCRAM-SHA-256$" not in log
        and "another one" not in log
        and "SET LOCAL log_statement" in log
    )


def test_a_role_that_somebody_made_a_superuser_is_refused(server: PostgreSQL) -> None:
    ensure(server, PASSWORD, reads=False)
    server(f"ALTER ROLE {ROLE} SUPERUSER")
    try:
        with pytest.raises(RoleRefused, match="NOSUPERUSER"):
            ensure(server, PASSWORD, reads=False)
    finally:
        server(f"ALTER ROLE {ROLE} NOSUPERUSER")


def test_numbers_and_declared_queries(server: PostgreSQL, tmp_path: Path) -> None:
    ensure(server, PASSWORD, reads=True)
    measured = Exporter(exporter(server, *QUERIES), tmp_path, PASSWORD)
    with measured.started():
        first, numbers = measured.scraped(), measured.scraped()
    assert first["pg_up"] == numbers["pg_up"] == 1 and numbers["pg_exporter_last_scrape_error"] == 0, measured.log.read_text()
    # Those of published dashboards.
    for name in ("pg_settings_max_connections", "pg_settings_superuser_reserved_connections", "pg_database_size_bytes"):
        assert any(series.startswith(name) for series in numbers), name
    # What can be used is less than max_connections.
    assert numbers[USABLE] == 21 and 1 <= numbers[USED] <= 4
    assert numbers["latentum_ops_query_shop_documents_uploaded_value"] == 101
    # Bounded, the largest ones; NULL is a label, too.
    states = {name: value for name, value in numbers.items() if "documents_by_state" in name}
    assert len(states) == 5 and min(states.values()) == 4, states
    # Two rows with the same labels, and several rows where one number is declared, would end the whole scrape: they are one.
    twice = {name: value for name, value in numbers.items() if "documents_twice" in name}
    assert len(twice) == 31 and sum(twice.values()) == 101 and twice['latentum_ops_query_shop_documents_twice_value{state=""}'] == 1
    assert numbers["latentum_ops_query_shop_documents_rows_value"] == 5057
    assert not any("documents_none" in name for name in numbers)
    assert numbers["latentum_ops_query_shop_money_total_value"] == 12.5
    assert PASSWORD not in measured.log.read_text()


def test_what_a_query_does_wrong_stays_with_it(server: PostgreSQL, tmp_path: Path) -> None:
    ensure(server, PASSWORD, reads=True)
    server(
        "CREATE OR REPLACE FUNCTION sneaky() RETURNS int SECURITY DEFINER LANGUAGE sql"
        " AS 'INSERT INTO documents VALUES (0, NULL) RETURNING 1'",
        "shop",
    )
    server(f"ALTER ROLE {ROLE} RESET default_transaction_read_only")  # as a role of somebody's own has it
    wrong = (
        MeasuredQuery("shop_table_missing", "SELECT count(*) FROM nothing_there", interval=0),
        MeasuredQuery("shop_writes_some", "SELECT sneaky()", interval=0),
        MeasuredQuery("shop_takes_long", "SELECT 1 FROM pg_sleep(60)", interval=0),
        MeasuredQuery("shop_no_number", "SELECT 'many'", interval=0),
        MeasuredQuery("shop_few_columns", "SELECT 1", ("state",), interval=0),
    )
    before = server("SELECT count(*) FROM documents", "shop")
    measured = Exporter(exporter(server, QUERIES[0], *wrong), tmp_path, PASSWORD)
    with measured.started():
        numbers = measured.scraped()
    assert numbers["pg_up"] == 1 and numbers["pg_exporter_last_scrape_error"] == 1
    assert numbers["latentum_ops_query_shop_documents_uploaded_value"] == 101 and numbers[USABLE] == 21
    assert not any(query.metric in name for query in wrong for name in numbers)
    assert server("SELECT count(*) FROM documents", "shop") == before
    log = server.log.read_text()
    assert "cannot execute INSERT in a read-only transaction" in log and "canceling statement due to statement timeout" in log


def test_a_rotated_password_is_seen_and_is_well_after_a_start(server: PostgreSQL, tmp_path: Path) -> None:
    ensure(server, PASSWORD, reads=False)
    measured = Exporter(exporter(server, database="postgres"), tmp_path, PASSWORD)
    with measured.started():
        assert measured.scraped()["pg_up"] == 1
        ensure(server, "another-word", reads=False)
        server(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'")  # noqa: S608
        wait_for("pg_up 0", lambda: measured.scraped()["pg_up"] == 0, measured.log)
    measured.set_password("another-word")
    with measured.started():
        assert measured.scraped()["pg_up"] == 1
    assert "another-word" not in measured.log.read_text() and PASSWORD not in measured.log.read_text()


@pytest.mark.matrix
def test_a_database_without_queries_can_be_dropped_while_it_is_measured(server: PostgreSQL, tmp_path: Path) -> None:
    """The exporter keeps its connection: DROP DATABASE of the one that it is in is refused, but for FORCE, as a restore writes it."""
    ensure(server, PASSWORD, reads=True)
    for name in ("plain", "asked"):
        server(f"CREATE DATABASE {name}")
    quiet = Exporter(exporter(server, database="postgres"), tmp_path, PASSWORD)
    with quiet.started():
        quiet.scraped()
        server("DROP DATABASE plain")
    asking = Exporter(exporter(server, MeasuredQuery("shop_one_one", "SELECT 1"), database="asked"), tmp_path, PASSWORD)
    with asking.started():
        assert asking.scraped()["pg_up"] == 1
        assert "is being accessed by other users" in server.refused("DROP DATABASE asked")
        server("DROP DATABASE asked WITH (FORCE)")
        assert asking.scraped()["pg_up"] == 0


def test_a_full_server_is_seen_as_full(server: PostgreSQL, tmp_path: Path) -> None:
    """The connection that the exporter keeps is the one by which it tells that there is no other."""
    ensure(server, PASSWORD, reads=False)
    server("DROP ROLE IF EXISTS client; CREATE ROLE client LOGIN")
    measured = Exporter(exporter(server, database="postgres"), tmp_path, PASSWORD)
    clients = []
    with measured.started():
        measured.scraped()
        argv = [program("psql"), "-X", "-q", "-h", str(server.path), "-p", str(server.port), "-U", "client", "-d", "postgres"]
        try:
            for _client in range(25):
                clients.append(
                    subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
                )
            wait_for("a full server", lambda: (numbers := measured.scraped()).get(USED, 0) / numbers.get(USABLE, 1) > 0.97, measured.log)
        finally:
            for client in clients:
                client.communicate()


@pytest.mark.matrix
def test_replication_seen_from_both_sides(server: PostgreSQL, tmp_path: Path) -> None:
    ensure(server, PASSWORD, reads=False)
    with folder() as path:
        standby = PostgreSQL(path, port())
        argv = [program("pg_basebackup"), "-h", str(server.path), "-p", str(server.port), "-U", "app", "-D", str(path / "data")]
        subprocess.run(as_nobody([*argv, "-R", "--checkpoint=fast"]), env=environment(), check=True, capture_output=True, cwd="/")
        with (path / "data/postgresql.auto.conf").open("a") as written:
            written.write(f"primary_conninfo = 'host={server.path} port={server.port} user=app application_name=second'\n")
        with standby.started("hot_standby=on", "max_connections=25"):
            assert ensure(standby, PASSWORD, reads=False) == []  # it came with the data
            below = Exporter(exporter(standby, database="postgres"), tmp_path, PASSWORD)
            above = Exporter(replace(exporter(server, database="postgres"), service="primary"), tmp_path, PASSWORD)
            lag, bytes_behind, connected = (
                f'latentum_ops_replication_{name}{{peer="primary"}}' for name in ("lag_seconds", "lag_bytes", "connected")
            )
            with below.started(), above.started():
                server("INSERT INTO documents VALUES (8, NULL)", "shop")
                wait_for("a standby that has all", lambda: below.scraped().get(lag) == 0 and below.scraped()[connected] == 1, below.log)
                wait_for("its primary", lambda: above.scraped().get('latentum_ops_replication_lag_bytes{peer="second"}') == 0, above.log)
                assert not any("peer" in name for name in above.scraped() if 'peer="primary"' in name)
                # Behind: it receives, and does not replay.
                standby("SELECT pg_wal_replay_pause()")
                wait_for("a pause", lambda: standby("SELECT pg_get_wal_replay_pause_state()") == "paused")
                server("INSERT INTO documents SELECT n, 'more' FROM generate_series(1, 1000) n", "shop")
                wait_for("bytes behind", lambda: below.scraped()[bytes_behind] > 1000, below.log)
                wait_for("seconds behind", lambda: below.scraped()[lag] > 0, below.log)
                wait_for("seen above", lambda: above.scraped()['latentum_ops_replication_lag_bytes{peer="second"}'] > 1000, above.log)
                standby("SELECT pg_wal_replay_resume()")
                wait_for("all replayed", lambda: below.scraped()[lag] == 0, below.log)
                # What only takes WAL, as a backup does, replays nothing and is no standby that is behind.
                (path / "wal").mkdir(mode=0o777)
                (path / "wal").chmod(0o777)
                takes = [program("pg_receivewal"), "-h", str(server.path), "-p", str(server.port), "-U", "app", "-D", str(path / "wal")]
                with running(as_nobody([*takes, "--no-loop"]), path / "receivewal.log"):
                    wait_for("a receiver", lambda: server("SELECT count(*) FROM pg_stat_replication") == "2", path / "receivewal.log")
                    peers = [name for name in above.scraped() if name.startswith("latentum_ops_replication_lag_bytes")]
                    assert peers == ['latentum_ops_replication_lag_bytes{peer="second"}']
                # Cut off: nothing is behind what was received, and that is no good news.
                standby("ALTER SYSTEM SET primary_conninfo = 'host=/nowhere'")
                standby("SELECT pg_reload_conf()")
                wait_for("no connection", lambda: below.scraped()[connected] == 0 and below.scraped()[lag] == 0, below.log)
        server("DELETE FROM documents WHERE id = 8 OR state = 'more'", "shop")


@pytest.mark.matrix
def test_a_server_that_is_started_again_is_asked_again(tmp_path: Path) -> None:
    with folder() as path:
        server = PostgreSQL(path, port())
        server.make()
        with server.started():
            ensure(server, PASSWORD, reads=False)
        measured = Exporter(exporter(server, database="postgres"), tmp_path, PASSWORD)
        with measured.started():
            assert measured.scraped()["pg_up"] == 0
            with server.started():
                wait_for("pg_up 1", lambda: measured.scraped()["pg_up"] == 1, measured.log)
            wait_for("pg_up 0", lambda: measured.scraped()["pg_up"] == 0, measured.log)


@pytest.mark.matrix
@pytest.mark.skipif(not program("openssl"), reason="no openssl here")
def test_tls_is_what_both_agree_on(tmp_path: Path) -> None:
    """A server that lets nobody in without TLS, by a certificate that it made itself; and one that has none."""
    with folder() as path:
        server = PostgreSQL(path, port())
        server.make()
        key, certificate = path / "data/server.key", path / "data/server.crt"
        argv = [program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=db", "-days", "2"]
        subprocess.run([*argv, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
        key.chmod(0o600)
        if os.geteuid() == 0:
            shutil.chown(key, "nobody", "nogroup")
        plain = Exporter(exporter(server, database="postgres"), tmp_path, PASSWORD)
        secured = Exporter(replace(exporter(server, database="postgres"), service="secured", tls=True), tmp_path, PASSWORD)
        for options, well, ill in ((["ssl=on"], secured, plain), (["ssl=off"], plain, secured)):
            rule = "hostssl" if options == ["ssl=on"] else "host"
            (path / "data/pg_hba.conf").write_text(f"local all all trust\n{rule} all all 127.0.0.1/32 scram-sha-256\n")
            with server.started(*options):
                ensure(server, PASSWORD, reads=False)
                with well.started(), ill.started():
                    assert well.scraped()["pg_up"] == 1 and ill.scraped()["pg_up"] == 0
