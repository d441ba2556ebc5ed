# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lock for all: exclusive between processes, gone with its holder, and patient for as long as it is told."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import locks
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockBusy, LockHeld, file_lock, stack_lock

ENGINE = Path(locks.__file__).parents[1]
HOLDER = """
import fcntl, os, sys
descriptor = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.readline()
"""


@contextmanager
def elsewhere(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process holds the lock of a path."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder
        holder.kill()


def test_the_file_is_made_with_its_mode_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with file_lock(path, mode=0o600):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.exists()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_another_process_is_waited_for_and_then_named(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "lock"
    path.mkdir() if kind == "folder" else path.write_text('{"who": "somebody"}')
    with elsewhere(path):
        began = time.monotonic()
        with pytest.raises(LockBusy) as caught, file_lock(path, timeout=0.3):
            pass
        assert 0.3 <= time.monotonic() - began < 3
        assert caught.value.content == (b"" if kind == "folder" else b'{"who": "somebody"}')


@pytest.mark.parametrize("timeout", [20.0, None])
def test_a_killed_holder_leaves_nothing_behind(tmp_path: Path, timeout: float | None) -> None:
    path = tmp_path / "lock"
    path.touch()
    with elsewhere(path) as holder:
        holder.kill()
        with file_lock(path, timeout=timeout):
            pass


def test_a_link_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), file_lock(tmp_path / "lock"):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_the_lock_of_a_stack_names_its_holder_and_not_who_holds_something_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "FOLDER", tmp_path)
    (tmp_path / "shop.lock").write_text('{"who": "backup", "what": "dump", "pid": 7, "since": "noon"}')
    with (
        elsewhere(tmp_path / "shop.lock"),
        pytest.raises(LockHeld, match=r"shop is locked by backup \(dump, pid 7, since noon\); waited 0 s"),
        stack_lock("shop", "rollout"),
    ):
        pass
    # Another lock that is busy while the stack's is held is no matter of the stack's.
    (tmp_path / "other").touch()
    with elsewhere(tmp_path / "other"), pytest.raises(LockBusy), stack_lock("shop", "rollout"), file_lock(tmp_path / "other", timeout=0):
        pass


def test_nobody_else_calls_flock() -> None:
    assert [file.name for file in ENGINE.rglob("*.py") if "fcntl" in file.read_text()] == ["locks.py"]


# The watchdog, which may read the file and not write it


def test_whoever_may_only_read_the_file_holds_the_lock_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "FOLDER", tmp_path)
    lock = locks.prepare("shop")
    lock.write_text('{"who": "rollout", "pid": 1}')
    opened = os.open

    def refused(path: str | Path, flags: int, *mode: int) -> int:
        if Path(path) == lock and flags & (os.O_RDWR | os.O_WRONLY):
            raise PermissionError(errno.EACCES, "Permission denied")
        return opened(path, flags, *mode)

    monkeypatch.setattr(os, "open", refused)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    with stack_lock("shop", "watchdog"):
        assert locks.is_held(lock) and lock.read_text() == '{"who": "rollout", "pid": 1}'
        monkeypatch.setattr(locks, "_is_watchdog", lambda pid: pid == os.getpid())
        holder = locks.holder("shop")
        assert holder is not None and (holder["who"], holder["what"], holder["pid"]) == ("watchdog", "healing", os.getpid())
    assert locks.holder("shop") is None


@pytest.mark.parametrize("error", [errno.ELOOP, errno.ENOSPC])
def test_what_else_keeps_a_lock_from_being_opened_is_an_error(error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_given: object) -> int:
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(OSError, match=os.strerror(error)), file_lock(tmp_path / "lock"):
        pass


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "FOLDER", tmp_path / "locks")
    (tmp_path / "locks").mkdir()
    victim = tmp_path / "shadow"
    victim.write_text("untouched")
    (tmp_path / "locks" / "shop.lock").symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"), stack_lock("shop", "rollout"):
        pass
    assert victim.read_text() == "untouched"
