# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PostgreSQL that is prepared for backups: who is let in, with what, and what is refused before anything is changed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup.postgres import (
    BEGIN,
    END,
    ROLE,
    RULES,
    Postgres,
    same_password,
    verifier,
    with_rules,
)
from ansible_collections.latentum.ops.plugins.module_utils.backup.psql import Psql
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.backup_settings import Cluster
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result

from . import fakes
from .fakes import SECRET, Call, Database, FakeEngine, Host, Programs, container, mount, shop

host, programs = fakes.host, fakes.programs

# The example of RFC 7677, section 3: user `user`, password `pencil`.
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
NONCE = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
EXCHANGE = f"n=user,r=rOprNGfwEbeRWgbNEkqO,r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={NONCE}".encode()
PROOF = base64.b64decode("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=")
SIGNATURE = base64.b64decode("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


# What is stored of a password


def test_the_verifier_accepts_the_client_of_the_rfc_and_is_accepted_by_it() -> None:
    kind, how, keys = verifier("pencil", SALT).split("$")
    stored, server = (base64.b64decode(one) for one in keys.split(":"))
    assert (kind, how) == ("SCRAM-SHA-256", "4096:W22ZaJ0SNY7soEsUEjb6gQ==")
    signature = hmac.digest(stored, EXCHANGE, "sha256")
    key = bytes(one ^ two for one, two in zip(PROOF, signature, strict=True))
    assert hashlib.sha256(key).digest() == stored
    assert hmac.digest(server, EXCHANGE, "sha256") == SIGNATURE


def test_each_verifier_has_a_salt_of_its_own() -> None:
    one, two = verifier("pencil"), verifier("pencil")
    assert one != two and same_password(one, "pencil") and same_password(two, "pencil")
    assert len(base64.b64decode(one.split("$")[1].partition(":")[2])) == 16


@pytest.mark.parametrize(
    ("stored", "same"),
    [
        (verifier("pencil", SALT), True),
        (verifier("pencil", SALT, 10), True),  # another number of rounds, set by scram_iterations
        (verifier("pencils", SALT), False),
        (verifier("pencil", SALT).replace(":6rr", ":7rr"), True),
        (verifier("pencil", SALT)[:-4] + "AAA=", False),
        ("", False),
        ("md5" + "0" * 32, False),
        ("pencil", False),
        ("SCRAM-SHA-256$4096:", False),
    ],
)
def test_a_stored_password_is_known_again(stored: str, same: bool) -> None:
    assert same_password(stored, "pencil") is same


# Who is let in: pg_hba.conf


@pytest.mark.parametrize(
    "present",
    [
        "local all all trust\n",
        "local all all trust",
        "\n\n# mine\nhost all all all reject\n\n",
        "",
        f"local all all trust\n{BEGIN}\nhost old rules\n{END}\n# after\n",
        f"{BEGIN}\nhost old rules\n{END}\nlocal all all trust\n{BEGIN}\nhost again\n{END}",
    ],
)
def test_rules_come_first_and_once_and_all_others_stay(present: str) -> None:
    wanted = with_rules(present)
    assert wanted.startswith("\n".join([BEGIN, *RULES, END]) + "\n") and wanted.count(BEGIN) == wanted.count(END) == 1
    assert "old rules" not in wanted and "host again" not in wanted
    mine = [line for line in present.splitlines() if line.endswith(("trust", "reject", "mine", "after"))]
    assert [line for line in wanted.splitlines() if line in mine] == mine
    assert with_rules(wanted).strip() == wanted.strip() == with_rules(wanted.rstrip("\n")).strip()


def test_only_the_replication_role_gets_in_and_only_with_its_password_from_next_door() -> None:
    assert {tuple(one.split()) for one in RULES} == {
        ("host", "replication", ROLE, "samenet", "scram-sha-256"),
        ("host", "postgres", ROLE, "samenet", "scram-sha-256"),
    }


# Bringing it about


@pytest.fixture
def server(programs: Programs) -> Database:
    return Database().behind(programs)


@pytest.fixture
def engine(host: Host) -> FakeEngine:
    made = FakeEngine(container("web"), container("database"))
    made.mounts["database"] = [mount(host.root / "data", "/var/lib/postgresql/data", "shop_data")]
    return made


@pytest.fixture
def made(engine: FakeEngine, server: Database, host: Host) -> Postgres:
    one = fakes.cluster(host)
    return Postgres(engine, shop(clusters=(one,)), one)  # type: ignore[arg-type]


def test_what_a_server_says_of_itself(made: Postgres, host: Host) -> None:
    about = made.about()
    assert (about.version, about.major, about.wal_level, about.senders) == (170002, 17, "replica", 10)
    assert (about.data, about.hba, about.identifier) == (
        "/var/lib/postgresql/data",
        "/var/lib/postgresql/data/pg_hba.conf",
        "7000000000000000001",
    )
    assert made.folder() == host.root / "data" and made.address == "10.0.0.9"


def test_the_first_call_lets_the_role_in_and_the_second_changes_nothing(made: Postgres, server: Database, programs: Programs) -> None:
    assert made.prepare() == [f"role {ROLE}", "pg_hba.conf"]
    assert same_password(server.stored, SECRET) and server.hba == with_rules(Database().hba) and server.reloads == 1
    told, written = len(server.told), len(programs.lines(" sh -c "))
    assert made.prepare() == []
    assert server.reloads == 1 and len(programs.lines(" sh -c ")) == written == 1
    assert not [one for one, _database in server.told[told:] if "ROLE" in one]


def test_a_password_that_was_rotated_is_given_to_the_role_that_is_there(made: Postgres, server: Database, host: Host) -> None:
    made.prepare()
    host.secret("replication_database", f"other-{SECRET}\n")
    assert made.prepare() == [f"role {ROLE}"]
    assert same_password(server.stored, f"other-{SECRET}")
    assert [one for one, _database in server.told if f"ALTER ROLE {ROLE} " in one]


def test_neither_arguments_nor_statements_show_the_password(made: Postgres, server: Database, programs: Programs) -> None:
    made.prepare()
    assert programs.shows() == [] and not [one for one, _database in server.told if SECRET in one]
    assert programs.shows(server.stored) == []  # the verifier is nobody's business either


@pytest.mark.parametrize(
    ("version", "there", "absent"),
    [
        (140010, "pg_start_backup(text, boolean, boolean), pg_stop_backup(boolean, boolean)", "pg_checkpoint"),
        (150004, "pg_backup_start(text, boolean), pg_backup_stop(boolean)", "pg_start_backup"),
        (170002, "GRANT pg_checkpoint TO", "pg_start_backup"),
    ],
)
def test_each_version_is_granted_the_functions_that_it_has(version: int, there: str, absent: str, made: Postgres, server: Database) -> None:
    server.version = version
    made.prepare()
    (statement,) = [one for one, _database in server.told if "CREATE ROLE" in one]
    assert there in statement and absent not in statement
    assert f"{ROLE} LOGIN REPLICATION " in statement and "SUPERUSER" not in statement


def test_grants_that_failed_are_made_good_by_the_next_call(made: Postgres, server: Database, programs: Programs) -> None:
    failed: list[str] = []

    def interrupted(call: Call) -> str | Result:
        """As psql does: each statement is carried out for itself, unless they are one transaction."""
        text = str(call.given["input"])
        if "CREATE ROLE" in text and not failed:
            failed.append(text)
            if "BEGIN" not in text and "--single-transaction" not in call.argv:
                server(call)
            return Result((), 3, "", "ERROR: the connection was lost")
        return server(call)

    programs.on("shop-database-1", " psql ", do=interrupted)
    with pytest.raises(BackupError, match="the connection was lost"):
        made.prepare()
    before = len(programs.calls)
    made.prepare()
    assert [one for one in programs.calls[before:] if "GRANT pg_read_all_settings" in str(one.given.get("input"))]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tablespace": "fast\nslow\n"}, r"tablespaces outside of its data \(fast\)"),
        ({"wal_level": "minimal"}, r"add `-c wal_level=replica` to its command in the Compose file"),
        ({"senders": 2}, r"add `-c max_wal_senders=10`"),
    ],
)
def test_what_cannot_be_backed_up_is_refused_before_anything_is_changed(
    changed: dict[str, Any], words: str, made: Postgres, server: Database
) -> None:
    for key, value in changed.items():
        setattr(server, key, value)
    with pytest.raises(BackupError, match=words):
        made.prepare()
    assert not server.has_role and BEGIN not in server.hba


