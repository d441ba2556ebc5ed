# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog may read of root's: owners and modes, put right before it starts.

Whoever writes one of these files gives it its group. Files from before there was the group, or from before the watchdog lost its
capabilities, are put right here, also those that it had made itself where only root writes now.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ..backup import settings as backup_settings
from ..core import locks, paths
from ..core.paths import LISTED, PASSED, READABLE
from ..jobs import settings as job_settings
from ..metrics import database_places
from ..nginx import sync, writer
from .privileged_requests import RUN
from .settings import FOLDER

# By folder: its mode, and the names of the files in it that are read.
_FOLDERS: tuple[tuple[Path, str, int, tuple[str, ...]], ...] = (
    (FOLDER, ".", LISTED, ("*.json",)),
    (job_settings.FOLDER, ".", LISTED, ("*.json",)),
    (paths.JOBS, ".", LISTED, ()),
    (paths.JOBS, "*", LISTED, ("*.json",)),
    (paths.RELEASES, ".", PASSED, ()),
    (paths.RELEASES, "*", PASSED, ("live.json", "journal.jsonl", "rollout.json", "traffic.json", "warm.json")),
    (backup_settings.ROOT, ".", LISTED, ()),  # its files say how old a backup is, to whoever may list them, or are root's alone
    (locks.FOLDER, ".", LISTED, ("*.lock", "*.out.json")),
    (locks.FOLDER, "jobs", LISTED, ("*.lock",)),
)
# Only root reads and writes these. A watchdog with more rights may have made them.
_ROOTS = (database_places.PLACES, writer.WRITER_LOCK, sync.PENDING)
_LEFT = (RUN / "requests", RUN / "answers")  # where it asked for what it may not do, before there was the gate


def grant(root: Path = Path("/")) -> None:
    """Put all of it right, as root.

    :param root: where the file system begins.
    :raises OSError: something cannot be.
    """
    group = paths.watchdog_gid()
    for base, pattern, mode, names in _FOLDERS:
        for folder in _matching(_in(root, base), pattern):
            if _put_right(folder, mode, group, os.O_DIRECTORY):
                for path in [path for name in names for path in _matching(folder, name)]:
                    _put_right(path, READABLE, group)
    for path in _ROOTS:
        _put_right(_in(root, path), None, 0)
    for folder in _LEFT:
        with suppress(OSError):
            shutil.rmtree(_in(root, folder))


def _in(root: Path, path: Path) -> Path:
    return root / path.relative_to("/")


def _matching(folder: Path, pattern: str) -> Iterator[Path]:
    if pattern == ".":
        yield folder
    else:
        yield from folder.glob(pattern)


def _put_right(path: Path, mode: int | None, group: int, kind: int = 0) -> bool:
    """Owner, group and mode of a file or folder; whether it is one.

    Nothing is followed, and no file with a second name is touched: both may lead to somebody else's.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | kind)
    except OSError:
        return False
    try:
        status = os.fstat(descriptor)
        if not kind and (not stat.S_ISREG(status.st_mode) or status.st_nlink != 1):
            return False
        if (status.st_uid, status.st_gid) != (0, group):
            os.fchown(descriptor, 0, group)
        if mode is not None and stat.S_IMODE(status.st_mode) != mode:
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
    return True


if __name__ == "__main__":
    grant()
