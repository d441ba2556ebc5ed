# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host itself: what its alerts look at, and what explains them."""

from __future__ import annotations

from ..alert_rules.host import DISKS
from ..alert_rules.names import NODE
from ..contracts.dashboards import HOST
from .panel import (
    BYTES,
    BYTES_PER_SECOND,
    NUMBER,
    PER_SECOND,
    SECONDS,
    SHARE,
    THIRD,
    Bounds,
    Dashboard,
    Row,
    Variable,
    graph,
    number,
)  # fmt: skip
from .promql import WINDOW, rate
from .scope import Scope

ON = 'instance=~"$instance"'
# What stands in for another thing: a bridge of containers counts what its containers send again.
_NETWORK = f'{ON},device!~"lo|veth.*|docker.*|br-.*"'
# Devices under others would count twice.
_DEVICES = f'{ON},device!~"loop.*|ram.*|dm-.*|md.*|sr.*"'


def dashboard(scope: Scope) -> Dashboard | None:
    """Where node_exporter is asked."""
    if not scope.asks(NODE):
        return None
    limits = scope.settings.limits
    on_disks = f"{ON},{DISKS.strip('{}')}"
    free, size = f"node_filesystem_avail_bytes{{{on_disks}}}", f"node_filesystem_size_bytes{{{on_disks}}}"
    inodes = f"1 - node_filesystem_files_free{{{on_disks}}} / (node_filesystem_files{{{on_disks}}} > 0)"
    memory = f"1 - node_memory_MemAvailable_bytes{{{ON}}} / node_memory_MemTotal_bytes{{{ON}}}"
    tracked = f"node_nf_conntrack_entries{{{ON}}} / (node_nf_conntrack_entries_limit{{{ON}}} > 0)"
    return Dashboard(
        HOST,
        "Host",
        "Processor, memory, disks and network of a host, with the limits of its alerts as lines.",
        (Variable("instance", "instance", 'up{job="node"}', "Host"),),
        (
            Row("Now", (
                number("Processor", SHARE, _cpu(), most=1, bounds=Bounds(None, limits.cpu / 100)),
                number("Memory", SHARE, f"max({memory})", most=1, bounds=Bounds(None, limits.memory / 100)),
                number("Fullest file system", SHARE, f"max(1 - {free} / {size})", bounds=Bounds(0.8, 0.9)),
                number("Up for", SECONDS, f"min(time() - node_boot_time_seconds{{{ON}}})",
                       about="Of several the one that was started last."),
            )),
            Row("Processor and memory", (
                graph("Processor", SHARE, (
                    f'sum by (mode) (rate(node_cpu_seconds_total{{{ON},mode!="idle"}}[{WINDOW}]))'
                    f' / scalar(count(node_cpu_seconds_total{{{ON},mode="idle"}}))', "{{mode}}",
                ), most=1, stacked=True, about="Shares of all processors. steal is what the hypervisor gave to others."),
                graph("Memory", SHARE, (memory, "{{instance}}"), most=1, bounds=Bounds(None, limits.memory / 100),
                      about="What is not available to a program that would ask now."),
                graph("Load by processor", NUMBER, (
                    f'node_load5{{{ON}}} / on (instance) count by (instance) (node_cpu_seconds_total{{{ON},mode="idle"}})', "{{instance}}",
                ), about="Beyond 1 somebody waits, for a processor or for a disk."),
                graph("Pressure", SHARE, *(
                    (f"rate(node_pressure_{what}_waiting_seconds_total{{{ON}}}[{WINDOW}])", f"{{{{instance}}}} {what}")
                    for what in ("cpu", "memory", "io")
                ), about="The share of time in which some task waited. Not every kernel measures it.", empty="not measured by this kernel"),
                graph("Swap", BYTES, (f"node_memory_SwapTotal_bytes{{{ON}}} - node_memory_SwapFree_bytes{{{ON}}}", "{{instance}}")),
                graph("Processes", NUMBER, (f"node_procs_running{{{ON}}}", "{{instance}} run"),
                      (f"node_procs_blocked{{{ON}}}", "{{instance}} wait for a disk")),
            )),
            Row("Disks", (
                graph("File systems", SHARE, (f"1 - {free} / {size}", "{{instance}} {{mountpoint}}"), most=1, bounds=Bounds(0.8, 0.9)),
                graph("Inodes", SHARE, (inodes, "{{instance}} {{mountpoint}}"), most=1, bounds=Bounds(None, limits.inodes / 100),
                      empty="no file system here counts inodes"),
                graph("Full in", SECONDS, (f"{free} / (-deriv({free}[1h]) > 1)", "{{instance}} {{mountpoint}}"),
                      empty="none fills up", about="By the trend of the last hour; file systems that do not fill up are not shown."),
                graph("Read and written", BYTES_PER_SECOND,
                      (rate("node_disk_read_bytes_total", _DEVICES, "instance, device"), "{{instance}} {{device}} read"),
                      (rate("node_disk_written_bytes_total", _DEVICES, "instance, device"), "{{instance}} {{device}} written"),
                      empty="no disk is seen from here"),
                graph("Busy", SHARE, (rate("node_disk_io_time_seconds_total", _DEVICES, "instance, device"), "{{instance}} {{device}}"),
                      most=1, empty="no disk is seen from here"),
                graph("Operations", PER_SECOND,
                      (rate("node_disk_reads_completed_total", _DEVICES, "instance, device"), "{{instance}} {{device}} reads"),
                      (rate("node_disk_writes_completed_total", _DEVICES, "instance, device"), "{{instance}} {{device}} writes"),
                      empty="no disk is seen from here"),
            )),
            Row("Network", (
                graph("Received and sent", BYTES_PER_SECOND,
                      (rate("node_network_receive_bytes_total", _NETWORK, "instance, device"), "{{instance}} {{device}} received"),
                      (rate("node_network_transmit_bytes_total", _NETWORK, "instance, device"), "{{instance}} {{device}} sent"),
                      empty="no interface but that of loopback"),
                graph("Dropped and erroneous packets", PER_SECOND,
                      (rate("node_network_receive_drop_total", _NETWORK, "instance, device"), "{{instance}} {{device}} dropped"),
                      (rate("node_network_receive_errs_total", _NETWORK, "instance, device"), "{{instance}} {{device}} erroneous"),
                      empty="no interface but that of loopback"),
                graph("Connections that the firewall remembers", SHARE, (tracked, "{{instance}}"), most=1, width=THIRD,
                      bounds=Bounds(None, limits.conntrack / 100), empty="not seen from here"),
                graph("TCP connections", NUMBER, (f"node_netstat_Tcp_CurrEstab{{{ON}}}", "{{instance}}"), width=THIRD),
                graph("Clock is off by", SECONDS, (f"abs(node_timex_offset_seconds{{{ON}}})", "{{instance}}"), width=THIRD,
                      bounds=Bounds(None, limits.clock)),
            )),
        ),
    )  # fmt: skip


def _cpu() -> str:
    return f'1 - avg(rate(node_cpu_seconds_total{{{ON},mode="idle"}}[{WINDOW}]))'