@pytest.mark.parametrize("content", ["", " \n"])
def test_without_a_password_nothing_is_changed(content: str, made: Postgres, server: Database, host: Host) -> None:
    host.secret("replication_database", content)
    with pytest.raises(BackupError, match=r"replication_database is missing: run site.yml with --tags secrets"):
        made.prepare()
    assert not server.has_role


def test_rules_that_nobody_can_read_are_told_and_not_loaded(made: Postgres, server: Database) -> None:
    server.hba_error = "7: invalid IP address"
    with pytest.raises(BackupError, match=r"has errors of its own, so nothing of it is read anew: 7: invalid IP address"):
        made.prepare()
    assert server.reloads == 0


def test_rules_that_were_written_and_not_loaded_are_loaded_by_the_next_call(made: Postgres, server: Database) -> None:
    server.hba_error = "7: invalid IP address"
    with pytest.raises(BackupError):
        made.prepare()
    server.hba_error = ""
    made.prepare()
    assert server.reloads == 1


def test_a_file_that_somebody_broke_since_costs_no_backup(made: Postgres, server: Database) -> None:
    """What was loaded before goes on to count."""
    made.prepare()
    server.loaded, server.hba_error = False, "9: invalid authentication method"
    assert made.prepare() == [] and server.reloads == 1


