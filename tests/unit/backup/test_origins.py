# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a restore gets its data from: which snapshot serves a moment, and what is refused."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import origins, state
from ansible_collections.latentum.ops.plugins.module_utils.backup.origins import HERE, Origin
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic import TargetError
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings

from . import fakes
from .fakes import NOW, Clock, FakeRepository, Host, Targets, about_cluster, facts, keep_facts, shop
from .test_barman import SEGMENT, wal

host, clock, targets = fakes.host, fakes.clock, fakes.targets

DAY = 86400.0


# A moment


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-11-20 14:03:07+00", "2026-11-20T14:03:07+00:00"),
        (" 2026-11-20T14:03:07Z ", "2026-11-20T14:03:07+00:00"),
        ("2026-11-20 14:03:07.25+0100", "2026-11-20T13:03:07.250000+00:00"),
        ("2026-11-20 14:03+05:30", "2026-11-20T08:33:00+00:00"),
    ],
)
def test_a_moment_is_what_its_zone_says(text: str, found: str, clock: Clock) -> None:
    assert origins.moment(text) == datetime.fromisoformat(found).timestamp()


@pytest.mark.parametrize("text", ["yesterday", "", "20:15", "2026-13-01 00:00+00", "2026-11-20 14:03:07 CET", "1800000000"])
def test_what_is_no_time_is_refused_with_an_example(text: str, clock: Clock) -> None:
    with pytest.raises(BackupError, match=r"write a time with its zone, such as '2026-11-20 14:03:07\+00'"):
        origins.moment(text)


@pytest.mark.parametrize("text", ["2026-11-20 14:03:07", "2026-11-20"])
def test_a_time_without_a_zone_is_refused_with_one(text: str, clock: Clock) -> None:
    with pytest.raises(BackupError, match=rf"its zone is missing.*write '{text}\+00'"):
        origins.moment(text)


def test_the_future_is_refused(clock: Clock) -> None:
    later = datetime.fromtimestamp(NOW + 1, UTC).isoformat()
    with pytest.raises(BackupError, match="has not come yet; leave it out for all that there is"):
        origins.moment(later)
    assert origins.moment(datetime.fromtimestamp(NOW, UTC).isoformat()) == NOW


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (1_800_000_000.0, "2027-01-15 08:00:00.000000+00"),
        (1_800_000_000.25, "2027-01-15 08:00:00.250000+00"),
        (0.0, "1970-01-01 00:00:00.000000+00"),
        (1_800_000_000.9999998, "2027-01-15 08:00:01.000000+00"),
    ],
)
def test_a_moment_is_written_as_postgresql_reads_it(at: float, text: str) -> None:
    assert origins.stamp(at) == text and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00", text)


def test_a_moment_survives_being_written_to_the_microsecond(clock: Clock) -> None:
    for micro in (1, 999999, 123456):
        at = datetime(2026, 11, 20, 14, 3, 7, micro, UTC).timestamp()
        assert origins.stamp(at) == f"2026-11-20 14:03:07.{micro:06d}+00" and origins.moment(origins.stamp(at)) == at


# A target


@pytest.fixture
def declared(host: Host) -> Settings:
    return shop("offsite", "nas")


@pytest.fixture
def kept(targets: Targets, declared: Settings) -> FakeRepository:
    """Three days of backups, and WAL after the last two."""
    repo = targets["offsite"]
    for number, name in enumerate(("monday", "tuesday", "wednesday")):
        keep_facts(repo.holds(name, NOW + number * DAY), declared, facts(at=NOW + number * DAY))
    repo.holds("wal-tuesday", NOW + 1.5 * DAY, "wal")
    repo.holds("wal-wednesday", NOW + 2.5 * DAY, "wal")
    repo.there.reverse()  # in any order
    return repo


