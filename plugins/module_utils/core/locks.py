# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One lock a stack: deploy, backup, restore and watchdog never fight, and who waits is told for whom."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

FOLDER = Path("/run/latentum-ops")


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
def stack_lock(stack: str, taker: str, timeout: float = 0, *, what: str = "") -> Iterator[None]:
    """Hold the lock of a stack (flock(2)); it goes with the process, so a killed holder leaves none behind.

    :param taker: who takes it, for the others' messages: ``rollout``, ``backup`` …
    :param timeout: seconds to wait for it; 0 for one look.
    :raises LockHeld: it was not free in time.
    """
    FOLDER.mkdir(mode=0o750, parents=True, exist_ok=True)
    descriptor = os.open(FOLDER / f"{stack}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise LockHeld(stack, _holder(descriptor), timeout) from None
                time.sleep(min(0.1, left))  # flock(2) has no deadline of its own
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        _write(descriptor, {"who": taker, "what": what, "pid": os.getpid(), "since": since})
        yield
    finally:
        os.close(descriptor)  # also lets the lock go; the file stays, or two could hold locks on different files


def rename(stack: str, what: str) -> None:
    """Whoever holds the lock does something else now; the lock itself is not let go."""
    descriptor = os.open(FOLDER / f"{stack}.lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        _write(descriptor, {**_holder(descriptor), "what": what})
    finally:
        os.close(descriptor)


def holder(stack: str) -> dict[str, object] | None:
    """Who holds the lock now (keys who, what, pid, since); None when nobody does.

    Asked of the kernel (proc(5), ``/proc/locks``): trying to take it, even for a moment, could get somebody else refused.
    """
    path = FOLDER / f"{stack}.lock"
    try:
        status = path.stat()
        held = Path("/proc/locks").read_text()
    except OSError:
        return None
    mark = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
    if not any(fields[1] == "FLOCK" and fields[5] == mark for fields in map(str.split, held.splitlines()) if len(fields) > 5):
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return _holder(descriptor)
    finally:
        os.close(descriptor)


def _write(descriptor: int, holder: dict[str, object]) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _holder(descriptor: int) -> dict[str, object]:
    """Who wrote itself in; empty while it is just doing so."""
    try:
        read = json.loads(os.pread(descriptor, 4096, 0))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
