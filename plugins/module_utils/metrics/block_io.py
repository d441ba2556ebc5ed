# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Block IO of a container by device.

Sources: cgroup-v1/blkio-controller and cgroup-v2, `io`, of the kernel's documentation. Which files of version 1 count depends on the
scheduler of the device; they are tried in the order in which runc, and so cAdvisor, tries them. Writes through the page cache are counted
by version 2 only, and there for whoever wrote first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from .cgroups import Cgroup
from .exposition import label
from .families import Sample
from .kernel_files import number, read

# Prefixes and suffixes of `io_serviced` and `io_service_bytes`.
_VERSION_1 = (("blkio.bfq.", "_recursive"), ("blkio.", "_recursive"), ("blkio.throttle.", "_recursive"), ("blkio.throttle.", ""))
_NAMES = ("reads_total", "writes_total", "reads_bytes_total", "writes_bytes_total")
MOST_DEVICES = 64
Counts = dict[str, list[int]]  # by device: reads, writes, bytes read, bytes written


def samples(cgroup: Cgroup, devices: Devices) -> Iterator[Sample]:
    """Whatever can be read."""
    folder = cgroup.of("blkio")
    counts = _version_1(folder) if folder else _version_2(read(cgroup.unified, "io.stat"))
    by_name: Counts = {}
    for device, values in counts.items():
        # Those without a name are one, as two series with the same labels would spoil the scrape.
        into = by_name.setdefault(devices.name(device), [0, 0, 0, 0])
        for index, value in enumerate(values):
            into[index] += value
    for name, values in list(by_name.items())[:MOST_DEVICES]:
        extra = label("device", name)
        for family, value in zip(_NAMES, values, strict=True):
            yield f"container_fs_{family}", extra, value


class Devices:
    """Names of devices by their numbers, kept while they are the same disks.

    :param system: where sysfs is.
    """

    def __init__(self, system: str = "/sys") -> None:
        self._links = Path(system, "dev/block")
        self._names: dict[str, str] = {}

    def name(self, number: str) -> str:
        """``/dev/sda`` of ``8:0``; empty where it has none."""
        if number not in self._names:
            try:
                self._names[number] = "/dev/" + (self._links / number).readlink().name
            except OSError:
                return ""
        return self._names[number]

    def forget(self) -> None:
        """A number may be given to another disk."""
        self._names.clear()


def _version_1(folder: str) -> Counts:
    for before, after in _VERSION_1:
        operations = _lines(read(folder, f"{before}io_serviced{after}"))
        if operations:
            counts: Counts = {}
            for offset, lines in ((0, operations), (2, _lines(read(folder, f"{before}io_service_bytes{after}")))):
                for device, operation, value in lines:
                    counts.setdefault(device, [0, 0, 0, 0])[offset + (operation == "Write")] = value
            return counts
    return {}


def _lines(text: str) -> list[tuple[str, str, int]]:
    """Lines such as ``8:0 Read 4096``; totals and what is none are left out."""
    lines = []
    for line in text.splitlines():
        fields = line.split()
        if len(fields) == 3 and fields[1] in ("Read", "Write") and (value := number(fields[2])) is not None:
            lines.append((fields[0], fields[1], value))
    return lines


def _version_2(text: str) -> Counts:
    """Lines such as ``8:0 rbytes=4096 wbytes=0 rios=1 wios=0 dbytes=0 dios=0``."""
    counts: Counts = {}
    for line in text.splitlines():
        device, _space, pairs = line.partition(" ")
        values = dict(pair.partition("=")[::2] for pair in pairs.split())
        known = [number(values.get(key, "")) for key in ("rios", "wios", "rbytes", "wbytes")]
        if any(value is not None for value in known):
            counts[device] = [value or 0 for value in known]
    return counts
