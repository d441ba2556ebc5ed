# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A restore: said first, refused where it cannot be, proven beside the production, exchanged, and taken back when it is not well."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import (
    proof,
    replacement,
    restoring,
    restoring_beside,
    restoring_place,
    state,
    verification,
)
from ansible_collections.latentum.ops.plugins.module_utils.backup.replacement import EXCHANGED, EXCHANGING, PREPARING, Replacement
from ansible_collections.latentum.ops.plugins.module_utils.backup.restoring import Report, Request, Unconfirmed
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError
from ansible_collections.latentum.ops.plugins.module_utils.containers.api import EngineError
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container
from ansible_collections.latentum.ops.plugins.module_utils.core import locks
from ansible_collections.latentum.ops.plugins.module_utils.core.format import duration
from ansible_collections.latentum.ops.plugins.module_utils.core.process import Result
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import windows as maintenance_windows

from . import fakes
from .fakes import (
    NOW,
    Cache,
    Call,
    Check,
    Clock,
    Database,
    FakeEngine,
    Host,
    Killed,
    Programs,
    Targets,
    Volume,
    about_cluster,
    container,
    facts,
    keep_facts,
    mount,
    progress,
    said,
    shop,
)
from .test_barman import SEGMENT, Archive, wal

host, programs, clock, targets = fakes.host, fakes.programs, fakes.clock, fakes.targets

THROWN = "latentum-ops-throwaway-shop-shop.database"
THROWN_CACHE = "latentum-ops-throwaway-shop-redis-restore"
DATA = "/var/lib/postgresql/data"
CONFIRMED: dict[str, Any] = {"confirmed": True}


class Shop:
    """Stack shop on a host, with a database, a cache and a volume that hold something newer than the backup in target `offsite`."""

    def __init__(self, host: Host, programs: Programs, targets: Targets) -> None:
        host.declare(database=1, cache=1, web=2)
        self.host, self.programs, self.repo = host, programs, targets["offsite"]
        self.engine = FakeEngine(container("cache"), container("database"), container("web", 1), container("web", 2), container("worker"))
        self.settings = shop(clusters=(fakes.cluster(host),), caches=(Cache("cache"),), volumes=(Volume("files", ("web",)),), checks=())
        self.live = {name: host.root / "volumes" / name / "_data" for name in ("database", "cache", "files")}
        for name, folder in self.live.items():
            folder.mkdir(parents=True)
            (folder / "what").write_text(f"new {name}")
        self.engine.mounts = {
            "database": [mount(self.live["database"], DATA, "shop_database")],
            "cache": [mount(self.live["cache"], "/data", "shop_cache")],
            "web": [mount(self.live["files"], "/files", "shop_files")],
        }
        self.engine.api.volume("files", self.live["files"])
        self.facts = facts(
            at=NOW - 7200,
            clusters={"database": about_cluster()},
            caches={"cache": {"file": "cache.rdb", "size": 9, "keys": 9, "owner": [999, 1000], "settings": {"dir": "/data"}}},
            volumes={
                "files": {
                    "docker": "shop_files",
                    "mountpoint": str(self.live["files"]),
                    "folder": str(self.live["files"]),
                    "still": False,
                }
            },
        )
        self.tree = self.repo.holds("backup1", NOW - 7200, bytes=1000)
        self.write()
        self.put(self.live["files"] / "what", "old files")
        self.put(self.settings.staging / "redis" / "cache.rdb", "old cache")
        self.put(Path("/var/lib/barman/shop.database/identity.json"), "{}")
        for name in (THROWN, "shop-database-1"):
            self.database = Database().behind(programs, name)
        self.database.answers["SELECT pg_is_in_recovery()"] = "f"
        self.database.answers[restoring_place.TIMELINE] = "00000002"
        programs.on(THROWN, " psql ", do=self.database)
        programs.on(THROWN_CACHE, " PING", stdout="PONG")
        programs.on(THROWN_CACHE, " INFO keyspace", stdout="db0:keys=12,expires=3,avg_ttl=0\n")
        self.archive = Archive(programs, ("A", NOW - 90000, "DONE"), ("B", NOW - 8000, "DONE"))
        programs.on(" recover ", do=self.recover)

    def write(self) -> None:
        """The facts of the backup, as they are now."""
        keep_facts(self.tree, self.settings, self.facts)

    def put(self, path: Path, content: str, tree: Path | None = None) -> None:
        """The backup holds a file of the host."""
        file = (tree or self.tree) / str(path).lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    @staticmethod
    def recover(call: Call) -> None:
        data = Path(call.argv[-1])
        (data / "barman_wal").mkdir(parents=True)
        (data / "what").write_text("old database")
        (data / "postgresql.auto.conf").write_text("work_mem = '64MB'\nrecovery_target_time = 'x'\n")

    def restore(self, kind: str, name: str = "", **given: Any) -> Report:
        return restoring.restore(self.engine, self.settings, Request(kind, name, **given), progress())  # type: ignore[arg-type]

    def plan(self, kind: str, name: str = "", **given: Any) -> str:
        """What is said before anybody agreed."""
        lines: list[str] = []
        with pytest.raises(Unconfirmed, match="nothing was changed: say --yes"):
            request = Request(kind, name, **given)
            restoring.restore(self.engine, self.settings, request, progress(), lines.extend)  # type: ignore[arg-type]
        return "\n".join(lines)

    def holds(self, name: str) -> str:
        """What somebody finds where a service looks for its data."""
        folder = self.live[name]
        place = folder / {"cache": "dump.rdb"}.get(name, "what")
        return place.read_text() if place.exists() else (folder / "what").read_text() if (folder / "what").exists() else "nothing"

    def beside(self) -> list[str]:
        """What else is in the folders of the volumes."""
        return sorted(one.name.partition("-")[0] for folder in self.live.values() for one in folder.parent.iterdir() if one != folder)

    @property
    def states(self) -> dict[str, str]:
        return {one.id: one.state for one in self.engine.there}

    def untouched(self) -> bool:
        """Nothing of the production has been changed, and nothing is left behind."""
        same = all(self.holds(name) == f"new {name}" for name in self.live) and not self.beside()
        still = [one for one in self.engine.did if "thrown" not in one]
        left = list(verification.WORK.iterdir()) if verification.WORK.exists() else []
        return same and not still and not left and not self.engine.api.left and replacement.load("shop") is None


