# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A set costs no look only while everything that it had looked at is as it was."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import entries, revert_timer, settled_sets
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.entries import EntryError
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.settled_sets import remember, settled

from .conftest import raw

pytestmark = pytest.mark.usefixtures("systemd")


@pytest.fixture(autouse=True)
def records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(settled_sets, "FOLDER", tmp_path / "records")
    return tmp_path / "records"


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    folder = tmp_path / "etc"
    (folder / "d").mkdir(parents=True)
    (folder / "file").write_text("text\n")
    (folder / "link").symlink_to("file")
    (folder / "d" / "ours.conf").write_text("ours\n")
    (folder / "d" / "theirs.txt").write_text("theirs\n")
    return folder


def files(etc: Path) -> list[dict[str, Any]]:
    return [
        raw(etc / "file", content="text\n"),
        raw(etc / "link", state="link", target="file"),
        raw(etc / "d", state="directory"),
        raw(etc / "d" / "ours.conf", content="ours\n"),
        raw(etc / "gone", state="absent"),
    ]


def keep(etc: Path, request: str = "first") -> None:
    remember("trial", request, files(etc), [{"directory": str(etc / "d"), "pattern": "*.conf"}])


def _replace_by_link(etc: Path) -> None:
    (etc / "file").rename(etc / "moved")
    (etc / "file").symlink_to("moved")


def _point_elsewhere(etc: Path) -> None:
    (etc / "link").unlink()
    (etc / "link").symlink_to("d")


CHANGES: dict[str, Callable[[Path], object]] = {
    "another content of the same length": lambda etc: (etc / "file").write_text("texT\n"),
    "another mode": lambda etc: (etc / "file").chmod(0o640),
    "a file that is gone": lambda etc: (etc / "d" / "ours.conf").unlink(),
    "a file where none is to be": lambda etc: (etc / "gone").write_text(""),
    "a file that is to be purged": lambda etc: (etc / "d" / "stale.conf").write_text(""),
    "a link in place of the file with the same content": _replace_by_link,
    "a link that leads elsewhere": _point_elsewhere,
    "another mode of the folder": lambda etc: (etc / "d").chmod(0o700),
    "something that is neither file nor folder": lambda etc: ((etc / "file").unlink(), os.mkfifo(etc / "file")),
}


def test_what_is_as_it_was_is_settled_with_its_request(etc: Path, records: Path) -> None:
    keep(etc)
    assert settled() == {"trial": "first"}
    record = records / "trial.json"
    assert record.stat().st_mode & 0o777 == 0o600 and records.stat().st_mode & 0o777 == 0o700
    assert "text" not in record.read_text()
    before = record.stat().st_mtime_ns, record.stat().st_ino
    (etc / "d" / "theirs.txt").write_text("is nobody's business\n")
    keep(etc)
    assert settled() == {"trial": "first"}
    assert (record.stat().st_mtime_ns, record.stat().st_ino) == before, "a run without a change writes nothing"
    keep(etc, "second")
    assert settled() == {"trial": "second"}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_somebody_changes_is_looked_at(etc: Path, change: str) -> None:
    keep(etc)
    CHANGES[change](etc)
    assert settled() == {}


def test_a_name_that_belongs_to_another_number_is_looked_at(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    user = pwd.getpwuid(os.getuid())
    remember("trial", "first", [{**raw(etc / "file"), "owner": user.pw_name}], [])
    assert settled() == {"trial": "first"}
    other = pwd.struct_passwd((*user[:2], user.pw_uid + 1, *user[3:]))
    monkeypatch.setattr(entries.pwd, "getpwnam", lambda _name: other)
    assert settled() == {}
    monkeypatch.setattr(entries.pwd, "getpwnam", {}.__getitem__)  # nobody has the name any more
    assert settled() == {}


def test_a_change_that_waits_for_its_confirmation_is_not_settled(etc: Path, records: Path) -> None:
    keep(etc)
    revert_timer.keep("trial", [], [])
    assert settled() == {}
    keep(etc)
    assert not (records / "trial.json").exists()


def test_without_a_request_the_last_one_is_forgotten(etc: Path) -> None:
    keep(etc)
    keep(etc, "")
    assert settled() == {}


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', "{}", '{"request": "first", "paths": 7}', '{"paths": []}'])
def test_a_record_that_cannot_be_read_costs_a_look_and_nothing_else(etc: Path, records: Path, content: str) -> None:
    keep(etc)
    (records / "trial.json").write_text(content)
    assert settled() == {}
    keep(etc)
    assert settled() == {"trial": "first"}


def test_a_name_that_leads_elsewhere_is_refused(etc: Path) -> None:
    with pytest.raises(EntryError, match="must be 1 to 64 letters"):
        remember("../trial", "first", files(etc), [])
