# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Barman: what it is told, which base serves a moment, and a data folder that recovers itself."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import barman
from ansible_collections.latentum.ops.plugins.module_utils.backup.barman import Barman, Base
from ansible_collections.latentum.ops.plugins.module_utils.backup.postgres import About, Postgres
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError

from . import fakes
from .fakes import NOW, SECRET, Call, Database, FakeEngine, Host, Programs, container, shop

host, programs = fakes.host, fakes.programs

SEGMENT = "0000000100000000000000"  # and two digits
ABOUT = About(170002, "/data", "/data/pg_hba.conf", "7000000000000000001", "replica", 10)


class Archive:
    """What Barman says of its bases; a `backup` makes one more, and `delete` removes one."""

    def __init__(self, programs: Programs, *bases: tuple[str, float, str]) -> None:
        self.bases = list(bases)
        self.next: list[tuple[str, float, str]] = []
        programs.on(" list-backups ", do=self.listed)
        programs.on(".conf backup ", do=lambda _call: self.bases.extend(self.next))
        programs.on(" delete ", do=self.delete)

    def listed(self, call: Call) -> str:
        """As `barman --format json list-backups` prints it: the newest first, times in whole seconds, as text."""
        return json.dumps({call.argv[-1]: [self.entry(*one) for one in reversed(self.bases)]})

    @staticmethod
    def entry(identity: str, end: float, status: str) -> dict[str, Any]:
        if status == "FAILED":
            return {"backup_id": identity, "status": status}
        return {"backup_id": identity, "end_time_timestamp": str(int(end)), "size_bytes": 4096, "status": status, "retention_status": "-"}

    def delete(self, call: Call) -> None:
        self.bases = [one for one in self.bases if one[0] != call.argv[-1]]


def wal(folder: Path, *names: str, content: str = "wal", at: float = NOW) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_text(content)
        os.utime(folder / name, (at, at))


@pytest.fixture
def made(host: Host, programs: Programs) -> Barman:
    one = Barman("shop.database")
    one.folder.mkdir()
    return one


# What it is told


def test_it_runs_as_its_own_user_and_never_in_a_folder_that_it_may_not_see(made: Barman, programs: Programs) -> None:
    made.archive()
    (call,) = programs.calls
    assert call.argv[:7] == ("setpriv", "--reuid=barman", "--regid=barman", "--init-groups", "--", "barman", "--config")
    assert call.argv[8:] == ("archive-wal", "shop.database")
    assert call.given["cwd"] == "/"


def test_a_copy_has_a_configuration_of_its_own(host: Host, programs: Programs, tmp_path: Path) -> None:
    home = tmp_path / "tree"
    home.mkdir()
    copy = Barman("shop.database", home)
    copy.stand_alone(17)
    copy.archive()
    as_barman = "setpriv --reuid=barman --regid=barman --init-groups --"
    assert programs.lines(" --config ") == [f"{as_barman} barman --config {home}/barman.conf archive-wal shop.database"]
    text = (home / "barman.conf").read_text()
    assert f"barman_home = {home}\n" in text and "[barman]" in text and "[shop.database]" in text
    assert "host=127.0.0.1 port=1 " in text and not list((host.root / "barman.d").iterdir())


def test_what_it_says_is_in_the_error(made: Barman, programs: Programs) -> None:
    programs.on(" archive-wal ", rc=1, stderr="ERROR: Impossible to\n  acquire the lock\n")
    with pytest.raises(BackupError, match=r"^barman archive-wal shop.database: ERROR: Impossible to acquire the lock$"):
        made.archive()
    programs.on(" archive-wal ", rc=1, stdout="only here\n")
    with pytest.raises(BackupError, match="only here"):
        made.archive()


@pytest.fixture
def server(host: Host, programs: Programs) -> Postgres:
    Database().behind(programs)
    one = fakes.cluster(host)
    return Postgres(FakeEngine(container("database")), shop(clusters=(one,)), one)  # type: ignore[arg-type]


def test_where_the_server_is_now_is_written_once(made: Barman, server: Postgres, host: Host, programs: Programs) -> None:
    assert made.configure(server, ABOUT, SECRET) is True
    assert made.configure(server, ABOUT, SECRET) is False
    text = (host.root / "barman.d" / "shop.database.conf").read_text()
    assert " host=10.0.0.9 " in text and f"path_prefix = {host.root}/clients/17/bin\n" in text and SECRET not in text
    passfile = made.home / ".shop.database.pgpass"
    assert f"passfile={passfile} " in text and passfile.read_text() == f"*:*:*:latentum_ops_backup:{SECRET}\n"
    assert stat.S_IMODE(passfile.stat().st_mode) == 0o600
    assert programs.shows() == []


