# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The exchange of folders, killed at every point: what follows ends with everything new or everything old, and nothing is lost."""

from __future__ import annotations

import json
import shutil
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import replacement
from ansible_collections.latentum.ops.plugins.module_utils.backup.replacement import (
    EXCHANGED,
    EXCHANGING,
    PREPARING,
    Replacement,
    Step,
    confirm,
    discard,
    exchange,
    load,
    save,
    undo,
)
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError
from ansible_collections.latentum.ops.plugins.module_utils.core import versioned_json

from . import fakes
from .fakes import NOW, Host, Killed

host = fakes.host

NAMES = ("database", "files")
RENAMES = 2 * len(NAMES)


class Disk:
    """Two folders that are to be replaced; each holds two files that tell where it came from."""

    def __init__(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.root = host.root / "disk"
        self.steps = tuple(replacement.step(self.root / name, NOW) for name in NAMES)
        for one in self.steps:
            self.fill(one.live, "old")
            self.fill(one.fresh, "new")
        self.noted = save(Replacement("shop", "everything", NOW, PREPARING, self.steps, ("database", "web"), True, {"x": 1}))

    @staticmethod
    def fill(folder: str, what: str) -> None:
        inner = Path(folder) / "inner"
        inner.mkdir(parents=True)
        (Path(folder) / "one").write_text(what)
        (inner / "two").write_text(what)

    @staticmethod
    def holds(folder: str) -> str:
        """What a folder holds: `old`, `new`, `empty`, `none`, or `half`."""
        here = Path(folder)
        if not here.exists():
            return "none"
        files = sorted(str(one.relative_to(here)) for one in here.rglob("*") if one.is_file())
        if not list(here.iterdir()):
            return "empty"
        found = {(here / one).read_text() for one in files}
        return found.pop() if files == ["inner/two", "one"] and len(found) == 1 else "half"

    @property
    def live(self) -> list[str]:
        return [self.holds(one.live) for one in self.steps]

    @property
    def kept(self) -> list[str]:
        return [self.holds(one.kept) for one in self.steps]

    @property
    def fresh(self) -> list[str]:
        return [self.holds(one.fresh) for one in self.steps]

    def killed(self, act: Callable[[], Any], at: int, method: str = "rename") -> None:
        """Something is killed after so many renames."""
        real, done = getattr(Path, method), list[Any]()

        def rename(path: Path, target: Any) -> Any:
            if len(done) == at:
                raise Killed
            done.append(target)
            return real(path, target)

        with self.monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Path, method, rename)
            act()

    def half_removed(self, act: Callable[[], Any]) -> None:
        """Something is killed while it removes a folder."""

        def rmtree(folder: Any, **_given: Any) -> None:
            if Path(folder).exists():
                (Path(folder) / "one").unlink()
                raise Killed

        with self.monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(shutil, "rmtree", rmtree)
            act()

    def docker(self) -> None:
        """A container was started meanwhile: Docker makes an empty folder where there is none."""
        for one in self.steps:
            Path(one.live).mkdir(exist_ok=True)


@pytest.fixture
def disk(host: Host, monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(host, monkeypatch)


def known() -> Replacement:
    found = load("shop")
    assert found is not None
    return found


# Names and the journal


def test_the_names_around_a_folder_are_beside_it(tmp_path: Path) -> None:
    data = tmp_path / "_data"
    assert replacement.step(data, 1_795_262_400.9) == Step(str(data), f"{data}.restored", f"{data}.replaced-20261121T120000")


def test_a_file_system_of_its_own_cannot_be_exchanged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Path, "is_mount", lambda path: path == tmp_path)
    with pytest.raises(BackupError, match="is a file system of its own, which cannot be exchanged"):
        replacement.step(tmp_path, NOW)


def test_the_journal_is_read_as_it_was_written_and_root_s_alone(disk: Disk, host: Host) -> None:
    assert known() == disk.noted and stat.S_IMODE(replacement.path("shop").stat().st_mode) == 0o600
    assert load("blog") is None
    replacement.forget("shop")
    replacement.forget("shop")
    assert load("shop") is None


def test_the_journal_is_no_state_of_another_stack(disk: Disk, host: Host) -> None:
    assert sorted(one.name for one in host.backups.iterdir()) == [".format", "shop.restore.json"]


# Without a kill


