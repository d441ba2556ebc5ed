# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are either the old or the new version, never half of one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write_atomic(path: str | Path, content: bytes | str, mode: int, uid: int, gid: int) -> None:
    """Write a file so that a reader or a crash at any point sees the old content or the new one.

    A temporary file in the same folder gets content, owner and mode, is synced, and takes the name over (rename(2)).
    A symbolic link under that name is replaced, not followed.

    :param mode: permission bits, for example ``0o600``.
    :raises OSError: the folder is missing, full, or not writable; the old file is untouched.
    """
    target = Path(path)
    data = content.encode() if isinstance(content, str) else content
    descriptor, temporary = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchown(file.fileno(), uid, gid)
            os.fchmod(file.fileno(), mode)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def private(path: str | Path) -> BinaryIO:
    """Open a new file for writing that only its owner may read, from its first byte on."""
    return open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600))


def sync_directory(path: str | Path) -> None:
    """Make a rename in this folder survive a power cut (fsync(2) on the folder)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_text(path: str | Path) -> str | None:
    """The content of a file, None when there is none; bytes that are not UTF-8 survive a round trip."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:  # Path would take the name apart, in each look of the watchdog
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


@contextmanager
def understood(file: Path) -> Iterator[None]:
    """While something is made of a file that the playbook writes.

    :raises ValueError: the file is of another form; the message names it.
    """
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(f"{file}: {why}; run the playbook again") from error
