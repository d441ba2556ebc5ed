# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configuration files that an update left as they were, because somebody had changed them: dpkg and ucf put the new ones beside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

ETC = Path("/etc")
ENDINGS = (".dpkg-dist", ".dpkg-new", ".ucf-dist", ".ucf-new")


def beside(folder: Path = ETC) -> dict[str, float]:
    """The files of packages that lie beside kept ones, with their times of change."""
    found: dict[str, float] = {}
    for place, _folders, files in os.walk(folder):
        for name in files:
            if name.endswith(ENDINGS):
                path = Path(place, name)
                try:
                    found[str(path)] = path.lstat().st_ctime
                except OSError:
                    continue
    return found


def kept(before: Mapping[str, float], after: Mapping[str, float]) -> list[str]:
    """Files that were kept by an update: those beside which another one was put."""
    return sorted({path.rpartition(".")[0] for path, at in after.items() if before.get(path) != at})