def test_an_exchange_keeps_what_was_there(disk: Disk) -> None:
    done = exchange(disk.noted)
    assert (disk.live, disk.kept, disk.fresh) == (["new"] * 2, ["old"] * 2, ["none"] * 2)
    assert done.phase == EXCHANGED and known() == done and (done.stopped, done.window, done.note) == (("database", "web"), True, {"x": 1})


def test_an_exchange_again_changes_nothing(disk: Disk) -> None:
    exchange(exchange(disk.noted))
    assert (disk.live, disk.kept, disk.fresh) == (["new"] * 2, ["old"] * 2, ["none"] * 2)


def test_undo_puts_back_what_was_there(disk: Disk) -> None:
    undo(exchange(disk.noted))
    assert disk.live == ["old"] * 2 and disk.kept == ["none"] * 2 and load("shop") is None


def test_undo_removes_what_had_been_restored_which_the_backup_has_still(disk: Disk) -> None:
    undo(exchange(disk.noted))
    assert disk.fresh == ["none"] * 2


def test_confirm_removes_what_was_replaced_and_says_what(disk: Disk) -> None:
    assert confirm(exchange(disk.noted)) == [one.kept for one in disk.steps]
    assert (disk.live, disk.kept) == (["new"] * 2, ["none"] * 2) and load("shop") is None
    assert sorted(one.name for one in disk.root.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("phase", [PREPARING, EXCHANGING])
def test_what_has_not_come_to_its_end_cannot_be_confirmed(phase: str, disk: Disk) -> None:
    noted = save(Replacement("shop", "everything", NOW, phase, disk.steps))
    Path(disk.steps[0].live).rename(disk.steps[0].kept)
    with pytest.raises(BackupError, match=r"has not come to its end: opsctl restore resume --stack shop"):
        confirm(noted)
    assert disk.kept == ["old", "none"] and load("shop") is not None


def test_nothing_is_removed_while_what_was_restored_is_not_in_its_place(disk: Disk) -> None:
    exchange(disk.noted)
    shutil.rmtree(disk.steps[1].live)
    with pytest.raises(BackupError, match=r"files is not in its place: opsctl restore undo --stack shop"):
        confirm(known())
    assert disk.kept == ["old"] * 2


def test_what_has_not_started_yet_cannot_be_confirmed(disk: Disk) -> None:
    noted = replace(exchange(disk.noted), starting=True)
    with pytest.raises(BackupError, match="has not come to its end"):
        confirm(noted)
    assert disk.kept == ["old"] * 2


def test_what_is_being_confirmed_cannot_be_undone(disk: Disk) -> None:
    exchange(disk.noted)
    disk.half_removed(lambda: confirm(known()))
    with pytest.raises(BackupError, match="was confirmed, and what it replaced is removed in part: opsctl restore confirm"):
        undo(known())
    assert disk.live == ["new"] * 2


def test_discard_touches_only_what_was_made_ready(disk: Disk) -> None:
    discard(disk.noted)
    assert (disk.live, disk.kept, disk.fresh) == (["old"] * 2, ["none"] * 2, ["none"] * 2) and load("shop") is None


def test_a_folder_that_was_not_there_before_is_simply_put_there(disk: Disk) -> None:
    shutil.rmtree(disk.steps[0].live)
    exchange(disk.noted)
    assert disk.live == ["new"] * 2 and disk.kept == ["none", "old"]


# Killed while it exchanges


@pytest.mark.parametrize("docker", [False, True])
@pytest.mark.parametrize("at", range(RENAMES))
def test_a_killed_exchange_is_finished_by_the_next(at: int, docker: bool, disk: Disk) -> None:
    disk.killed(lambda: exchange(disk.noted), at)
    assert known().phase == EXCHANGING
    assert "old" in (disk.live[0], disk.kept[0]) and "old" in (disk.live[1], disk.kept[1])
    if docker:
        disk.docker()
    exchange(known())
    assert (disk.live, disk.kept, disk.fresh) == (["new"] * 2, ["old"] * 2, ["none"] * 2) and known().phase == EXCHANGED
    confirm(known())
    assert sorted(one.name for one in disk.root.iterdir()) == sorted(NAMES)


@pytest.mark.parametrize("first", range(RENAMES))
@pytest.mark.parametrize("second", range(2))
def test_an_exchange_that_is_killed_twice_is_finished_by_the_third(first: int, second: int, disk: Disk) -> None:
    disk.killed(lambda: exchange(disk.noted), first)
    if first + second < RENAMES:
        disk.killed(lambda: exchange(known()), second)
    exchange(known())
    assert (disk.live, disk.kept, disk.fresh) == (["new"] * 2, ["old"] * 2, ["none"] * 2)


@pytest.mark.parametrize("docker", [False, True])
@pytest.mark.parametrize("at", range(RENAMES))
def test_a_killed_exchange_is_taken_back_whole(at: int, docker: bool, disk: Disk) -> None:
    disk.killed(lambda: exchange(disk.noted), at)
    if docker:
        disk.docker()
    undo(known())
    assert disk.live == ["old"] * 2 and disk.kept == ["none"] * 2 and load("shop") is None


def test_an_exchange_that_is_killed_before_it_noted_its_end_is_finished(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    write = versioned_json.write_atomic

    def written(path: Any, content: Any, *given: Any) -> None:
        if json.loads(content)["phase"] == EXCHANGED:
            raise Killed
        write(path, content, *given)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(versioned_json, "write_atomic", written)
        exchange(disk.noted)
    assert known().phase == EXCHANGING and disk.live == ["new"] * 2
    assert exchange(known()).phase == EXCHANGED and (disk.live, disk.kept) == (["new"] * 2, ["old"] * 2)


def test_nothing_is_renamed_before_that_is_noted(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(versioned_json, "write_atomic", lambda *_given: fakes.throw(Killed()))
        exchange(disk.noted)
    assert (disk.live, disk.fresh) == (["old"] * 2, ["new"] * 2) and known().phase == PREPARING


# Killed while it is undone


@pytest.mark.parametrize(
    ("at", "docker"),
    [*((at, False) for at in range(RENAMES + 1)), *((at, True) for at in (1, 2, 3))],
)
def test_a_killed_undo_is_finished_by_the_next(at: int, docker: bool, disk: Disk) -> None:
    exchange(disk.noted)
    if at < RENAMES:
        disk.killed(lambda: undo(known()), at)
    else:
        disk.half_removed(lambda: undo(known()))
    if docker:
        disk.docker()
    undo(known())
    assert disk.live == ["old"] * 2 and disk.kept == ["none"] * 2 and load("shop") is None


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_a_killed_undo_cannot_be_confirmed(at: int, disk: Disk) -> None:
    """It would remove the only copy of what is about to be put back."""
    exchange(disk.noted)
    disk.killed(lambda: undo(known()), at)
    with pytest.raises(BackupError):
        confirm(known())
    assert "old" in (disk.live[0], disk.kept[0]) and "old" in (disk.live[1], disk.kept[1])


def test_a_killed_undo_of_half_an_exchange_never_puts_half_a_folder_in_place(disk: Disk) -> None:
    disk.killed(lambda: exchange(disk.noted), 2)
    disk.half_removed(lambda: undo(known()))  # while it removes what was made ready
    if (found := load("shop")) is not None and found.phase == EXCHANGING:  # what `resume` does
        exchange(found)
    assert "half" not in disk.live


@pytest.mark.parametrize("at", range(2 * RENAMES))
def test_back_and_forth_ends_where_it_was_sent_last(at: int, disk: Disk) -> None:
    """An exchange is killed, then an undo, then an exchange is finished."""
    disk.killed(lambda: exchange(disk.noted), at % RENAMES)
    undone = sum(one == "old" for one in disk.kept)
    if undone and at >= RENAMES:
        disk.killed(lambda: undo(known()), 0)
    exchange(known())
    assert (disk.live, disk.kept) == (["new"] * 2, ["old"] * 2)


# Killed while it is confirmed


def test_a_killed_confirmation_is_finished_by_the_next(disk: Disk) -> None:
    exchange(disk.noted)
    disk.half_removed(lambda: confirm(known()))
    assert disk.live == ["new"] * 2
    confirm(known())
    assert (disk.live, disk.kept) == (["new"] * 2, ["none"] * 2) and load("shop") is None


def test_what_is_half_removed_is_never_put_back(disk: Disk) -> None:
    exchange(disk.noted)
    disk.half_removed(lambda: confirm(known()))
    try:
        if (found := load("shop")) is not None:
            undo(found)
    except BackupError:
        pass
    assert "half" not in disk.live
