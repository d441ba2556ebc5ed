# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host itself: what will be short in hours, and what nobody notices until it is."""

from __future__ import annotations

from collections.abc import Iterator

from ..contracts.monitoring import HostLimits
from ..slo.promql import number
from .names import WATCHDOG
from .rule import CRITICAL, WARNING, AlertRule

CPU, MEMORY, DISK, INODES = "HostCpuHigh", "HostMemoryHigh", "DiskFullSoon", "InodesNearlyUsed"
CLOCK, CONNTRACK, REBOOT, CERTIFICATE = "ClockOff", "ConntrackNearlyFull", "RebootDue", "HostCertificateEnds"
# File systems that fill up: no memory, no read-only image.
DISKS = '{fstype!~"tmpfs|ramfs|squashfs|iso9660|overlay|nsfs"}'
_ROOM = 0.4  # a share of free space above which a trend is no news: a restore, a large upload
_WHERE = "{{ $labels.instance }}"
# Of the days of a certificate between hosts: each run renews it at a third, so somebody has not run for long; then it nearly ends.
_LEFT = ((WARNING, 0.25), (CRITICAL, 0.08))


def rules(limits: HostLimits) -> Iterator[AlertRule]:
    """C(subject) is what the watchdog calls the same."""
    percent = "{{ $value | humanizePercentage }}"
    idle = 'avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))'
    yield _rule(CPU, f"1 - {idle} > {number(limits.cpu / 100)}", WARNING, "15m", f"{_WHERE} uses {percent} of its processors")
    used = "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes"
    about = f"{_WHERE} uses {percent} of its memory"
    yield _rule(MEMORY, f"{used} > {number(limits.memory / 100)}", WARNING, "5m", about, subject="memory")
    yield _disk(limits)
    inodes = f"1 - node_filesystem_files_free{DISKS} / (node_filesystem_files{DISKS} > 0) > {number(limits.inodes / 100)}"
    about = f"{{{{ $labels.mountpoint }}}} of {_WHERE} uses {percent} of its inodes"
    yield _rule(INODES, inodes, CRITICAL, "5m", about, subject="disk {{ $labels.mountpoint }}")
    # 16 seconds of possible error is what the kernel says once nobody has corrected it for long (adjtimex(2)).
    off = f"abs(node_timex_offset_seconds) > {number(limits.clock)} or (node_timex_sync_status == 0 and node_timex_maxerror_seconds >= 16)"
    yield _rule(CLOCK, off, WARNING, "10m", f"The clock of {_WHERE} is off, or nobody corrects it", subject="clock")
    tracked = f"node_nf_conntrack_entries / (node_nf_conntrack_entries_limit > 0) > {number(limits.conntrack / 100)}"
    yield _rule(CONNTRACK, tracked, WARNING, "5m", f"The firewall of {_WHERE} remembers {percent} of the connections that it can")
    due = f'{WATCHDOG}host_check_state{{check="reboot",state="warning"}} == 1'
    yield _rule(REBOOT, due, WARNING, "", f"{_WHERE} waits for a reboot that updates have asked for", subject="reboot")
    ends, begins = (f"latentum_ops_host_certificate_{which}_timestamp_seconds" for which in ("ends", "begins"))
    about = f"The certificate of {_WHERE} ({{{{ $labels.of }}}}) ends: other hosts will not know it any more"
    for severity, share in _LEFT:
        nearly = f"({ends} - time()) / ({ends} - {begins} > 0) < {number(share)}"
        yield _rule(CERTIFICATE, nearly, severity, "10m", about, subject="host certificate {{ $labels.of }}")


def _disk(limits: HostLimits) -> AlertRule:
    free = f"node_filesystem_avail_bytes{DISKS}"
    later = number(limits.disk_hours * 3600)
    expression = (
        f"predict_linear({free}[1h], {later}) < 0 and {free} / node_filesystem_size_bytes{DISKS} < {number(_ROOM)}"
        f" and node_filesystem_readonly{DISKS} == 0"
    )
    about = f"{{{{ $labels.mountpoint }}}} of {_WHERE} is full in {number(limits.disk_hours)} hours, as it fills now"
    return _rule(DISK, expression, CRITICAL, "15m", about, subject="disk {{ $labels.mountpoint }}")


def _rule(name: str, expression: str, severity: str, patience: str, summary: str, *, subject: str = "") -> AlertRule:
    return AlertRule(name, expression, severity, summary, "", patience, {"subject": subject} if subject else {})
