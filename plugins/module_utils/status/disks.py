# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The file systems of a host that fill up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any


def disks() -> list[dict[str, Any]]:
    """Each once: size and used in bytes, percent of blocks and inodes used."""
    mounts, seen = [], set()
    for mount in ("/", "/var", "/var/lib/docker", "/var/log"):
        if not Path(mount).exists() or (device := Path(mount).stat().st_dev) in seen:
            continue
        seen.add(device)
        state = os.statvfs(mount)
        size, free = state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize
        inodes = 100 * (state.f_files - state.f_ffree) // state.f_files if state.f_files else 0
        mounts.append({"mount": mount, "size": size, "used": size - free, "percent": 100 * (size - free) // size, "inodes_percent": inodes})
    return mounts
