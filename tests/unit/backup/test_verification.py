# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup is what has been restored: what a verification finds, what it publishes, and what it leaves behind (nothing)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import running, state, verification
from ansible_collections.latentum.ops.plugins.module_utils.backup.proof import SCRATCH
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic import TargetError
from ansible_collections.latentum.ops.plugins.module_utils.backup.scratch_container import LABEL
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings
from ansible_collections.latentum.ops.plugins.module_utils.backup.verification import PARTS, Verdict
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result

from . import fakes
from .fakes import (
    NOW,
    SECRET,
    Cache,
    Call,
    Check,
    Clock,
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
    mount,
    progress,
    shop,
)
from .test_barman import Archive

host, programs, clock, targets = fakes.host, fakes.programs, fakes.clock, fakes.targets

DATABASE, CACHE = "latentum-ops-throwaway-shop-shop.database", "latentum-ops-throwaway-shop-redis"


class Kept:
    """A backup of a database, a cache and a volume in target `offsite`, and the host that it is of."""

    def __init__(self, host: Host, programs: Programs, targets: Targets) -> None:
        self.host, self.programs, self.repo = host, programs, targets["offsite"]
        question = Check("database", "shopdb", "SELECT max(at) FROM orders", newest=3600.0)
        rows = Check("database", "shopdb", "SELECT count(*) FROM orders", at_least=5.0)
        self.settings = shop(
            "offsite",
            "nas",
            clusters=(fakes.cluster(host),),
            caches=(Cache("cache", host.secret("cache")),),
            checks=(rows, question, Check("other", "x", "SELECT 1", 1.0)),
        )
        self.folder = host.root / "volumes" / "files"
        (self.folder / "inner").mkdir(parents=True)
        for name in ("one", "inner/two", "three"):
            (self.folder / name).write_text(f"content of {name}")
        self.facts = facts(
            clusters={"database": about_cluster()},
            caches={"cache": {"file": "cache.rdb", "size": 9, "keys": 9, "owner": [999, 1000], "settings": {"dir": "/data"}}},
            volumes={"files": {"docker": "shop_files", "mountpoint": str(self.folder), "folder": str(self.folder), "still": False}},
        )
        self.tree = self.repo.holds("snapshot1", NOW - 600, bytes=1000, files=7)
        self.write()
        copy = self.copy
        copy.parent.mkdir(parents=True)
        shutil.copytree(self.folder, copy)
        (self.tree / "var/lib/barman/shop.database").mkdir(parents=True)
        for name in ("dumps/database.shopdb.dump", "redis/cache.rdb"):
            file = self.tree / str(self.settings.staging).lstrip("/") / name
            file.parent.mkdir(parents=True)
            file.write_text("REDIS data")
        self.engine = FakeEngine(container("database"), container("cache"))
        self.engine.mounts["database"] = [mount(host.root / "data", "/var/lib/postgresql/data", "shop_data")]
        self.database = Database().behind(programs, DATABASE)
        self.database.answers |= {
            "SELECT pg_is_in_recovery()": "f",
            "SELECT count(*) FROM pg_class": "7",
            "SELECT count(*) FROM orders": "5",
            "SELECT max(at) FROM orders": "2027-01-15 07:45:00+00",
            "SELECT extract(epoch FROM :'time'::timestamptz)": str(NOW - 900),
        }
        Archive(programs, ("A", NOW - 90000, "DONE"), ("B", NOW - 4000, "DONE"))
        programs.on(" recover ", do=self.recover)
        programs.on(CACHE, " PING", stdout="PONG")
        programs.on(CACHE, " INFO keyspace", stdout="db0:keys=12,expires=3,avg_ttl=0\n")
        state.note("shop", "targets", "offsite", pushed=NOW - 600)

    @property
    def copy(self) -> Path:
        """The volume in the backup."""
        return self.tree / str(self.folder).lstrip("/")

    @staticmethod
    def recover(call: Call) -> None:
        data = Path(call.argv[-1])
        data.mkdir()
        (data / "postgresql.auto.conf").write_text("")

    def write(self) -> None:
        """The facts, as they are now."""
        keep_facts(self.tree, self.settings, self.facts)

    def verify(self, name: str = "", snapshot: str = "") -> Verdict:
        return verification.verify(self.engine, self.settings, progress(), name, snapshot)  # type: ignore[arg-type]


