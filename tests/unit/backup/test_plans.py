# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans: each its own snapshots, retention and proof; together they are the backup of the stack, and nobody takes one for another."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import (
    catalogue,
    identity,
    origins,
    plans,
    restoring_beside,
    restoring_place,
    running,
    staging,
    state,
    verification,
)
from ansible_collections.latentum.ops.plugins.module_utils.backup.proof import Finding
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic import Repository, Snapshot, TargetError
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings
from ansible_collections.latentum.ops.plugins.module_utils.contracts.backup_settings import Cache, Plan, Volume

from . import fakes
from .fakes import NOW, Clock, FakeEngine, FakeRepository, Host, Programs, Targets, facts, keep_facts, progress, shop
from .test_restoring import Shop
from .test_staging import declared as declared_whole
from .test_staging import engine, server

host, programs, clock, targets = fakes.host, fakes.programs, fakes.clock, fakes.targets
__all__ = ["declared_whole", "engine", "server"]

HOUR, DAY = 3600.0, 86400.0
DATABASE = Plan("database", "*-*-* 02:00", ("databases", "caches"), {"daily": 30}, "always", 26 * HOUR)
FILES = Plan("files", "Sun *-*-* 03:00", ("volumes", "host"), {"weekly": 8}, "always", 7 * DAY + 2 * HOUR)
FULL = Plan("full", "*-*-01 04:00", ("databases", "caches", "volumes", "host"), {"monthly": 12}, "always", 31 * DAY + 2 * HOUR)
PLANS = (DATABASE, FILES, FULL)
OF_DATABASE, OF_FILES = (("stack:shop", "kind:backup", f"plan:{name}") for name in ("database", "files"))


@pytest.fixture
def declared(host: Host, programs: Programs) -> Settings:
    return shop(
        "offsite",
        "nas",
        clusters=(fakes.cluster(host),),
        caches=(Cache("cache"),),
        volumes=(Volume("files", ("web",)),),
        retention={"daily": 7},
        plans=PLANS,
    )


# What a plan is


def test_a_plan_has_what_it_takes_and_nothing_else(declared: Settings) -> None:
    database, files = declared.of("database"), declared.of("files")
    assert (len(database.clusters), len(database.caches), database.volumes) == (1, 1, ())
    assert (files.clusters, files.caches, [volume.name for volume in files.volumes]) == ((), (), ["files"])
    assert (database.retention, files.stale_after, files.parts) == ({"daily": 30}, FILES.stale_after, ("volumes", "host"))
    assert declared.parts == ("databases", "caches", "volumes", "host") and declared.of("full").parts == declared.parts
    assert len({view.staging for view in (declared, database, files)}) == 3
    assert Settings.from_dict(json.loads(json.dumps(declared.to_dict()))) == declared


def test_a_plan_that_is_not_declared_is_refused_with_the_known_ones(declared: Settings) -> None:
    with pytest.raises(BackupError, match="'databse' is no plan of shop: write one of database, files, full"):
        declared.of("databse")
    with pytest.raises(BackupError, match="the backups of shop have no plans"):
        shop().of("database")


def test_each_part_is_served_by_the_first_plan_that_takes_it(declared: Settings) -> None:
    names = [view.plan for view in plans.serving(declared, declared.parts)]
    assert names == ["database", "files"]
    assert [view.plan for view in plans.serving(replace(declared, plans=(FULL, DATABASE, FILES)), declared.parts)] == ["full"]
    assert plans.serving(shop(), ["databases"]) == [shop()]


def test_without_a_name_runs_what_is_needed_and_what_has_never_run(declared: Settings, host: Host) -> None:
    assert [view.plan for view in plans.due(declared)] == ["database", "files", "full"]  # a monthly plan is not to wait for a month
    state.note("shop", "plans", "full", "backup", at=NOW)
    assert [view.plan for view in plans.due(declared)] == ["database", "files"]
    assert [view.plan for view in plans.due(declared, "full")] == ["full"]
    assert plans.due(shop()) == [shop()]


# A run


@pytest.fixture
def based(monkeypatch: pytest.MonkeyPatch) -> None:
    """Barman makes a base each time that it is asked for one."""
    monkeypatch.setattr(staging.Barman, "backup", lambda *_given: SimpleNamespace(id="B", size=1, end=NOW))


