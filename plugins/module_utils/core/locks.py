# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between processes (flock(2)): a lock goes with its process, so a killed holder leaves none behind.

The lock of a stack also says who holds it: deploy, backup, restore and watchdog never fight, and who waits is told for whom.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

FOLDER = Path("/run/latentum-ops")


class LockBusy(Exception):
    """Another process holds the lock; ``content`` is what it wrote into the file."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path, self.content = path, content
        super().__init__(f"{path} is locked by another process")


class LockHeld(Exception):
    """Somebody else works on this stack; ``holder`` says who (keys who, what, pid, since)."""

    def __init__(self, stack: str, holder: dict[str, object], timeout: float) -> None:
        self.holder = holder
        who, what = holder.get("who", "somebody"), holder.get("what") or "works"
        super().__init__(
            f"the stack {stack} is locked by {who} ({what}, pid {holder.get('pid', '?')}, since {holder.get('since', '?')}); "
            f"waited {timeout:g} s: try again when it is done"
        )


@contextmanager
def file_lock(path: Path, *, timeout: float | None = None, mode: int = 0o644) -> Iterator[int]:
    """Hold the exclusive lock of a file, which is made when there is none, or of a folder that exists; gives its descriptor.

    The file stays afterwards, or two processes could hold locks on different files of one name.

    :param timeout: seconds to wait; 0 for one look, None for as long as it takes.
    :raises LockBusy: it was not free in time.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY if path.is_dir() else os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    descriptor = os.open(path, flags | os.O_CLOEXEC, mode)
    try:
        _take(descriptor, path, timeout)
        yield descriptor
    finally:
        os.close(descriptor)  # lets the lock go


def _take(descriptor: int, path: Path, timeout: float | None) -> None:
    if timeout is None:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        return
    deadline = time.monotonic() + timeout
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            left = deadline - time.monotonic()
            if left <= 0:
                raise LockBusy(path, os.pread(descriptor, 4096, 0) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b"") from None
            time.sleep(min(0.1, left))  # flock(2) has no deadline of its own


def await_record_lock(path: Path, timeout: float) -> bool:
    """Wait until no other program holds the record lock of its own file (fcntl(2), as apt and dpkg take it); whether it is free now.

    It is not held afterwards: the program that is called next takes it, and names who was quicker.

    :param timeout: seconds to wait at the most.
    """
    if not path.exists():
        return True
    deadline = time.monotonic() + timeout
    with path.open("a") as file:
        while time.monotonic() < deadline:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError:
                time.sleep(1)
    return False


@contextmanager
def stack_lock(stack: str, taker: str, timeout: float = 0, *, what: str = "") -> Iterator[None]:
    """Hold the lock of a stack.

    :param taker: who takes it, for the others' messages: ``rollout``, ``backup`` …
    :param timeout: seconds to wait for it; 0 for one look.
    :raises LockHeld: it was not free in time.
    """
    FOLDER.mkdir(mode=0o750, parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            descriptor = held.enter_context(file_lock(FOLDER / f"{stack}.lock", timeout=timeout, mode=0o640))
        except LockBusy as busy:
            raise LockHeld(stack, _read(busy.content), timeout) from None
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        unit = os.environ.get("LATENTUM_OPS_WHO", "")
        _write(descriptor, {"who": taker, "what": what, "pid": os.getpid(), "since": since, "unit": unit})
        yield


def rename(stack: str, what: str) -> None:
    """Whoever holds the lock does something else now; the lock itself is not let go."""
    descriptor = os.open(FOLDER / f"{stack}.lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        _write(descriptor, {**_holder(descriptor), "what": what})
    finally:
        os.close(descriptor)


def holder(stack: str) -> dict[str, object] | None:
    """Who holds the lock now (keys who, what, pid, since, and unit where one of ours runs it); None when nobody does.

    Asked of the kernel (proc(5), ``/proc/locks``): trying to take it, even for a moment, could get somebody else refused.
    """
    path = FOLDER / f"{stack}.lock"
    if not is_held(path):
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return _holder(descriptor)
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of a file; asked of the kernel, likewise."""
    try:
        status = path.stat()
        held = Path("/proc/locks").read_text()
    except OSError:
        return False
    mark = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    return any(fields[1] == "FLOCK" and fields[5] == mark for fields in map(str.split, held.splitlines()) if len(fields) > 5)


def _write(descriptor: int, holder: dict[str, object]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(descriptor: int) -> dict[str, object]:
    return _read(os.pread(descriptor, 4096, 0))


def _read(content: bytes) -> dict[str, object]:
    """Who wrote itself in; empty while it is just doing so."""
    try:
        read = json.loads(content)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
