# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores that replace nothing: files into an empty folder, a dump into a database of its own."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import restoring_beside, verification
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic import TargetError
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings

from . import fakes
from .fakes import (
    NOW,
    Call,
    Database,
    FakeEngine,
    FakeRepository,
    Host,
    Programs,
    Targets,
    about_cluster,
    container,
    facts,
    keep_facts,
    progress,
    said,
    shop,
)

host, programs, targets = fakes.host, fakes.programs, fakes.targets


@pytest.fixture
def declared(host: Host) -> Settings:
    return shop("offsite", "nas", clusters=(fakes.cluster(host, "database", "orders", "users"),))


@pytest.fixture
def repo(targets: Targets, declared: Settings) -> FakeRepository:
    """Two backups with files and dumps; WAL was pushed after them."""
    made = targets["offsite"]
    for name, at in (("older", NOW - 86400), ("newer", NOW)):
        tree = made.holds(name, at)
        dumps = {one: {"file": f"database.{one}.dump", "size": 5} for one in ("orders", "users")}
        keep_facts(tree, declared, facts(at=at, clusters={"database": about_cluster(dumps=dumps)}))
        for path in ("srv/files/one", "srv/files/inner/two", "etc/hosts", f"{declared.staging}/dumps/database.orders.dump"):
            file = tree / path.lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{path.rpartition('/')[2]} of {name}")
    made.holds("wal", NOW + 60, "wal")
    return made


# Files


def files(declared: Settings, *paths: str, source: str = "", snapshot: str = "", into: str = "") -> list[str]:
    return restoring_beside.files(declared, paths, source, snapshot, into, progress())


def test_each_file_comes_below_its_own_name(declared: Settings, repo: FakeRepository, tmp_path: Path) -> None:
    folder = tmp_path / "into"
    assert files(declared, "/srv/files", "/etc/hosts", into=str(folder)) == [f"{folder}/srv/files", f"{folder}/etc/hosts"]
    assert sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()) == [
        "etc/hosts",
        "srv/files/inner/two",
        "srv/files/one",
    ]
    assert (folder / "etc/hosts").read_text() == "hosts of newer" and not list(tmp_path.glob(".into*"))


def test_the_folder_is_root_s_alone(declared: Settings, repo: FakeRepository, tmp_path: Path) -> None:
    files(declared, "/etc/hosts", into=str(tmp_path / "into"))
    assert (tmp_path / "into").stat().st_mode & 0o777 == 0o700


def test_without_a_folder_a_new_one_is_made(declared: Settings, repo: FakeRepository) -> None:
    (found,) = files(declared, "/etc/hosts")
    assert Path(found).read_text() == "hosts of newer" and Path(found).is_relative_to(restoring_beside.FOLDER)


def test_another_snapshot_is_taken_when_it_is_named(declared: Settings, repo: FakeRepository, tmp_path: Path) -> None:
    (found,) = files(declared, "/etc/hosts", snapshot="old", into=str(tmp_path / "into"))
    assert Path(found).read_text() == "hosts of older"


def test_it_is_said_which(declared: Settings, repo: FakeRepository, tmp_path: Path) -> None:
    one = progress()
    restoring_beside.files(declared, ("/etc/hosts",), "", "", str(tmp_path / "into"), one)
    assert said(one) == "from offsite, snapshot newer of 2027-01-15 08:00:00.000000+00"


def test_a_folder_that_is_not_empty_is_left_alone(declared: Settings, repo: FakeRepository, tmp_path: Path) -> None:
    (tmp_path / "into").mkdir()
    (tmp_path / "into" / "mine").write_text("")
    with pytest.raises(BackupError, match="into is not empty: name another with --into; nothing was changed"):
        files(declared, "/etc/hosts", into=str(tmp_path / "into"))
    assert repo.restored == [] and [one.name for one in (tmp_path / "into").iterdir()] == ["mine"]
    (tmp_path / "into" / "mine").unlink()
    assert files(declared, "/etc/hosts", into=str(tmp_path / "into"))