@pytest.fixture
def kept(host: Host, programs: Programs, targets: Targets, clock: Clock) -> Kept:
    return Kept(host, programs, targets)


def bad(verdict: Verdict) -> list[str]:
    return [one.name for one in verdict.findings if not one.ok]


# A good one


def test_everything_is_brought_back_and_questioned(kept: Kept) -> None:
    verdict = kept.verify()
    assert verdict.ok and verdict.error == "" and (verdict.target, verdict.snapshot, verdict.taken) == ("offsite", "snapshot1", NOW - 600)
    assert {one.name: one.found for one in verdict.findings if "SELECT" not in one.name} == {
        "files": verdict.findings[0].found,
        "volume files": "3 files equal to the production's, 0 changed since",
        "database: recovery": "base B and its WAL, 0.0 s",
        "database: pg_amcheck": "no damage, 0.0 s",
        "database: dump of shopdb": "7 tables, 7 in the recovered database",
        "cache": "12 keys loaded, at least 9 were there",
        "repository": f"consistent; part 1 of {PARTS} of its data read",
    }
    assert [one.name for one in verdict.findings if "SELECT" in one.name] == [
        "database: SELECT count(*) FROM orders",
        "database: SELECT max(at) FROM orders",
    ]
    assert verdict.findings[0].found.startswith("7 files, ")


def test_a_good_verdict_is_published(kept: Kept, host: Host) -> None:
    kept.verify()
    found = host.state()
    assert found["restorable"] == NOW - 600
    assert (found["verify"]["ok"], found["verify"]["error"], found["verify"]["taken"]) == (True, "", NOW - 600)
    assert (found["verify"]["target"], found["verify"]["snapshot"], found["verify"]["at"]) == ("offsite", "snapshot1", NOW)
    assert {"name": "cache", "ok": True, "found": "12 keys loaded, at least 9 were there"} in found["verify"]["checks"]
    offsite = found["targets"]["offsite"]
    assert (offsite["verified"], offsite["restorable"], offsite["verified_at"], offsite["part"]) == ("snapshot1", NOW - 600, NOW, 1)
    assert offsite["pushed"] == NOW - 600


def test_nothing_is_left_behind_and_no_argument_shows_a_secret(kept: Kept, programs: Programs, host: Host) -> None:
    kept.verify()
    assert list(verification.WORK.iterdir()) == [] and kept.engine.api.left == []
    assert programs.shows() == [] and SECRET not in state.path("shop").read_text()


def test_the_production_is_only_looked_at(kept: Kept, programs: Programs) -> None:
    before = {one: (one.stat().st_mtime_ns, one.read_text()) for one in kept.folder.rglob("*") if one.is_file()}
    kept.verify()
    assert not [one for one in programs.lines("docker exec") if "throwaway" not in one]
    assert not [one for one in kept.engine.did if "thrown" not in one]
    assert {one: (one.stat().st_mtime_ns, one.read_text()) for one in kept.folder.rglob("*") if one.is_file()} == before
    assert all("/verify/" in one["HostConfig"]["Binds"][0] for one in kept.engine.api.thrown)
    assert all(one["NetworkDisabled"] for one in kept.engine.api.thrown)


def test_data_are_given_to_the_users_of_the_containers(kept: Kept, programs: Programs, host: Host) -> None:
    kept.verify()
    copy, given, cache = programs.lines("chown --recursive")
    assert copy.endswith("/tree/var/lib/barman")  # it came with the numbers of another host
    assert " 999:999 " in given and given.endswith("/recovered/shop.database")
    assert " 999:1000 " in cache and cache.endswith("/cache/cache")
    assert ("dump.rdb", 999, 1000) in {(Path(path).name, uid, gid) for path, uid, gid in host.owners}


