# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the spool: on disk, and in memory (/run) while the disk takes no writing, for that is when an alert is needed most."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ...core.atomic_files import sync_directory, write_atomic

STALE = 3600.0  # seconds after which a half-written file of a killed writer is removed
GONE = ".gone"  # marks in the spare folder what could not be removed from the disk


def ensure(folder: Path) -> os.stat_result:
    """Make a folder, and those above it; it belongs to whom the one above belongs, so that root by hand takes nothing from the daemon.

    :raises OSError: it cannot be made.
    """
    try:
        return folder.stat()
    except FileNotFoundError:
        owner = ensure(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    if os.geteuid() == 0:
        os.chown(folder, owner.st_uid, owner.st_gid)
    return folder.stat()


class SpoolFiles:
    """A folder and its spare; a name such as ``queue/1.json`` means the newer one of both."""

    def __init__(self, folder: Path, spare: Path) -> None:
        self.folder, self.spare = folder, spare

    def names(self, sub: str) -> list[str]:
        """The files in a sub-folder, sorted."""
        files: set[str] = set()
        gone: set[str] = set()
        for base in (self.folder, self.spare):
            with suppress(FileNotFoundError, NotADirectoryError):
                for path in (base / sub).iterdir():
                    if path.name.startswith("."):
                        continue
                    (gone if path.name.endswith(GONE) else files).add(f"{sub}/{path.name.removesuffix(GONE)}")
        return sorted(files - gone)

    def read(self, name: str) -> bytes | None:
        """The content; None when there is none."""
        if (self.spare / f"{name}{GONE}").exists():
            return None
        for base in (self.spare, self.folder):
            with suppress(FileNotFoundError, NotADirectoryError):
                return (base / name).read_bytes()
        return None

    def write(self, name: str, content: str) -> None:
        """Write atomically and synced; a reader or a power cut sees the old content or the new.

        :raises OSError: neither folder can be written.
        """
        try:
            self._write(self.folder, name, content)
        except OSError:
            self._write(self.spare, name, content)
        else:
            self._forget(name)
            return
        (self.spare / f"{name}{GONE}").unlink(missing_ok=True)

    def remove(self, names: Iterable[str]) -> None:
        """Remove for good; what a read-only disk keeps is marked as gone."""
        folders = set()
        for name in names:
            try:
                (self.folder / name).unlink(missing_ok=True)
                folders.add((self.folder / name).parent)
            except OSError:
                self._write(self.spare, f"{name}{GONE}", "")
                (self.spare / name).unlink(missing_ok=True)
            else:
                self._forget(name)
        for folder in folders:
            with suppress(OSError):
                sync_directory(folder)

    def sweep(self, subs: Iterable[str]) -> None:
        """Remove what killed writers left half-written, and what a disk that can be written again still keeps."""
        for sub in subs:
            for base in (self.folder, self.spare):
                for path in list((base / sub).glob(".*")) if (base / sub).is_dir() else []:
                    with suppress(OSError):
                        if time.time() - path.stat().st_mtime > STALE:
                            path.unlink()
            for mark in list((self.spare / sub).glob(f"*{GONE}")):
                with suppress(OSError):
                    (self.folder / sub / mark.name.removesuffix(GONE)).unlink(missing_ok=True)
                    mark.unlink()

    def _forget(self, name: str) -> None:
        """Nothing of the spare folder counts for this name any more."""
        for path in (self.spare / name, self.spare / f"{name}{GONE}"):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    @staticmethod
    def _write(base: Path, name: str, content: str) -> None:
        path = base / name
        owner, root = ensure(path.parent), os.geteuid() == 0
        write_atomic(path, content, 0o600, owner.st_uid if root else os.geteuid(), owner.st_gid if root else os.getegid())
