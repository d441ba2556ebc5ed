# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of a database's backup: it recovers, it is undamaged, its dumps fit, and it answers the questions of the declaration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import proof
from ansible_collections.latentum.ops.plugins.module_utils.backup.proof import Finding
from ansible_collections.latentum.ops.plugins.module_utils.backup.psql import Psql
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.backup_settings import Check
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result

from . import fakes
from .fakes import NOW, Call, Clock, Database, FakeEngine, Programs, about_cluster, container

programs, clock = fakes.programs, fakes.clock

NAME = "latentum-ops-throwaway-shop-shop.database"


@pytest.fixture
def server(programs: Programs) -> Database:
    made = Database().behind(programs, NAME)
    made.answers["SELECT pg_is_in_recovery()"] = "f"
    return made


@pytest.fixture
def psql(server: Database) -> Psql:
    return Psql(NAME, "admin")


# Checksums and recovery


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(container("database"))


def recover(engine: FakeEngine, data: Path) -> str:
    raw = engine.api.inspect_container("database1")
    with proof.recovered(engine, raw, "shop", data, about_cluster(), lambda _line: None) as psql:  # type: ignore[arg-type]
        assert engine.api.left
        return psql("SELECT 1", "orders")


def test_a_server_is_asked_only_when_it_has_recovered_to_the_end(
    engine: FakeEngine, server: Database, programs: Programs, clock: Clock, tmp_path: Path
) -> None:
    answers = ["ERROR: the database system is starting up", "t", "t", "f"]

    def answer(call: Call) -> str | Result:
        if "pg_is_in_recovery" not in str(call.given["input"]):
            assert answers == []
            return "1"
        said = answers.pop(0)
        return Result((), 2, "", said) if said.startswith("ERROR") else said

    programs.on(NAME, " psql ", do=answer)
    assert recover(engine, tmp_path / "data") == "1"
    assert engine.api.thrown[0]["HostConfig"]["Binds"] == [f"{tmp_path}/data:/var/lib/postgresql/data:rw"]
    # In order: what it leaves behind may become the production's.
    assert engine.did[-2:] == ["stop thrown1", "remove thrown1 with its volumes"] and engine.api.left == []


def test_a_server_that_ends_says_why(engine: FakeEngine, server: Database, clock: Clock, tmp_path: Path) -> None:
    server.answers["SELECT pg_is_in_recovery()"] = "ERROR: no"
    engine.api.dead, engine.api.words = True, f"FATAL:  {proof.TOO_SHORT}\n".encode()
    with pytest.raises(BackupError, match=proof.TOO_SHORT):
        recover(engine, tmp_path / "data")
    assert engine.api.left == []


# Damage


def test_an_undamaged_server_says_nothing(psql: Psql, programs: Programs) -> None:
    found = proof.amcheck(psql)
    assert found.ok and found.found.startswith("no damage, ")
    assert "--all --install-missing" in programs.lines(" pg_amcheck ")[0]


def test_damage_is_told(psql: Psql, programs: Programs) -> None:
    programs.on(" pg_amcheck ", rc=2, stdout="heap table 'orders', block 3:\n    xmin is in the future\n")
    assert proof.amcheck(psql) == Finding("pg_amcheck", False, "heap table 'orders', block 3: xmin is in the future")


@pytest.mark.parametrize("rc", [126, 127])
def test_an_image_without_the_checker_reads_every_row_instead(rc: int, psql: Psql, programs: Programs) -> None:
    programs.on(" pg_amcheck ", rc=rc, stderr="executable file not found in $PATH")
    assert proof.amcheck(psql).ok and programs.lines(" pg_dumpall ", "--file=/dev/null")
    programs.on(" pg_dumpall ", rc=1, stderr="invalid page in block 7")
    assert not proof.amcheck(psql).ok


# Dumps


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "database.shopdb.dump").write_bytes(b"PGDMP")
    return tmp_path


def test_a_dump_is_restored_into_an_empty_database_and_compared(psql: Psql, server: Database, programs: Programs, folder: Path) -> None:
    given: list[bytes] = []
    programs.on(" pg_restore ", do=lambda call: given.append(call.given["stdin"].read()))
    programs.on(NAME, " psql ", do=server)
    server.answers["SELECT count(*)"] = "7"
    assert proof.dumps(psql, folder, about_cluster()) == [Finding("dump of shopdb", True, "7 tables, 7 in the recovered database")]
    assert given == [b"PGDMP"] and f"--dbname={proof.SCRATCH}" in programs.lines(" pg_restore ")[0]
    told = [one for one, _database in server.told]
    assert told[0] == 'CREATE DATABASE :"name" TEMPLATE template0' and told[-1] == 'DROP DATABASE :"name" WITH (FORCE)'
    assert {one for _statement, one in server.told if "count" in _statement} == {proof.SCRATCH, "shopdb"}


def test_a_dump_that_lacks_tables_is_no_dump(psql: Psql, programs: Programs, server: Database, folder: Path) -> None:
    def answer(call: Call) -> str | Result:
        scratch = f"--dbname={proof.SCRATCH}" in call.argv
        return ("5" if scratch else "7") if "count(*)" in str(call.given["input"]) else ""

    programs.on(NAME, " psql ", do=answer)
    assert proof.dumps(psql, folder, about_cluster()) == [Finding("dump of shopdb", False, "5 tables, 7 in the recovered database")]


