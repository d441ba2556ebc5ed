# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts under a folder: cgroup trees of version 1, of the hybrid, and of version 2, with procfs, sysfs, and an engine that knows them.

The files are laid out and written as Linux 6.1 to 6.18 has them, with runc's and systemd's names of groups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ansible_collections.latentum.ops.plugins.module_utils.containers.api import NotFound
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine
from ansible_collections.latentum.ops.plugins.module_utils.metrics.exporter import Exporter
from ansible_collections.latentum.ops.plugins.module_utils.metrics.families import FAMILIES
from ansible_collections.latentum.ops.plugins.module_utils.metrics.inventory import Inventory
from prometheus_client.parser import text_string_to_metric_families

Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]

V1_FILES: Mapping[str, Mapping[str, str]] = {
    "cpuacct": {"cpuacct.usage": "12500000000\n", "cpuacct.stat": "user 800\nsystem 450\n"},
    "cpu": {
        "cpu.stat": "nr_periods 40\nnr_throttled 7\nthrottled_time 1500000000\nwait_sum 5\n",
        "cpu.cfs_quota_us": "50000\n",
        "cpu.cfs_period_us": "100000\n",
        "cpu.shares": "512\n",
        "cgroup.procs": "101\n102\n103\n",
    },
    "memory": {
        "memory.usage_in_bytes": "104857600\n",
        "memory.limit_in_bytes": "268435456\n",
        "memory.failcnt": "3\n",
        "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        # The group alone first, then with what is below it.
        "memory.stat": "cache 1\nrss 2\nswap 3\ninactive_file 4\nhierarchical_memory_limit 268435456\n"
        "total_cache 41943040\ntotal_rss 52428800\ntotal_swap 4096\ntotal_inactive_file 20971520\n",
    },
    "blkio": {
        "blkio.throttle.io_serviced_recursive": "8:0 Read 10\n8:0 Write 20\n8:0 Sync 25\n8:0 Async 5\n8:0 Total 30\nTotal 30\n",
        "blkio.throttle.io_service_bytes_recursive": "8:0 Read 40960\n8:0 Write 81920\n8:0 Sync 1\n8:0 Async 2\n8:0 Total 3\nTotal 3\n",
        "blkio.bfq.io_serviced_recursive": "",
        "blkio.throttle.io_serviced": "8:0 Read 1\n8:0 Write 2\nTotal 3\n",
    },
    "pids": {"pids.current": "9\n", "pids.max": "max\n"},
}
V2_FILES: Mapping[str, str] = {
    "cpu.stat": "usage_usec 12500000\nuser_usec 8000000\nsystem_usec 4500000\ncore_sched.force_idle_usec 0\n"
    "nr_periods 40\nnr_throttled 7\nthrottled_usec 1500000\nnr_bursts 0\nburst_usec 0\n",
    "cpu.max": "50000 100000\n",
    "cpu.weight": "20\n",
    "cgroup.procs": "101\n102\n103\n",
    "memory.current": "104857600\n",
    "memory.max": "268435456\n",
    "memory.swap.current": "4096\n",
    "memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\noom_group_kill 0\n",
    "memory.stat": "anon 52428800\nfile 41943040\nkernel 1\ninactive_anon 0\nactive_anon 0\ninactive_file 20971520\nactive_file 20971520\n",
    "io.stat": "8:0 rbytes=40960 wbytes=81920 rios=10 wios=20 dbytes=0 dios=0\n7:0 \n",
    "pids.current": "9\n",
}
# What each of the trees above means.
EXPECTED: Mapping[str, float] = {
    "container_cpu_usage_seconds_total": 12.5,
    "container_cpu_user_seconds_total": 8.0,
    "container_cpu_system_seconds_total": 4.5,
    "container_cpu_cfs_periods_total": 40,
    "container_cpu_cfs_throttled_periods_total": 7,
    "container_cpu_cfs_throttled_seconds_total": 1.5,
    "container_memory_usage_bytes": 104857600,
    "container_memory_working_set_bytes": 83886080,
    "container_memory_rss": 52428800,
    "container_memory_cache": 41943040,
    "container_memory_swap": 4096,
    "container_memory_failcnt": 3,
    "container_oom_events_total": 2,
    "container_fs_reads_total": 10,
    "container_fs_writes_total": 20,
    "container_fs_reads_bytes_total": 40960,
    "container_fs_writes_bytes_total": 81920,
    "container_network_receive_bytes_total": 1111,
    "container_network_receive_packets_total": 22,
    "container_network_receive_errors_total": 3,
    "container_network_receive_packets_dropped_total": 4,
    "container_network_transmit_bytes_total": 5555,
    "container_network_transmit_packets_total": 66,
    "container_network_transmit_errors_total": 7,
    "container_network_transmit_packets_dropped_total": 8,
    "container_processes": 3,
    "container_spec_memory_limit_bytes": 268435456,
    "container_spec_cpu_quota": 50000,
    "container_spec_cpu_period": 100000,
    "latentum_ops_container_restarts_total": 0,
}
NET_DEV = (
    "Inter-|   Receive                                                |  Transmit\n"
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"
    "    lo:  900 9 0 0 0 0 0 0 900 9 0 0 0 0 0 0\n"
    "  eth0:1111 22 3 4 0 0 0 0 5555 66 7 8 0 0 0 0\n"
)
LAYOUTS = ("v1", "v1 systemd", "hybrid", "v2", "v2 systemd")


