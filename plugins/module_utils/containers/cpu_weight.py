# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CPU weight of a container that starts: where processors are short, those that serve come first.

Written to the container's control group rather than by `docker update`: the engine turns its shares into a weight of cgroup v2 by a
formula that has changed, and cannot say "as before". A restart of the container, or of the host, gives it the usual weight again.
Source: cgroups(7); cgroup-v2 in the kernel's documentation (cpu.weight, 100 where nothing is said), sched-design-CFS (cpu.shares, 1024).
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

PROC, CGROUPS = Path("/proc"), Path("/sys/fs/cgroup")
STARTING = 0.25  # of the usual weight


def slow_down(raw: Mapping[str, Any]) -> None:
    """Give a running container (the engine's inspect document) a part of its weight."""
    _weigh(raw, STARTING)


def restore(raw: Mapping[str, Any]) -> None:
    """Give it its weight again."""
    _weigh(raw, 1.0)


def _weigh(raw: Mapping[str, Any], part: float) -> None:
    """One with shares of its own keeps them. Where the control group cannot be written nothing changes: a rollout goes on without."""
    if raw["HostConfig"].get("CpuShares") or not raw["State"].get("Pid"):
        return
    with suppress(OSError):
        if weight := weight_file(int(raw["State"]["Pid"])):
            file, usual = weight
            file.write_text(str(round(usual * part)))


def weight_file(pid: int) -> tuple[Path, int] | None:
    """Where the weight of a process' control group is written, and what it usually is."""
    for line in (PROC / str(pid) / "cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            return CGROUPS / controllers / path.lstrip("/") / "cpu.shares", 1024
        file = CGROUPS / path.lstrip("/") / "cpu.weight"
        if not controllers and file.exists():
            return file, 100
    return None