@pytest.fixture
def there(host: Host, programs: Programs, targets: Targets, clock: Clock) -> Shop:
    return Shop(host, programs, targets)


# The plan


def test_the_plan_says_from_where_to_when_and_what_will_be_lost(there: Shop) -> None:
    assert there.plan("everything").splitlines() == [
        "restore of database database, cache cache, volume files of shop, from offsite, snapshot backup1",
        "volumes and caches are of 2027-01-15 06:00:00.000000+00",
        f"what was written after 2027-01-15 06:00:00.000000+00 will be lost: the work of {duration(7200)}",
        "these stand still meanwhile: cache, database, web",
        "what is replaced is kept until `opsctl restore confirm`; `opsctl restore undo` puts it back",
    ]
    assert there.untouched()


def test_a_moment_that_was_asked_for_is_what_will_be_there(there: Shop) -> None:
    text = there.plan("database", "shopdb", at=NOW - 7800.5)
    assert "restore of database database of shop" in text and "volumes and caches" not in text
    assert f"after 2027-01-15 05:49:59.500000+00 will be lost: the work of {duration(7800)}" in text
    assert "these stand still meanwhile: database\n" in text


def test_of_a_volume_all_after_the_backup_is_lost_even_when_wal_goes_on(there: Shop) -> None:
    there.repo.holds("wal1", NOW - 60, "wal")
    assert "after 2027-01-15 06:00:00.000000+00 will be lost" in there.plan("volume", "files")
    assert "after 2027-01-15 07:59:00.000000+00 will be lost" in there.plan("database", "database")


def test_only_services_that_use_it_stand_still(there: Shop) -> None:
    there.engine.mounts["worker"] = [mount(there.live["files"], "/mnt")]  # by its folder, not by its name
    assert "these stand still meanwhile: web, worker\n" in there.plan("volume", "files")


@pytest.fixture
def local(there: Shop, host: Host) -> Shop:
    """A backup of this host, and WAL until ten seconds ago."""
    keep_facts(Path("/"), there.settings, there.facts)
    wal(host.barman / "shop.database" / "streaming", f"{SEGMENT}05.partial", at=NOW - 10)
    return there


def test_this_host_loses_least(local: Shop) -> None:
    text = local.plan("database", "database")
    assert "from this host\n" in text and "after 2027-01-15 07:59:50.000000+00 will be lost: the work of" in text


def test_the_plan_does_not_promise_the_wal_of_another_database(local: Shop, host: Host) -> None:
    local.settings = shop(clusters=(*local.settings.clusters, fakes.cluster(host, "users", "usersdb")))
    local.facts["clusters"]["users"] = about_cluster("shop.users")
    keep_facts(Path("/"), local.settings, local.facts)
    wal(host.barman / "shop.users" / "streaming", f"{SEGMENT}05.partial", at=NOW - 5000)  # its stream has stopped
    local.engine.there.append(container("users"))
    local.engine.mounts["users"] = [mount(host.root / "users", DATA, "shop_users")]
    Database().behind(local.programs, "shop-users-1")
    text = local.plan("database", "usersdb", source="local")
    assert "after 2027-01-15 06:36:40.000000+00 will be lost" in text


# Refusals


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("database", "orders", r"'orders' is no database of shop: write one of database, shopdb"),
        ("cache", "database", r"'database' is no cache that is backed up: write one of cache"),
        ("volume", "uploads", r"'uploads' is no volume that is backed up: write one of files"),
        ("nothing", "", r"the backup of shop holds nothing of this kind"),
    ],
)
def test_unknown_names_are_refused_with_the_known_ones(kind: str, name: str, words: str, there: Shop) -> None:
    with pytest.raises(BackupError, match=words):
        there.restore(kind, name, **CONFIRMED)
    assert there.untouched()


def test_an_unknown_target_and_snapshot_are_refused(there: Shop) -> None:
    for given, words in (({"source": "tape"}, "'tape' is no target of shop"), ({"snapshot": "xyz"}, "has no backup xyz")):
        with pytest.raises(BackupError, match=words):
            there.restore("volume", "files", **given, **CONFIRMED)
    assert there.untouched()


def test_a_backup_of_another_stack_is_refused(there: Shop) -> None:
    there.facts["stack"] = "blog"
    there.write()
    with pytest.raises(BackupError, match="of the stack blog in format 1: this is shop"):
        there.restore("everything", **CONFIRMED)
    assert there.untouched()


@pytest.mark.parametrize(("version", "refused"), [(160004, True), (180000, True), (170009, False)])
def test_another_version_of_postgresql_is_refused_with_what_to_do(version: int, refused: bool, there: Shop) -> None:
    there.facts["clusters"]["database"]["version"] = version
    there.write()
    (there.host.root / "clients" / "18" / "bin").mkdir(parents=True)
    if not refused:
        there.plan("database", "database")
        return
    with pytest.raises(BackupError, match=rf"is of PostgreSQL {version // 10000}, the container runs 17: .* opsctl restore dump"):
        there.restore("database", "database", **CONFIRMED)
    assert there.untouched()


