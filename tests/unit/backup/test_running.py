# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A backup to several targets: what one of them lacks costs the others nothing, and is brought later."""

from __future__ import annotations

import re
import threading
import time
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import running, staging, state
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic import Snapshot, TargetError, Unread
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings
from ansible_collections.latentum.ops.plugins.module_utils.backup.staging import Staged

from . import fakes
from .fakes import NOW, SECRET, Clock, FakeEngine, Host, Programs, Targets, facts, progress, said, shop
from .test_barman import SEGMENT, wal

host, programs, clock, targets = fakes.host, fakes.programs, fakes.clock, fakes.targets

BACKUP, WAL = ("stack:shop", "kind:backup"), ("stack:shop", "kind:wal")


class Brought:
    """What staging brings together, without bringing anything."""

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock, self.runs = clock, 0
        self.error: Exception | None = None
        self.last: Staged | None = None
        monkeypatch.setattr(staging, "stage", self.stage)
        monkeypatch.setattr(staging, "staged", lambda _settings: self.last)

    def stage(self, _engine: Any, settings: Settings, _tell: Any) -> Staged:
        self.runs += 1
        if self.error:
            fakes.throw(self.error)
        self.last = Staged(("/staging", "/barman"), ("*.tmp",), facts(at=self.clock.now))
        self.clock.go(60)
        return self.last