def of(declared: Settings, folder: Path, at: float | None = None, wanted: str = "", name: str = "offsite") -> tuple[str, str, float]:
    """The snapshot that is read, the backup whose facts count, and the last moment that is known."""
    found = origins.of_target(declared, name, wanted, at, folder)
    assert found.snapshot is not None and found.whole is not None and found.facts["at"] == found.whole.time
    return found.snapshot.id, found.whole.id, found.upto


@pytest.mark.parametrize(
    ("at", "snapshot", "whole"),
    [
        (None, "wal-wednesday", "wednesday"),
        (NOW + 3 * DAY, "wal-wednesday", "wednesday"),
        (NOW + 2.2 * DAY, "wal-wednesday", "wednesday"),
        (NOW + 1.7 * DAY, "wednesday", "wednesday"),  # its own WAL begins with the base before
        (NOW + 1.2 * DAY, "wal-tuesday", "tuesday"),
        (NOW + 1.5 * DAY, "wal-tuesday", "tuesday"),
        (NOW + 0.2 * DAY, "tuesday", "tuesday"),
        (NOW - DAY, "monday", "monday"),
    ],
)
def test_the_first_snapshot_that_holds_a_moment_serves_it(
    at: float | None, snapshot: str, whole: str, kept: FakeRepository, declared: Settings, tmp_path: Path
) -> None:
    assert of(declared, tmp_path / "tree", at)[:2] == (snapshot, whole)


