# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of a secret beside the one that counts: the next one, the one before, and the one that is good as well.

Each is a file of root's in a folder of its own, so that a rotation that is killed finds them again, and the masker hides them. A journal
holds none of them.
"""

from __future__ import annotations

import os
from pathlib import Path

from ..core.atomic_files import read_text, sync_directory, write_atomic
from .kinds import Made

FOLDER = "rotation"
NEXT, PREVIOUS, BESIDE = "next", "previous", "beside"
PUBLIC = ".pub"


def read(folder: Path, name: str, version: str) -> Made | None:
    """One of them; None where there is none.

    :param folder: of the store.
    """
    value = read_text(_path(folder, name, version))
    public = read_text(_path(folder, name, version, PUBLIC))
    return Made(value, {PUBLIC: public} if public else {}) if value else None


def present(folder: Path) -> list[tuple[str, str]]:
    """All that there are: name and version."""
    files = (path.name.rpartition(".") for path in sorted((folder / FOLDER).glob("*")) if path.suffix != PUBLIC)
    return [(name, version) for name, _dot, version in files if name and not name.startswith(".")]


def write(folder: Path, name: str, version: str, made: Made) -> None:
    """Keep one.

    :raises OSError: it cannot be written.
    """
    (folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
    for suffix, content in {**made.companions, "": made.value}.items():
        write_atomic(_path(folder, name, version, suffix), content, 0o600, os.geteuid(), os.getegid())


def shred(folder: Path, name: str, version: str) -> None:
    """Write over one, and remove it. What the file system has copied elsewhere, nobody can reach from here.

    :raises OSError: it cannot be removed.
    """
    for suffix in ("", PUBLIC):
        path = _path(folder, name, version, suffix)
        if not path.is_file():
            continue
        with path.open("r+b") as file:
            file.write(os.urandom(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        sync_directory(path.parent)


def _path(folder: Path, name: str, version: str, suffix: str = "") -> Path:
    return folder / FOLDER / f"{name}.{version}{suffix}"