def test_a_file_that_cannot_be_written_is_told_with_what_to_write(made: Postgres, programs: Programs) -> None:
    programs.on(" sh -c ", "pg_hba.conf", rc=1, stderr="Read-only file system")
    with pytest.raises(BackupError, match=r"cannot be written: put `host replication .*` and `host postgres .*` at its beginning yourself"):
        made.prepare()


# The script that writes the rules, run for real


def script(made: Postgres, programs: Programs) -> str:
    made.prepare()
    (call,) = programs.named(" sh -c ", "pg_hba.conf")
    return call.argv[call.argv.index("-c") + 1]


def written(text: str, file: Path, tools: Path | None = None) -> int:
    path = f"{tools}:{os.environ['PATH']}" if tools else os.environ["PATH"]
    return subprocess.run(["sh", "-c", text, "sh", str(file)], input="new\n", text=True, env={"PATH": path}, check=False).returncode


@pytest.fixture
def immovable(tmp_path: Path) -> Path:
    """A folder with a `mv` that fails, as it does for a file that is a mount."""
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "mv").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "tools" / "mv").chmod(0o755)
    return tmp_path / "tools"


def test_the_file_is_replaced(made: Postgres, programs: Programs, tmp_path: Path) -> None:
    file = tmp_path / "pg_hba.conf"
    file.write_text("old\n")
    assert written(script(made, programs), file) == 0
    assert file.read_text() == "new\n" and [one.name for one in tmp_path.glob("pg_hba*")] == ["pg_hba.conf"]


def test_a_file_that_is_a_mount_is_written_in_place(made: Postgres, programs: Programs, tmp_path: Path, immovable: Path) -> None:
    file = tmp_path / "pg_hba.conf"
    file.write_text("old\n")
    inode = file.stat().st_ino
    assert written(script(made, programs), file, immovable) == 0
    assert file.read_text() == "new\n" and file.stat().st_ino == inode and not (tmp_path / "pg_hba.conf.new").exists()