@pytest.fixture
def brought(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> dict[str, staging.Staged]:
    """What each plan has brought together last."""
    last: dict[str, staging.Staged] = {}

    def stage(_engine: Any, settings: Settings, _tell: Any) -> staging.Staged:
        last[settings.plan] = staging.Staged((f"/{settings.plan}",), (), facts(at=clock.now))
        clock.go(60)
        return last[settings.plan]

    monkeypatch.setattr(staging, "stage", stage)
    monkeypatch.setattr(staging, "staged", lambda settings: last.get(settings.plan))
    return last


def backup(view: Settings) -> running.Outcome:
    return running.backup(FakeEngine(), view, progress())  # type: ignore[arg-type]


def test_the_retention_of_a_plan_asks_only_for_its_own(
    brought: dict[str, staging.Staged], declared: Settings, targets: Targets, host: Host
) -> None:
    backup(declared.of("database"))
    backup(declared.of("files"))
    repo = targets["offsite"]
    assert [one["tags"] for one in repo.made] == [OF_DATABASE, OF_FILES]
    asked = [(rules, tags) for rules, _protect, tags in repo.forgot if "kind:backup" in tags]
    assert asked == [({"daily": 30}, OF_DATABASE), ({"weekly": 8}, OF_FILES)]
    protected = [protect for _rules, protect, tags in repo.forgot if tags == OF_FILES]
    assert protected == [{host.state()["plans"]["files"]["targets"]["offsite"]["snapshot"]}]


@pytest.mark.parametrize(
    ("spare", "gone"), [("", ["of-database", "of-nothing"]), ("plan:", ["of-nothing"])], ids=["with plans", "without plans"]
)
def test_a_backup_of_everything_forgets_nothing_that_a_former_plan_made(
    spare: str, gone: list[str], declared: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [
        {"tags": ["plan:database"], "remove": [{"id": "of-database", "tags": ["stack:shop", "kind:backup", "plan:database"]}]},
        {"tags": [], "remove": [{"id": "of-nothing", "tags": ["stack:shop", "kind:backup"]}]},
    ]
    answer = SimpleNamespace(document=lambda: groups, words=[])
    repo = Repository(declared.targets[0])
    monkeypatch.setattr(repo, "_run", lambda *_argv, **_given: answer)
    assert repo.forget({"daily": 7}, spare=spare) == gone


def test_only_without_plans_are_those_of_plans_spared(
    brought: dict[str, staging.Staged], declared: Settings, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[int, str]] = []

    def forget(self: FakeRepository, _rules: Any, *, tags: Any, spare: str = "", **_given: Any) -> list[str]:
        asked.append((len(tags), spare))
        return []

    monkeypatch.setattr(FakeRepository, "forget", forget)
    backup(declared.of("database"))
    backup(replace(declared, plans=()))
    assert (3, "") in asked and (2, "plan:") in asked and (2, "") in asked  # the last is the WAL's


def test_a_target_that_missed_one_plan_gets_it_although_another_came_after(
    brought: dict[str, staging.Staged], declared: Settings, targets: Targets, host: Host, clock: Clock
) -> None:
    targets["nas"].fails("backup")
    backup(declared.of("database"))
    targets["nas"].broken.clear()
    clock.go(HOUR)
    backup(declared.of("files"))
    assert [one["tags"] for one in targets["nas"].made] == [OF_FILES]
    running.push_wal(declared, progress())
    assert [one["tags"] for one in targets["nas"].made] == [OF_FILES, OF_DATABASE]
    assert len(targets["offsite"].made) == 2


def test_wal_is_of_no_plan(declared: Settings) -> None:
    assert running.tags(declared.of("database"), running.KIND_WAL) == ("stack:shop", "kind:wal")


def test_a_plan_waits_for_its_turn(
    brought: dict[str, staging.Staged], declared: Settings, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[tuple[str, float]] = []

    @contextmanager
    def alone(_stack: str, what: str, patience: float = 0) -> Any:
        waited.append((what, patience))
        yield

    monkeypatch.setattr(running, "alone", alone)
    monkeypatch.setattr(verification, "alone", alone)
    backup(declared.of("files"))
    verification.verify(FakeEngine(), declared.of("files"), progress())  # type: ignore[arg-type]
    assert waited[:2] == [("backup", running.TURN), ("verification", running.TURN)] and running.TURN > 6 * HOUR
    waited.clear()
    backup(shop())
    assert waited == [("backup", running.LONGEST_PUSH)]


def test_a_plan_that_is_declared_no_more_is_no_alarm(
    brought: dict[str, staging.Staged], declared: Settings, targets: Targets, host: Host
) -> None:
    state.note("shop", "plans", "yearly", began=NOW, stale_after=1.0)
    backup(declared.of("files"))
    assert list(host.state()["plans"]) == ["files"]
    backup(replace(declared, plans=()))
    assert "plans" not in host.state()


def test_one_plan_that_fails_costs_the_others_nothing(
    brought: dict[str, staging.Staged], declared: Settings, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = staging.stage

    def breaks(engine: Any, settings: Settings, tell: Any) -> staging.Staged:
        if settings.plan == "database":
            fakes.throw(BackupError("no PostgreSQL"))
        return stage(engine, settings, tell)

    monkeypatch.setattr(staging, "stage", breaks)
    turns = plans.carry_out(FakeEngine(), plans.serving(declared, declared.parts), progress(), proves=lambda _view: False)  # type: ignore[arg-type]
    assert [turn.errors for turn in turns] == [{"backup": "no PostgreSQL"}, {}]
    assert "!! no PostgreSQL" in plans.table(turns[0]) and turns[1].as_dict()["snapshots"]


# What was proven


def prove(declared: Settings, plan: str, taken: float, *, ok: bool = True, takes: tuple[str, ...] = ()) -> None:
    """A proof came to this end."""
    view = declared.of(plan) if plan else declared
    verdict = verification.Verdict("offsite", f"snapshot-{plan}", taken, 1.0, [Finding("restore", ok, "found")])
    verdict.takes = takes or (view.parts if plan else ())
    verification._note(view, verdict)


def test_the_stack_is_as_old_as_its_oldest_part(declared: Settings, host: Host, clock: Clock) -> None:
    prove(declared, "database", NOW)
    assert host.state()["restorable"] == 0  # of the volumes nothing is proven
    prove(declared, "files", NOW - 3 * DAY)
    assert host.state()["restorable"] == NOW - 3 * DAY
    prove(declared, "full", NOW - DAY)
    found = host.state()
    assert found["restorable"] == NOW - DAY and found["plans"]["files"]["restorable"] == NOW - 3 * DAY
    assert found["plans"]["database"]["targets"]["offsite"]["verified"] == "snapshot-database"


def test_what_was_proven_before_there_were_plans_counts_on(declared: Settings, host: Host, clock: Clock) -> None:
    prove(replace(declared, plans=()), "", NOW - DAY)
    prove(declared, "database", NOW)
    assert host.state()["restorable"] == NOW - DAY
    prove(declared, "", NOW - HOUR)  # one of everything, by its id
    assert host.state()["restorable"] == NOW - HOUR


def test_the_snapshot_of_a_former_plan_does_not_stand_for_the_stack(declared: Settings, host: Host, clock: Clock) -> None:
    prove(replace(declared, plans=()), "", NOW - DAY)
    prove(replace(declared, plans=()), "", NOW, takes=("databases",))
    assert host.state()["restorable"] == NOW - DAY


def test_only_what_is_too_old_is_made_before_an_update(declared: Settings, host: Host, clock: Clock) -> None:
    def late(limit: float) -> list[str]:
        return [view.plan for view in plans.older(declared, limit)]

    assert late(DAY) == ["database", "files"]
    prove(declared, "database", NOW - HOUR)
    prove(declared, "files", NOW - 3 * DAY)
    assert late(DAY) == ["files"] and late(4 * DAY) == [] and plans.oldest(declared) == 3 * DAY
    assert plans.older(declared, DAY, "database") == [] and plans.oldest(declared, "database") == HOUR
    assert [view.plan for view in plans.older(declared, HOUR / 2, "full")] == ["full"]
    prove(declared, "full", NOW - 2 * HOUR)
    assert late(DAY) == []  # it has the volumes, too


def test_a_proof_that_failed_is_not_hidden_by_that_of_another_plan(declared: Settings, host: Host, clock: Clock) -> None:
    prove(declared, "database", NOW - HOUR)
    prove(declared, "files", NOW - HOUR)
    clock.go(1)
    prove(declared, "database", NOW, ok=False)
    clock.go(1)
    prove(declared, "files", NOW)
    assert [view.plan for view in plans.older(declared, DAY)] == ["database"]
    clock.go(1)
    prove(declared, "full", NOW + 1)  # which has it as well
    assert plans.older(declared, DAY) == []


def test_a_weekly_proof_is_due_by_the_plan_s_own_last_one(declared: Settings, host: Host, clock: Clock) -> None:
    weekly = replace(declared, plans=(replace(DATABASE, verify="weekly"), replace(FILES, verify="weekly")))
    prove(weekly, "database", NOW)
    assert not catalogue.proof_is_due(weekly.of("database")) and catalogue.proof_is_due(weekly.of("files"))


def test_a_proof_takes_the_newest_of_the_plan(declared: Settings, targets: Targets, clock: Clock) -> None:
    repo = targets["offsite"]
    repo.there = [
        tagged("d1", NOW, "database"),
        tagged("f1", NOW - DAY, "files"),
        tagged("old", NOW + DAY, "yearly"),
        tagged("all", NOW - 9),
    ]
    views = (declared.of("database"), declared.of("files"), replace(declared, plans=()))
    found = [verification.choose(repo, view).id for view in views]  # type: ignore[arg-type]
    assert found == ["d1", "f1", "all"]
    with pytest.raises(BackupError, match="no backup of the plan full of shop is there"):
        verification.choose(repo, declared.of("full"))  # type: ignore[arg-type]


def test_what_is_verified_without_a_name_is_what_is_needed(declared: Settings, targets: Targets, host: Host) -> None:
    targets["offsite"].there = [tagged("f1", NOW, "files"), tagged("y1", NOW, "yearly"), tagged("all", NOW)]

    def named(plan: str = "", target: str = "", snapshot: str = "") -> list[str]:
        return [view.plan for view in plans.to_verify(declared, plan, target, snapshot)]

    assert named() == ["database", "files"] and named("full") == ["full"]
    assert (named(target="offsite", snapshot="f1"), named(target="offsite", snapshot="y1")) == (["files"], [""])
    with pytest.raises(BackupError, match="say --plan, or of which target it is"):
        named(snapshot="f1")
    with pytest.raises(BackupError, match="'tape' is no target of shop"):
        named(target="tape", snapshot="f1")


# What is read


def test_a_plan_prepares_its_own_and_leaves_that_of_others(
    engine: FakeEngine, declared_whole: Settings, programs: Programs, host: Host
) -> None:
    settings = replace(
        declared_whole, plans=(replace(DATABASE, takes=("databases", "caches")), replace(FILES, takes=("volumes", "paths", "host")))
    )
    database = staging.stage(engine, settings.of("database"), lambda _line: None)  # type: ignore[arg-type]
    files = staging.stage(engine, settings.of("files"), lambda _line: None)  # type: ignore[arg-type]
    assert database.facts["takes"] == ["databases", "caches"] and database.facts["plan"] == "database"
    assert database.facts["volumes"] == {} and database.facts["paths"] == []
    assert files.facts["clusters"] == {} and files.facts["caches"] == {} and files.facts["volumes"]
    assert str(host.barman) in "".join(database.paths) and str(host.barman) not in "".join(files.paths)
    kept = origins.here(settings, "databases")
    assert kept is not None and kept.plan == "database" and (settings.of("database").staging / "dumps").is_dir()
    assert origins.here(settings, "volumes", "database") is None


def test_what_was_prepared_for_nobody_any_more_goes(
    engine: FakeEngine, declared_whole: Settings, programs: Programs, host: Host, based: None
) -> None:
    staging.stage(engine, declared_whole, lambda _line: None)  # type: ignore[arg-type]
    settings = replace(
        declared_whole, plans=(replace(DATABASE, takes=("databases",)), replace(FILES, takes=("caches", "volumes", "paths", "host")))
    )
    staging.stage(engine, settings.of("database"), lambda _line: None)  # type: ignore[arg-type]
    assert declared_whole.staging.exists()  # it has the only copy of the cache on this host
    for _time in range(2):
        staging.stage(engine, settings.of("files"), lambda _line: None)  # type: ignore[arg-type]
    assert not declared_whole.staging.exists()
    staging.stage(engine, replace(settings, plans=settings.plans[1:]).of("files"), lambda _line: None)  # type: ignore[arg-type]
    assert sorted(one.name for one in settings.planned.iterdir()) == ["files"]
    staging.stage(engine, declared_whole, lambda _line: None)  # type: ignore[arg-type]
    assert list(settings.planned.iterdir()) == []


def test_two_bases_in_one_night_do_not_halve_the_way_back(
    engine: FakeEngine, declared_whole: Settings, programs: Programs, based: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[int] = []
    monkeypatch.setattr(staging.Barman, "thin", lambda _self, count: kept.append(count))
    for some in ((), (DATABASE, FILES), PLANS):
        settings = replace(declared_whole, keep_bases=2, plans=some)
        staging.stage(engine, settings.of("database") if some else settings, lambda _line: None)  # type: ignore[arg-type]
    assert kept == [2, 2, 3]


# Where a restore gets it from


def tagged(identity: str, at: float, plan: str = "", *paths: str) -> Snapshot:
    own = (f"plan:{plan}",) if plan else ()
    return Snapshot(identity, at, ("stack:shop", "kind:backup", *own), paths, "host", bytes=1000)


def keep(repo: FakeRepository, settings: Settings, identity: str, at: float, plan: str = "", **changes: Any) -> None:
    """A snapshot with its facts is there; of a plan that is not declared with what `takes` says."""
    repo.there.append(tagged(identity, at, plan))
    takes = next((list(one.takes) for one in PLANS if one.name == plan), None)
    known = {"plan": plan, "takes": takes} if plan else {}
    keep_facts(repo.tree(identity), settings.labelled(plan), facts(at=at, **{**known, **changes}))


@pytest.fixture
def kept(targets: Targets, declared: Settings) -> FakeRepository:
    """A month: everything on the first day, files on the second, databases each night, a former plan yesterday."""
    repo = targets["offsite"]
    keep(repo, declared, "before", NOW - 40 * DAY)
    keep(repo, declared, "full", NOW - 9 * DAY, "full")
    keep(repo, declared, "files", NOW - 8 * DAY, "files")
    for night in (3, 2, 1):
        keep(repo, declared, f"night-{night}", NOW - night * DAY, "database")
    keep(repo, declared, "former", NOW - 0.5 * DAY, "former", takes=["caches"])
    repo.there.append(Snapshot("wal", NOW - 60, ("stack:shop", "kind:wal"), (), "host"))
    return repo


def whole(declared: Settings, folder: Path, part: str, plan: str = "", at: float | None = None, wanted: str = "") -> str:
    """The backup that serves a part."""
    found = origins.of_target(declared, "offsite", wanted, at, folder, part, plan)
    assert found.whole is not None and (part == "" or found.holds(part))
    return found.whole.id


@pytest.mark.parametrize(
    ("part", "plan", "ago", "found"),
    [
        ("databases", "", None, "night-1"),
        ("volumes", "", None, "files"),
        ("host", "", None, "files"),
        ("caches", "", None, "former"),  # the facts of a former plan say what it had
        ("volumes", "full", None, "full"),
        ("databases", "full", None, "full"),
        ("databases", "", 1.5, "night-1"),
        ("databases", "", 8.5, "night-3"),  # the first that holds the moment
        ("volumes", "", 8.5, "files"),
        ("volumes", "", 20, "full"),
        ("volumes", "", 60, "before"),
    ],
)
def test_each_part_comes_from_the_newest_backup_that_has_it(
    part: str, plan: str, ago: float | None, found: str, kept: FakeRepository, declared: Settings, tmp_path: Path
) -> None:
    assert whole(declared, tmp_path / "tree", part, plan, None if ago is None else NOW - ago * DAY) == found


def test_wal_goes_on_after_the_newest_backup_with_databases(kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    found = origins.of_target(declared, "offsite", "", None, tmp_path / "tree", "databases")
    assert found.snapshot and found.whole and (found.snapshot.id, found.whole.id, found.upto) == ("wal", "night-1", NOW - 60)
    files = origins.of_target(declared, "offsite", "", None, tmp_path / "tree", "volumes")
    assert files.snapshot and (files.snapshot.id, files.plan) == ("files", "files")


def test_a_backup_that_lacks_the_part_is_refused(kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="offsite: snapshot night-1 is without the volumes of shop: opsctl backup list"):
        whole(declared, tmp_path / "tree", "volumes", wanted="night-1")
    kept.there = [one for one in kept.there if "plan:database" in one.tags]
    with pytest.raises(BackupError, match="offsite has no backup of shop, with its volumes"):
        whole(declared, tmp_path / "tree", "volumes")


def test_snapshots_of_plans_are_read_where_plans_are_declared_no_more(kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    assert whole(replace(declared, plans=()), tmp_path / "tree", "volumes") == "files"


def test_the_target_is_the_one_that_a_plan_with_the_part_was_pushed_to_last(declared: Settings, host: Host) -> None:
    state.note("shop", "plans", "files", "targets", "nas", pushed=NOW - DAY)
    state.note("shop", "plans", "database", "targets", "offsite", pushed=NOW)
    state.note("shop", "targets", "offsite", pushed=NOW)
    assert [origins.newest(declared, part) for part in ("databases", "volumes", "")] == ["offsite", "nas", "offsite"]


def test_files_come_from_the_newest_backup_that_reaches_to_them(
    kept: FakeRepository, declared: Settings, tmp_path: Path, clock: Clock
) -> None:
    kept.there = [replace(one, paths=("/etc/nginx", "/opt/shop") if one.id == "files" else ("/var/lib/barman",)) for one in kept.there]
    assert restoring_beside._holding(declared, "offsite", ("/etc/nginx/nginx.conf", "/opt"), "") == "files"
    with pytest.raises(
        BackupError, match="no backup of the plan database of shop in offsite holds /etc/nginx: ask for one after the other"
    ):
        restoring_beside._holding(declared, "offsite", ("/etc/nginx",), "database")


def test_a_bare_host_gets_its_secrets_from_the_newest_backup_that_has_them(
    kept: FakeRepository, declared: Settings, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def of_target(*given: Any) -> Any:
        asked.extend(given[-2:])
        return fakes.throw(BackupError("enough"))

    monkeypatch.setattr(origins, "of_target", of_target)
    with pytest.raises(BackupError, match="enough"):
        identity.bring_back(declared, "", "", progress(), "files")
    assert asked == ["host", "files"]


# A restore


@pytest.fixture
def there(host: Host, programs: Programs, targets: Targets, clock: Clock) -> Shop:
    """Stack shop: its databases and its cache were backed up two hours ago, its files by another plan a day before."""
    made = Shop(host, programs, targets)
    made.settings = replace(made.settings, plans=PLANS)
    made.repo.there = [tagged("nightly", NOW - 2 * HOUR, "database"), tagged("weekly", NOW - 26 * HOUR, "files")]
    whole = made.tree
    files = {**made.facts, "at": NOW - 26 * HOUR, "clusters": {}, "caches": {}, "plan": "files", "takes": ["volumes", "host"]}
    nightly = {**made.facts, "volumes": {}, "plan": "database", "takes": ["databases", "caches"]}
    for name, plan, content in (("nightly", "database", nightly), ("weekly", "files", files)):
        shutil.copytree(whole, made.repo.tree(name))
        keep_facts(made.repo.tree(name), made.settings.labelled(plan), content)
    made.put(made.settings.labelled("database").staging / "redis" / "cache.rdb", "old cache", made.repo.tree("nightly"))
    shutil.rmtree(made.repo.tree("nightly") / str(made.live["files"]).lstrip("/"))
    shutil.rmtree(made.repo.tree("weekly") / "var/lib/barman")
    return made


def test_a_restore_of_everything_says_which_backup_serves_what(there: Shop) -> None:
    lines = there.plan("everything").splitlines()
    first = "restore of database database, cache cache, volume files of shop"
    assert lines[0] == f"{first}, from offsite, snapshot nightly of plan database and offsite, snapshot weekly of plan files"
    assert lines[1] == "caches are of 2027-01-15 06:00:00.000000+00, from offsite, snapshot nightly of plan database"
    assert lines[2] == "volumes are of 2027-01-14 06:00:00.000000+00, from offsite, snapshot weekly of plan files"
    assert lines[3].startswith("what was written after 2027-01-15 06:00:00.000000+00 will be lost")
    assert there.untouched()


def test_everything_comes_back_each_part_from_its_own_backup(there: Shop) -> None:
    there.restore("everything", confirmed=True)
    assert [there.holds(name) for name in there.live] == ["old database", "old cache", "old files"]
    started = there.programs.lines("systemctl start --no-block")
    assert started == ["systemctl start --no-block latentum-ops-backup@shop.database.service"]


@pytest.mark.parametrize(
    ("given", "first", "absent"),
    [
        ({"plan": "files"}, "restore of volume files of shop, from offsite, snapshot weekly of plan files", "databases, caches"),
        ({"snapshot": "nightly", "source": "offsite"}, "restore of database database, cache cache of shop, from offsite", "volumes"),
    ],
)
def test_a_plan_or_a_snapshot_brings_back_what_it_has_and_says_what_not(
    given: dict[str, Any], first: str, absent: str, there: Shop
) -> None:
    text = there.plan("everything", **given)
    assert text.startswith(first) and f"not in it: {absent} stay as they are" in text


def test_a_part_without_any_backup_stops_a_restore_of_everything(there: Shop) -> None:
    there.repo.there = there.repo.there[:1]
    with pytest.raises(BackupError, match="offsite has no backup of shop, with its volumes"):
        there.restore("everything", confirmed=True)
    assert there.untouched()


def test_what_a_plan_does_not_take_is_refused(there: Shop) -> None:
    with pytest.raises(BackupError, match="offsite has no backup of shop, plan database, with its volumes"):
        there.restore("volume", "files", plan="database", confirmed=True)
    with pytest.raises(BackupError, match="'nightly' is no plan of shop"):
        there.restore("volume", "files", plan="nightly", confirmed=True)
    assert there.untouched()


# The list


def test_the_list_has_the_plan_and_tells_of_what_nobody_thins_out(
    kept: FakeRepository, declared: Settings, host: Host, clock: Clock
) -> None:
    prove(declared, "files", NOW - 8 * DAY)
    state.note("shop", "plans", "files", "targets", "offsite", verified="files")
    text = catalogue.table(catalogue.collect(declared, "offsite"))
    rows = {line.split()[0]: line for line in text.splitlines()[1:]}
    assert "  database  " in rows["night-1"] and rows["files"].endswith("restored and checked")
    assert rows["former"].endswith("its plan is declared no more: kept until you forget it")
    assert rows["before"].endswith("from before the plans: kept until you forget it")
    assert [one["id"] for one in catalogue.collect(declared, "offsite", "former")["targets"][0]["backups"]] == ["former"]


def test_without_plans_a_line_is_as_it_was(targets: Targets, host: Host, clock: Clock) -> None:
    settings = shop()
    targets["offsite"].there = [tagged("0123456789", NOW)]
    listed = catalogue.collect(settings)
    assert listed["targets"][0]["backups"] == [{"id": "0123456789", "time": NOW, "bytes": 1000, "added": 0, "verified": False}]
    assert catalogue.table(listed).splitlines()[1] == "  01234567  2027-01-15 08:00:00      1000 B"


def test_a_repository_that_is_made_anew_is_anew_for_every_plan(declared: Settings, host: Host) -> None:
    state.note("shop", "plans", "files", "targets", "nas", snapshot="a", verified="b", pushed=NOW)
    running.begin_anew(declared, "nas")
    assert host.state()["plans"]["files"]["targets"]["nas"] == {"snapshot": "", "verified": "", "repository": "", "pushed": NOW}


def test_a_target_that_is_away_is_told_by_the_turn(
    brought: dict[str, staging.Staged], declared: Settings, targets: Targets, host: Host
) -> None:
    targets["nas"].fails("backup", TargetError("nas", "no route"))
    (turn,) = plans.carry_out(FakeEngine(), [declared.of("files")], progress(), proves=lambda _view: False)  # type: ignore[arg-type]
    assert list(turn.errors) == ["nas"] and "!! nas: " in plans.table(turn)
    assert restoring_place.USE == "restore"