def test_a_database_that_was_declared_after_the_backup_is_refused(there: Shop) -> None:
    there.facts["clusters"] = {}
    there.write()
    with pytest.raises(BackupError, match="the backup holds no database: it was not declared when it was made"):
        there.restore("database", "database", **CONFIRMED)


def test_a_cache_that_was_declared_after_the_backup_is_refused(there: Shop) -> None:
    there.facts["caches"] = {}
    there.write()
    with pytest.raises(BackupError):
        there.restore("cache", "cache", **CONFIRMED)


def test_a_moment_is_for_databases(there: Shop) -> None:
    for kind, name in (("volume", "files"), ("cache", "cache")):
        with pytest.raises(BackupError, match=r"restore_to is for databases: .* choose one with --snapshot"):
            there.restore(kind, name, at=NOW - 9000, **CONFIRMED)
    there.plan("everything", at=NOW - 9000)


def test_a_stack_that_is_not_deployed_is_refused(there: Shop) -> None:
    there.engine.there = [one for one in there.engine.there if one.service != "database"]
    with pytest.raises(BackupError, match=r"shop has no container of database: deploy the stack first"):
        there.restore("database", "database", **CONFIRMED)


def test_a_volume_that_only_targets_hold_is_not_looked_for_on_this_host(local: Shop) -> None:
    with pytest.raises(BackupError, match="the volume files is only in the targets: say --from offsite"):
        local.restore("volume", "files", source="local", **CONFIRMED)
    for kind, name in (("volume", "files"), ("everything", "")):
        assert "from offsite" in local.plan(kind, name)


def test_a_file_system_of_its_own_is_refused_before_anything(there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "is_mount", lambda path: path == there.live["files"])
    with pytest.raises(BackupError, match="is a file system of its own"):
        there.restore("volume", "files", **CONFIRMED)
    assert there.untouched()


@pytest.mark.parametrize("phase", [PREPARING, EXCHANGING, EXCHANGED])
def test_a_restore_that_waits_comes_first(phase: str, there: Shop) -> None:
    replacement.save(Replacement("shop", "volume files", NOW, phase))
    words = "waits: opsctl restore confirm, or opsctl restore undo" if phase == EXCHANGED else "was interrupted: opsctl restore resume"
    with pytest.raises(BackupError, match=f"the restore of volume files {words}"):
        there.restore("database", "database", **CONFIRMED)
    assert there.repo.restored == []


def test_a_disk_that_is_too_full_is_refused(there: Shop, host: Host) -> None:
    host.free(2399)  # twice the base, and a fifth
    with pytest.raises(BackupError, match=r"database database needs .*: nothing was changed"):
        there.restore("database", "database", **CONFIRMED)
    assert there.untouched() and [one for one, _paths in there.repo.restored] == ["backup1"]
    host.free(2400)
    there.plan("database", "database")


def test_an_empty_volume_comes_back_by_its_name_only(there: Shop) -> None:
    """A restored database is backed up at once, and with it what else was lost: that backup is the newest then."""
    (there.tree / str(there.live["files"] / "what").lstrip("/")).unlink()
    with pytest.raises(BackupError, match=r"volume files is empty in the newest backup, offsite, snapshot backup1 of .*--snapshot"):
        there.restore("volume", "files", **CONFIRMED)
    assert there.untouched()
    assert "snapshot backup1" in there.plan("volume", "files", snapshot="backup1")
    assert "volume files" in there.plan("everything")


def test_a_volume_needs_room_too(there: Shop, host: Host) -> None:
    there.put(there.live["files"] / "large", "x" * 100_000)
    there.repo.there = [replace(one, bytes=100_000) for one in there.repo.there]
    host.free(50_000)
    with pytest.raises(BackupError, match="nothing was changed"):
        there.restore("volume", "files", **CONFIRMED)


def test_a_small_part_of_a_large_backup_needs_little_room(there: Shop, host: Host) -> None:
    there.repo.there = [replace(one, bytes=10**12) for one in there.repo.there]
    host.free(10**9)
    there.plan("cache", "cache")


def test_a_small_volume_of_a_large_backup_needs_little_room(there: Shop, host: Host) -> None:
    there.repo.there = [replace(one, bytes=10**12) for one in there.repo.there]
    host.free(10**6)
    there.plan("volume", "files")


def test_parts_need_room_together(there: Shop, host: Host) -> None:
    there.facts["caches"]["cache"]["size"] = 2000
    there.write()
    host.free(2500)
    with pytest.raises(BackupError, match="nothing was changed"):
        there.restore("everything", **CONFIRMED)


def test_whoever_works_on_the_stack_is_waited_for_and_then_named(there: Shop) -> None:
    with locks.stack_lock("shop", "ada", what="deploy"), pytest.raises(locks.LockHeld, match="locked by ada"):
        there.restore("volume", "files", **CONFIRMED)
    assert there.untouched()


# A volume


def test_a_volume_takes_its_place_while_its_services_stand_still(there: Shop, programs: Programs) -> None:
    report = there.restore("volume", "files", **CONFIRMED)
    assert there.holds("files") == "old files" and there.holds("database") == "new database" and there.beside() == ["_data.replaced"]
    assert there.engine.did == ["stop web1", "stop web2", "start web1", "start web2"] and set(there.states.values()) == {"running"}
    kept = next(there.live["files"].parent.glob("_data.replaced-*"))
    assert re.fullmatch(r"volume files: restored; web stood still for \d+\.\d s", report.lines[0])
    assert report.lines[1:] == [
        f"what was there before: {kept}",
        "when all is as it should be: opsctl restore confirm",
    ]
    assert (kept / "what").read_text() == "new files" and report.upto == NOW - 7200 and report.findings == []
    found = replacement.load("shop")
    assert found is not None and (found.phase, found.what) == (EXCHANGED, "volume files")
    assert programs.lines("systemctl") == [] and list(verification.WORK.iterdir()) == []