def test_one_bad_dump_does_not_hide_the_next(psql: Psql, server: Database, programs: Programs, folder: Path) -> None:
    server.answers["SELECT count(*)"] = "7"
    (folder / "database.users.dump").write_bytes(b"PGDMP")
    (folder / "database.shopdb.dump").unlink()
    dumps = {"shopdb": {"file": "database.shopdb.dump"}, "users": {"file": "database.users.dump"}}
    first, second = proof.dumps(psql, folder, about_cluster(dumps=dumps))
    assert not first.ok and "database.shopdb.dump cannot be restored" in first.found and second.ok
    assert len([one for one, _database in server.told if one.startswith("DROP DATABASE")]) == 2


@pytest.mark.parametrize(
    ("stderr", "words"),
    [("pg_restore: error: could not read from input file: end of file\n", "end of file"), ("", "failed with exit status 1")],
)
def test_a_truncated_dump_says_so(stderr: str, words: str, psql: Psql, programs: Programs, folder: Path) -> None:
    programs.on(" pg_restore ", rc=1, stderr=stderr)
    with pytest.raises(BackupError, match=rf"database.shopdb.dump cannot be restored: .*{words}"):
        proof.restore_dump(psql, folder / "database.shopdb.dump", "x")
    assert "--exit-on-error" in programs.lines(" pg_restore ")[0]


# Questions


def ask(psql: Psql, server: Database, answer: str, taken: float = NOW, **check: float) -> Finding:
    server.answers["SELECT n FROM orders"] = answer
    (found,) = proof.ask(psql, [Check("database", "shopdb", " SELECT n FROM orders; ", **check)], taken)
    return found


@pytest.mark.parametrize(
    ("answer", "least", "ok"),
    [
        ("10", 10.0, True),
        ("9", 10.0, False),
        ("9.99", 10.0, False),
        ("-1", 0.0, False),
        ("1e6", 5.0, True),
        ("nan", 0.0, False),
        ("12\n99", 10.0, True),
    ],
)
def test_missing_rows_are_noticed(answer: str, least: float, ok: bool, psql: Psql, server: Database) -> None:
    found = ask(psql, server, answer, at_least=least)
    assert found.ok is ok and found.name == "SELECT n FROM orders" and found.found.endswith(f"at least {least:g} expected")


@pytest.mark.parametrize("answer", ["many", "ERROR:  relation does not exist", "1|2"])
def test_no_number_is_no_answer(answer: str, psql: Psql, server: Database) -> None:
    found = ask(psql, server, answer, at_least=0.0)
    assert not found.ok and found.found.startswith("no number or time: ")


@pytest.mark.parametrize("check", [{"at_least": 0.0}, {"newest": 60.0}])
def test_nothing_is_no_answer(check: dict[str, float], psql: Psql, server: Database) -> None:
    assert ask(psql, server, "", **check) == Finding("SELECT n FROM orders", False, "nothing")


@pytest.mark.parametrize(("age", "ok"), [(0, True), (3600, True), (3601, False), (-50, True), (1e9, False)])
def test_stale_rows_are_noticed_by_the_moment_of_the_backup(age: float, ok: bool, psql: Psql, server: Database, clock: Clock) -> None:
    clock.go(1e6)  # the verification may come days later
    server.answers["SELECT extract(epoch FROM :'time'::timestamptz)"] = str(NOW - age)
    found = ask(psql, server, "2027-01-15 07:00:00+00", taken=NOW, newest=3600.0)
    assert found.ok is ok and found.found == f"{max(age, 0):.0f} s old when the backup was taken, at most 3600 s allowed"


def test_a_time_that_is_none_is_told(psql: Psql, server: Database) -> None:
    server.answers["SELECT extract(epoch FROM :'time'::timestamptz)"] = 'ERROR:  invalid input syntax for type timestamp: "blue"'
    found = ask(psql, server, "blue", newest=60.0)
    assert not found.ok and "invalid input syntax" in found.found


def test_each_question_goes_to_its_database_and_one_that_fails_hides_no_other(psql: Psql, server: Database) -> None:
    server.answers.update({"SELECT 1": "ERROR: no", "SELECT 2": "2"})
    found = proof.ask(psql, [Check("database", "one", "SELECT 1", 1.0), Check("database", "two", "SELECT 2", 1.0)], NOW)
    assert [one.ok for one in found] == [False, True] and server.told == [("SELECT 1", "one"), ("SELECT 2", "two")]
    assert found[1].as_dict() == {"name": "SELECT 2", "ok": True, "found": "2, at least 1 expected"}


def test_checksums_are_compared_by_the_program_of_the_image(engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of the host that is newer than the server reads pg_control in its own layout, and calls every base damaged."""
    raw, seen = engine.api.inspect_container("database1"), list[dict[str, Any]]()
    start = engine.api.start

    def ends(identity: str) -> None:
        start(identity)
        seen.append(dict(engine.api.left[0]))
        engine.api.left[0]["running"], engine.api.left[0]["exit_code"] = False, code

    monkeypatch.setattr(engine.api, "start", ends)
    for code in (0, 1):
        if code:
            with pytest.raises(BackupError, match="ended with exit code 1"):
                proof.checksums(engine, raw, "shop", tmp_path, lambda _line: None)  # type: ignore[arg-type]
        else:
            proof.checksums(engine, raw, "shop", tmp_path, lambda _line: None)  # type: ignore[arg-type]
    made = seen[0]
    assert (made["Image"], made["User"], made["Entrypoint"]) == ("sha256:database", "0:0", ["sh"])
    assert made["Cmd"][1].endswith('exec "$program" --no-parse-wal /base') and f"{tmp_path}:/base:rw" in made["HostConfig"]["Binds"]
    assert engine.api.left == []
