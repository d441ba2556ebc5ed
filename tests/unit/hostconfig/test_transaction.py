# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set of files is all there and active, or it never was."""

from __future__ import annotations

import stat
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import revert_timer, transaction
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import EntryError, compare, parse_entries, parse_entry
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.transaction import ConfigSet, ConfigSetError, apply, confirm

from .conftest import Systemd, a_set, raw, tree

pytestmark = pytest.mark.usefixtures("systemd")


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    """A folder with one of each: what a set may find."""
    folder = tmp_path / "etc"
    (folder / "d").mkdir(parents=True, mode=0o755)
    (folder / "old").write_text("old\n")
    (folder / "old").chmod(0o4640)
    (folder / "link").symlink_to("old")
    (folder / "gone").write_text("gone\n")
    (folder / "d" / "stale.conf").write_text("stale\n")
    (folder / "d" / "kept.txt").write_text("kept\n")
    (folder / "bytes").write_bytes(b"\xff\x00\xfe")
    return folder


def everything(etc: Path) -> dict[str, Any]:
    """One change of each kind."""
    raws = [
        raw(etc / "old", content="new\n", mode="0600"),
        raw(etc / "fresh", content="fresh ü\n"),
        raw(etc / "bytes", content="text\n"),
        raw(etc / "link", state="link", target="fresh"),
        raw(etc / "link2", state="link", target="fresh"),
        raw(etc / "gone", state="absent"),
        raw(etc / "d", state="directory", mode="0700"),
        raw(etc / "e" / "f", state="directory"),
        raw(etc / "e" / "f" / "deep", content="deep\n"),
    ]
    return {"raws": raws, "purge": [{"directory": str(etc / "d"), "pattern": "*.conf"}]}


def the_set(etc: Path, **options: Any) -> ConfigSet:
    given = everything(etc)
    return a_set(*given["raws"], purge=given["purge"], **options)


def test_all_of_it_is_written_and_then_nothing_changes(etc: Path, systemd: Systemd) -> None:
    outcome = apply(the_set(etc))
    assert (etc / "old").read_text() == "new\n" and stat.S_IMODE((etc / "old").stat().st_mode) == 0o600
    assert (etc / "fresh").read_text() == "fresh ü\n"
    assert (etc / "link").readlink() == (etc / "link2").readlink() == Path("fresh")
    assert not (etc / "gone").exists() and not (etc / "d" / "stale.conf").exists() and (etc / "d" / "kept.txt").exists()
    assert (etc / "e" / "f" / "deep").read_text() == "deep\n"
    assert len(outcome.paths) == 11 and not outcome.armed
    assert apply(the_set(etc, activate=[["false"]], validate=[["false"]])).paths == []
    assert not any(revert_timer.FOLDER.iterdir()), "nothing is kept of a change that succeeded"


@pytest.mark.parametrize("step", ["validate", "activate"])
def test_a_failing_step_brings_everything_back(etc: Path, step: str) -> None:
    before = tree(etc)
    with pytest.raises(ConfigSetError, match=r"the old files are back.*the words of the checker") as refused:
        apply(the_set(etc, **{step: [["true"], ["sh", "-c", "echo the words of the checker >&2; exit 3"]]}))
    assert str(refused.value).startswith("trial: ")
    assert tree(etc) == before
    assert not any(revert_timer.FOLDER.iterdir())


def test_the_checker_sees_the_new_files(etc: Path) -> None:
    apply(the_set(etc, validate=[["grep", "-qx", "new", str(etc / "old")]]))


