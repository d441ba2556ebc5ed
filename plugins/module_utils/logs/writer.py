# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The writer of a log host: appends what its rsyslogd takes to the tree, and confirms each record once it is in the file.

rsyslog's own omfile drops what a full disk does not take, after it was confirmed to the sender (rsyslog issue 4796). The protocol is that
of omprog with ``confirmMessages``: a record a line, ``OK`` for each; anything else makes rsyslog wait and try again, and so the sender.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path

from .collector import today
from .records import BEGIN, CLASSES, Place, safe

OPEN = 500  # files that are kept open


class Writer:
    """The files of the present day.

    :param own: the name of this host, whose folder is its collector's alone: nobody else writes there.
    """

    def __init__(self, tree: Path, own: str = "", day: Callable[[], str] = today) -> None:
        self.tree, self.own, self.day = tree, own, day
        self._files: OrderedDict[str, int] = OrderedDict()
        self._today = ""

    def take(self, line: bytes) -> None:
        """Append a record; one whose header leads nowhere is passed over.

        :param line: ``HOST STACK SERVICE CLASS RECORD``, without its end.
        :raises OSError: it cannot be written, and nothing of it is.
        """
        words = line.decode(errors="backslashreplace").split(" ", 4)
        if (
            len(words) < 5
            or words[3] not in CLASSES
            or any(safe(word) != word or word == "-" for word in words[:3])
            or words[0] == self.own
        ):
            return
        record = line.split(b" ", 4)[4]
        if not record.startswith(BEGIN):
            return
        day = self.day()
        if day != self._today:
            self.close()  # a file that is open takes its room even when it has been compressed and removed
            self._today = day
        self._append(Place(*words[:4]).path(day), record + b"\n")

    def _append(self, path: str, data: bytes) -> None:
        file = self._open(path)
        size = os.fstat(file).st_size
        try:
            written = os.write(file, data)
            while written < len(data):
                written += os.write(file, data[written:])
        except OSError:
            os.ftruncate(file, size)  # no half record
            raise

    def _open(self, path: str) -> int:
        if path in self._files:
            self._files.move_to_end(path)
            return self._files[path]
        while len(self._files) >= OPEN:
            os.close(self._files.popitem(last=False)[1])
        full = self.tree / path
        full.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
        self._files[path] = os.open(full, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
        return self._files[path]

    def close(self) -> None:
        """Let go of the files."""
        for file in self._files.values():
            os.close(file)
        self._files.clear()


def serve(writer: Writer, lines: Iterable[bytes], answer: Callable[[bytes], object]) -> None:
    """Take lines until there are no more."""
    answer(b"OK\n")
    for line in lines:
        try:
            writer.take(line.rstrip(b"\n"))
        except OSError as error:
            writer.close()
            answer(f"the tree does not take it: {error.strerror}\n".encode())
        else:
            answer(b"OK\n")
    writer.close()