def test_without_a_path_not_everything_is_brought(declared: Settings, repo: FakeRepository, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no path is named"):
        restoring_beside.files(declared, (), "", "", str(tmp_path / "into"), progress())
    assert repo.restored == [] and not (tmp_path / "into").exists()


@pytest.mark.parametrize("path", ["etc/hosts", "", "../etc/hosts", "~/x"])
def test_a_path_that_is_not_whole_is_refused(path: str, declared: Settings, repo: FakeRepository, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="write the whole path, as it was on the host"):
        files(declared, "/etc/hosts", path, into=str(tmp_path / "into"))
    assert not (tmp_path / "into").exists()


def test_what_the_backup_does_not_hold_is_told(declared: Settings, repo: FakeRepository, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="the backup does not hold /srv/other"):
        files(declared, "/etc/hosts", "/srv/other", into=str(tmp_path / "into"))
    with pytest.raises(TargetError, match="has nothing in snapshot newer"):
        files(declared, "/srv/other", into=str(tmp_path / "second"))


def test_a_link_that_leads_nowhere_is_a_file_too(declared: Settings, repo: FakeRepository, tmp_path: Path) -> None:
    (repo.tree("newer") / "etc" / "link").symlink_to("nowhere")
    shutil.rmtree(repo.tree("newer") / "srv")
    assert files(declared, "/etc", into=str(tmp_path / "into")) and (tmp_path / "into" / "etc" / "link").is_symlink()


@pytest.mark.parametrize("source", ["tape", "local"])
def test_files_come_from_a_target(source: str, declared: Settings, repo: FakeRepository, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="is no target of shop: write one of offsite, nas"):
        files(declared, "/etc/hosts", source=source, into=str(tmp_path / "into"))
    assert not list(tmp_path.glob(".into*"))


# A dump


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(container("database"))


@pytest.fixture
def server(programs: Programs) -> Database:
    return Database().behind(programs)


@pytest.fixture
def restored(programs: Programs, server: Database) -> list[tuple[str, str]]:
    """What `pg_restore` was told and given."""
    found: list[tuple[str, str]] = []
    programs.on(" pg_restore ", do=lambda call: found.append((call.line, call.given["stdin"].read().decode())))
    return found


def dump(
    engine: FakeEngine, declared: Settings, database: str = "orders", table: str = "", source: str = "", snapshot: str = "", into: str = ""
) -> list[str]:
    return restoring_beside.dump(engine, declared, database, table, source, snapshot, into, progress())  # type: ignore[arg-type]


def test_a_dump_comes_into_a_database_of_its_own(
    engine: FakeEngine, declared: Settings, repo: FakeRepository, restored: list[tuple[str, str]], server: Database, programs: Programs
) -> None:
    lines = dump(engine, declared)
    ((line, content),) = restored
    assert (
        content == "database.orders.dump of newer" and "--dbname=orders_restored" in line and line.startswith("docker exec --interactive")
    )
    assert lines[0] == "restored into the database orders_restored of database"
    assert 'ALTER DATABASE "orders" RENAME TO "orders_before"; ALTER DATABASE "orders_restored" RENAME TO "orders"' in lines[1]
    assert [one for one, _database in server.told if one.startswith(("CREATE", "DROP", "ALTER"))] == [
        'CREATE DATABASE :"name" TEMPLATE template0'
    ]
    assert programs.lines("--set=name=orders_restored", " psql ") and list(verification.WORK.iterdir()) == []


def test_the_dump_of_this_host_is_the_nearest(
    engine: FakeEngine, declared: Settings, repo: FakeRepository, restored: list[tuple[str, str]], host: Host
) -> None:
    keep_facts(Path("/"), declared, facts(clusters={"database": about_cluster(dumps={"orders": {"file": "database.orders.dump"}})}))
    (declared.staging / "dumps").mkdir()
    (declared.staging / "dumps" / "database.orders.dump").write_text("of this host")
    dump(engine, declared, into="copy")
    assert [content for _line, content in restored] == ["of this host"] and "--dbname=copy" in restored[0][0] and repo.restored == []
    dump(engine, declared, snapshot="older")
    assert restored[-1][1] == "database.orders.dump of older"


def test_a_database_that_exists_is_left_alone(
    engine: FakeEngine, declared: Settings, repo: FakeRepository, restored: list[tuple[str, str]], server: Database
) -> None:
    server.answers["SELECT 1 FROM pg_database"] = "1"
    with pytest.raises(BackupError, match="the database orders exists already: name another with --into, or drop it; nothing was changed"):
        dump(engine, declared, into="orders")
    assert restored == [] and repo.restored == [] and len(server.told) == 1


@pytest.mark.parametrize(
    ("name", "words"), [("database", "'database' is no database: write one of orders, users"), ("web", "is no database of shop")]
)
def test_an_unknown_database_is_refused(name: str, words: str, engine: FakeEngine, declared: Settings, server: Database) -> None:
    with pytest.raises(BackupError, match=words):
        dump(engine, declared, name)
    assert server.told == []


def test_a_dump_that_does_not_fit_leaves_no_half_database(
    engine: FakeEngine, declared: Settings, repo: FakeRepository, server: Database, programs: Programs
) -> None:
    programs.on(" pg_restore ", rc=1, stderr="pg_restore: error: could not read from input file: end of file")
    with pytest.raises(BackupError, match=r"database\.orders\.dump cannot be restored: .*end of file"):
        dump(engine, declared)
    assert server.told[-1][0] == 'DROP DATABASE :"name" WITH (FORCE)'
    assert programs.named(" psql ")[-1].argv.count("--set=name=orders_restored") == 1 and list(verification.WORK.iterdir()) == []


@pytest.mark.parametrize(("table", "words"), [("", []), ("lines", ["--table=lines"]), ("sales.lines", ["--table=lines", "--schema=sales"])])
def test_a_table_alone_comes_alone(
    table: str, words: list[str], engine: FakeEngine, declared: Settings, repo: FakeRepository, restored: list[tuple[str, str]]
) -> None:
    dump(engine, declared, table=table)
    assert sorted(one for one in restored[0][0].split() if one.startswith(("--table", "--schema"))) == sorted(words)


def test_the_schema_of_a_table_is_made_first(
    engine: FakeEngine, declared: Settings, repo: FakeRepository, server: Database, programs: Programs
) -> None:
    def restore(_call: Call) -> None:
        assert [one for one, database in server.told if "CREATE SCHEMA" in one and database == "orders_restored"]

    programs.on(" pg_restore ", do=restore)
    dump(engine, declared, table="sales.lines")


def test_a_database_that_the_backup_does_not_hold_is_refused(
    engine: FakeEngine, declared: Settings, targets: Targets, server: Database
) -> None:
    keep_facts(targets["nas"].holds("first", NOW), declared, facts(clusters={"database": about_cluster(dumps={})}))
    with pytest.raises(BackupError):
        dump(engine, declared, source="nas")
