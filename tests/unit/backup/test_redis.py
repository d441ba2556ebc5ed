# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A Redis, or a relative: a copy of one moment, counted, and laid down where the server looks for it."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import redis
from ansible_collections.latentum.ops.plugins.module_utils.backup.redis import Redis, put_back, sum_of_keys
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError
from ansible_collections.latentum.ops.plugins.module_utils.contracts.backup_settings import Cache
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result

from . import fakes
from .fakes import SECRET, Call, Clock, FakeEngine, Host, Programs, container, shop

host, programs, clock = fakes.host, fakes.programs, fakes.clock

DUMP = "REDIS0011 keys and values"
KEYSPACE = "# Keyspace\r\ndb0:keys=10,expires=3,avg_ttl=5,subexpiry=0\r\ndb7:keys=2,expires=0,avg_ttl=0\r\n"


class Server:
    """What the client of a container says."""

    def __init__(self, programs: Programs, name: str = "shop-cache-1") -> None:
        self.settings = {"dir": "/data", "dbfilename": "dump.rdb", "appendonly": "no", "appendfilename": "appendonly.aof"}
        self.settings["appenddirname"] = "appendonlydir"
        self.keyspaces = [KEYSPACE]
        self.copy: Any = DUMP
        programs.on(name, " CONFIG GET ", do=self.config)
        programs.on(name, " INFO keyspace", do=lambda _call: self.keyspaces.pop(0) if len(self.keyspaces) > 1 else self.keyspaces[0])
        programs.on(name, " --rdb ", do=lambda _call: self.copy)

    def config(self, call: Call) -> str:
        name = call.argv[-1]
        return f"{name}\n{self.settings[name]}\n" if name in self.settings else "\n"


@pytest.fixture
def server(programs: Programs) -> Server:
    return Server(programs)


@pytest.fixture
def made(host: Host, server: Server) -> Redis:
    return Redis(FakeEngine(container("cache")), shop(), Cache("cache", host.secret("cache")))  # type: ignore[arg-type]


# A copy


def test_a_copy_says_what_is_needed_to_put_it_back(made: Redis, server: Server, tmp_path: Path) -> None:
    copied = made.copy(tmp_path)
    assert (copied.file, copied.file.read_text(), copied.size) == (tmp_path / "cache.rdb", DUMP, len(DUMP))
    assert copied.as_dict() == {"file": "cache.rdb", "size": len(DUMP), "keys": 9, "settings": server.settings}
    assert stat.S_IMODE(copied.file.stat().st_mode) == 0o600 and not (tmp_path / "cache.part").exists()


def test_a_server_without_some_setting_is_older_and_not_broken(made: Redis, server: Server, tmp_path: Path) -> None:
    del server.settings["appenddirname"]
    assert made.copy(tmp_path).settings["appenddirname"] == ""


def test_keys_that_go_while_it_is_copied_are_not_expected_of_it(made: Redis, server: Server, tmp_path: Path) -> None:
    server.keyspaces = ["db0:keys=10,expires=0\n", "db0:keys=4,expires=0\n"]
    assert made.copy(tmp_path).keys == 4
    server.keyspaces = ["db0:keys=4,expires=0\n", "db0:keys=10,expires=0\n"]
    assert made.copy(tmp_path).keys == 4


def test_the_mark_that_ends_the_transfer_is_no_part_of_the_copy(made: Redis, server: Server, tmp_path: Path) -> None:
    said = f"SYNC sent to master, writing until EOF marker to '-'\nTransfer finished with success after {len(DUMP)} bytes\n"
    server.copy = Result((), 0, DUMP + "e57c423d503e897" * 2 + "0123456789", said)
    copied = made.copy(tmp_path)
    assert (copied.file.read_text(), copied.size) == (DUMP, len(DUMP))


@pytest.mark.parametrize(("copy", "valid"), [(DUMP, True), ("VALKEY080 data", True), ("ERR unknown command", False), ("", False)])
def test_only_an_rdb_file_is_a_copy(copy: str, valid: bool, made: Redis, server: Server, tmp_path: Path) -> None:
    server.copy = copy
    (tmp_path / "cache.rdb").write_text("yesterday")
    if valid:
        made.copy(tmp_path)
        return
    with pytest.raises(BackupError, match="shop-cache-1 gave no copy of its data"):
        made.copy(tmp_path)
    assert (tmp_path / "cache.rdb").read_text() == "yesterday"


