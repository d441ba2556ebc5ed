# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be restored, shown: for people one line a backup, and never a line that is wrong because a target is away."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import catalogue, state
from ansible_collections.latentum.ops.plugins.module_utils.backup.proof import Finding
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings
from ansible_collections.latentum.ops.plugins.module_utils.backup.verification import Verdict

from . import fakes
from .fakes import NOW, Clock, Host, Targets, cluster, facts, keep_facts, shop

host, clock, targets = fakes.host, fakes.clock, fakes.targets

DAY = 86400.0


@pytest.fixture
def declared(host: Host, clock: Clock) -> Settings:
    return shop("offsite", "nas", clusters=(cluster(host),))


@pytest.fixture
def kept(targets: Targets) -> Targets:
    targets["offsite"].holds("aaaaaaaaaaaa", NOW - DAY, bytes=2048)
    targets["offsite"].holds("bbbbbbbbbbbb", NOW, bytes=4096)
    targets["offsite"].holds("cccccccccccc", NOW + 3600, "wal")
    return targets


def test_each_target_has_its_backups_the_newest_first(declared: Settings, kept: Targets) -> None:
    state.note("shop", "targets", "offsite", verified="aaaaaaaaaaaa")
    offsite, nas = catalogue.collect(declared)["targets"]
    assert [(one["id"], one["time"], one["bytes"], one["verified"]) for one in offsite["backups"]] == [
        ("bbbbbbbbbbbb", NOW, 4096, False),
        ("aaaaaaaaaaaa", NOW - DAY, 2048, True),
    ]
    assert offsite["upto"] == NOW + 3600 and (nas["backups"], nas["upto"], nas["error"]) == ([], 0.0, "")


@pytest.mark.parametrize("method", ["reachable", "snapshots"])
def test_one_that_does_not_answer_says_so_in_its_place(method: str, declared: Settings, kept: Targets) -> None:
    kept["nas"].fails(method)
    offsite, nas = catalogue.collect(declared)["targets"]
    assert len(offsite["backups"]) == 2 and "i/o timeout" in nas["error"] and nas["backups"] == []


def test_one_target_alone_is_asked_alone(declared: Settings, kept: Targets) -> None:
    kept["nas"].fails("reachable")
    assert [one["name"] for one in catalogue.collect(declared, "offsite")["targets"]] == ["offsite"]


def test_an_unknown_target_is_refused(declared: Settings, kept: Targets) -> None:
    with pytest.raises(BackupError, match="tape"):
        catalogue.collect(declared, "tape")


def test_what_is_on_this_host_is_shown_too(declared: Settings, kept: Targets) -> None:
    assert catalogue.collect(declared)["local"] == 0.0
    keep_facts(Path("/"), declared, facts(at=NOW - 60))
    assert catalogue.collect(declared)["local"] == NOW - 60


def test_the_table_is_one_line_a_backup(declared: Settings, kept: Targets) -> None:
    state.note("shop", "targets", "offsite", verified="bbbbbbbbbbbb")
    keep_facts(Path("/"), declared, facts(at=NOW - 60))
    lines = catalogue.table(catalogue.collect(declared)).splitlines()
    assert lines[0] == "offsite (s3:https://offsite.example/shop), databases to any moment until 2027-01-15 09:00:00"
    assert lines[1].split() == ["bbbbbbbb", "2027-01-15", "08:00:00", *lines[1].split()[3:5], "restored", "and", "checked"]
    assert lines[2].startswith("  aaaaaaaa  2027-01-14 08:00:00") and "checked" not in lines[2]
    assert lines[3:] == [
        "nas (s3:https://nas.example/shop)",
        "  no backup yet",
        "this host: databases to any moment until 2027-01-15 07:59:00",
    ]


def test_a_stack_without_databases_has_backups_and_no_moments_between_them(host: Host, kept: Targets) -> None:
    plain = shop("offsite", "nas")
    keep_facts(Path("/"), plain, facts(at=NOW - 60))
    listed = catalogue.collect(plain)
    assert (listed["targets"][0]["upto"], listed["local"]) == (0.0, 0.0)
    table = catalogue.table(listed)
    assert "any moment" not in table and table.splitlines()[0] == "offsite (s3:https://offsite.example/shop)"
    assert "bbbbbbbb  2027-01-15 08:00:00" in table


def test_a_target_that_is_away_is_not_shown_as_empty(declared: Settings, kept: Targets) -> None:
    kept["offsite"].fails("reachable")
    lines = catalogue.table(catalogue.collect(declared, "offsite")).splitlines()
    assert lines[1].startswith("  !! target offsite") and "no backup yet" not in "".join(lines)


# Verdicts


def test_a_verdict_is_one_line_a_check_and_a_sentence() -> None:
    verdict = Verdict("offsite", "bbbbbbbbbbbb", NOW, 12.4, [Finding("files", True, "3 files"), Finding("cache", True, "9 keys")])
    assert catalogue.verdict_table(verdict).splitlines() == [
        "ok  files: 3 files",
        "ok  cache: 9 keys",
        "the backup of 2027-01-15 08:00:00 in offsite (snapshot bbbbbbbb) can be restored; 12 s",
    ]


def test_a_verdict_that_is_bad_shouts() -> None:
    verdict = Verdict("offsite", findings=[Finding("files", True, "3"), Finding("restore", False, "i/o timeout")])
    lines = catalogue.verdict_table(verdict).splitlines()
    assert lines[1:] == ["!!  restore: i/o timeout", "the backup in offsite (snapshot none) CANNOT BE RESTORED; 0 s"]


@pytest.mark.parametrize(
    ("verify", "age", "due"),
    [("always", 0.0, True), ("weekly", DAY, False), ("weekly", 7 * DAY, True), ("weekly", 7 * DAY - 1800, True), ("weekly", None, True)],
)
def test_a_proof_is_due_each_time_or_once_a_week(verify: str, age: float | None, due: bool, host: Host, clock: Clock) -> None:
    if age is not None:
        state.note("shop", restorable=NOW - age)
    assert catalogue.proof_is_due(shop(verify=verify)) is due
