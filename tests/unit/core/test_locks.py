# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who holds the lock of a stack: a real second process, seen by the kernel's list and never disturbed."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import locks

HOLD = """
import sys
from pathlib import Path
from ansible_collections.latentum.ops.plugins.module_utils.core import locks
locks.FOLDER = Path(sys.argv[1])
with locks.stack_lock("shop", "ada", what="deploy"):
    print("held", flush=True)
    sys.stdin.read()
"""
TRY = """
import fcntl, sys
with open(sys.argv[1]) as file:
    for _time in range(200):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(file, fcntl.LOCK_UN)
        print("taken", flush=True)
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the locks are."""
    monkeypatch.setattr(locks, "FOLDER", tmp_path / "locks")
    (tmp_path / "locks").mkdir()
    return tmp_path / "locks"


@contextmanager
def another(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A second process that has said its first word."""
    where = [path for path in sys.path if path.endswith(".collections")] + [os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": ":".join(where)},
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline()
        yield process
    finally:
        process.kill()
        with suppress(BrokenPipeError):
            process.communicate()


def test_another_process_is_seen(folder: Path) -> None:
    with another(HOLD, folder) as process:
        found = locks.holder("shop")
        assert found is not None and isinstance(found.pop("since"), str)
        assert found == {"who": "ada", "what": "deploy", "pid": process.pid}
        assert locks.holder("blog") is None
        with pytest.raises(locks.LockHeld, match=r"locked by ada \(deploy, pid"), locks.stack_lock("shop", "watchdog"):
            pass


def test_a_holder_that_was_killed_holds_nothing(folder: Path) -> None:
    with another(HOLD, folder) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert (folder / "shop.lock").read_text() and locks.holder("shop") is None


def test_a_file_alone_is_no_lock(folder: Path) -> None:
    assert locks.holder("shop") is None
    with locks.stack_lock("shop", "ada"):
        assert locks.holder("shop") is not None
    assert locks.holder("shop") is None


def test_who_has_not_written_itself_in_yet_is_a_holder_all_the_same(folder: Path) -> None:
    with (folder / "shop.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert locks.holder("shop") == {}
        file.write('{"who": "a')
        file.flush()
        assert locks.holder("shop") == {}
        file.write('da"}')
        file.flush()
        assert locks.holder("shop") == {"who": "ada"}


def test_a_lock_of_another_kind_does_not_count(folder: Path) -> None:
    with (folder / "shop.lock").open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        assert locks.holder("shop") is None


def test_the_lock_is_never_taken_to_look_at_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "shop.lock").write_text("")

    def flock(*_given: Any) -> None:
        raise AssertionError("the lock was touched")

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(fcntl, "lockf", flock)
    assert locks.holder("shop") is None
    with another(HOLD, folder):
        assert locks.holder("shop") is not None


def test_nobody_is_refused_because_somebody_looks(folder: Path) -> None:
    (folder / "shop.lock").write_text("")
    with another(TRY, folder / "shop.lock") as process:
        while process.poll() is None:
            locks.holder("shop")
        assert process.stdout is not None
        assert (process.returncode, len(process.stdout.readlines())) == (0, 199)
