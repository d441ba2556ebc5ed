# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watchdog's group: who may read what root notes for it (locks, journals, who gets traffic), and write none of it."""

from __future__ import annotations

import grp
import os
from pathlib import Path

USER = "latentum-watchdog"  # its user, and the group of the same name
READABLE = 0o640  # of a file that it reads
LISTED = 0o750  # of a folder whose files it lists
PASSED = 0o710  # of a folder in which it knows some files by their names, and sees no others


def gid() -> int:
    """The number of the group; root's on a host without the watchdog."""
    try:
        return grp.getgrnam(USER).gr_gid
    except KeyError:
        return 0


def folder(path: Path, mode: int) -> None:
    """Make a folder of root's that the group may use; one that is there gets its mode and group. Those above it are made to be passed.

    :raises OSError: it cannot be made.
    """
    if not path.parent.exists():
        folder(path.parent, PASSED)
    path.mkdir(mode=mode, exist_ok=True)
    status, group = path.stat(), gid()
    if os.geteuid() != 0 or status.st_uid != 0:
        return  # somebody else's to say
    if status.st_gid != group:
        os.chown(path, 0, group)
    if status.st_mode & 0o7777 != mode:
        path.chmod(mode)
