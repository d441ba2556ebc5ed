# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a scrape of fifty containers costs: CPU and time of each, and the memory that the exporter adds to a process.

Needs root, and nothing else: it makes fifty control groups with the limits of containers and a process each, in which the kernel counts
as it does for containers, and removes them again. An engine that knows them is played, as no scrape asks it anything but the first.

    tests/bench/container_metrics.py [--containers 50] [--scrapes 50]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".collections"))

from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine

CGROUPS = Path("/sys/fs/cgroup")
PARENT = "latentum-ops-bench"
CONTROLLERS = ("cpu", "cpuacct", "memory", "blkio", "pids")


def rss() -> float:
    """Memory of this process, MB."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1000


def parents() -> list[Path]:
    """The folder of the groups in each hierarchy."""
    if (CGROUPS / "cgroup.controllers").exists():
        return [CGROUPS / PARENT]
    return [CGROUPS / name / PARENT for name in CONTROLLERS if (CGROUPS / name).is_dir()]


def begun(folders: list[Path], identity: str) -> subprocess.Popen[bytes]:
    """A process in groups of its own, with a limit of CPU and memory."""
    process = subprocess.Popen(["sleep", "600"])
    for folder in folders:
        group = folder / identity
        group.mkdir()
        for name, value in (
            ("cpu.cfs_quota_us", "50000"),
            ("cpu.max", "50000 100000"),
            ("memory.limit_in_bytes", "64M"),
            ("memory.max", "64M"),
        ):
            if (group / name).exists():
                (group / name).write_text(value)
        (group / "cgroup.procs").write_text(str(process.pid))
    return process


@contextmanager
def groups(count: int) -> Iterator[dict[str, int]]:
    """Ids of containers that are played, and their processes."""
    folders, processes = parents(), {}
    for folder in folders:
        folder.mkdir()
        if (folder / "cgroup.subtree_control").exists():
            (CGROUPS / "cgroup.subtree_control").write_text("+cpu +memory +io +pids")
            (folder / "cgroup.subtree_control").write_text("+cpu +memory +io +pids")
    try:
        for number in range(count):
            identity = f"{number:064x}"
            processes[identity] = begun(folders, identity)
        yield {identity: process.pid for identity, process in processes.items()}
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
        for folder in folders:
            for group in [*folder.glob("0*"), folder]:
                group.rmdir()


def engine(pids: dict[str, int]) -> Engine:
    """An engine that knows them."""

    def inspect(identity: str) -> dict[str, Any]:
        project = {
            "com.docker.compose.project": "fifty",
            "com.docker.compose.service": f"s{identity[-2:]}",
            "com.docker.compose.container-number": "1",
        }
        return {
            "Id": identity,
            "Name": f"/fifty-s{identity[-2:]}-1",
            "Created": "2026-11-29T10:00:00Z",
            "State": {"Running": True, "Pid": pids[identity], "StartedAt": "2026-11-29T10:00:00Z"},
            "Config": {"Image": "registry.example.test/latentum/api-gateway:1.0.0", "Labels": project},
            "HostConfig": {"NetworkMode": "bridge", "CgroupParent": f"/{PARENT}"},
        }

    briefs = [{"Id": identity, "State": "running", "Names": [f"/fifty-s{identity[-2:]}-1"]} for identity in pids]
    return cast("Engine", SimpleNamespace(api=SimpleNamespace(containers=lambda **_how: briefs, inspect_container=inspect)))


def main() -> int:
    """Measure, and print the numbers as JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--containers", type=int, default=50)
    options.add_argument("--scrapes", type=int, default=50)
    given = options.parse_args()
    if os.geteuid():
        sys.exit("root makes the control groups")
    with groups(given.containers) as pids:
        before, now = rss(), [0.0]
        from ansible_collections.latentum.ops.plugins.module_utils.metrics.exporter import Exporter
        from ansible_collections.latentum.ops.plugins.module_utils.metrics.inventory import Inventory

        inventory = Inventory(lambda: 0.0)
        inventory.connect(engine(pids))
        exporter, cpu, wall, text = Exporter(inventory, clock=lambda: now[0]), [], [], b""
        for _scrape in range(given.scrapes):
            now[0] += 10
            began, used = time.perf_counter(), time.process_time()
            text = exporter.scrape()
            cpu.append(1000 * (time.process_time() - used))
            wall.append(1000 * (time.perf_counter() - began))
        # A process of the group counts for the container, so all of them have one.
        if text.count(b"container_processes{") != given.containers:
            sys.exit("not every container was read")
        numbers = {
            "containers": given.containers,
            "samples": sum(1 for line in text.splitlines() if not line.startswith(b"#")),
            "bytes": len(text),
            "first_cpu_ms": round(cpu[0], 1),
            "cpu_ms": {"median": round(statistics.median(cpu[1:]), 1), "max": round(max(cpu[1:]), 1)},
            "wall_ms": {"median": round(statistics.median(wall[1:]), 1), "max": round(max(wall[1:]), 1)},
            "rss_mb": round(rss() - before, 1),
        }
    print(json.dumps(numbers, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