def test_nothing_is_exchanged_while_a_container_runs(there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[str]] = []
    real = replacement.exchange

    def exchange(noted: Replacement) -> Replacement:
        seen.append({one.state for one in there.engine.there if one.service == "web"})
        assert locks.holder("shop") is not None and [one.scope for one in maintenance_windows.load()] == ["shop"]
        return real(noted)

    monkeypatch.setattr(replacement, "exchange", exchange)
    there.restore("volume", "files", **CONFIRMED)
    assert seen == [{"exited"}] and maintenance_windows.load() == [] and locks.holder("shop") is None


def test_what_somebody_began_as_maintenance_is_not_ended(there: Shop) -> None:
    maintenance_windows.present("shop", "restore of a larger disk", "1h")
    there.restore("volume", "files", **CONFIRMED)
    assert [one.reason for one in maintenance_windows.load()] == ["restore of a larger disk"]


def test_a_copy_that_fails_leaves_the_production_alone(there: Shop, programs: Programs) -> None:
    def half(call: Call) -> None:
        Path(call.argv[-1]).mkdir()
        (Path(call.argv[-1]) / "half").write_text("")
        raise OSError("no space left on device")

    programs.on("cp --archive", do=half)
    with pytest.raises(OSError, match="no space"):
        there.restore("volume", "files", **CONFIRMED)
    assert there.untouched()


def test_a_kill_while_it_is_made_ready_leaves_the_production_alone(there: Shop, programs: Programs) -> None:
    programs.on("cp --archive", do=lambda _call: fakes.throw(Killed()))
    with pytest.raises(Killed):
        there.restore("volume", "files", **CONFIRMED)
    assert there.untouched()


def test_services_that_do_not_get_well_get_back_what_they_had(there: Shop) -> None:
    there.engine.ill.add("web")
    ended: list[str] = []

    def start(one: Container) -> None:
        there.engine.did.append(f"start {one.id}")
        well = there.holds("files") == "new files"
        ended.append(there.holds("files"))
        there.engine.change(one.id, state="running", health="healthy" if well else "unhealthy")

    there.engine.start = start  # type: ignore[method-assign]
    with pytest.raises(
        BackupError, match=r"shop-web-1 is running \(unhealthy\) after the restore: last words .*; what was there before is in its place"
    ):
        there.restore("volume", "files", **CONFIRMED)
    assert (
        ended == ["old files"] * 2 + ["new files"] * 2 and there.holds("files") == "new files" and set(there.states.values()) == {"running"}
    )
    assert replacement.load("shop") is None


def falling(there: Shop, kept: str) -> Callable[[Container], None]:
    """How containers start that end when they find anything but this."""

    def start(one: Container) -> None:
        there.engine.change(one.id, state="running" if there.holds("files") == kept else "exited", health="healthy")

    return start


def test_one_that_ends_is_not_waited_for_as_long_as_one_that_is_slow(there: Shop, clock: Clock) -> None:
    there.engine.start = falling(there, "new files")  # type: ignore[method-assign]
    with pytest.raises(BackupError, match="is exited"):
        there.restore("volume", "files", **CONFIRMED)
    assert restoring_place.ENDED <= clock.now - NOW < restoring_place.HEALTHY / 2


def test_after_a_restore_that_was_taken_back_the_watchdog_watches_again(there: Shop) -> None:
    there.engine.start = falling(there, "new files")  # type: ignore[method-assign]
    with pytest.raises(BackupError, match="in its place again"):
        there.restore("volume", "files", **CONFIRMED)
    assert maintenance_windows.load() == []


def test_one_that_docker_cannot_start_gets_back_what_it_had(there: Shop) -> None:
    real = there.engine.start

    def start(one: Container) -> None:
        if there.holds("files") == "old files":
            raise EngineError("error while creating mount source path", 500)
        real(one)

    there.engine.start = start  # type: ignore[method-assign]
    with pytest.raises(Exception, match="mount source path"):
        there.restore("volume", "files", **CONFIRMED)
    assert there.holds("files") == "new files" and there.states["web1"] == "running"


def test_a_job_that_had_ended_is_not_started_again(there: Shop) -> None:
    there.engine.there.append(container("migrate", state="exited", health="none"))
    there.engine.mounts["migrate"] = there.engine.mounts["web"]
    real = there.engine.start

    def start(one: Container) -> None:
        real(one)
        if one.service == "migrate":
            there.engine.change(one.id, state="exited")

    there.engine.start = start  # type: ignore[method-assign]
    there.restore("volume", "files", **CONFIRMED)
    assert there.holds("files") == "old files" and "start migrate1" not in there.engine.did


# A cache


def test_a_cache_takes_its_place_with_its_owner(there: Shop, host: Host) -> None:
    there.restore("cache", "cache", **CONFIRMED)
    proof = ["start thrown1", "stop thrown1", "remove thrown1 with its volumes"]
    assert there.holds("cache") == "old cache" and there.engine.did == [*proof, "stop cache1", "start cache1"]
    fresh = f"{there.live['cache']}.restored"
    assert (fresh, 999, 1000) in host.owners and (f"{fresh}/dump.rdb", 999, 1000) in host.owners


