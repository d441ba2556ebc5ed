# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""State is read back from any version that wrote this format, and left alone when a later format wrote it."""

from __future__ import annotations

import json
import stat
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import versioned_json
from ansible_collections.latentum.ops.plugins.module_utils.core.versioned_json import NewerState, known_fields, read_state, write_state


@dataclass
class Thing:
    """A record with a field that came later."""

    name: str
    later: list[str] = field(default_factory=lambda: ["default"])


def test_what_is_written_is_read_back_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_state(path, {"a": 1}, 0o600)
    assert read_state(path, None) == {"a": 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"a": 1}, "no key of ours: an older engine reads it, too"
    assert (tmp_path / ".format").read_text() == "1\n"


def test_a_folder_from_before_there_was_a_mark_is_read_and_gets_one(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"a": 1}')
    assert read_state(path, None) == {"a": 1}
    assert not (tmp_path / ".format").exists()
    write_state(path, {}, 0o600)
    assert versioned_json.format_of(tmp_path) == 1


def test_the_mark_is_written_once(tmp_path: Path) -> None:
    write_state(tmp_path / "one.json", {}, 0o600)
    before = (tmp_path / ".format").stat().st_ino
    write_state(tmp_path / "two.json", {}, 0o600)
    assert (tmp_path / ".format").stat().st_ino == before


def test_a_newer_format_is_neither_read_nor_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_state(path, {"a": 1}, 0o600)
    (tmp_path / ".format").write_text("2\n")
    with pytest.raises(NewerState, match=r"holds state of format 2, and this engine knows up to 1: .* update the collection"):
        read_state(path, None)
    with pytest.raises(NewerState):
        write_state(path, {"a": 2}, 0o600)
    assert path.read_text() == '{"a": 1}\n'


def test_an_absent_file_is_the_default_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert read_state(path, {"empty": True}) == {"empty": True}
    path.write_text('{"a"')
    with pytest.raises(ValueError, match=r"state\.json is damaged"):
        read_state(path, None)
    assert path.exists()
    assert read_state(path, {}, put_aside=True) == {}
    assert (tmp_path / "state.json.damaged").read_text() == '{"a"'
    (tmp_path / ".format").write_text("?")
    with pytest.raises(ValueError, match=r"\.format is damaged"):
        read_state(path, None)


def test_fields_come_and_go() -> None:
    assert known_fields(Thing, {"name": "x", "from the future": 1}) == Thing("x", ["default"])
    assert known_fields(Thing, {"name": "x", "later": []}) == Thing("x", [])
    with pytest.raises(ValueError, match=r"Thing: .*'name'"):
        known_fields(Thing, {"later": []})