def test_another_address_or_password_is_written_anew(made: Barman, server: Postgres, host: Host) -> None:
    made.configure(server, ABOUT, "old")
    assert made.configure(server, ABOUT, "new") is False  # the configuration is the same; the password is in its own file
    assert ":new\n" in (made.home / ".shop.database.pgpass").read_text()
    object.__setattr__(server.container, "addresses", (("backend", "10.0.0.77"),))
    assert made.configure(server, ABOUT, "new") is True
    assert "10.0.0.77" in (host.root / "barman.d" / "shop.database.conf").read_text()


@pytest.mark.parametrize(("major", "chosen"), [(15, "15"), (16, "17"), (17, "17"), (14, "15")])
def test_the_client_is_of_the_server_s_version_or_the_next(major: int, chosen: str, host: Host) -> None:
    (host.root / "clients" / "15" / "bin").mkdir(parents=True)
    (host.root / "clients" / "15" / "bin" / "pg_receivewal").touch()
    (host.root / "clients" / "16" / "bin").mkdir(parents=True)  # without the program
    assert barman.client(major) == host.root / "clients" / chosen / "bin"


@pytest.mark.parametrize(
    ("clients", "major", "expected"), [(["18"], 17, False), (["18"], 16, True), (["17", "18"], 17, True), (["18"], 18, True)]
)
def test_a_newer_program_cannot_check_a_base_of_17_and_later(clients: list[str], major: int, expected: bool, host: Host) -> None:
    for name in clients:
        (host.root / "clients" / name / "bin").mkdir(parents=True, exist_ok=True)
        (host.root / "clients" / name / "bin" / "pg_receivewal").touch()
    if "17" not in clients:
        (host.root / "clients" / "17" / "bin" / "pg_receivewal").unlink()
    assert barman.can_check(major) is expected


def test_a_server_that_is_newer_than_all_clients_is_refused(host: Host) -> None:
    with pytest.raises(
        BackupError, match="PostgreSQL 18 needs its own client programs, and this host has 17: install postgresql-client-18"
    ):
        barman.client(18)
    (host.root / "clients" / "17" / "bin" / "pg_receivewal").unlink()
    with pytest.raises(BackupError, match="this host has none"):
        barman.client(17)


def test_another_database_cluster_is_not_mixed_with_the_one_before(made: Barman) -> None:
    (made.folder / "identity.json").write_text('{"systemid": "7000000000000000001", "version": "17"}')
    wal(made.folder / "streaming", f"{SEGMENT}01")
    assert made.set_aside("7000000000000000001") is None and made.folder.is_dir()
    aside = made.set_aside("7000000000000000002")
    assert aside is not None and not made.folder.exists() and (aside / "streaming" / f"{SEGMENT}01").read_text() == "wal"
    assert made.set_aside("7000000000000000002") is None


def test_before_the_first_contact_there_is_nothing_to_set_aside(made: Barman) -> None:
    assert made.set_aside("7000000000000000001") is None and made.folder.is_dir()


# WAL


def test_what_was_received_last_is_the_youngest_of_stream_and_archive(made: Barman) -> None:
    assert made.streamed() == 0.0
    wal(made.folder / "wals" / "0000000100000000", f"{SEGMENT}01", at=NOW - 300)
    wal(made.folder / "wals" / "0000000100000000", f"{SEGMENT}02", at=NOW - 200)
    (made.folder / "wals" / "xlog.db").write_text("")
    assert made.streamed() == NOW - 200
    wal(made.folder / "streaming", f"{SEGMENT}03.partial", at=NOW - 5)
    wal(made.folder / "streaming", ".tmp", "00000002.history", at=NOW + 100)
    assert made.streamed() == NOW - 5