def test_a_mount_that_is_read_only_is_an_error(made: Postgres, programs: Programs, tmp_path: Path, immovable: Path) -> None:
    file = tmp_path / "pg_hba.conf"
    file.symlink_to("/dev/full")  # opens, and takes nothing
    assert written(script(made, programs), file, immovable) != 0


def test_the_owner_is_asked_as_alpine_understands_it(made: Postgres, programs: Programs) -> None:
    made.prepare()
    (call,) = programs.named(" stat ")
    assert call.argv[call.argv.index("stat") :] == ("stat", "-c", "%u:%g", "/var/lib/postgresql/data/pg_hba.conf")


def test_the_file_is_written_as_its_owner(made: Postgres, programs: Programs) -> None:
    made.prepare()
    (call,) = programs.named(" sh -c ", "pg_hba.conf")
    assert "--user=999:999" in call.argv


# Where it is


def test_a_container_without_a_network_cannot_be_reached(engine: FakeEngine, made: Postgres, host: Host) -> None:
    engine.change("database1", addresses=())
    one = fakes.cluster(host)
    with pytest.raises(BackupError, match="shop-database-1 has no address"):
        assert Postgres(engine, shop(clusters=(one,)), one).address  # type: ignore[arg-type]


@pytest.mark.parametrize("state", ["exited", "paused"])
def test_without_a_running_container_there_is_nothing_to_ask(state: str, engine: FakeEngine, host: Host) -> None:
    engine.change("database1", state=state)
    with pytest.raises(BackupError, match=r"no container of database is running: start it \(`opsctl deploy --stack shop`\)"):
        Postgres(engine, shop(), Cluster("database", "admin", ("shopdb",), ""))  # type: ignore[arg-type]


def test_data_in_the_container_itself_are_refused(engine: FakeEngine, made: Postgres, host: Host) -> None:
    engine.mounts["database"] = [mount(host.root / "conf", "/etc/postgresql")]
    one = fakes.cluster(host)
    with pytest.raises(BackupError, match=r"/var/lib/postgresql/data of shop-database-1 is in no volume"):
        Postgres(engine, shop(clusters=(one,)), one).folder()  # type: ignore[arg-type]


def test_the_innermost_mount_is_the_one_that_counts(engine: FakeEngine, made: Postgres, host: Host) -> None:
    inner = mount(host.root / "inner", "/var/lib/postgresql/data", "shop_inner")
    engine.mounts["database"] = [mount(host.root / "outer", "/var/lib/postgresql", "shop_outer"), inner]
    one = fakes.cluster(host)
    assert Postgres(engine, shop(clusters=(one,)), one).folder() == host.root / "inner"  # type: ignore[arg-type]
    engine.mounts["database"] = [mount(host.root / "outer", "/var/lib/postgresql", "shop_outer")]
    assert Postgres(engine, shop(clusters=(one,)), one).folder() == host.root / "outer" / "data"  # type: ignore[arg-type]


# psql


def test_a_statement_comes_by_standard_input_and_values_are_quoted_by_psql(programs: Programs) -> None:
    programs.on(" psql ", stdout=" a|b\nc|d \n")
    assert Psql("shop-database-1", "admin")("SELECT :'name'", "orders", timeout=7, name="o'neil") == "a|b\nc|d"
    (call,) = programs.calls
    assert call.given["input"] == "SELECT :'name'" and call.given["timeout"] == 7
    assert call.argv[:4] == ("docker", "exec", "--interactive", "shop-database-1")
    assert {"--username=admin", "--dbname=orders", "--set=name=o'neil", "--no-psqlrc", "--set=ON_ERROR_STOP=1"} <= set(call.argv)
    assert "SELECT" not in call.line


def test_what_the_server_refuses_is_told_without_the_statement(programs: Programs) -> None:
    programs.on(" psql ", rc=3, stderr="ERROR:  permission denied\n")
    with pytest.raises(BackupError) as caught:
        Psql("shop-database-1", "admin")(f"SELECT '{SECRET}'")
    assert str(caught.value) == "shop-database-1 refused a question: ERROR:  permission denied"
