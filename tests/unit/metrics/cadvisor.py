# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cAdvisor says that each metric is: our own list of names, types and labels, of its table of metrics (google/cadvisor, its page
about Prometheus as storage) and its collector (metrics/prometheus.go); and what the numbers are, computed from the files of a group by the
definitions of its library for control groups, in a second way.
"""

from __future__ import annotations

from collections.abc import Mapping

GAUGE, COUNTER = "gauge", "counter"
# Labels that every series of a container has, beside those that are made of labels of Docker.
OF_CONTAINERS = {"id", "image", "name"}
FROM_DOCKER = "container_label_"
# By the name: type, labels beside these.
METRICS: Mapping[str, tuple[str, set[str]]] = {
    "container_cpu_usage_seconds_total": (COUNTER, {"cpu"}),
    "container_cpu_user_seconds_total": (COUNTER, set()),
    "container_cpu_system_seconds_total": (COUNTER, set()),
    "container_cpu_cfs_periods_total": (COUNTER, set()),
    "container_cpu_cfs_throttled_periods_total": (COUNTER, set()),
    "container_cpu_cfs_throttled_seconds_total": (COUNTER, set()),
    "container_memory_usage_bytes": (GAUGE, set()),
    "container_memory_working_set_bytes": (GAUGE, set()),
    "container_memory_rss": (GAUGE, set()),
    "container_memory_cache": (GAUGE, set()),
    "container_memory_swap": (GAUGE, set()),
    "container_memory_failcnt": (COUNTER, set()),
    "container_oom_events_total": (COUNTER, set()),
    **{
        f"container_network_{direction}_{what}_total": (COUNTER, {"interface"})
        for direction in ("receive", "transmit")
        for what in ("bytes", "packets", "packets_dropped", "errors")
    },
    **{f"container_fs_{what}_total": (COUNTER, {"device"}) for what in ("reads", "writes", "reads_bytes", "writes_bytes")},
    "container_processes": (GAUGE, set()),
    "container_start_time_seconds": (GAUGE, set()),
    "container_last_seen": (GAUGE, set()),
    "container_spec_memory_limit_bytes": (GAUGE, set()),
    "container_spec_cpu_quota": (GAUGE, set()),
    "container_spec_cpu_period": (GAUGE, set()),
    "container_spec_cpu_shares": (GAUGE, set()),
}
# Of the whole: cAdvisor has labels of the machine there, which Prometheus' `instance` makes needless.
OF_MACHINE: Mapping[str, str] = {"container_scrape_error": GAUGE, "machine_cpu_cores": GAUGE, "machine_memory_bytes": GAUGE}
# Ours alone, under a name that cannot be one of cAdvisor's.
OWN = {"latentum_ops_container_restarts_total"}
# Those for which a published dashboard asks most; what is missing here would be an empty panel.
ASKED_BY_DASHBOARDS = {
    "container_cpu_usage_seconds_total", "container_memory_usage_bytes", "container_memory_working_set_bytes", "container_memory_rss",
    "container_memory_cache", "container_memory_swap", "container_network_receive_bytes_total", "container_network_transmit_bytes_total",
    "container_fs_reads_bytes_total", "container_fs_writes_bytes_total", "container_last_seen", "container_start_time_seconds",
    "container_spec_memory_limit_bytes", "machine_memory_bytes", "machine_cpu_cores",
}  # fmt: skip

TICKS = 100  # of a second in C(cpuacct.stat)
Files = Mapping[str, str]


def version_1(files: Mapping[str, Files]) -> dict[str, float]:
    """The numbers of the files of each controller."""
    memory, cpu, accounted = files["memory"], files["cpu"], files["cpuacct"]
    stat, modes, periods = _pairs(memory["memory.stat"]), _pairs(accounted["cpuacct.stat"]), _pairs(cpu["cpu.stat"])
    usage = int(memory["memory.usage_in_bytes"])
    return {
        "container_cpu_usage_seconds_total": int(accounted["cpuacct.usage"]) / 1e9,
        "container_cpu_user_seconds_total": modes["user"] / TICKS,
        "container_cpu_system_seconds_total": modes["system"] / TICKS,
        **_periods(periods, periods["throttled_time"] / 1e9),
        "container_memory_usage_bytes": usage,
        # Of the whole hierarchy, as `memory.use_hierarchy` is on everywhere.
        "container_memory_working_set_bytes": max(0, usage - stat["total_inactive_file"]),
        "container_memory_rss": stat["total_rss"],
        "container_memory_cache": stat["total_cache"],
        "container_memory_swap": stat["total_swap"],
        "container_memory_failcnt": int(memory["memory.failcnt"]),
        "container_oom_events_total": _pairs(memory["memory.oom_control"])["oom_kill"],
        **_operations(files["blkio"]),
        "container_spec_memory_limit_bytes": int(memory["memory.limit_in_bytes"]),
        "container_spec_cpu_quota": int(cpu["cpu.cfs_quota_us"]),
        "container_spec_cpu_period": int(cpu["cpu.cfs_period_us"]),
        "container_spec_cpu_shares": int(cpu["cpu.shares"]),
    }


def version_2(files: Files) -> dict[str, float]:
    """The numbers of the files of a group."""
    stat, times, events = (_pairs(files[name]) for name in ("memory.stat", "cpu.stat", "memory.events"))
    usage = int(files["memory.current"])
    quota, period = files["cpu.max"].split()
    (disk,) = [line for line in files["io.stat"].splitlines() if "rbytes" in line]
    done = {key: int(value) for key, _equals, value in (part.partition("=") for part in disk.split()[1:])}
    return {
        "container_cpu_usage_seconds_total": times["usage_usec"] / 1e6,
        "container_cpu_user_seconds_total": times["user_usec"] / 1e6,
        "container_cpu_system_seconds_total": times["system_usec"] / 1e6,
        **_periods(times, times["throttled_usec"] / 1e6),
        "container_memory_usage_bytes": usage,
        "container_memory_working_set_bytes": max(0, usage - stat["inactive_file"]),
        "container_memory_rss": stat["anon"],
        "container_memory_cache": stat["file"],
        "container_memory_swap": int(files["memory.swap.current"]),
        # Where cAdvisor says 0: one of the differences that docs/guides/watchdog.md names.
        "container_memory_failcnt": events["max"],
        "container_oom_events_total": events["oom_kill"],
        "container_fs_reads_total": done["rios"],
        "container_fs_writes_total": done["wios"],
        "container_fs_reads_bytes_total": done["rbytes"],
        "container_fs_writes_bytes_total": done["wbytes"],
        "container_spec_memory_limit_bytes": int(files["memory.max"]),
        "container_spec_cpu_quota": int(quota),
        "container_spec_cpu_period": int(period),
        # The range of weights, 1 to 10000, laid over that of shares, 2 to 262144.
        "container_spec_cpu_shares": 2 + (int(files["cpu.weight"]) - 1) * 262142 // 9999,
    }


def _pairs(text: str) -> dict[str, int]:
    return {key: int(value) for key, value in (line.split() for line in text.splitlines())}


def _periods(counts: Mapping[str, int], seconds: float) -> dict[str, float]:
    return {
        "container_cpu_cfs_periods_total": counts["nr_periods"],
        "container_cpu_cfs_throttled_periods_total": counts["nr_throttled"],
        "container_cpu_cfs_throttled_seconds_total": seconds,
    }


def _operations(files: Files) -> dict[str, float]:
    """What has passed the throttle, of one device, with all groups below."""
    numbers = {}
    for name, what in (("io_serviced", ""), ("io_service_bytes", "_bytes")):
        for line in files[f"blkio.throttle.{name}_recursive"].splitlines():
            words = line.split()
            if len(words) == 3 and words[1] in ("Read", "Write"):
                numbers[f"container_fs_{words[1].lower()}s{what}_total"] = float(words[2])
    return numbers
