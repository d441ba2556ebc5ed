# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host as a survey reads it: what a preflight sees, and its processes. Nothing is started, opened for writing, or woken by looking."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..containers.client import Engine
from ..preflight.host import Host
from ..preflight.web_ports import CONTAINER, UNIT


@dataclass(frozen=True)
class Process:
    """A process.

    :param unit: of systemd; empty for one of a session or a container.
    :param container: id of the container that it is in; empty for the host.
    :param sockets: inodes of its sockets.
    """

    pid: int
    program: str
    argv: tuple[str, ...] = ()
    unit: str = ""
    container: str = ""
    sockets: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Space:
    """Room on a file system, in bytes."""

    mount: str
    size: int
    free: int


class SurveyedHost(Host):
    """This host; the tests have others, of recorded files and outputs."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self.proc = proc

    @cached_property
    def processes(self) -> list[Process]:
        """All processes, without the threads of the kernel."""
        return sorted(_processes(self.proc), key=lambda process: process.pid)

    def runs(self, *programs: str) -> bool:
        """A process with one of these names is there, outside of containers."""
        return any(process.program in programs and not process.container for process in self.processes)

    @cached_property
    def engine(self) -> Engine | None:
        """The Docker engine where it runs: systemd starts a stopped one as soon as somebody connects to its socket."""
        return Host().engine if self.runs("dockerd") else None

    def exists(self, path: str | Path) -> bool:
        """Something is there; a link that leads nowhere is something."""
        return os.path.lexists(path)

    def names(self, folder: str | Path) -> list[str]:
        """What is in a folder; nothing where it is none."""
        try:
            return sorted(path.name for path in Path(folder).iterdir())
        except OSError:
            return []

    def space(self, path: str) -> Space | None:
        """The file system below a path."""
        try:
            statistics = os.statvfs(path)
        except OSError:
            return None
        return Space(path, statistics.f_blocks * statistics.f_frsize, statistics.f_bavail * statistics.f_frsize)


def _processes(proc: Path) -> Iterator[Process]:
    for folder in proc.glob("[0-9]*"):
        try:
            argv = (folder / "cmdline").read_bytes()
            program = (folder / "comm").read_text(errors="replace").strip()
            cgroup = (folder / "cgroup").read_text(errors="replace")
        except OSError:
            continue  # ended since
        if not argv:
            continue
        container, unit = CONTAINER.search(cgroup), UNIT.search(cgroup)
        words = tuple(word.decode(errors="replace") for word in argv.rstrip(b"\0").split(b"\0"))
        yield Process(
            int(folder.name), program, words, unit[1] if unit and not container else "", container[1] if container else "", _sockets(folder)
        )


def _sockets(process: Path) -> frozenset[int]:
    inodes = set()
    with suppress(OSError):  # ended since, or of somebody else
        for entry in (process / "fd").iterdir():
            with suppress(OSError, ValueError):
                kind, _bracket, inode = str(entry.readlink()).partition(":[")
                if kind == "socket":
                    inodes.add(int(inode.rstrip("]")))
    return frozenset(inodes)