@pytest.fixture
def brought(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Brought:
    return Brought(clock, monkeypatch)


@pytest.fixture
def declared(host: Host, programs: Programs) -> Settings:
    return shop("offsite", "nas", retention={"daily": 7}, clusters=(fakes.cluster(host),), rpo=600, rto=1200)


def backup(declared: Settings) -> running.Outcome:
    return running.backup(FakeEngine(), declared, progress())  # type: ignore[arg-type]


def push(declared: Settings) -> running.Outcome:
    return running.push_wal(declared, progress())


def test_every_target_gets_the_same(brought: Brought, declared: Settings, targets: Targets) -> None:
    outcome = backup(declared)
    assert sorted(outcome.snapshots) == ["nas", "offsite"] and outcome.errors == {} and brought.runs == 1
    assert (outcome.bytes, outcome.added, outcome.seconds) == (4096, 2048, 60)
    for one in targets.values():
        (made,) = one.made
        assert (made["paths"], made["tags"], made["exclude"]) == (["/staging", "/barman"], BACKUP, ("*.tmp",))


def test_a_repository_that_is_gone_is_not_made_anew_without_a_word(
    brought: Brought, declared: Settings, targets: Targets, host: Host
) -> None:
    targets["nas"].state = "absent"  # the first time, there is none
    assert backup(declared).errors == {}
    targets["nas"].state = "absent"  # a disk that is not mounted
    outcome = backup(declared)
    assert sorted(outcome.snapshots) == ["offsite"] and targets["nas"].state == "absent"
    assert re.search(
        r"nas holds no repository any more at s3:https://nas.example/shop: .*opsctl backup run --new-repository nas", outcome.errors["nas"]
    )
    with pytest.raises(BackupError, match="no target 'disk': write one of offsite, nas"):
        running.begin_anew(declared, "disk")
    running.begin_anew(declared, "nas")
    assert backup(declared).errors == {} and targets["nas"].state == "present"


def test_a_whole_success_is_published(brought: Brought, declared: Settings, targets: Targets, host: Host) -> None:
    backup(declared)
    found = host.state()
    assert found["backup"] == {"at": NOW, "ended": NOW + 60, "ok": True, "error": "", "seconds": 60, "bytes": 4096, "added": 2048}
    assert (found["rpo"], found["rto"], found["stale_after"]) == (600, 1200, 93600)
    offsite = found["targets"]["offsite"]
    assert (offsite["pushed"], offsite["wal"], offsite["error"], offsite["since"], offsite["bytes"]) == (NOW, NOW, "", 0.0, 4096)
    assert offsite["snapshot"] == "00000001offsite" and "restorable" not in found


@pytest.mark.parametrize("method", ["reachable", "ensure", "backup"])
def test_one_target_that_fails_costs_the_other_nothing(
    method: str, brought: Brought, declared: Settings, targets: Targets, host: Host, clock: Clock
) -> None:
    targets["offsite"].fails(method)
    targets["offsite"].state = "absent" if method == "ensure" else "present"  # only one that is not there is made
    outcome = backup(declared)
    assert list(outcome.snapshots) == ["nas"] and list(outcome.errors) == ["offsite"]
    found = host.state()
    assert found["backup"]["ok"] is False and found["backup"]["error"] == outcome.errors["offsite"]
    assert found["targets"]["nas"]["pushed"] == NOW and found["targets"]["nas"]["error"] == ""
    assert found["targets"]["offsite"] == {"error": outcome.errors["offsite"], "since": NOW + 60}


def test_since_when_a_target_is_away_is_not_forgotten_until_it_is_back(
    brought: Brought, declared: Settings, targets: Targets, host: Host, clock: Clock
) -> None:
    targets["offsite"].fails("reachable")
    backup(declared)
    clock.go(86400)
    backup(declared)
    assert host.state()["targets"]["offsite"]["since"] == NOW + 60
    targets["offsite"].broken.clear()
    backup(declared)
    found = host.state()["targets"]["offsite"]
    assert (found["since"], found["error"]) == (0.0, "") and host.state()["backup"]["ok"] is True


def test_a_backup_that_no_target_took_is_an_error_and_stays_on_the_host(
    brought: Brought, declared: Settings, targets: Targets, host: Host
) -> None:
    for one in targets.values():
        one.fails("reachable")
    with pytest.raises(BackupError, match=r"no target took the backup; it is kept on this host.*target offsite .*; target nas "):
        backup(declared)
    assert host.state()["backup"]["ok"] is False and brought.last is not None


@pytest.mark.parametrize("error", [BackupError("the disk is full"), OSError("no space"), KeyError("x")])
def test_what_cannot_even_be_brought_together_is_published(
    error: Exception, brought: Brought, declared: Settings, targets: Targets, host: Host
) -> None:
    brought.error = error
    with pytest.raises(type(error)):
        backup(declared)
    found = host.state()["backup"]
    assert found["ok"] is False and found["error"] == str(error) and found["at"] == NOW
    assert targets["offsite"].made == []


def test_a_failure_leaves_what_is_known_of_the_targets(brought: Brought, declared: Settings, targets: Targets, host: Host) -> None:
    backup(declared)
    state.note("shop", "targets", "offsite", verified="older")
    targets["offsite"].fails("backup")
    backup(declared)
    found = host.state()["targets"]["offsite"]
    assert found["pushed"] == NOW and found["snapshot"] == "00000001offsite" and found["verified"] == "older"


def test_a_new_repository_is_made_and_said(brought: Brought, declared: Settings, targets: Targets) -> None:
    targets["nas"].state = "absent"
    one = progress()
    running.backup(FakeEngine(), declared, one)  # type: ignore[arg-type]
    assert "nas: a new repository at s3:https://nas.example/shop" in said(one) and "offsite: a new" not in said(one)


# Files that vanish while they are read


def incomplete(targets: Targets, files: dict[str, str]) -> None:
    """Target `offsite` makes a snapshot that lacks some files, and says so."""
    repo = targets["offsite"]
    repo.there.append(Snapshot("incomplete", NOW, BACKUP, (), "host", 100, 10, 1, 1.0))
    repo.fails("backup", Unread("offsite", files, "incomplete"))


def test_files_that_were_removed_meanwhile_are_no_fault(brought: Brought, declared: Settings, targets: Targets, host: Host) -> None:
    incomplete(targets, {str(host.root / "gone"): "lstat: no such file or directory"})
    outcome = backup(declared)
    assert outcome.errors == {} and outcome.snapshots["offsite"] == "incomplete"
    assert host.state()["targets"]["offsite"]["snapshot"] == "incomplete" and host.state()["backup"]["ok"] is True


def test_files_that_are_there_and_could_not_be_read_are(brought: Brought, declared: Settings, targets: Targets, host: Host) -> None:
    (host.root / "there").write_text("")
    incomplete(targets, {str(host.root / "gone"): "no such file", str(host.root / "there"): "input/output error"})
    outcome = backup(declared)
    assert "input/output error" in outcome.errors["offsite"] and list(outcome.snapshots) == ["nas"]
    assert "pushed" not in host.state()["targets"]["offsite"]


def test_files_of_which_nobody_knows_are_not_taken_for_removed_ones(brought: Brought, declared: Settings, targets: Targets) -> None:
    incomplete(targets, {"some files": "at least one source file could not be read"})  # as Repository.backup says it
    assert list(backup(declared).errors) == ["offsite"]


# Retention


def test_older_ones_are_forgotten_by_the_rules_never_the_proven_or_the_newest(
    brought: Brought, declared: Settings, targets: Targets, host: Host
) -> None:
    state.note("shop", "targets", "offsite", verified="proven")
    backup(declared)
    assert targets["offsite"].forgot == [
        ({"daily": 7}, {"proven", "00000001offsite"}, BACKUP),
        ({"last": 2}, {"proven", "00000001offsite"}, WAL),
    ]


def test_an_append_only_target_is_never_asked_to_forget(brought: Brought, targets: Targets, host: Host, programs: Programs) -> None:
    declared = Settings("shop", "/opt/shop", (fakes.target("offsite", append_only=True),))
    backup(declared)
    assert targets["offsite"].forgot == [] and targets["offsite"].pruned == 0 and len(targets["offsite"].made) == 1


def test_room_is_made_once_a_week(brought: Brought, declared: Settings, targets: Targets, clock: Clock) -> None:
    for _day in range(8):
        backup(declared)
        clock.go(86400 - 60)
    assert targets["offsite"].pruned == 2


@pytest.mark.parametrize("method", ["forget", "prune"])
def test_a_target_that_does_not_forget_has_taken_the_backup_all_the_same(
    method: str, brought: Brought, declared: Settings, targets: Targets, host: Host
) -> None:
    targets["offsite"].fails(method, TargetError("offsite", "locked"))
    outcome = backup(declared)
    assert sorted(outcome.snapshots) == ["nas", "offsite"] and host.state()["backup"]["ok"] is True
    assert "locked" in host.state()["targets"]["offsite"]["thinning"]


# One at a time


def test_a_backup_waits_for_one_that_is_just_brought_to_a_target(
    brought: Brought, declared: Settings, targets: Targets, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    naps: list[float] = []
    held = running.alone("shop", "backup")
    held.__enter__()
    real = time.sleep

    def sleep(seconds: float) -> None:
        if threading.current_thread() is not threading.main_thread():
            return real(seconds)  # a server of an earlier test that still ends a stream
        naps.append(seconds)
        clock.go(seconds)
        if len(naps) == 3:
            held.__exit__(None, None, None)

    monkeypatch.setattr(time, "sleep", sleep)
    assert backup(declared).errors == {} and len(naps) == 3


def test_two_backups_at_a_time_are_refused(brought: Brought, declared: Settings, targets: Targets) -> None:
    refused: list[str] = []

    def second() -> None:
        with pytest.raises(BackupError, match="shop: a backup is under way") as caught:
            backup(declared)
        refused.append(str(caught.value))

    targets["offsite"].during = second
    backup(declared)
    assert len(refused) == 1 and brought.runs == 1 and len(targets["offsite"].made) == 1
    with running.alone("shop", "backup"):
        pass


def test_other_stacks_and_other_work_go_on_meanwhile(host: Host) -> None:
    with running.alone("shop", "backup"), running.alone("blog", "backup"), running.alone("shop", "push"):
        pass


def test_the_lock_goes_with_whoever_held_it(host: Host) -> None:
    with pytest.raises(fakes.Killed), running.alone("shop", "backup"):
        raise fakes.Killed
    with running.alone("shop", "backup"):
        pass


# Between two backups


@pytest.fixture
def received(host: Host) -> None:
    """Barman has received WAL."""
    wal(host.barman / "shop.database" / "streaming", f"{SEGMENT}05.partial", at=NOW - 7)


def test_before_the_first_backup_there_is_nothing_to_push(brought: Brought, declared: Settings, targets: Targets) -> None:
    assert push(declared) == running.Outcome() and targets["offsite"].made == []


def test_wal_is_taken_over_and_brought_to_each_target(
    brought: Brought, declared: Settings, targets: Targets, received: None, programs: Programs, host: Host, clock: Clock
) -> None:
    backup(declared)
    clock.go(300)
    outcome = push(declared)
    assert sorted(outcome.snapshots) == ["nas", "offsite"] and programs.lines(" archive-wal shop.database")
    made = targets["offsite"].made[-1]
    assert made["paths"] == [str(host.barman / "shop.database")] and made["tags"] == WAL and tuple(made["exclude"]) == staging.EXCLUDED
    found = host.state()
    assert found["targets"]["offsite"]["wal"] == NOW + 360 and found["targets"]["offsite"]["pushed"] == NOW
    assert found["clusters"]["database"] == {"wal": NOW - 7, "error": ""}


def test_a_backup_that_a_target_missed_is_brought_by_the_next_push(
    brought: Brought, declared: Settings, targets: Targets, received: None, host: Host, clock: Clock
) -> None:
    targets["offsite"].fails("reachable")
    backup(declared)
    clock.go(3600)
    assert list(push(declared).errors) == ["offsite"]
    targets["offsite"].broken.clear()
    clock.go(60)
    outcome = push(declared)
    assert outcome.errors == {} and brought.runs == 1
    assert [one["tags"] for one in targets["offsite"].made] == [BACKUP] and [one["tags"] for one in targets["nas"].made] == [
        BACKUP,
        WAL,
        WAL,
    ]
    found = host.state()["targets"]["offsite"]
    assert (found["pushed"], found["since"], found["error"]) == (NOW, 0.0, "")  # of when it is, not of when it came
    push(declared)
    assert [one["tags"] for one in targets["offsite"].made] == [BACKUP, WAL]


def test_a_target_that_missed_one_is_not_given_a_backup_that_is_just_being_made(
    brought: Brought, declared: Settings, targets: Targets, received: None, clock: Clock
) -> None:
    targets["offsite"].fails("reachable")
    backup(declared)
    targets["offsite"].broken.clear()
    with running.alone("shop", "backup"):
        assert list(push(declared).snapshots) == ["nas"]
    assert targets["offsite"].made == []


def test_a_backup_that_ended_just_before_is_not_brought_again(
    brought: Brought, declared: Settings, targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    targets["offsite"].fails("reachable")
    backup(declared)
    targets["offsite"].broken.clear()
    real = running.alone

    def alone(stack: str, what: str, patience: float = 0) -> Any:
        if what == "backup":
            monkeypatch.setattr(running, "alone", real)
            backup(declared)  # between the look and the lock
        return real(stack, what, patience)

    monkeypatch.setattr(running, "alone", alone)
    assert "offsite" not in push(declared).snapshots and len(targets["offsite"].made) == 1


def test_while_a_missed_backup_is_brought_none_begins(brought: Brought, declared: Settings, targets: Targets, clock: Clock) -> None:
    targets["offsite"].fails("reachable")
    backup(declared)
    targets["offsite"].broken.clear()
    began: list[bool] = []

    def scheduled() -> None:
        try:
            with running.alone("shop", "backup"):
                began.append(True)
        except BackupError:
            began.append(False)

    targets["offsite"].during = scheduled
    push(declared)
    assert began == [False]


def test_a_stream_that_cannot_be_taken_over_is_told_and_pushed_as_it_is(
    brought: Brought, declared: Settings, targets: Targets, received: None, programs: Programs, host: Host
) -> None:
    backup(declared)
    programs.on(" archive-wal ", rc=1, stderr="duplicate segment")
    outcome = push(declared)
    assert sorted(outcome.snapshots) == ["nas", "offsite"]
    found = host.state()["clusters"]["database"]
    assert "duplicate segment" in found["error"] and found["wal"] == NOW - 7
    programs.on(" archive-wal ")
    push(declared)
    assert host.state()["clusters"]["database"]["error"] == ""


def test_one_target_that_is_away_does_not_keep_wal_from_the_other(
    brought: Brought, declared: Settings, targets: Targets, received: None, host: Host
) -> None:
    backup(declared)
    targets["offsite"].fails("backup")
    outcome = push(declared)
    assert list(outcome.snapshots) == ["nas"] and list(outcome.errors) == ["offsite"]
    assert host.state()["targets"]["offsite"]["since"] > 0 and host.state()["targets"]["nas"]["since"] == 0.0


def test_without_databases_a_push_brings_only_what_was_missed(brought: Brought, host: Host, targets: Targets, programs: Programs) -> None:
    declared = shop()
    backup(declared)
    assert push(declared).snapshots == {} and len(targets["offsite"].made) == 1


def test_a_push_that_waited_too_long_for_another_one_is_refused(
    brought: Brought, declared: Settings, targets: Targets, received: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "LONGEST_PUSH", 0.0)
    backup(declared)
    refused: list[str] = []

    def second() -> None:
        try:
            push(declared)
        except BackupError as error:
            refused.append(str(error))

    def during() -> None:
        other = threading.Thread(target=second)
        other.start()
        other.join()

    targets["offsite"].during = during
    push(declared)
    assert len(refused) == 1 and "a push is under way" in refused[0]


def test_no_argument_and_no_state_shows_a_secret(
    brought: Brought, declared: Settings, targets: Targets, received: None, programs: Programs, host: Host
) -> None:
    backup(declared)
    push(declared)
    assert programs.shows() == [] and SECRET not in state.path("shop").read_text()
