# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Locks between processes (flock(2)): a lock goes with its process, so a killed holder leaves none behind.

The lock of a stack also says who holds it: deploy, backup, restore and watchdog never fight, and who waits is told for whom.
The watchdog, which is not root, may hold a lock and change nothing: it locks a file of root's through a descriptor that only reads, so it
cannot write itself in, and is known by the kernel's list of locks and the owner of the process.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pwd
import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timezone
from pathlib import Path

from . import paths

FOLDER = Path("/run/latentum-ops")
WATCHDOG = "watchdog"  # as the watchdog is named where it holds the lock of a stack


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

    The file stays afterwards, or two processes could hold locks on different files of one name. Whoever may only read it holds it all the
    same (flock(2)).

    :param timeout: seconds to wait; 0 for one look, None for as long as it takes.
    :raises LockBusy: it was not free in time.
    """
    descriptor = _open(path, mode)
    try:
        _take(descriptor, path, timeout)
        yield descriptor
    finally:
        os.close(descriptor)  # lets the lock go


def _open(path: Path, mode: int) -> int:
    if path.is_dir():
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    flags = os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | flags, mode)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EROFS):
            raise
        return os.open(path, os.O_RDONLY | flags)


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

    :param timeout: seconds to wait at the most; 0 for one look.
    """
    if not path.exists():
        return True
    deadline = time.monotonic() + timeout
    with path.open("a") as file:
        while True:
            try:
                fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                time.sleep(min(1, left))


@contextmanager
def stack_lock(stack: str, taker: str, timeout: float = 0, *, what: str = "") -> Iterator[None]:
    """Hold the lock of a stack.

    :param taker: who takes it, for the others' messages: ``rollout``, ``backup`` …
    :param timeout: seconds to wait for it; 0 for one look.
    :raises LockHeld: it was not free in time.
    """
    path = prepare(stack)
    with ExitStack() as held:
        try:
            descriptor = held.enter_context(file_lock(path, timeout=timeout, mode=paths.READABLE))
        except LockBusy as busy:
            raise LockHeld(stack, holder(stack) or _read(busy.content), timeout) from None
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        unit = os.environ.get("LATENTUM_OPS_WHO", "")
        if _writable(descriptor):
            _write(descriptor, {"who": taker, "what": what, "pid": os.getpid(), "since": since, "unit": unit})
        yield


def prepare(stack: str) -> Path:
    """The file of a stack's lock. Root makes it where it is missing, so that the watchdog can hold it."""
    path = FOLDER / f"{stack}.lock"
    if os.geteuid() != 0:
        return path
    paths.shared_folder(FOLDER, paths.LISTED)
    descriptor = os.open(path, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, paths.READABLE)
    try:
        group = paths.watchdog_gid()
        if os.fstat(descriptor).st_gid != group:
            os.fchown(descriptor, 0, group)
    finally:
        os.close(descriptor)
    return path


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
    pid = _holding(path)
    if pid is None:
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        written = _holder(descriptor)
    finally:
        os.close(descriptor)
    if written.get("pid") != pid and _is_watchdog(pid):
        return {"who": WATCHDOG, "what": "healing", "pid": pid, "since": "now", "unit": ""}
    return written


def is_held(path: Path) -> bool:
    """Whether a process holds the lock of a file; asked of the kernel, likewise."""
    return _holding(path) is not None


def record_holder(path: Path) -> int | None:
    """The process that holds the record lock of another program's file (fcntl(2)); asked of the kernel, likewise."""
    return _holding(path, "POSIX")


def _holding(path: Path, kind: str = "FLOCK") -> int | None:
    """The process that has locked a file."""
    try:
        status = path.stat()
        held = Path("/proc/locks").read_text()
    except OSError:
        return None
    mark = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    every = [fields for fields in map(str.split, held.splitlines()) if len(fields) > 5]
    return next((int(fields[4]) for fields in every if fields[1] == kind and fields[5] == mark), None)


def _is_watchdog(pid: int) -> bool:
    """The process is the watchdog's: nobody else of its group can lock, and it could not write itself in."""
    try:
        return pwd.getpwuid(Path(f"/proc/{pid}").stat().st_uid).pw_name == paths.WATCHDOG
    except (OSError, KeyError):
        return False


def _writable(descriptor: int) -> bool:
    return fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE != os.O_RDONLY


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