def test_a_segment_that_is_finished_just_now_disturbs_nobody(made: Barman, monkeypatch: pytest.MonkeyPatch) -> None:
    wal(made.folder / "streaming", f"{SEGMENT}03.partial", f"{SEGMENT}02", at=NOW - 5)
    look = Path.stat

    def stat_after_the_rename(path: Path, **given: Any) -> os.stat_result:
        if path.suffix == ".partial":
            path.unlink(missing_ok=True)
        return look(path, **given)

    monkeypatch.setattr(Path, "stat", stat_after_the_rename)
    assert made.streamed() == NOW - 5


def test_unfinished_segments_are_those_of_the_stream_in_order(made: Barman) -> None:
    wal(made.folder / "streaming", f"{SEGMENT}04.partial", f"{SEGMENT}02", f"{SEGMENT}03", "00000002.history", ".partial", "x.partial")
    assert [one.name for one in made.unfinished()] == [f"{SEGMENT}02", f"{SEGMENT}03", f"{SEGMENT}04.partial"]


# Bases


def test_only_complete_bases_count_and_the_oldest_comes_first(made: Barman, programs: Programs) -> None:
    Archive(programs, ("A", 100, "DONE"), ("B", 200, "FAILED"), ("C", 300, "WAITING_FOR_WALS"), ("D", 400, "DONE"))
    assert made.bases() == [Base("A", 100.0, 4096), Base("D", 400.0, 4096)]


def test_a_server_that_barman_has_never_seen_has_no_bases(made: Barman, programs: Programs) -> None:
    programs.on(" list-backups ", stdout="{}")
    assert made.bases() == [] and made.thin(2) == []


@pytest.mark.parametrize(("at", "chosen"), [(None, "C"), (1e12, "C"), (301.0, "C"), (299.5, "B"), (201.0, "B"), (199.9, "A"), (101.0, "A")])
def test_the_newest_base_that_was_complete_by_then_serves_a_moment(at: float | None, chosen: str, made: Barman, programs: Programs) -> None:
    Archive(programs, ("A", 100, "DONE"), ("B", 200, "DONE"), ("C", 300, "DONE"))
    assert made.base_for(at).id == chosen


def test_a_base_that_ended_in_the_same_second_is_not_yet_of_use(made: Barman, programs: Programs) -> None:
    Archive(programs, ("A", 100, "DONE"), ("B", 200.9, "DONE"))
    assert made.base_for(200.3).id == "A"


def test_a_moment_before_all_bases_is_refused_with_the_first_that_is_possible(made: Barman, programs: Programs) -> None:
    Archive(programs, ("A", 1_800_000_000, "DONE"), ("B", 1_800_000_100, "DONE"))
    with pytest.raises(BackupError, match=r"no base backup of shop.database is that old; .* is 2027-01-15 08:00:01\+00"):
        made.base_for(1_799_999_999.0)


def test_without_any_base_that_is_said(made: Barman, programs: Programs) -> None:
    Archive(programs, ("A", 0, "FAILED"))
    with pytest.raises(BackupError, match="none at all"):
        made.base_for(None)


def test_a_backup_is_the_base_that_was_not_there_before(made: Barman, programs: Programs) -> None:
    wal(made.folder / "wals" / "0000000100000000", f"{SEGMENT}01")
    archive = Archive(programs, ("A", 100, "DONE"))
    archive.next = [("B", 200, "DONE")]
    told: list[str] = []
    assert made.backup(told.append).id == "B" and told == ["base backup of shop.database"]
    # After it: the segment in which it ends is finished and archived, whatever its border.
    lines = programs.lines("barman ")
    assert [line.split(" barman --config ")[1].split()[1] for line in lines if " list-backups " not in line] == [
        "backup",
        "switch-wal",
        "check-backup",
    ]


def test_the_first_base_of_all_waits_for_wal_to_arrive(made: Barman, programs: Programs) -> None:
    archive = Archive(programs)
    archive.next = [("A", 100, "DONE")]
    assert made.backup(lambda _line: None).id == "A"
    lines = programs.lines("barman ")
    assert " switch-wal --force --archive " in lines[0] and lines.index(programs.lines(" backup ")[0]) > 0


@pytest.mark.parametrize("status", ["FAILED", "WAITING_FOR_WALS"])
def test_a_base_that_is_not_complete_is_no_backup(status: str, made: Barman, programs: Programs) -> None:
    archive = Archive(programs, ("A", 100, "DONE"))
    archive.next = [("B", 200, status)]
    with pytest.raises(BackupError, match=r"made no complete base backup of shop\.database"):
        made.backup(lambda _line: None)