def test_a_copy_that_broke_off_takes_nobody_s_place(made: Redis, server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache.rdb").write_text("yesterday")
    server.copy = Result((), 1, DUMP[:9], "Connection reset by peer")
    with pytest.raises(BackupError, match="Connection reset by peer"):
        made.copy(tmp_path)
    assert (tmp_path / "cache.rdb").read_text() == "yesterday"


@pytest.mark.parametrize(
    "answer",
    [
        Result((), 1, "", "Could not connect to Redis at 127.0.0.1:6379"),
        Result((), 0, "NOAUTH Authentication required.\n", ""),
        Result((), 0, "ERR unknown command 'CONFIG'\n", ""),
        Result((), 0, "", "AUTH failed: WRONGPASS invalid username-password pair\n"),
    ],
)
def test_what_the_server_refuses_is_told(answer: Result, made: Redis, programs: Programs, tmp_path: Path) -> None:
    programs.on(" CONFIG GET ", do=lambda _call: answer)
    with pytest.raises(BackupError, match=r"shop-cache-1 refused `CONFIG GET dir`: "):
        made.copy(tmp_path)


def test_the_password_is_in_the_client_s_environment_and_nowhere_else(made: Redis, programs: Programs, tmp_path: Path) -> None:
    made.copy(tmp_path)
    assert programs.shows() == [] and len(programs.calls) == 8
    assert all(one.given["env"] == {"REDISCLI_AUTH": SECRET} and "--env=REDISCLI_AUTH" in one.argv for one in programs.calls)


def test_without_a_password_none_is_sent_not_an_empty_one(host: Host, server: Server, programs: Programs, tmp_path: Path) -> None:
    Redis(FakeEngine(container("cache")), shop(), Cache("cache")).copy(tmp_path)  # type: ignore[arg-type]
    assert not [
        one for one in programs.calls if "--env=REDISCLI_AUTH" in one.argv and (one.given.get("env") or {}).get("REDISCLI_AUTH") == ""
    ]


def test_a_cache_that_does_not_run_cannot_be_copied(host: Host) -> None:
    with pytest.raises(BackupError, match="no container of cache is running"):
        Redis(FakeEngine(container("cache", state="exited")), shop(), Cache("cache"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("keyspace", "all_of_them", "lasting"),
    [(KEYSPACE, 12, 9), ("", 0, 0), ("# Keyspace\n", 0, 0), ("db0:keys=5\n", 5, 5), ("other:keys=5\n", 0, 0)],
)
def test_keys_are_summed_over_all_databases(keyspace: str, all_of_them: int, lasting: int) -> None:
    assert (sum_of_keys(keyspace, expiring=True), sum_of_keys(keyspace, expiring=False)) == (all_of_them, lasting)


# A copy is read by a throw-away server


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(container("cache"))


def test_a_copy_is_counted_by_a_server_of_the_same_image(engine: FakeEngine, programs: Programs, clock: Clock, tmp_path: Path) -> None:
    answers = ["LOADING Redis is loading the dataset in memory", "PONG"]
    programs.on("throwaway-shop-redis", " PING", do=lambda _call: answers.pop(0))
    programs.on("throwaway-shop-redis", " INFO keyspace", stdout=KEYSPACE)
    raw = engine.api.inspect_container("cache1")
    settings = {"dir": "/data", "dbfilename": "my.rdb", "appendonly": "yes", "appenddirname": ""}
    assert redis.load(engine, raw, "shop", tmp_path, settings) == 12  # type: ignore[arg-type]
    (thrown,) = engine.api.thrown
    assert thrown["Image"] == "sha256:cache" and thrown["NetworkDisabled"] is True
    assert thrown["HostConfig"]["Binds"] == [f"{tmp_path}:/latentum-ops:rw"]
    given = ["--port", "6379", "--dir", "/latentum-ops", "--save", "", "--dbfilename", "my.rdb", "--appendonly", "yes"]
    assert thrown["Cmd"][-len(given) :] == given  # as the real one, in a folder of its own
    assert engine.api.left == []


def test_a_copy_that_cannot_be_loaded_is_told_with_the_server_s_words(
    engine: FakeEngine, clock: Clock, programs: Programs, tmp_path: Path
) -> None:
    engine.api.dead, engine.api.words = True, b"Short read or OOM loading DB. Unrecoverable error, aborting now.\n"
    with pytest.raises(BackupError, match="ended with exit code 1: Short read"):
        redis.load(engine, engine.api.inspect_container("cache1"), "shop", tmp_path, {})  # type: ignore[arg-type]
    assert engine.api.left == []


# Back in place


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "data.restored"
    made.mkdir()
    (tmp_path / "copy.rdb").write_text(DUMP)
    return made


def files(folder: Path) -> dict[str, str]:
    return {str(one.relative_to(folder)): one.read_text() for one in folder.rglob("*") if one.is_file()}


@pytest.mark.parametrize(("settings", "name"), [({"appendonly": "no", "dbfilename": "my.rdb"}, "my.rdb"), ({}, "dump.rdb")])
def test_a_server_without_an_append_only_file_reads_its_dump(
    settings: dict[str, str], name: str, folder: Path, host: Host, programs: Programs, tmp_path: Path
) -> None:
    put_back(settings, tmp_path / "copy.rdb", folder, (999, 1000))
    assert files(folder) == {name: DUMP}
    assert host.owners == [(str(folder), 999, 1000), (str(folder / name), 999, 1000)]


def test_a_server_with_an_append_only_file_gets_one_that_begins_with_the_copy(
    folder: Path, host: Host, programs: Programs, tmp_path: Path
) -> None:
    settings = {"appendonly": "yes", "appendfilename": "a.aof", "appenddirname": "aof", "dbfilename": "dump.rdb"}
    put_back(settings, tmp_path / "copy.rdb", folder, (999, 1000))
    assert files(folder) == {
        "aof/a.aof.1.base.rdb": DUMP,
        "aof/a.aof.1.incr.aof": "",
        "aof/a.aof.manifest": "file a.aof.1.base.rdb seq 1 type b\nfile a.aof.1.incr.aof seq 1 type i\n",
    }
    assert {path for path, _uid, _gid in host.owners} == {str(one) for one in (folder, *folder.rglob("*"))}


def test_a_server_from_before_the_parts_gets_the_copy_as_its_only_file(
    folder: Path, host: Host, programs: Programs, tmp_path: Path
) -> None:
    settings = {"appendonly": "yes", "appendfilename": "appendonly.aof", "appenddirname": "", "dbfilename": "dump.rdb"}
    put_back(settings, tmp_path / "copy.rdb", folder, (999, 1000))
    assert files(folder)["appendonly.aof"] == DUMP  # begins with an RDB file, as aof-use-rdb-preamble writes it
