# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every value in the secret stores of this host, of all stacks: a container may write what another one was given.

Read are masters, what comes with them (the clear password of an htpasswd line), consumers' copies, environment files, and what was
retired. Left out is what is no secret: public keys and the metadata.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

from . import env_file, paths

LARGEST = 1 << 20  # bytes of a file that can be a secret
RECHECK = 1.0  # seconds for which the store is believed not to have changed
_PUBLIC = (".pub", ".json")

Made = TypeVar("Made")
Stamp = tuple[tuple[str, int, int], ...]  # path, modification time in nanoseconds, size


def _files(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        return  # there is none, or it is not for this user
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(entry.path)
        elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(_PUBLIC):
            yield entry


def stamp() -> Stamp:
    """What the store is known by: another one when any file of it was written, made or removed."""
    stamps = []
    for entry in _files(str(paths.SECRETS)):
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError:
            continue  # removed since
        stamps.append((entry.path, status.st_mtime_ns, status.st_size))
    return tuple(stamps)


def values(files: Iterable[str]) -> Iterator[str]:
    """The values in files of the store; what is no text is the store's own key, which no container is given."""
    for name in files:
        path = Path(name)
        try:
            text = path.read_bytes()[:LARGEST].decode()
        except (OSError, UnicodeDecodeError):
            continue
        yield from env_file.parse(text).values() if path.suffix == ".env" and path.parent.name == "env" else (text,)


class Known(Generic[Made]):
    """Something made of all known values, and made again when the store has changed."""

    def __init__(self, make: Callable[[Iterable[str]], Made]) -> None:
        self._make = make
        self._root: Path | None = None
        self._stamp: Stamp | None = None
        self._checked = 0.0
        self._made: Made

    def current(self) -> Made:
        """What is made of the store as it is now, or was less than `RECHECK` seconds ago."""
        now = time.monotonic()
        if self._root != paths.SECRETS or now - self._checked >= RECHECK:
            files = stamp()
            if files != self._stamp:
                # Last of all the stamp: another thread must not believe in what is not made yet.
                self._made = self._make(values(path for path, _time, _size in files))
            self._root, self._stamp, self._checked = paths.SECRETS, files, now
        return self._made
