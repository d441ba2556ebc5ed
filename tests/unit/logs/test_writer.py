# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer of a log host: what it confirms is in the file, whole, and nothing leads out of the tree."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.logs import writer as writer_module
from ansible_collections.latentum.ops.plugins.module_utils.logs.records import encode
from ansible_collections.latentum.ops.plugins.module_utils.logs.writer import Writer, serve

DAY = "2026-11-29"
RECORD = encode("2026-11-29T16:00:00Z", "a@1.r", 1, "", "hello").rstrip()


def served(tree: Path, *lines: bytes, day: str = DAY) -> bytes:
    answers: list[bytes] = []
    serve(Writer(tree, "logs", lambda: day), [line + b"\n" for line in lines], answers.append)
    return b"".join(answers)


def test_each_record_is_confirmed_and_where_it_belongs(tmp_path: Path) -> None:
    assert served(tmp_path, b"web1 shop api application " + RECORD, b"web2 _host journal audit " + RECORD) == b"OK\n" * 3
    assert (tmp_path / DAY / "web1/shop/api.application.jsonl").read_bytes() == RECORD + b"\n"
    assert (tmp_path / DAY / "web2/_host/journal.audit.jsonl").read_bytes() == RECORD + b"\n"


@pytest.mark.parametrize(
    "header",
    [
        *(b"", b"web1", b"web1 shop api", b"web1 shop api other", b".. shop api audit", b"web1 . api audit"),
        *(b"web1 shop ../x audit", b"- - - audit", b"logs shop api audit", b"\xff s a audit"),
    ],
)
def test_what_leads_nowhere_is_passed_over_and_stops_nothing(header: bytes, tmp_path: Path) -> None:
    assert served(tmp_path, header + b" " + RECORD, b"web1 shop api application " + RECORD) == b"OK\n" * 3
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["api.application.jsonl"]


def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    assert served(tmp_path, b"web1 shop api application hello", b"web1 shop api application ") == b"OK\n" * 3
    assert list(tmp_path.iterdir()) == []


def test_half_a_record_is_taken_back_and_not_confirmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that becomes full in the middle of one."""
    line = b"web1 shop api application " + RECORD
    served(tmp_path, line)
    write, calls = os.write, []

    def half(file: int, data: bytes) -> int:
        calls.append(1)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[:10])

    with monkeypatch.context() as patch:
        patch.setattr(writer_module.os, "write", half)
        assert served(tmp_path, line) == b"OK\nthe tree does not take it: No space left on device\n"
    assert (tmp_path / DAY / "web1/shop/api.application.jsonl").read_bytes() == RECORD + b"\n"
    assert served(tmp_path, line) == b"OK\nOK\n"
    assert (tmp_path / DAY / "web1/shop/api.application.jsonl").read_bytes() == (RECORD + b"\n") * 2


def test_a_tree_that_is_gone_confirms_nothing(tmp_path: Path) -> None:
    (tmp_path / "tree").write_text("no folder")
    assert served(tmp_path / "tree", b"web1 shop api application " + RECORD).count(b"OK") == 1


def test_many_files_are_not_kept_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "OPEN", 3)
    writer = Writer(tmp_path, "logs", lambda: DAY)
    for turn in range(2):
        for number in range(10):
            writer.take(b"web1 shop s%d application " % number + RECORD)
            assert len(writer._files) <= 3, turn
    assert len([1 for link in Path("/proc/self/fd").iterdir() if str(link.resolve()).startswith(str(tmp_path))]) == 3
    assert all(path.read_bytes().count(b"\n") == 2 for path in tmp_path.rglob("*.jsonl"))


def test_after_midnight_it_writes_to_the_new_day(tmp_path: Path) -> None:
    day = [DAY]
    writer = Writer(tmp_path, "logs", lambda: day[0])
    writer.take(b"web1 shop api application " + RECORD)
    day[0] = "2026-11-30"
    writer.take(b"web1 shop api application " + RECORD)
    assert sorted(path.name for path in tmp_path.iterdir()) == [DAY, "2026-11-30"]
    assert [path[:10] for path in writer._files] == ["2026-11-30"]
