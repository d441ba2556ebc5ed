# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a backup is made of: everything that is declared, of one release, under the lock of the stack, and nothing half."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import staging, state
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings
from ansible_collections.latentum.ops.plugins.module_utils.core import locks
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store

from . import fakes
from .fakes import NOW, SECRET, Cache, Call, Clock, Database, FakeEngine, Host, Programs, Volume, container, mount, shop
from .test_barman import Archive
from .test_redis import Server

host, programs, clock = fakes.host, fakes.programs, fakes.clock


@pytest.fixture
def engine(host: Host) -> FakeEngine:
    made = FakeEngine(container("cache"), container("database"), container("web", 1), container("web", 2))
    for service, inside in (("database", "/var/lib/postgresql/data"), ("cache", "/data")):
        (host.root / service).mkdir()
        made.mounts[service] = [mount(host.root / service, inside, f"shop_{service}")]
    for name in ("files", "uploads"):
        (host.root / name).mkdir()
        made.api.volume(name, host.root / name)
    return made


@pytest.fixture
def server(programs: Programs) -> Database:
    Server(programs)
    made = Database().behind(programs)
    programs.on(" pg_dump ", do=lambda call: f"dump of {next(one for one in call.argv if one.startswith('--dbname='))}")
    programs.on(" pg_dumpall ", stdout="CREATE ROLE everybody;")
    archive = Archive(programs, ("A", NOW - 90000, "DONE"), ("B", NOW - 4000, "DONE"))
    archive.next = [("C", NOW, "DONE")]
    return made


@pytest.fixture
def declared(host: Host, server: Database, clock: Clock) -> Settings:
    (host.root / "srv").mkdir()
    (host.root / "nginx").mkdir()
    host.monkeypatch.setattr(staging, "HOST", (str(host.root / "nginx"), str(host.root / "letsencrypt")))
    return shop(
        clusters=(fakes.cluster(host, "database", "orders", "users"),),
        caches=(Cache("cache", host.secret("cache")),),
        volumes=(Volume("files", ("web",), exclude=("*.tmp", "cache/**")), Volume("uploads", ("web",), "paused", exclude=("*.part",))),
        paths=(str(host.root / "srv"),),
    )


def stage(engine: FakeEngine, declared: Settings) -> staging.Staged:
    return staging.stage(engine, declared, lambda _line: None)  # type: ignore[arg-type]


def test_everything_is_read_from_where_it_is(engine: FakeEngine, declared: Settings, host: Host) -> None:
    brought = stage(engine, declared)
    assert brought.paths == tuple(
        str(one) for one in (declared.staging, host.root / "files", host.root / "srv", host.root / "nginx", host.barman / "shop.database")
    )
    assert set(brought.exclude) == {
        *staging.EXCLUDED,
        f"{host.root}/files/**/*.tmp",
        f"{host.root}/files/**/cache/**",
        f"{declared.staging}/volumes/uploads/**/*.part",
    }


def test_core_dumps_are_left_out_and_told(engine: FakeEngine, declared: Settings, host: Host, programs: Programs) -> None:
    """By what they are: a folder or a file of an application that has such a name stays in."""
    dump = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x04\x00" + bytes(4096)
    for path, content in {
        "files/data[1]/core.8": dump,
        "files/core/core.js": b"export {}",
        "uploads/core": dump,
        "srv/core.12": dump,
    }.items():
        (host.root / path).parent.mkdir(parents=True, exist_ok=True)
        (host.root / path).write_bytes(content)
    told: list[str] = []
    copied = declared.staging / "volumes/uploads"

    def copy(_call: Call) -> str:
        copied.mkdir(parents=True)
        (copied / "core").write_bytes(dump)
        return ""

    programs.on("cp --archive", do=copy)
    brought = staging.stage(engine, declared, told.append)  # type: ignore[arg-type]
    left_out = {f"{host.root}/files/data\\[1]/core.8", f"{copied}/core", f"{host.root}/srv/core.12"}
    assert left_out <= set(brought.exclude) and not [pattern for pattern in brought.exclude if pattern.endswith(".js")]
    assert brought.facts["core_files"] == sorted(path.replace("\\", "") for path in left_out)
    assert "volume files: core dumps are left out, data[1]/core.8 (4.0 KiB): see what crashed, and remove them" in told
    again = staging.staged(declared)
    assert again is not None and left_out <= set(again.exclude)


