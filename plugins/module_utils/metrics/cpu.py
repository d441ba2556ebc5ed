# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processor time of a container, its limit, and how often that held it back.

Sources: cgroup-v1/cpuacct and scheduler/sched-bwc of the kernel's documentation (nanoseconds, clock ticks); cgroup-v2, `cpu`
(microseconds).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from .cgroups import Cgroup
from .families import Sample
from .kernel_files import number, read, table

TICK = os.sysconf("SC_CLK_TCK")
NANOSECOND, MICROSECOND = 1e-9, 1e-6
_MODES = ("usage", "user", "system")


def samples(cgroup: Cgroup) -> Iterator[Sample]:
    """Whatever can be read."""
    times = _times_v1(cgroup.of("cpuacct")) if cgroup.of("cpuacct") else _times_v2(cgroup.unified)
    for mode in _MODES:
        if mode in times:
            yield f"container_cpu_{mode}_seconds_total", 'cpu="total"' if mode == "usage" else "", times[mode]
    folder = cgroup.of("cpu")
    quota, period, shares = _limits_v1(folder) if folder else _limits_v2(cgroup.unified)
    for name, value in (("quota", quota), ("period", period), ("shares", shares)):
        if value is not None:
            yield f"container_spec_cpu_{name}", "", value
    if quota:  # without a limit there are no periods
        throttled, unit = ("throttled_time", NANOSECOND) if folder else ("throttled_usec", MICROSECOND)
        counts = table(read(folder or cgroup.unified, "cpu.stat"))
        for key, name, factor in (
            ("nr_periods", "periods", 1),
            ("nr_throttled", "throttled_periods", 1),
            (throttled, "throttled_seconds", unit),
        ):
            if key in counts:
                yield f"container_cpu_cfs_{name}_total", "", counts[key] * factor


def _times_v1(folder: str | None) -> Mapping[str, float]:
    """Seconds."""
    times = {mode: count / TICK for mode, count in table(read(folder, "cpuacct.stat")).items()}
    usage = number(read(folder, "cpuacct.usage"))
    return times if usage is None else {**times, "usage": usage * NANOSECOND}


def _times_v2(folder: str | None) -> Mapping[str, float]:
    """Seconds."""
    counts = table(read(folder, "cpu.stat"))
    return {mode: counts[f"{mode}_usec"] * MICROSECOND for mode in _MODES if f"{mode}_usec" in counts}


def _limits_v1(folder: str) -> tuple[int | None, int | None, int | None]:
    """Quota (-1 is none), period, shares."""
    quota, period, shares = (number(read(folder, f"cpu.{name}")) for name in ("cfs_quota_us", "cfs_period_us", "shares"))
    return quota, period, shares


def _limits_v2(folder: str | None) -> tuple[int | None, int | None, int | None]:
    """The same; the weight of 1 to 10,000 becomes shares of 2 to 262,144, as runc made the weight of them."""
    quota, _space, period = read(folder, "cpu.max").partition(" ")
    weight = number(read(folder, "cpu.weight"))
    shares = 2 + (weight - 1) * 262142 // 9999 if weight is not None and 1 <= weight <= 10000 else None
    return number(quota), number(period), shares