def test_a_copy_of_a_cache_with_fewer_keys_replaces_nothing(there: Shop, programs: Programs) -> None:
    programs.on(THROWN_CACHE, " INFO keyspace", stdout="db0:keys=8,expires=0,avg_ttl=0\n")
    with pytest.raises(BackupError, match="finds 8 keys in the copy, at least 9 were there"):
        there.restore("cache", "cache", **CONFIRMED)
    assert there.untouched()


def test_a_cache_of_this_host_comes_from_the_last_copy(local: Shop) -> None:
    local.put(local.settings.staging / "redis" / "cache.rdb", "local cache", Path("/"))
    local.restore("cache", "cache", **CONFIRMED)
    assert local.holds("cache") == "local cache" and local.repo.restored == []


# A database


def test_a_database_is_recovered_and_proven_beside_the_production_first(
    there: Shop, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    proven: list[tuple[str, list[str]]] = []
    real = proof.recovered

    def recovered(engine: Any, raw: Any, stack: str, data: Path, *given: Any) -> Any:
        proven.append((there.holds("database"), [one for one in there.engine.did if "database" in one]))
        assert (data / "recovery.signal").exists() and "restore_command" in (data / "postgresql.auto.conf").read_text()
        return real(engine, raw, stack, data, *given)

    monkeypatch.setattr(proof, "recovered", recovered)
    there.restore("database", "shopdb", **CONFIRMED)
    assert proven == [("new database", [])] and there.holds("database") == "old database" and there.beside() == ["_data.replaced"]
    assert ("SELECT 1", "shopdb") in there.database.told
    copy, recovered_data = programs.lines("chown --recursive")
    assert copy.endswith("/tree/var/lib/barman") and " 999:999 " in recovered_data


def test_nothing_of_the_recovery_stays_in_the_data(there: Shop) -> None:
    there.restore("database", "shopdb", **CONFIRMED)
    live = there.live["database"]
    assert (live / "postgresql.auto.conf").read_text() == "work_mem = '64MB'\n" and not (live / "barman_wal").exists()


def test_a_moment_is_recovered_from_the_newest_base_before_it(there: Shop, programs: Programs) -> None:
    there.restore("database", "shopdb", at=NOW - 8500.25, **CONFIRMED)
    (line,) = programs.lines(" recover ")
    assert "--target-time 2027-01-15 05:38:19.750000+00 --target-action promote shop.database A " in line
    assert "tree/var/lib/barman/barman.conf" in line  # of the copy, not of the host


def test_a_moment_before_all_bases_is_refused_and_nothing_is_touched(there: Shop) -> None:
    with pytest.raises(BackupError, match=r"no base backup of shop\.database is that old"):
        there.restore("database", "shopdb", at=NOW - 100_000, **CONFIRMED)
    assert there.untouched()


@pytest.mark.parametrize("state", ["running", "exited"])
def test_a_moment_before_all_bases_of_this_host_is_refused_before_anybody_agrees(state: str, local: Shop) -> None:
    local.engine.change("database1", state=state)
    with pytest.raises(BackupError, match=r"no base backup of shop\.database is that old"):
        local.restore("database", "shopdb", at=NOW - 100_000)


def test_a_backup_that_does_not_recover_replaces_nothing(there: Shop) -> None:
    there.database.answers["SELECT pg_is_in_recovery()"] = "ERROR: no"
    there.engine.api.dead, there.engine.api.words = True, b"PANIC: could not locate a valid checkpoint record\n"
    with pytest.raises(BackupError, match="could not locate a valid checkpoint record"):
        there.restore("database", "shopdb", **CONFIRMED)
    assert there.untouched()


def test_a_database_that_recovers_without_a_declared_database_replaces_nothing(there: Shop) -> None:
    there.programs.on(THROWN, " psql ", "--dbname=shopdb", do=lambda _call: Result((), 2, "", 'FATAL:  database "shopdb" does not exist'))
    with pytest.raises(BackupError, match="does not exist"):
        there.restore("database", "shopdb", **CONFIRMED)
    assert there.untouched()


@pytest.mark.parametrize(
    ("streamed", "accepted"),
    [
        (NOW - 8400, True),
        (NOW - 40_000, False),
    ],
)
def test_a_moment_after_the_last_commit_is_the_end_of_the_wal_when_that_reaches_it(streamed: float, accepted: bool, there: Shop) -> None:
    """PostgreSQL ends in error when it comes to the end of the WAL before it has seen a commit after the moment."""
    name = f"{SEGMENT}05.partial"
    there.put(Path(f"/var/lib/barman/shop.database/streaming/{name}"), "wal")
    recovered: list[str] = []

    def recover(call: Call) -> None:
        there.recover(call)
        recovered.append(call.line)
        there.engine.api.dead = "--target-time" in call.line
        there.engine.api.words = f"FATAL:  {proof.TOO_SHORT}".encode() if there.engine.api.dead else b""

    there.programs.on(" recover ", do=recover)
    there.programs.on(THROWN, " psql ", do=lambda call: "f" if not there.engine.api.dead else Result((), 2, "", "no"))
    wal((there.tree / "var/lib/barman/shop.database/streaming"), name, at=streamed)
    if accepted:
        there.restore("database", "shopdb", at=NOW - 8500, **CONFIRMED)
        assert len(recovered) == 2 and "--target-time" not in recovered[1] and there.holds("database") == "old database"
    else:
        with pytest.raises(BackupError, match=proof.TOO_SHORT):
            there.restore("database", "shopdb", at=NOW - 8500, **CONFIRMED)
        assert len(recovered) == 1 and there.untouched()


def test_afterwards_wal_is_received_anew_and_a_base_is_made(there: Shop, programs: Programs, host: Host) -> None:
    (host.barman / "shop.database").mkdir()
    there.restore("database", "shopdb", **CONFIRMED)
    lines = [one for one in programs.lines() if "systemctl" in one]
    assert lines == [
        "systemctl stop latentum-ops-wal@shop.database.service",
        "systemctl start latentum-ops-wal@shop.database.service",
        "systemctl start --no-block latentum-ops-backup@shop.service",
    ]


def test_what_was_received_of_another_history_is_put_away(there: Shop, programs: Programs, host: Host) -> None:
    """The server is on timeline 2; Barman has WAL of 2 and 3, and pg_receivewal would go on with 3."""
    folder = host.barman / "shop.database"
    (folder / "streaming").mkdir(parents=True)
    for place in ("streaming/000000030000000000000009.partial", "wals/00000003.history", "wals/00000002.history"):
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_text("")
    programs.on(" show-backup ", stdout='{"shop.database": {"base_backup_information": {"timeline": 2}}}')
    there.restore("database", "shopdb", **CONFIRMED)
    assert not list((folder / "streaming").iterdir())
    assert [one.name for one in (folder / "wals").iterdir()] == ["00000002.history"]
    assert len(list((folder / "abandoned").iterdir())) == 2
    assert programs.lines(" rebuild-xlogdb ") and not programs.lines(" delete ")


def test_a_stream_that_cannot_be_turned_is_told_and_fails_nothing(there: Shop, programs: Programs, host: Host) -> None:
    (host.barman / "shop.database").mkdir()
    there.database.answers[restoring_place.TIMELINE] = "none"
    programs.on(" show-backup ", rc=1, stderr="no such server")
    one = progress()
    restoring.restore(there.engine, there.settings, Request("database", "shopdb", **CONFIRMED), one)  # type: ignore[arg-type]
    assert "!! " in said(one) and programs.lines("systemctl start latentum-ops-wal@")


def test_this_host_gives_the_end_of_the_stream(local: Shop, programs: Programs) -> None:
    local.restore("database", "shopdb", **CONFIRMED)
    order = [next(i for i, one in enumerate(programs.calls) if word in one.line) for word in (" switch-wal ", " archive-wal ", " recover ")]
    assert order == sorted(order) and "barman.d/" in programs.lines(" recover ")[0] and local.repo.restored == []


def test_a_server_that_does_not_run_is_restored_all_the_same(local: Shop, programs: Programs) -> None:
    local.engine.change("database1", state="exited", health="none")
    local.restore("database", "shopdb", **CONFIRMED)
    assert local.holds("database") == "old database" and not programs.lines(" switch-wal ")
    assert local.states["database1"] == "running"


def test_the_questions_of_the_declaration_go_to_the_production_afterwards(there: Shop) -> None:
    checks = (Check("database", "shopdb", "SELECT count(*) FROM orders", at_least=5.0), Check("other", "x", "SELECT 1", 1.0))
    there.settings = shop(clusters=there.settings.clusters, checks=checks)
    there.database.answers["SELECT count(*) FROM orders"] = "4"
    (found,) = there.restore("database", "shopdb", **CONFIRMED).findings
    assert not found.ok and found.found == "4, at least 5 expected"


def test_rows_are_as_fresh_as_the_moment_that_was_restored_to(there: Shop) -> None:
    there.settings = shop(
        clusters=there.settings.clusters, checks=(Check("database", "shopdb", "SELECT max(at) FROM orders", newest=60.0),)
    )
    there.database.answers["SELECT max(at) FROM orders"] = "then"
    there.database.answers["SELECT extract(epoch FROM :'time'::timestamptz)"] = str(NOW - 8500 - 10)
    (found,) = there.restore("database", "shopdb", at=NOW - 8500, **CONFIRMED).findings
    assert found.ok


# Everything


def test_everything_is_exchanged_together_or_not_at_all(there: Shop, programs: Programs) -> None:
    programs.on("cp --reflink=auto", do=lambda _call: fakes.throw(OSError("no space")))  # the cache, after the database is ready
    with pytest.raises(OSError, match="no space"):
        there.restore("everything", **CONFIRMED)
    assert there.untouched()


def test_everything_comes_back(there: Shop) -> None:
    report = there.restore("everything", **CONFIRMED)
    assert [there.holds(name) for name in there.live] == ["old database", "old cache", "old files"]
    assert there.beside() == ["_data.replaced"] * 3 and len(report.lines) == 5
    stops = [one for one in there.engine.did if one.startswith("stop") and "thrown" not in one]
    starts = [one for one in there.engine.did if one.startswith("start") and "thrown" not in one]
    assert len(stops) == len(starts) == 4 and there.engine.did.index(stops[-1]) < there.engine.did.index(starts[0])


def test_no_argument_shows_a_secret(there: Shop, programs: Programs) -> None:
    there.restore("everything", **CONFIRMED)
    assert len(programs.calls) > 10 and programs.shows() == []


# Others at the same time


def test_a_dump_that_is_restored_meanwhile_disturbs_no_restore(there: Shop) -> None:
    def recover(call: Call) -> None:
        there.recover(call)
        with suppress(BackupError):  # it may be refused, or wait
            restoring_beside.dump(there.engine, there.settings, "shopdb", "", "", "", "", progress())  # type: ignore[arg-type]

    there.put(there.settings.staging / "dumps" / "database.shopdb.dump", "PGDMP")
    there.programs.on(" recover ", do=recover)
    there.restore("database", "shopdb", **CONFIRMED)
    assert there.holds("database") == "old database"


def test_a_verification_meanwhile_disturbs_no_restore(there: Shop) -> None:
    state.note("shop", "targets", "offsite", pushed=NOW)
    seen: list[int] = []

    def answer(call: Call) -> Any:
        if "SELECT 1" in str(call.given["input"]):
            there.repo.fails("restore")  # the restore has all that it needs; the verification need not come far
            with suppress(BackupError):
                verification.verify(there.engine, there.settings, progress())  # type: ignore[arg-type]
            seen.append(len(there.engine.api.left))
        return there.database(call)

    there.programs.on(THROWN, " psql ", do=answer)
    there.restore("database", "shopdb", **CONFIRMED)
    assert seen == [1]


# Killed, resumed, undone, confirmed


def resume(there: Shop) -> list[str]:
    return restoring.resume(there.engine, there.settings, progress())  # type: ignore[arg-type]


def undo(there: Shop) -> list[str]:
    return restoring.undo(there.engine, there.settings, progress())  # type: ignore[arg-type]


def killed(there: Shop, monkeypatch: pytest.MonkeyPatch, point: str) -> None:
    """The process ends at a point of a restore of everything, without a chance to do anything about it."""
    with monkeypatch.context() as patch, pytest.raises(Killed):
        if point == "preparing":
            patch.setattr(replacement, "discard", lambda _noted: None)  # the kill leaves it no time
            patch.setattr(restoring, "_move", lambda *_given: fakes.throw(Killed()))
        elif point == "stopping":
            stop = there.engine.api.stop

            def dies(identity: str, **given: Any) -> None:
                if not identity.startswith("thrown"):
                    raise Killed
                stop(identity, **given)

            patch.setattr(there.engine.api, "stop", dies)
        elif point == "starting":
            patch.setattr(there.engine, "start", lambda _one: fakes.throw(Killed()))
        else:
            count: list[int] = []
            real = Path.rename

            def rename(path: Path, place: Any) -> Any:
                if len(count) == int(point):
                    raise Killed
                count.append(1)
                return real(path, place)

            patch.setattr(Path, "rename", rename)
        there.restore("everything", **CONFIRMED)


def test_a_kill_before_the_exchange_is_as_if_nothing_had_been(there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(there, monkeypatch, "preparing")
    assert replacement.load("shop") is not None
    assert "was interrupted before anything was replaced: begin it anew" in resume(there)[0]
    assert [there.holds(name) for name in there.live] == ["new database", "new cache", "new files"] and not there.beside()
    there.restore("everything", **CONFIRMED)


@pytest.mark.parametrize("point", ["0", "1", "2", "3", "4", "5"])
def test_a_kill_in_the_exchange_is_finished(point: str, there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(there, monkeypatch, point)
    with pytest.raises(BackupError, match="was interrupted: opsctl restore resume --stack shop"):
        there.restore("volume", "files", **CONFIRMED)
    assert [one.scope for one in maintenance_windows.load()] == ["shop"]  # what stands still is not started by the watchdog
    resume(there)
    assert [there.holds(name) for name in there.live] == ["old database", "old cache", "old files"]
    assert set(there.states.values()) == {"running"} and maintenance_windows.load() == []
    assert restoring.confirm(there.settings) and not there.beside()


@pytest.mark.parametrize("point", ["stopping", "1", "4", "starting"])
def test_a_kill_in_the_exchange_can_be_taken_back(point: str, there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(there, monkeypatch, point)
    assert undo(there) == ["everything: as it was before the restore"]
    assert [there.holds(name) for name in there.live] == ["new database", "new cache", "new files"] and not there.beside()
    assert set(there.states.values()) == {"running"} and maintenance_windows.load() == [] and replacement.load("shop") is None


def test_a_kill_before_anything_stood_still_is_resumed_from_there(there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(there, monkeypatch, "stopping")
    resume(there)
    assert not [one for one in there.beside() if one == "_data.restored"] and set(there.states.values()) == {"running"}


def test_a_kill_before_the_start_is_resumed_with_it(there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    killed(there, monkeypatch, "starting")
    resume(there)
    assert set(there.states.values()) == {"running"}


def test_a_kill_before_the_start_leaves_nothing_to_confirm_and_its_window(
    there: Shop, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed(there, monkeypatch, "starting")
    assert [one.scope for one in maintenance_windows.load()] == ["shop"] and not programs.lines("systemctl start latentum-ops-wal@")
    with pytest.raises(BackupError, match="has not come to its end: opsctl restore resume"):
        restoring.confirm(there.settings)
    with pytest.raises(BackupError, match="was interrupted: opsctl restore resume"):
        restoring.pending("shop")
    resume(there)
    assert programs.lines("systemctl start latentum-ops-wal@") and maintenance_windows.load() == []
    assert restoring.confirm(there.settings) and not there.beside()


def test_a_kill_while_services_stop_leaves_none_of_them_stopped(there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of them stand still, and nothing has been exchanged."""
    stop, count = there.engine.api.stop, list[str]()

    def dies(identity: str, **given: Any) -> None:
        if len(count) == 2:
            raise Killed
        if not identity.startswith("thrown"):
            count.append(identity)
        stop(identity, **given)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(there.engine.api, "stop", dies)
        there.restore("everything", **CONFIRMED)
    assert "exited" in there.states.values()
    resume(there)
    assert set(there.states.values()) == {"running"} and there.holds("files") == "old files" and maintenance_windows.load() == []


@pytest.mark.parametrize("at", ["stopping", 0, 1, 2, 3, 4, 5, "starting"])
@pytest.mark.parametrize("verb", [resume, undo])
def test_a_killed_undo_is_finished(at: Any, verb: Callable[[Shop], list[str]], there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    there.restore("everything", **CONFIRMED)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        if at == "stopping":
            patch.setattr(there.engine.api, "stop", lambda _one, **_given: fakes.throw(Killed()))
        elif at == "starting":
            patch.setattr(there.engine, "start", lambda _one: fakes.throw(Killed()))
        else:
            real, count = Path.rename, list[Any]()

            def rename(path: Path, place: Any) -> Any:
                if len(count) == at:
                    raise Killed
                if not str(path).endswith(".json"):
                    count.append(place)
                return real(path, place)

            patch.setattr(Path, "rename", rename)
        undo(there)
    with pytest.raises(BackupError, match="opsctl restore resume"):
        restoring.confirm(there.settings)
    assert verb(there) == ["everything: as it was before the restore"]
    assert [there.holds(name) for name in there.live] == ["new database", "new cache", "new files"] and not there.beside()
    assert set(there.states.values()) == {"running"} and maintenance_windows.load() == [] and replacement.load("shop") is None


def test_a_killed_confirmation_is_finished_and_never_undone(there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    there.restore("everything", **CONFIRMED)
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(replacement.shutil, "rmtree", lambda _folder, **_given: fakes.throw(Killed()))
        restoring.confirm(there.settings)
    there.engine.did.clear()
    with pytest.raises(BackupError, match="was confirmed"):
        undo(there)
    assert there.engine.did == [] and maintenance_windows.load() == []
    assert len(resume(there)) == 3 and not there.beside() and replacement.load("shop") is None


def test_an_engine_that_does_not_stop_a_container_lets_all_others_go_on(there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, failed = there.engine.api.stop, list[str]()

    def fails(identity: str, **given: Any) -> None:
        if identity == "web2" and not failed:
            failed.append(identity)
            raise RuntimeError("500 Server Error: timeout")
        stop(identity, **given)

    monkeypatch.setattr(there.engine.api, "stop", fails)
    with pytest.raises(BackupError, match="timeout; what was there before is in its place again"):
        there.restore("everything", **CONFIRMED)
    assert [there.holds(name) for name in there.live] == ["new database", "new cache", "new files"] and not there.beside()
    assert set(there.states.values()) == {"running"} and maintenance_windows.load() == [] and replacement.load("shop") is None


def test_what_cannot_be_taken_back_says_how_to_go_on(there: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    start = there.engine.start
    monkeypatch.setattr(there.engine, "start", lambda _one: fakes.throw(RuntimeError("the engine is gone")))
    with pytest.raises(BackupError, match=r"the engine is gone; and it could not be taken back .*: opsctl restore resume --stack shop"):
        there.restore("volume", "files", **CONFIRMED)
    assert there.holds("files") == "new files"
    monkeypatch.setattr(there.engine, "start", start)
    resume(there)
    assert set(there.states.values()) == {"running"} and replacement.load("shop") is None and not there.beside()


def test_of_two_restores_the_second_is_refused(there: Shop) -> None:
    refused: list[str] = []

    def recover(call: Call) -> None:
        there.recover(call)
        with pytest.raises(BackupError) as caught:
            there.restore("volume", "files", **CONFIRMED)
        refused.append(str(caught.value))

    there.programs.on(" recover ", do=recover)
    there.restore("database", "shopdb", **CONFIRMED)
    assert len(refused) == 1 and there.holds("files") == "new files"


def test_resume_after_a_good_restore_changes_nothing(there: Shop) -> None:
    there.restore("volume", "files", **CONFIRMED)
    there.engine.did.clear()
    assert resume(there) == ["volume files: restored; confirm or undo it"]
    assert there.holds("files") == "old files" and "stop web1" not in there.engine.did


def test_without_a_restore_there_is_nothing_to_resume_undo_or_confirm(there: Shop) -> None:
    assert resume(there) == ["no restore was interrupted"]
    with pytest.raises(BackupError, match="no restore of shop can be undone"):
        undo(there)
    with pytest.raises(BackupError, match="no restore of shop waits to be confirmed"):
        restoring.confirm(there.settings)


def test_undo_puts_back_what_was_there_and_receives_its_wal(there: Shop, programs: Programs) -> None:
    there.restore("database", "shopdb", **CONFIRMED)
    before = len(programs.lines("systemctl start latentum-ops-wal@"))
    undo(there)
    assert there.holds("database") == "new database" and not there.beside() and replacement.load("shop") is None
    assert len(programs.lines("systemctl start latentum-ops-wal@")) == before + 1 and maintenance_windows.load() == []


def test_confirm_removes_what_was_replaced(there: Shop) -> None:
    there.restore("volume", "files", **CONFIRMED)
    (line,) = restoring.confirm(there.settings)
    assert line.startswith(f"removed: {there.live['files']}.replaced-") and there.holds("files") == "old files" and not there.beside()
    there.restore("database", "shopdb", **CONFIRMED)  # the next may begin


def test_undo_and_resume_wait_for_whoever_works_on_the_stack(there: Shop) -> None:
    there.restore("volume", "files", **CONFIRMED)
    for act in (undo, resume):
        with locks.stack_lock("shop", "ada", what="deploy"), pytest.raises(locks.LockHeld, match="locked by ada"):
            act(there)
    assert there.holds("files") == "old files"


def test_confirm_waits_for_an_undo(there: Shop) -> None:
    there.restore("volume", "files", **CONFIRMED)
    with locks.stack_lock("shop", "restore", what="undoes the restore"), pytest.raises(locks.LockHeld):
        restoring.confirm(there.settings)