def test_old_files_are_activated_again(etc: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f"cat {etc / 'old'} >> {log}; ! grep -q new {etc / 'old'}"
    with pytest.raises(ConfigSetError, match="could not be activated"):
        apply(the_set(etc, activate=[["sh", "-c", script]]))
    assert log.read_text() == "new\nold\n"


def test_a_failing_write_brings_everything_back(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(etc)
    real = transaction.write

    def full(entry: Any) -> None:
        if entry.path.name == "old":
            raise OSError(28, "No space left on device")
        real(entry)

    monkeypatch.setattr(transaction, "write", full)
    with pytest.raises(ConfigSetError, match="No space left"):
        apply(the_set(etc))
    assert tree(etc) == before


def test_what_cannot_be_put_back_is_told_and_the_copy_stays(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = transaction.restore

    def broken(found: Any) -> None:
        if found.path.name == "old":
            raise OSError(30, "Read-only file system")
        real(found)

    monkeypatch.setattr(transaction, "restore", broken)
    with pytest.raises(ConfigSetError, match=r"could not be put back: .*/old \(Read-only file system\)"):
        apply(the_set(etc, validate=[["false"]]))
    assert (etc / "gone").exists(), "the others are back"
    assert (revert_timer.FOLDER / "trial" / "revert.sh").exists()


def test_the_next_run_takes_back_what_a_killed_one_left(etc: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = tree(etc)
    with monkeypatch.context() as killed:
        # SIGKILL leaves no time to clean up: neither files nor the copy are put back.
        killed.setattr(transaction, "_take_back", lambda written: [])
        killed.setattr(revert_timer, "disarm", lambda name: False)
        with pytest.raises(ConfigSetError):
            apply(the_set(etc, validate=[["false"]]))
    assert tree(etc) != before
    seen = tmp_path / "seen"
    outcome = apply(the_set(etc, validate=[["touch", str(seen)]]))
    assert len(outcome.paths) == 11 and seen.exists(), "what was never validated counts as not written"
    assert not any(revert_timer.FOLDER.iterdir())


def test_an_interruption_brings_everything_back(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(etc)

    def interrupted(entry: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(transaction, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        apply(the_set(etc))
    assert tree(etc) == before


def test_check_mode_says_the_same_and_changes_nothing(etc: Path) -> None:
    before = tree(etc)
    said = apply(the_set(etc, validate=[["false"]]), check_mode=True)
    assert tree(etc) == before
    assert said.paths == apply(the_set(etc)).paths


def test_missing_parents(etc: Path) -> None:
    deep = raw(etc / "no" / "such" / "file", content="x")
    with pytest.raises(EntryError, match="state: directory, or set parents: true"):
        apply(a_set(deep))
    with pytest.raises(ConfigSetError):
        apply(a_set(deep, parents=True, validate=[["false"]]))
    assert not (etc / "no").exists()
    assert apply(a_set(deep, parents=True)).paths == [str(etc / "no"), str(etc / "no" / "such"), str(etc / "no" / "such" / "file")]


def test_a_folder_that_others_use_meanwhile_stays(etc: Path) -> None:
    with pytest.raises(ConfigSetError):
        apply(a_set(raw(etc / "own", state="directory"), validate=[["touch", str(etc / "own" / "theirs")], ["false"]]))
    assert (etc / "own" / "theirs").exists()


def test_a_link_under_the_name_of_a_file_is_replaced_not_followed(etc: Path) -> None:
    apply(a_set(raw(etc / "link", content="mine\n")))
    assert not (etc / "link").is_symlink() and (etc / "old").read_text() == "old\n"


def test_the_mode_alone_is_a_change(etc: Path) -> None:
    assert apply(a_set(raw(etc / "old", content="old\n", mode="0640"))).paths == [str(etc / "old")]


def test_activating_waits_for_the_unit(etc: Path, systemd: Systemd) -> None:
    assert apply(a_set(raw(etc / "fresh", content="x"), activate=[["false"]], activate_unit="ssh.service")).paths
    assert ["systemctl", "is-active", "--quiet", "ssh.service"] in systemd.calls


def test_a_sensitive_content_is_in_no_difference(etc: Path) -> None:
    (etc / "old").write_text("former-secret")
    change = compare(parse_entry(raw(etc / "old", content="new-secret", sensitive=True)))
    assert change is not None
    shown = str(change.difference()) + repr(change)
    assert "former-secret" not in shown and "new-secret" not in str(change.difference())
    assert change.difference()["before"] != change.difference()["after"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"path": "etc/x", "content": ""}, "'etc/x' is not an absolute path"),
        ({"path": "/etc/../x", "content": ""}, r"without '\.\.'"),
        ({"path": "/etc/x", "content": "", "mode": "rw"}, "mode 'rw' of /etc/x is not octal"),
        ({"path": "/etc/x", "content": "", "mode": "420"}, None),
        ({"path": "/etc/x", "content": "", "mode": "0888"}, "mode '0888' of /etc/x"),
        ({"path": "/etc/x"}, "/etc/x has no content"),
        ({"path": "/etc/x", "state": "link"}, "/etc/x is a link without a target"),
        ({"path": "/etc/x", "content": "", "owner": "nobody-of-that-name"}, "nobody-of-that-name"),
    ],
)
def test_malformed_entries_are_refused_by_name(given: dict[str, Any], message: str | None) -> None:
    if message is None:
        parse_entry(given)
        return
    with pytest.raises(EntryError, match=message):
        parse_entry(given)


def test_a_path_given_twice_is_refused() -> None:
    with pytest.raises(EntryError, match="/etc/x is named twice"):
        parse_entries([{"path": "/etc/x", "content": "a"}, {"path": "/etc/x", "state": "absent"}])


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("d", {"content": "x"}), ("d", {"state": "absent"}), ("old", {"state": "directory"}), ("link", {"state": "directory"})],
)
def test_kinds_are_not_exchanged(etc: Path, name: str, wanted: dict[str, str]) -> None:
    before = tree(etc)
    with pytest.raises(EntryError, match="remove it yourself"):
        apply(a_set(raw(etc / "fresh", content="x"), raw(etc / name, **wanted)))
    assert tree(etc) == before


@pytest.mark.parametrize("name", ["", "a/b", "../x", "x" * 65, "-x", "a b"])
def test_a_name_must_be_one_of_a_unit(etc: Path, name: str) -> None:
    with pytest.raises(EntryError, match="name: "):
        confirm(name)
    with pytest.raises(EntryError, match="name: "):
        apply(ConfigSet(name=name, entries=parse_entries([raw(etc / "fresh", content="x")]), journal=True))
    assert not (etc / "fresh").exists()


def test_fifty_files_are_compared_at_once(tmp_path: Path) -> None:
    raws = [raw(tmp_path / f"{number}.conf", content="line\n" * 500) for number in range(50)]
    apply(a_set(*raws))
    begin = time.perf_counter()
    assert apply(a_set(*raws)).paths == []
    assert time.perf_counter() - begin < 0.5  # some 5 ms on an idle machine


def test_what_is_left_in_directories_below_is_purged_and_the_directories_stay(tmp_path: Path) -> None:
    """An engine that moved its files into packages leaves no file of its old layout behind."""
    engine = tmp_path / "engine"
    engine.mkdir()
    for name in ("old.py", "kept/named.py", "kept/old.py", "gone/old.py", "gone/data.txt"):
        (engine / name).parent.mkdir(exist_ok=True)
        (engine / name).write_text("")
    named = raw(engine / "kept" / "named.py", content="")
    apply(a_set(named, purge=[{"directory": str(engine), "pattern": "*.py", "recursive": True}]))
    assert sorted(str(path.relative_to(engine)) for path in engine.rglob("*")) == ["gone", "gone/data.txt", "kept", "kept/named.py"]
    apply(a_set(named, purge=[{"directory": str(engine), "pattern": "*"}]))  # not below
    assert (engine / "gone" / "data.txt").exists()