def test_barman_s_user_reaches_its_copy_whatever_the_umask_is(kept: Kept, programs: Programs) -> None:
    seen: list[int] = []

    def recover(call: Call) -> None:
        copy = Path(call.argv[call.argv.index("--config") + 1]).parent
        seen.extend(one.stat().st_mode & 0o001 for one in list(copy.parents)[:5])
        kept.recover(call)

    programs.on(" recover ", do=recover)
    before = os.umask(0o077)
    try:
        assert kept.verify().ok
    finally:
        os.umask(before)
    assert seen == [1] * 5  # lib, var, tree, the place of this stack, the place of all


def test_each_verification_reads_another_part_of_the_repository(kept: Kept) -> None:
    for _time in range(PARTS + 1):
        kept.verify()
    assert kept.repo.checked == [*((part, PARTS) for part in range(1, PARTS + 1)), (1, PARTS)]


# A bad one


def test_a_file_that_differs_is_found_although_size_and_time_are_the_same(kept: Kept, host: Host) -> None:
    file = kept.copy / "inner" / "two"
    status = (kept.folder / "inner" / "two").stat()
    file.write_text("damage of inner/two"[: status.st_size].ljust(status.st_size))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    verdict = kept.verify()
    assert bad(verdict) == ["volume files"] and "differs: inner/two" in verdict.error
    found = host.state()
    assert "restorable" not in found and found["verify"]["ok"] is False and "inner/two" in found["verify"]["error"]
    assert "verified" not in found["targets"]["offsite"]


