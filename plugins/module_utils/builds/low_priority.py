# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds yield the processors and disks to what serves.

BuildKit runs the steps of a build in containers of its own, which the engine does not list, and which nothing but their control groups can
slow down: the priority of the program that asked for the build is not theirs. They are known by the name of the group, whose id has 25
characters where that of a container has 64. Source: moby, builder-next (``system.slice/docker-<id>.scope``, ``system.slice:docker:<id>`` or
``docker/buildkit/<id>``, by the engine's driver); cgroup-v2 in the kernel's documentation (cpu.weight and io.weight, 1 to 10000).
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..containers import cpu_weight

EVERY = 0.5  # seconds between two looks for new steps
_STEP = re.compile(r"(?:docker-|:docker:|/buildkit/)[a-z0-9]{25}(?:\.scope)?$", re.MULTILINE)
LEAST = {100: "1", 1024: "2"}  # by the usual weight, which tells the version of control groups


def steps() -> Iterator[tuple[Path, str]]:
    """The files with the processor weight of steps of builds, and the least weight."""
    for process in cpu_weight.PROC.iterdir():
        with suppress(OSError):  # it ends while it is looked at
            step = process.name.isdigit() and _STEP.search((process / "cgroup").read_text())
            if step and (weight := cpu_weight.weight_file(int(process.name))):
                yield weight[0], LEAST[weight[1]]


def slow_down() -> None:
    """Give every step the least weight. Where a control group cannot be written the build goes on without."""
    for file, least in dict(steps()).items():
        with suppress(OSError):
            file.write_text(least)
        with suppress(OSError):
            if (disks := file.with_name("io.weight")).exists():
                disks.write_text("default 1")


@contextmanager
def slowed() -> Iterator[None]:
    """As long as it lasts, steps of builds have the least weight."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(EVERY):
            slow_down()

    watching = threading.Thread(target=watch, daemon=True, name="builds")
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join(5)
