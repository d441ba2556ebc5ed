# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Families of metrics of containers: names and types of cAdvisor, so that dashboards made for it work, and what they mean here."""

from __future__ import annotations

from collections.abc import Mapping

GAUGE, COUNTER = "gauge", "counter"
# A sample: name of its family, labels beside those of the container (as text), value.
Sample = tuple[str, str, float]

_NETWORK = {
    f"container_network_{direction}_{counted}_total": (COUNTER, f"{what} {done} by an interface.")
    for direction, done in (("receive", "received"), ("transmit", "sent"))
    for counted, what in (
        ("bytes", "Bytes"),
        ("packets", "Packets"),
        ("errors", "Errors of packets"),
        ("packets_dropped", "Dropped packets, of those"),
    )
}
FAMILIES: Mapping[str, tuple[str, str]] = {
    "container_cpu_usage_seconds_total": (COUNTER, "Processor time."),
    "container_cpu_user_seconds_total": (COUNTER, "Processor time in user mode."),
    "container_cpu_system_seconds_total": (COUNTER, "Processor time in the kernel."),
    "container_cpu_cfs_periods_total": (COUNTER, "Periods in which the container ran under its CPU limit."),
    "container_cpu_cfs_throttled_periods_total": (COUNTER, "Periods in which it was held back by its CPU limit."),
    "container_cpu_cfs_throttled_seconds_total": (COUNTER, "Time for which it was held back by its CPU limit."),
    "container_memory_usage_bytes": (GAUGE, "All memory that is charged to the container, page cache included."),
    "container_memory_working_set_bytes": (
        GAUGE,
        "Memory without cached files that nobody has used lately.",
    ),
    "container_memory_rss": (GAUGE, "Anonymous memory, in bytes."),
    "container_memory_cache": (GAUGE, "Page cache, in bytes."),
    "container_memory_swap": (GAUGE, "Swap that is used, in bytes."),
    "container_memory_failcnt": (COUNTER, "How often the memory limit was hit."),
    "container_oom_events_total": (COUNTER, "Kills for lack of memory, in all lives of the container that were seen."),
    **_NETWORK,
    "container_fs_reads_bytes_total": (COUNTER, "Bytes read from a device."),
    "container_fs_writes_bytes_total": (COUNTER, "Bytes written to a device."),
    "container_fs_reads_total": (COUNTER, "Reads from a device."),
    "container_fs_writes_total": (COUNTER, "Writes to a device."),
    "container_processes": (GAUGE, "Processes in the container's own control group."),
    "container_start_time_seconds": (GAUGE, "When the container was started, since the epoch."),
    "container_last_seen": (GAUGE, "When the container was last read, since the epoch."),
    "container_spec_memory_limit_bytes": (GAUGE, "Memory limit; 0 for none."),
    "container_spec_cpu_quota": (GAUGE, "Microseconds of processor time in each period; absent without a limit."),
    "container_spec_cpu_period": (GAUGE, "Length of a period of the CPU limit, in microseconds."),
    "container_spec_cpu_shares": (GAUGE, "Weight of the container where processors are short, on the scale of cgroup version 1."),
    "latentum_ops_container_restarts_total": (COUNTER, "Starts of the container after its first, whoever started it."),
    "container_scrape_error": (GAUGE, "1 while the list of containers may be out of date or cut off."),
    "machine_cpu_cores": (GAUGE, "Processors of the host."),
    "machine_memory_bytes": (GAUGE, "Memory of the host."),
}