def test_the_facts_say_what_is_what(engine: FakeEngine, declared: Settings, host: Host) -> None:
    live = Release("shop", "/opt/shop", {"services": {}}, {}, [], [])
    Store("shop").save(live)
    Store("shop").set_live(live.id)
    facts = stage(engine, declared).facts
    own = [host.root.stat().st_uid, host.root.stat().st_gid]
    assert facts == json.loads((declared.staging / "facts.json").read_text())
    assert (facts["format"], facts["stack"], facts["at"], facts["release"], facts["directory"]) == (1, "shop", NOW, live.id, "/opt/shop")
    assert facts["clusters"]["database"] == {
        "server": "shop.database",
        "version": 170002,
        "identifier": "7000000000000000001",
        "data": "/var/lib/postgresql/data",
        "owner": own,
        "admin": "admin",
        "dumps": {"orders": {"file": "database.orders.dump", "size": 23}, "users": {"file": "database.users.dump", "size": 22}},
        "globals": "database.globals.sql",
        "base": "C",
        "base_size": 4096,
        "base_end": NOW,
    }
    assert facts["caches"]["cache"]["file"] == "cache.rdb" and facts["caches"]["cache"]["owner"] == own
    assert facts["volumes"] == {
        "files": {"docker": "shop_files", "mountpoint": f"{host.root}/files", "folder": f"{host.root}/files", "still": False},
        "uploads": {
            "docker": "shop_uploads",
            "mountpoint": f"{host.root}/uploads",
            "folder": f"{declared.staging}/volumes/uploads",
            "still": True,
        },
    }
    assert facts["images"]["web"] == "registry/web:1@sha256:web-digest" and sorted(facts["images"]) == ["cache", "database", "web"]


def test_an_image_that_came_from_no_registry_goes_by_its_name(
    engine: FakeEngine, declared: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "digest", lambda one: one.image_id)
    assert stage(engine, declared).facts["images"]["web"] == "registry/web:1"


def test_dumps_are_whole_and_root_s_alone(engine: FakeEngine, declared: Settings, programs: Programs) -> None:
    stage(engine, declared)
    folder = declared.staging / "dumps"
    assert {one.name: one.read_text() for one in folder.iterdir()} == {
        "database.orders.dump": "dump of --dbname=orders",
        "database.users.dump": "dump of --dbname=users",
        "database.globals.sql": "CREATE ROLE everybody;",
    }
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(declared.staging.stat().st_mode) == stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert all("--format=custom" in one and "--username=admin" in one for one in programs.lines(" pg_dump "))


def test_dumps_come_before_the_base_whose_wal_then_covers_them(engine: FakeEngine, declared: Settings, programs: Programs) -> None:
    stage(engine, declared)
    order = [programs.calls.index(programs.named(word)[0]) for word in (" pg_dump ", " pg_dumpall ", ".conf backup ", " delete ")]
    assert order == sorted(order) and [one.split()[-3:] for one in programs.lines(" delete ")] == [["delete", "shop.database", "A"]]


@pytest.mark.parametrize(("since", "removed"), [(3600, False), (90000, True)])
def test_no_base_is_removed_while_somebody_looks_for_the_right_moment(
    since: int, removed: bool, engine: FakeEngine, declared: Settings, programs: Programs, clock: Clock
) -> None:
    state.note("shop", restored=clock.now - since)
    stage(engine, declared)
    assert bool(programs.lines(" delete ")) == removed


def test_no_argument_shows_a_secret(engine: FakeEngine, declared: Settings, programs: Programs, host: Host) -> None:
    stage(engine, declared)
    assert len(programs.calls) > 20 and programs.shows() == []
    assert SECRET not in (declared.staging / "facts.json").read_text()


def test_a_dump_that_breaks_off_is_no_dump(engine: FakeEngine, declared: Settings, programs: Programs) -> None:
    stage(engine, declared)
    before = (declared.staging / "dumps" / "database.users.dump").read_text()
    facts = (declared.staging / "facts.json").read_text()
    programs.on(" pg_dump ", "users", do=lambda _call: Result((), 1, "half", "server closed the connection"))
    with pytest.raises(BackupError, match=r"database.users.dump could not be written: .*server closed the connection"):
        stage(engine, declared)
    assert (declared.staging / "dumps" / "database.users.dump").read_text() == before and not list(declared.staging.rglob("*.part"))
    assert (declared.staging / "facts.json").read_text() == facts and not programs.lines("cp ")[1:]