class Tree:
    """A host of one layout; `systemd` in its name is the cgroup driver."""

    def __init__(self, base: Path, layout: str) -> None:
        self.base = base
        self.layout = layout
        self.proc, self.system, self.cgroups = base / "proc", base / "sys", base / "cgroup"
        self.documents: dict[str, dict[str, Any]] = {}
        self.asked: list[str] = []
        self.broken: Callable[[str], None] = lambda _asked: None
        disk = self.system / "devices/pci0/block/sda"
        disk.mkdir(parents=True)
        (self.system / "dev/block").mkdir(parents=True)
        (self.system / "dev/block/8:0").symlink_to(disk)
        self.write(self.proc / "meminfo", "MemTotal:        8000 kB\nMemFree:         10 kB\n")
        self.write(self.proc / "self/mountinfo", "".join(self._mounts()))
        for mount in self.mounts():
            mount.mkdir(parents=True, exist_ok=True)

    @property
    def version(self) -> int:
        return 2 if self.layout.startswith("v2") else 1

    def mounts(self) -> list[Path]:
        if self.version == 2:
            return [self.cgroups]
        return [self.cgroups / name for name in (*V1_FILES, *(["unified"] if self.layout == "hybrid" else []))]

    def _mounts(self) -> list[str]:
        lines = ["22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n", "garbage\n", "\n"]
        if self.version == 2:
            return [*lines, f"31 22 0:27 / {self.cgroups} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"]
        for number, name in enumerate(V1_FILES):
            lines.append(f"{32 + number} 31 0:{29 + number} / {self.cgroups}/{name} rw,relatime shared:10 - cgroup cgroup rw,{name}\n")
        lines.append(f"60 31 0:50 / {self.cgroups}/systemd rw - cgroup systemd rw,name=systemd\n")
        if self.layout == "hybrid":
            lines.append(f"61 31 0:51 / {self.cgroups}/unified rw,relatime - cgroup2 cgroup2 rw\n")
        return lines

    def path(self, identity: str) -> str:
        return f"/system.slice/docker-{identity}.scope" if "systemd" in self.layout else f"/docker/{identity}"

    def add(self, number: int, *, network: str = "shop_default", **labels: str) -> str:
        """A running container; returns its id."""
        identity, pid = f"{number:064x}", 1000 + number
        path = self.path(identity)
        if self.version == 2:
            groups, inner = f"0::{path}\n", {self.cgroups: V2_FILES}
        else:
            groups = "".join(f"{index + 1}:{name}:{path}\n" for index, name in enumerate(V1_FILES)) + f"12:name=systemd:{path}\n"
            groups += f"0::{path}/init.scope\n" if self.layout == "hybrid" else ""
            inner = {self.cgroups / name: files for name, files in V1_FILES.items()}
        for mount, files in inner.items():
            for name, content in files.items():
                self.write(Path(f"{mount}{path}") / name, content)
        if self.layout == "hybrid":
            self.write(Path(f"{self.cgroups}/unified{path}") / "cgroup.procs", "")
        self.write(self.proc / str(pid) / "cgroup", groups)
        self.write(self.proc / str(pid) / "net/dev", NET_DEV)
        compose = {
            "com.docker.compose.project": "shop",
            "com.docker.compose.service": "api",
            "com.docker.compose.container-number": str(number),
        }
        self.documents[identity] = {
            "Id": identity,
            "Name": f"/shop-api-{number}",
            "Created": "2026-11-29T09:59:00.5Z",
            "RestartCount": 0,
            "State": {"Status": "running", "Running": True, "Pid": pid, "StartedAt": "2026-11-29T10:00:00.123456789Z"},
            "Config": {"Image": "registry.example.test/shop/api:1", "Labels": {**compose, **labels}, "Env": ["PASSWORD=hunter2"]},
            "HostConfig": {"NetworkMode": network, "CgroupParent": ""},
        }
        return identity

    def end(self, identity: str) -> None:
        """Its process ends: the kernel removes its groups at once, and the engine says so."""
        state = self.documents[identity]["State"]
        self.unmake(identity)
        remove(self.proc / str(state["Pid"]))
        state.update(Status="exited", Running=False, Pid=0)

    def unmake(self, identity: str) -> None:
        """Its groups are gone."""
        for mount in self.mounts():
            remove(Path(f"{mount}{self.path(identity)}"))

    def again(self, identity: str, started: str, *, count: int = 0) -> None:
        """It is started again: with new groups, in which every counter begins anew."""
        document, number = self.documents[identity], int(identity, 16)
        # Here a number of an inode may come back at once; the kernel gives none of a cgroup twice.
        kept = [
            folder.rename(f"{folder}.old")
            for mount in self.mounts()
            for folder in [Path(f"{mount}{self.path(identity)}")]
            if folder.is_dir()
        ]
        self.add(number)
        for folder in kept:
            remove(folder)
        document["State"].update(Status="running", Running=True, Pid=1000 + number, StartedAt=started)
        document["RestartCount"] = count
        self.documents[identity] = document

    def folder(self, identity: str, controller: str) -> Path:
        base = self.cgroups if self.version == 2 else self.cgroups / controller
        return Path(f"{base}{self.path(identity)}")

    def write(self, file: Path, content: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)

    def engine(self) -> Engine:
        """An engine that knows the containers, and keeps what it is asked in `asked`."""
        return cast("Engine", SimpleNamespace(api=_Api(self)))

    def exporter(self, clock: Callable[[], float] | None = None) -> Exporter:
        """An exporter for which no text is ever fresh, connected to the engine."""
        ticks = iter(range(0, 10**6, 10))
        inventory = Inventory(clock or (lambda: 0.0))
        inventory.connect(self.engine())
        return Exporter(inventory, str(self.proc), str(self.system), clock or (lambda: float(next(ticks))))