@pytest.mark.parametrize("gone", [False, True])
def test_a_file_that_is_written_or_goes_while_it_is_compared_is_no_fault(gone: bool, kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    real = verification.filecmp.cmp

    def cmp(one: Path, other: Path, shallow: bool) -> bool:
        if other.name == "one":
            other.unlink() if gone else other.write_text("written just now")
        return real(one, other, shallow=shallow)

    monkeypatch.setattr(verification.filecmp, "cmp", cmp)
    verdict = kept.verify()
    assert verdict.ok and "2 files equal to the production's, 1 changed since" in [one.found for one in verdict.findings]


def test_files_that_changed_or_went_since_the_backup_are_no_fault(kept: Kept) -> None:
    (kept.folder / "one").write_text("written since")
    (kept.folder / "three").unlink()
    (kept.folder / "four").write_text("new")
    verdict = kept.verify()
    assert verdict.ok and "1 files equal to the production's, 2 changed since" in [one.found for one in verdict.findings]


def test_links_are_not_followed_out_of_a_backup(kept: Kept) -> None:
    (kept.copy / "link").symlink_to("/etc/hostname")
    (kept.copy / "gone").symlink_to("nowhere")
    assert kept.verify().ok


def test_a_volume_that_the_backup_lacks_is_found(kept: Kept) -> None:
    shutil.rmtree(kept.copy)
    assert bad(kept.verify()) == ["volume files"]


def test_missing_rows_are_found(kept: Kept) -> None:
    kept.database.answers["SELECT count(*) FROM orders"] = "4"
    verdict = kept.verify()
    assert bad(verdict) == ["database: SELECT count(*) FROM orders"] and "4, at least 5 expected" in verdict.error


def test_stale_rows_are_found(kept: Kept) -> None:
    kept.database.answers["SELECT extract(epoch FROM :'time'::timestamptz)"] = str(NOW - 600 - 3601)
    assert bad(kept.verify()) == ["database: SELECT max(at) FROM orders"]


def test_a_damaged_database_is_found(kept: Kept, programs: Programs) -> None:
    programs.on(" pg_amcheck ", rc=2, stdout="block 3 is broken")
    assert bad(kept.verify()) == ["database: pg_amcheck"]


def test_a_base_whose_checksums_differ_is_found_before_it_is_recovered(kept: Kept, programs: Programs) -> None:
    programs.on(" verify-backup ", rc=1, stderr='checksum mismatch for file "base/1/1"')
    verdict = kept.verify()
    assert bad(verdict) == ["restore"] and "checksum mismatch" in verdict.error and not programs.lines(" recover ")


def test_a_dump_that_lacks_tables_is_found(kept: Kept, programs: Programs) -> None:
    def answer(call: Call) -> str | Result:
        if "FROM pg_class" in str(call.given["input"]) and f"--dbname={SCRATCH}" in call.argv:
            return "6"
        return kept.database(call)

    programs.on(DATABASE, " psql ", do=answer)
    assert bad(kept.verify()) == ["database: dump of shopdb"]


def test_missing_keys_are_found(kept: Kept, programs: Programs) -> None:
    programs.on(CACHE, " INFO keyspace", stdout="db0:keys=8,expires=0\n")
    assert bad(kept.verify()) == ["cache"]


def test_a_cache_that_cannot_be_loaded_hides_nothing_else(kept: Kept, programs: Programs) -> None:
    programs.on(CACHE, " PING", stdout="LOADING")
    verdict = kept.verify()
    assert bad(verdict) == ["cache"] and "was not ready within 600 s" in verdict.error and verdict.findings[-1].name == "repository"


@pytest.mark.parametrize("method", ["reachable", "snapshots", "restore", "check"])
def test_a_target_that_fails_is_no_proof(method: str, kept: Kept, host: Host) -> None:
    kept.repo.fails(method)
    verdict = kept.verify()
    assert bad(verdict) == ["restore"] and "i/o timeout" in verdict.error
    assert host.state()["verify"]["ok"] is False and "restorable" not in host.state()
    assert kept.engine.api.left == [] and not (verification.WORK.exists() and list(verification.WORK.iterdir()))


@pytest.mark.parametrize(
    "error",
    [
        OSError("no space left on device"),
        CommandError(Result(("chown",), 1, "", "no space"), "failed"),
        RuntimeError("500 Server Error: the engine is gone"),
    ],
)
def test_whatever_fails_is_noted_as_no_proof(error: Exception, kept: Kept, programs: Programs, host: Host) -> None:
    programs.on("chown --recursive", do=lambda _call: fakes.throw(error))
    assert bad(kept.verify()) == ["restore"] and host.state()["verify"]["ok"] is False


def test_a_failure_leaves_what_was_proven_before(kept: Kept, host: Host, clock: Clock) -> None:
    kept.verify()
    clock.go(86400)
    kept.repo.fails("restore")
    kept.verify()
    found = host.state()
    assert found["restorable"] == NOW - 600 and found["targets"]["offsite"]["verified"] == "snapshot1"
    assert (found["verify"]["ok"], found["verify"]["at"], found["targets"]["offsite"]["verified_at"]) == (False, NOW + 86400, NOW + 86400)


def test_an_empty_verdict_proves_nothing() -> None:
    assert not Verdict("offsite").ok


# Whose backup it is


@pytest.mark.parametrize("changed", [{"stack": "blog"}, {"format": 2}])
def test_a_backup_of_another_stack_or_format_is_no_proof(changed: dict[str, object], kept: Kept) -> None:
    kept.facts |= changed
    kept.write()
    verdict = kept.verify()
    assert bad(verdict) == ["restore"] and "this is shop and format 1" in verdict.error


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
    ],
)
def test_facts_that_cannot_be_read_are_no_proof(text: str, kept: Kept) -> None:
    (kept.tree / str(kept.settings.staging).lstrip("/") / "facts.json").write_text(text)
    assert bad(kept.verify()) == ["restore"]


# Which one


@pytest.fixture
def three(kept: Kept) -> FakeRepository:
    """Older and newer ones, and WAL that is no backup."""
    for identity, at in (("older", NOW - 90000), ("newer", NOW - 60)):
        shutil.copytree(kept.tree, kept.repo.holds(identity, at), dirs_exist_ok=True)
        keep_facts(kept.repo.tree(identity), kept.settings, {**kept.facts, "at": at})
    kept.repo.holds("wal", NOW, "wal")
    return kept.repo


def test_the_newest_backup_is_taken(three: FakeRepository, kept: Kept) -> None:
    assert kept.verify().snapshot == "newer"


def test_one_that_was_named_is_taken(three: FakeRepository, kept: Kept) -> None:
    assert kept.verify(snapshot="old").snapshot == "older"


