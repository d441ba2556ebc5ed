# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lines of a log through its rotations: by rename, as Docker (``.1``, ``.2``), logrotate and auditd do it, or by truncation.

A file is known by its inode and by its beginning, so that one that was renamed, or compressed, is read on where reading ended, and one
that got a used inode again is not taken for its predecessor. A file that is open is read to its end, even when it has been removed.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any

HEAD = 256  # bytes at the beginning that a file is known by
CHUNK = 1 << 18
LONGEST = 1 << 20  # bytes of a line; a longer one is handed on in pieces
OPEN = 8  # files of one log that are kept open at most
_NUMBERED = re.compile(r"\.(\d{1,4})(\.gz)?")
_DATED = re.compile(r"-(\d{8,14})(\.gz)?")


def members(path: Path) -> list[Path]:
    """The files of a log that are there, the oldest first, the one that is written last."""
    aged: list[tuple[int, str, Path]] = []
    try:
        entries = [entry.name for entry in os.scandir(path.parent) if entry.name.startswith(path.name)]
    except OSError:
        return []
    for name in entries:
        rest = name[len(path.name) :]
        if not rest:
            aged.append((1, "", path))
        elif match := _NUMBERED.fullmatch(rest):
            aged.append((-int(match[1]), "", path.parent / name))
        elif match := _DATED.fullmatch(rest):
            aged.append((0, match[1], path.parent / name))
    return [file for _age, _date, file in sorted(aged)]


@dataclass
class _File:
    """A file that is read."""

    stream: Any
    inode: int
    compressed: bool
    offset: int = 0
    head: str = ""
    head_size: int = 0

    def note_head(self) -> None:
        """Know the file by as much of its beginning as was read."""
        if self.head_size < HEAD and self.offset > self.head_size:
            self.head_size = min(HEAD, self.offset)
            here = self.stream.tell()
            self.stream.seek(0)
            self.head = hashlib.sha256(self.stream.read(self.head_size)).hexdigest()
            self.stream.seek(here)


def _open(path: Path) -> _File | None:
    try:
        raw: BufferedReader = path.open("rb")
    except OSError:
        return None
    compressed = path.suffix == ".gz"
    return _File(gzip.GzipFile(fileobj=raw) if compressed else raw, os.fstat(raw.fileno()).st_ino, compressed)


def _begins(path: Path, size: int, head: str) -> bool:
    """Whether a file has this beginning."""
    file = _open(path)
    if file is None or not size:
        return False
    try:
        return hashlib.sha256(file.stream.read(size)).hexdigest() == head
    except (OSError, EOFError):
        return False
    finally:
        file.stream.close()


class RotatedFile:
    """A log and its rotated files, as one run of lines.

    :param position: where reading goes on, as `position` gave it; None for the beginning.
    :param history: without a position, begin with the oldest file rather than with the present one.
    :param linger: seconds for which a file is still read after there is a new one: nginx writes to the old one until it is told.
    """

    def __init__(self, path: Path, position: dict[str, Any] | None = None, *, history: bool = False, linger: float = 0.0) -> None:
        self.path, self.linger = path, linger
        self.gaps = 0  # times that something may have been rotated away unread
        self._files: list[_File] = []
        self._rest = bytearray()
        self._succeeded = 0.0  # since when the file that is read has a successor
        self._begin(position, history)

    def _begin(self, position: dict[str, Any] | None, history: bool) -> None:
        there = members(self.path)
        if not position:
            self._extend(there if history else [path for path in there if path == self.path])
            return
        at = self._located(there, position["inode"], position["head_size"], position["head"])
        if at is None:
            if position["head_size"]:
                self.gaps += 1
            self._extend(there)
            return
        self._extend(there[at:])
        if self._files:
            first = self._files[0]
            first.stream.seek(position["offset"])
            first.offset, first.head, first.head_size = position["offset"], position["head"], position["head_size"]

    @staticmethod
    def _located(there: list[Path], inode: int, size: int, head: str) -> int | None:
        """Which of these is the file; the inode alone says it only as long as nothing is known of its beginning."""
        for at, path in enumerate(there):
            try:
                same = path.stat().st_ino == inode
            except OSError:
                continue
            if same and (not size or _begins(path, size, head)):
                return at
        for at, path in enumerate(there):
            if size and _begins(path, size, head):
                return at
        return None

    def _extend(self, paths: list[Path]) -> None:
        for path in paths[: max(0, OPEN - len(self._files))]:
            if file := _open(path):
                self._files.append(file)

    def position(self) -> dict[str, Any] | None:
        """Where reading goes on after what was handed out; None where there is no file yet."""
        if not self._files:
            return None
        file = self._files[0]
        file.note_head()
        return {"inode": file.inode, "head": file.head, "head_size": file.head_size, "offset": file.offset - len(self._rest)}

    def _look(self) -> None:
        """Open what has come since."""
        newest = self._files[-1] if self._files else None
        try:
            status = self.path.stat()
        except OSError:
            return  # between two files, or not there yet
        if newest is None:
            self._extend([self.path])
        elif status.st_ino != newest.inode and len(self._files) < OPEN:
            there = members(self.path)
            newest.note_head()
            at = self._located(there, newest.inode, newest.head_size, newest.head)
            self.gaps += at is None and len(there) > 1
            self._extend(there[0 if at is None else at + 1 :])
        elif status.st_size < newest.offset and len(self._files) == 1:
            # Truncated: Docker with a single file, or copytruncate. What was written between the last look and then is gone.
            self.gaps += 1
            newest.stream.seek(0)
            newest.offset = newest.head_size = 0
            newest.head = ""
            self._rest.clear()

    def lines(self, limit: int = 8 * CHUNK) -> Iterator[bytes]:
        """Lines that were written since, without their ends, until about so many bytes were read.

        `position` is exact when all of them were taken.
        """
        read = 0
        while read < limit:
            self._look()
            if not self._files:
                return
            file = self._files[0]
            try:
                chunk = file.stream.read(CHUNK)
            except (OSError, EOFError):  # a compressed file that is damaged, or is still being written
                chunk = b""
                self.gaps += 1
            if not chunk:
                if not self._next():
                    return
                if self._rest:
                    yield self._taken(len(self._rest))
                file.stream.close()
                self._files.pop(0)
                continue
            self._succeeded = time.monotonic() if len(self._files) > 1 else 0.0  # it is still written to
            read += len(chunk)
            file.offset += len(chunk)
            yield from self._cut(chunk)

    def _next(self) -> bool:
        """Whether the file that is at its end is done with."""
        if len(self._files) < 2:
            self._succeeded = 0.0
            return False
        if not self._succeeded:
            self._succeeded = time.monotonic()
        if self.linger and time.monotonic() - self._succeeded < self.linger:
            return False
        self._succeeded = 0.0
        return True

    def _cut(self, chunk: bytes) -> Iterator[bytes]:
        self._rest += chunk
        begin = 0
        found = []
        while (end := self._rest.find(b"\n", begin)) >= 0:
            found.append(bytes(self._rest[begin:end]))
            begin = end + 1
        del self._rest[:begin]
        yield from found
        while len(self._rest) >= LONGEST:
            yield self._taken(LONGEST)

    def _taken(self, size: int) -> bytes:
        piece = bytes(self._rest[:size])
        del self._rest[:size]
        return piece

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files:
            file.stream.close()
        self._files.clear()