def test_thinning_keeps_the_newest_and_removes_what_failed(made: Barman, programs: Programs) -> None:
    archive = Archive(
        programs, ("A", 100, "DONE"), ("B", 200, "FAILED"), ("C", 300, "DONE"), ("D", 400, "DONE"), ("E", 500, "WAITING_FOR_WALS")
    )
    assert made.thin(2) == ["A", "B"]
    assert [one[0] for one in archive.bases] == ["C", "D", "E"] and made.thin(2) == []


def test_keeping_none_removes_no_complete_base(made: Barman, programs: Programs) -> None:
    archive = Archive(programs, ("A", 100, "DONE"))
    assert made.thin(0) == [] and archive.bases


# Recovery


AUTOMATIC = """# Do not edit this file manually!
shared_preload_libraries = 'pg_stat_statements'
restore_command = 'cp /host/tree/barman_wal/%f %p'
recovery_end_command = 'rm -fr /host/tree/barman_wal'
recovery_target_time = '2020-01-01 00:00:00+00'
recovery_target_action = 'shutdown'
work_mem = '64MB'
"""


@pytest.fixture
def recovering(made: Barman, programs: Programs, tmp_path: Path) -> Path:
    """Barman lays down a base with one segment; its stream has that one, one more, and the beginning of a third."""
    data = tmp_path / "recovered" / "shop.database"

    def recover(call: Call) -> None:
        assert call.argv[-1] == str(data) and not data.exists() and data.parent.is_dir()
        (data / "barman_wal").mkdir(parents=True)
        (data / "barman_wal" / f"{SEGMENT}02").write_text("archived")
        (data / "postgresql.auto.conf").write_text(AUTOMATIC)

    programs.on(" recover ", do=recover)
    wal(made.folder / "streaming", f"{SEGMENT}02", f"{SEGMENT}03", f"{SEGMENT}04.partial", content="streamed")
    return data


def test_a_folder_recovers_to_the_end_of_what_was_received(made: Barman, recovering: Path, programs: Programs) -> None:
    made.recover(Base("A", 100.0, 1), recovering, None)
    assert {one.name: one.read_text() for one in (recovering / "barman_wal").iterdir()} == {
        f"{SEGMENT}02": "archived",  # what Barman chose is never overwritten
        f"{SEGMENT}03": "streamed",
        f"{SEGMENT}04": "streamed",  # the unfinished one, under the name that PostgreSQL asks for
    }
    assert (recovering / "postgresql.auto.conf").read_text().splitlines() == [
        "# Do not edit this file manually!",
        "shared_preload_libraries = 'pg_stat_statements'",
        "work_mem = '64MB'",
        "restore_command = 'cp barman_wal/%f %p'",
    ]
    assert (recovering / "recovery.signal").exists() and "--target" not in programs.lines(" recover ")[0]


def test_a_folder_recovers_to_a_moment_and_then_opens(made: Barman, recovering: Path, programs: Programs) -> None:
    at = "2027-01-15 08:00:00.250000+00"
    made.recover(Base("A", 100.0, 1), recovering, at)
    lines = (recovering / "postgresql.auto.conf").read_text().splitlines()
    assert lines[-2:] == [f"recovery_target_time = '{at}'", "recovery_target_action = 'promote'"]
    assert len([one for one in lines if one.startswith("recovery_")]) == 2
    (call,) = programs.named(" recover ")
    place = call.argv.index("--target-time")
    assert call.argv[place : place + 4] == ("--target-time", at, "--target-action", "promote")
    assert call.argv[-3:-1] == ("shop.database", "A")


def test_what_an_earlier_recovery_left_is_removed(made: Barman, recovering: Path) -> None:
    recovering.mkdir(parents=True)
    (recovering / "PG_VERSION").write_text("old")
    made.recover(Base("A", 100.0, 1), recovering, None)
    assert not (recovering / "PG_VERSION").exists()


def test_wal_of_a_base_without_a_folder_of_its_own_is_added_all_the_same(made: Barman, programs: Programs, recovering: Path) -> None:
    def recover(_call: Call) -> None:
        recovering.mkdir(parents=True)
        (recovering / "postgresql.auto.conf").write_text("")

    programs.on(" recover ", do=recover)
    made.recover(Base("A", 100.0, 1), recovering, None)
    assert len(list((recovering / "barman_wal").iterdir())) == 3