def test_the_proof_of_an_older_one_takes_nothing_back(three: FakeRepository, kept: Kept, host: Host) -> None:
    kept.verify()
    kept.verify(snapshot="older")
    assert host.state()["restorable"] == NOW - 60


def test_one_that_is_not_there_is_no_proof(three: FakeRepository, kept: Kept) -> None:
    assert "no backup xyz of shop is there" in kept.verify(snapshot="xyz").error


def test_targets_take_turns(kept: Kept, targets: Targets, clock: Clock) -> None:
    shutil.copytree(kept.tree, targets["nas"].holds("snapshot1", NOW - 600), dirs_exist_ok=True)
    state.note("shop", "targets", "nas", pushed=NOW - 600)
    taken = []
    for turn in range(4):
        if turn == 1:
            targets["nas"].fails("reachable")  # one that fails does not keep the others from their turn
        taken.append(kept.verify().target)
        targets["nas"].broken.clear()
        clock.go(86400)
    assert taken == ["offsite", "nas", "offsite", "nas"]


def test_a_target_without_a_backup_is_passed_over_unless_it_is_named(kept: Kept) -> None:
    assert kept.verify().target == kept.verify().target == "offsite"
    assert bad(kept.verify("nas")) == ["restore"]


def test_an_unknown_target_is_refused(kept: Kept, host: Host) -> None:
    with pytest.raises(BackupError, match="'tape' is no target of shop: write one of offsite, nas"):
        kept.verify("tape")
    assert "verify" not in host.state()


def test_before_the_first_backup_there_is_nothing_to_prove(host: Host, targets: Targets) -> None:
    with pytest.raises(BackupError, match="shop has no backup yet: opsctl backup run --stack shop"):
        verification.verify(FakeEngine(), shop(), progress())  # type: ignore[arg-type]


def test_two_at_a_time_are_refused(kept: Kept) -> None:
    with running.alone("shop", "verification"), pytest.raises(BackupError, match="a verification is under way"):
        kept.verify()


# Where it happens


def test_a_disk_that_is_too_full_is_left_alone(kept: Kept, host: Host) -> None:
    host.free(2399)  # twice the backup, and a fifth
    verdict = kept.verify()
    assert bad(verdict) == ["restore"] and "are needed: make room, nothing was changed" in verdict.error and kept.repo.restored == []
    host.free(2400)
    assert kept.verify().ok


def work(engine: FakeEngine, need: float = 0) -> Path:
    with verification.workplace(engine, "shop", need) as found:  # type: ignore[arg-type]
        assert list(found.iterdir()) == [found / "tree"] and list((found / "tree").iterdir()) == []
        return found


def test_the_place_is_empty_at_first_and_gone_afterwards(host: Host) -> None:
    left = verification.WORK / "shop.verify"
    left.mkdir(parents=True)
    (left / "half").write_text("of a killed run")
    engine = FakeEngine()
    engine.api.create_container("left", {"Labels": {LABEL: "shop"}})
    assert not work(engine).exists() and engine.api.left == []


def test_the_place_is_gone_after_a_kill_that_can_be_noticed(host: Host) -> None:
    with pytest.raises(fakes.Killed), verification.workplace(FakeEngine(), "shop", 0):  # type: ignore[arg-type]
        raise fakes.Killed
    assert list(verification.WORK.iterdir()) == []


def test_the_place_lets_barman_through_and_shows_nothing(host: Host) -> None:
    with verification.workplace(FakeEngine(), "shop", 0) as found:  # type: ignore[arg-type]
        assert {oct(one.stat().st_mode & 0o777) for one in (verification.WORK, found, found / "tree")} == {"0o711"}


def test_choosing_asks_the_target_for_backups_of_this_stack_only(kept: Kept) -> None:
    with pytest.raises(BackupError, match="no backup of blog is there: opsctl backup list --stack blog"):
        verification.choose(kept.repo, Settings("blog", "/opt/blog", ()))  # type: ignore[arg-type]


def test_an_error_of_a_target_is_one(kept: Kept) -> None:
    kept.repo.fails("check", TargetError("offsite", "pack 1234 is damaged"))
    assert "pack 1234 is damaged" in kept.verify().error