class _Api:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree

    def _asked(self, what: str) -> None:
        self._tree.asked.append(what)
        self._tree.broken(what)

    def containers(self, all: bool = False, filters: object = None) -> list[dict[str, Any]]:
        self._asked("list")
        return [
            {"Id": document["Id"], "Names": [document["Name"]], "State": document["State"]["Status"]}
            for document in self._tree.documents.values()
            if all or document["State"]["Running"]
        ]

    def inspect_container(self, identity: str) -> dict[str, Any]:
        self._asked(f"inspect {identity[-2:]}")
        if identity not in self._tree.documents:
            raise NotFound(f"No such container: {identity}", 404)
        document = self._tree.documents[identity]
        return {**document, "State": dict(document["State"])}


def event(action: str, identity: str, at: float = 0.0) -> dict[str, Any]:
    """An event of the engine about a container."""
    return {"Type": "container", "Action": action, "Actor": {"ID": identity, "Attributes": {}}, "timeNano": int(at * 1e9)}


def parsed(text: bytes) -> Samples:
    """Each sample by its name and labels, read by Prometheus' own parser for Python; one that comes twice is refused."""
    samples: Samples = {}
    names: set[str] = set()
    for family in text_string_to_metric_families(text.decode()):
        assert family.name not in names, family.name
        names.add(family.name)
        for sample in family.samples:
            # The parser gives each counter the suffix of OpenMetrics; cAdvisor's `container_memory_failcnt` has none.
            name = sample.name if sample.name in FAMILIES else sample.name.removesuffix("_total")
            key = (name, tuple(sorted(sample.labels.items())))
            assert key not in samples, key
            samples[key] = sample.value
    return samples


def of(samples: Samples, name: str, **labels: str) -> list[float]:
    """The values of one name whose labels contain these."""
    return [value for (shown, given), value in samples.items() if shown == name and set(labels.items()) <= set(given)]


def remove(path: Path) -> None:
    """A folder with all that is in it."""
    for inner in sorted(path.rglob("*"), reverse=True):
        inner.rmdir() if inner.is_dir() else inner.unlink()
    if path.exists():
        path.rmdir()