def test_a_snapshot_that_was_named_serves_alone(kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    assert of(declared, tmp_path / "tree", wanted="tue") == ("tuesday", "tuesday", NOW + DAY)


@pytest.mark.parametrize("wanted", ["nothing", "wal-"])
def test_a_snapshot_that_is_not_there_is_refused(wanted: str, kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=rf"offsite has no backup {wanted} of shop: opsctl backup list --stack shop"):
        of(declared, tmp_path / "tree", wanted=wanted)


def test_an_empty_target_is_refused(kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="nas has no backup"):
        of(declared, tmp_path / "tree", name="nas")


@pytest.mark.parametrize("name", ["tape", HERE, "local"])
def test_an_unknown_target_is_refused_with_the_known_ones(name: str, kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=rf"'{name}' is no target of shop: write one of offsite, nas"):
        of(declared, tmp_path / "tree", name=name)


def test_a_backup_of_another_stack_is_refused(targets: Targets, declared: Settings, tmp_path: Path) -> None:
    keep_facts(targets["nas"].holds("other", NOW), declared, facts(stack="blog"))
    with pytest.raises(BackupError, match="the backup is of the stack blog in format 1: this is shop"):
        of(declared, tmp_path / "tree", name="nas")


def test_a_target_that_is_away_is_told(kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    kept.fails("reachable")
    with pytest.raises(TargetError, match="target offsite"):
        of(declared, tmp_path / "tree")


def test_only_the_facts_are_brought_before_anybody_agreed(kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    of(declared, tmp_path / "tree")
    assert kept.restored == [("wednesday", (f"{declared.staging}/facts.json",))]


# This host


def test_a_host_without_a_backup_is_no_origin(declared: Settings) -> None:
    assert origins.here(declared) is None


@pytest.fixture
def local(declared: Settings, host: Host) -> Origin:
    """A backup of this host with two databases; WAL of the second stopped an hour before that of the first."""
    clusters = {"database": about_cluster(), "users": about_cluster("shop.users")}
    keep_facts(Path("/"), declared, facts(at=NOW - 7200, clusters=clusters))
    wal(host.barman / "shop.database" / "streaming", f"{SEGMENT}05.partial", at=NOW - 10)
    wal(host.barman / "shop.users" / "streaming", f"{SEGMENT}05.partial", at=NOW - 3610)
    found = origins.here(declared)
    assert found is not None
    return found


def test_this_host_knows_what_was_received_since_the_backup(local: Origin, declared: Settings, host: Host) -> None:
    assert (local.name, local.upto, local.repo) == (HERE, NOW - 10, None)
    assert local.fetch(Path("/x"), "/srv") == Path("/") and local.barman(declared, "users", Path("/x")).folder == host.barman / "shop.users"


def test_without_any_wal_the_backup_itself_is_the_last_moment(declared: Settings, host: Host) -> None:
    keep_facts(Path("/"), declared, facts(at=NOW - 7200, clusters={"database": about_cluster()}))
    found = origins.here(declared)
    assert found is not None and found.upto == NOW - 7200


@pytest.mark.parametrize("name", ["", "local", HERE])
def test_this_host_comes_first(name: str, local: Origin, kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    assert origins.choose(declared, name, "", None, tmp_path / "tree").name == HERE


@pytest.mark.parametrize(("name", "wanted"), [("offsite", ""), ("", "tuesday"), ("offsite", "tuesday")])
def test_a_target_or_a_snapshot_that_was_named_comes_before_it(
    name: str, wanted: str, local: Origin, kept: FakeRepository, declared: Settings, tmp_path: Path
) -> None:
    assert origins.choose(declared, name, wanted, None, tmp_path / "tree").name == "offsite"


def test_of_several_targets_the_one_that_was_written_to_last_is_chosen(targets: Targets, declared: Settings, tmp_path: Path) -> None:
    for name in ("offsite", "nas"):
        keep_facts(targets[name].holds(f"of-{name}", NOW), declared, facts(at=NOW))
    assert origins.choose(declared, "", "", None, tmp_path / "a").name == "offsite"
    state.note("shop", "targets", "offsite", pushed=1.0)
    state.note("shop", "targets", "nas", pushed=2.0)
    assert origins.choose(declared, "", "", None, tmp_path / "b").name == "nas"


def test_who_asks_for_this_host_gets_no_target_instead(kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupError):
        origins.choose(declared, "local", "", None, tmp_path / "tree")


# Bringing it


def test_wal_comes_from_the_last_push_and_all_else_from_the_backup(kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    for identity, path in (("wal-wednesday", "var/lib/barman/shop.database/x"), ("wednesday", "srv/files/y")):
        file = kept.tree(identity) / path
        file.parent.mkdir(parents=True)
        file.write_text(identity)
    found = origins.of_target(declared, "offsite", "", None, tmp_path / "tree")
    tree = found.fetch(tmp_path / "tree", "/var/lib/barman/shop.database", "/srv/files")
    assert (tree / "var/lib/barman/shop.database/x").read_text() == "wal-wednesday" and (tree / "srv/files/y").read_text() == "wednesday"
    assert kept.restored[1:] == [("wal-wednesday", ("/var/lib/barman/shop.database",)), ("wednesday", ("/srv/files",))]


def test_what_is_not_needed_is_not_brought(kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    found = origins.of_target(declared, "offsite", "", None, tmp_path / "tree")
    (kept.tree("wednesday") / "srv").mkdir()
    found.fetch(tmp_path / "tree", "/srv")
    assert kept.restored[1:] == [("wednesday", ("/srv",))]


def test_barman_of_a_copy_reads_the_copy(kept: FakeRepository, declared: Settings, tmp_path: Path) -> None:
    about = facts(at=NOW + 2 * DAY, clusters={"database": about_cluster()})
    (kept.tree("wednesday") / str(declared.staging).lstrip("/") / "facts.json").write_text(json.dumps(about))
    tree = tmp_path / "tree"
    (tree / "var/lib/barman").mkdir(parents=True)
    found = origins.of_target(declared, "offsite", "", None, tree).barman(declared, "database", tree)
    assert found.home == tree / "var/lib/barman" and "port=1" in (found.home / "barman.conf").read_text()


@pytest.mark.parametrize(("path", "pattern"), [("/srv/plain", "/srv/plain"), ("/srv/[a]*?", r"/srv/\[a]\*\?"), ("/a\\b", r"/a\\b")])
def test_a_path_means_itself_and_no_pattern(path: str, pattern: str) -> None:
    assert origins.plainly(path) == pattern