def test_what_is_not_declared_any_more_is_not_backed_up_any_more(engine: FakeEngine, declared: Settings) -> None:
    for name in ("dumps/database.users.dump", "dumps/database.orders.dump.part", "redis/cache.rdb"):
        file = declared.staging / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("of another time")
    without = replace(declared, clusters=(replace(declared.clusters[0], databases=("orders",)),), caches=())
    stage(engine, without)
    assert {one.name for one in (declared.staging / "dumps").iterdir()} == {"database.orders.dump", "database.globals.sql"}
    assert list((declared.staging / "redis").iterdir()) == []


def test_a_declared_folder_that_is_not_there_is_no_backup(engine: FakeEngine, declared: Settings, host: Host) -> None:
    (host.root / "srv").rmdir()
    with pytest.raises(BackupError, match=rf"backups.paths: {host.root}/srv does not exist on this host"):
        stage(engine, declared)
    assert staging.staged(declared) is None


def test_work_on_the_stack_is_waited_for_and_kept_out(engine: FakeEngine, declared: Settings, programs: Programs, host: Host) -> None:
    held: list[str] = []

    def look(_call: Call) -> None:
        with pytest.raises(locks.LockHeld) as caught, locks.stack_lock("shop", "deploy"):
            pass
        held.append(str(caught.value.holder["what"]))

    for words in ((" pg_dump ",), (".conf backup ",), (" --rdb ",)):
        rule = next(one for one in reversed(programs._rules) if one.words[-1:] == words or one.words == words)
        answer = rule.answer
        programs.on(*rule.words, do=lambda call, answer=answer: (look(call), answer(call))[1])  # type: ignore[misc]
    programs.on("cp --archive", do=look)
    stage(engine, declared)
    assert held[:-1] == ["backup: reads the databases"] * 4 and held[-1] == "keeps volumes still for a copy"
    with locks.stack_lock("shop", "deploy"):
        pass


def test_somebody_who_works_on_the_stack_for_too_long_is_named(engine: FakeEngine, declared: Settings) -> None:
    with locks.stack_lock("shop", "ada", what="deploy"), pytest.raises(locks.LockHeld, match="locked by ada"):
        stage(engine, declared)


def test_databases_and_volumes_are_of_one_release(
    engine: FakeEngine, declared: Settings, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deployment that waits gets the lock the moment that it is free."""
    events: list[str] = []
    real = staging.stack_lock

    @contextmanager
    def stack_lock(*given: Any, **named: Any) -> Iterator[None]:
        with real(*given, **named):
            yield
        events.append("free")

    monkeypatch.setattr(staging, "stack_lock", stack_lock)
    programs.on("cp --archive", do=lambda _call: events.append("copied"))
    stage(engine, declared)
    assert events.index("copied") < events.index("free")


def test_another_database_cluster_of_the_same_name_is_said(engine: FakeEngine, declared: Settings, server: Database, host: Host) -> None:
    folder = host.barman / "shop.database"
    folder.mkdir()
    (folder / "identity.json").write_text('{"systemid": "6999"}')
    told: list[str] = []
    staging.stage(engine, declared, told.append)  # type: ignore[arg-type]
    assert any("is another database cluster than the one before, whose backups are kept in" in one for one in told)
    assert not (host.barman / "shop.database" / "identity.json").exists()


# What the last run left for a target that was away


def test_before_the_first_run_nothing_is_staged(host: Host) -> None:
    assert staging.staged(shop()) is None


def test_what_was_staged_is_known_again_by_its_facts_alone(engine: FakeEngine, declared: Settings) -> None:
    assert stage(engine, declared) == staging.staged(declared)


def test_a_folder_that_is_named_twice_is_read_once(engine: FakeEngine, declared: Settings, host: Host) -> None:
    object.__setattr__(declared, "directory", str(host.root / "srv"))
    paths = stage(engine, declared).paths
    assert len(paths) == len(set(paths)) and str(host.root / "srv") in paths


def test_the_passwords_of_barman_are_in_no_backup(engine: FakeEngine, declared: Settings, host: Host) -> None:
    brought = stage(engine, declared)
    secrets = [one for one in host.barman.rglob("*") if one.is_file() and SECRET in one.read_text()]
    assert [one.name for one in secrets] == [".shop.database.pgpass"] and "*.pgpass" in brought.exclude
    assert not any(Path(path) in (secrets[0], *secrets[0].parents) for path in brought.paths)
