# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Core dumps that lie on a host: the memory of a program that crashed, with the passwords that it held.

The name alone decides nothing: ``core/`` is a folder of many applications, ``core.js`` a file of theirs. A file is a dump when its ELF
header says so (elf(5), ``e_type`` is ``ET_CORE``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# As the kernel names them unless told otherwise (core(5), kernel.core_pattern, core_uses_pid), and gcore, valgrind and BSD's way.
NAMED = re.compile(r"(vg)?core([._-].*)?|.*\.core")
# Where the handlers of distributions keep theirs: of systemd-coredump compressed, of apport as a report. Whatever lies there is one.
KEPT = ("/var/lib/systemd/coredump", "/var/crash", "/var/lib/apport/coredump")
ET_CORE = 4
DEPTH = 5  # folders below the one that is looked through; dumps lie in the folder that a program works in
ENTRIES = 20_000  # names that are read in one folder with all below it


@dataclass(frozen=True)
class CoreFile:
    """A dump.

    :param size: in bytes; :param at: when it was written, in epoch seconds.
    """

    path: str
    size: int
    at: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))


def is_core(path: str | Path) -> bool:
    """Whether a regular file is a core dump. What cannot be read is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        header = os.read(descriptor, 18)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    if len(header) < 18 or header[:4] != b"\x7fELF" or header[5] not in (1, 2):
        return False
    return int.from_bytes(header[16:18], "little" if header[5] == 1 else "big") == ET_CORE


def below(folder: str | Path, *, depth: int | None = None, entries: int | None = None) -> Iterator[CoreFile]:
    """The dumps in a folder and below it. Links are not followed, and what vanishes meanwhile was none.

    :param depth: of folders, for a look that must not take long; None for all.
    :param entries: names, after which the look ends; None for all.
    """
    waiting, left = [(os.fspath(folder), 0)], entries
    while waiting:
        place, level = waiting.pop()
        try:
            inside = list(os.scandir(place))
        except OSError:
            continue
        for entry in inside:
            if left is not None:
                left -= 1
                if left < 0:
                    return
            if entry.is_dir(follow_symlinks=False):
                if depth is None or level < depth:
                    waiting.insert(0, (entry.path, level + 1))  # by levels: what is near comes before the look ends
            elif NAMED.fullmatch(entry.name) and entry.is_file(follow_symlinks=False) and is_core(entry.path):
                yield from _described(entry.path)


def kept(folders: Iterable[str] = KEPT) -> Iterator[CoreFile]:
    """What the handlers of crashes have kept."""
    for folder in folders:
        for path in sorted(Path(folder).glob("*")):
            if path.is_file() and not path.name.startswith("."):
                yield from _described(str(path))


def _described(path: str) -> Iterator[CoreFile]:
    try:
        status = os.lstat(path)
    except OSError:
        return
    yield CoreFile(path, status.st_size, status.st_mtime)
