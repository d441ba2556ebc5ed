# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be full on a host, or end: file systems, inodes, memory, connections, certificates, backups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ..alert_rules.names import BACKUP, WATCHDOG
from .days import DAY, changes, daily_peaks
from .forecast import Forecast, Outlook, forecast
from .questions import HOUR, Window
from .report import BYTES, COUNT, SECONDS, Resource

ENDS = "ends"
# File systems that fill up, as the alerts have it: no memory, no read-only image.
DISKS = 'fstype!~"tmpfs|ramfs|squashfs|iso9660|overlay|nsfs|fuse.*"'
Points = Sequence[tuple[float, float]]


def resources(window: Window) -> Iterator[Resource]:
    """All of them.

    :raises SourceError: it cannot be asked.
    """
    yield from _disks(window)
    yield from _memory(window)
    yield from _connections(window)
    yield from _certificates(window)
    yield from _backups(window)


@dataclass(frozen=True)
class _Limited:
    """A series with the limit that it may reach."""

    kind: str
    name: str
    unit: str
    used: Points
    limit: Points
    when: str = "was resized"

    def resource(self, window: Window) -> Resource:
        """Its forecast."""
        capacity = self.limit[-1][1]
        told = forecast(self.used, capacity, window.end, changes(self.limit), self.when)
        return _made(self, capacity, told, window.end)


def _made(about: _Limited, capacity: float, told: Forecast, end: float) -> Resource:
    trend, has_dates = told.trend, told.outlook is Outlook.FILLS
    return Resource(
        kind=about.kind,
        name=about.name,
        unit=about.unit,
        used=None if told.outlook is Outlook.NO_DATA else told.level,
        capacity=capacity,
        outlook=told.outlook.value,
        reason=told.reason,
        per_day=trend.slope if trend else None,
        per_day_low=trend.low if trend else None,
        per_day_high=trend.high if trend else None,
        residual=trend.residual if trend else None,
        earliest=told.earliest if has_dates else None,
        expected=told.expected,
        latest=told.latest,
        beyond=told.beyond or None,
        now=trend.at(end / DAY) if trend else None,
        days=told.days,
        history=tuple((day.at, day.peak) for day in daily_peaks(about.used, end)),
    )


def _disks(window: Window) -> Iterator[Resource]:
    """By mount point: a device may have another name after a boot. Of one device only its first mount point: the others are the same."""
    for kind, unit, size, free in (
        ("disk", BYTES, "node_filesystem_size_bytes", "node_filesystem_avail_bytes"),
        ("inodes", COUNT, "node_filesystem_files", "node_filesystem_files_free"),
    ):
        # Of the free space the least in each hour. What only root may use counts as used: nobody else is helped by it.
        least = f"min_over_time({window.of(free, DISKS)}[1h])"
        devices = {key: points[-1][0] for key, points in window.ask(window.of(size, DISKS), ("mountpoint", "device"), HOUR).items()}
        sizes = window.ask(window.of(size, DISKS), ("mountpoint",), HOUR)
        # The difference as a peak: two series of one mount point, of a device with two names, are one.
        used = window.ask(f"{window.of(size, DISKS)} - {least}", ("mountpoint",), HOUR)
        for mountpoint in _distinct(devices, window.end):
            limit = sizes[(mountpoint,)]
            # File systems such as btrfs have as many inodes as they need, and say 0.
            if limit[-1][1] > 0 and (mountpoint,) in used:
                yield _Limited(kind, mountpoint, unit, used[(mountpoint,)], limit).resource(window)


def _distinct(devices: dict[tuple[str, ...], float], end: float) -> list[str]:
    """The mount points that there are at the end, each device once: the shortest path, as the others are bind mounts of it."""
    chosen: dict[str, str] = {}
    for (mountpoint, device), last in sorted(devices.items(), key=lambda entry: (len(entry[0][0]), entry[0])):
        if last >= end - 2 * HOUR:
            chosen.setdefault(device, mountpoint)
    return sorted(set(chosen.values()))


def _memory(window: Window) -> Iterator[Resource]:
    total = window.one(window.of("node_memory_MemTotal_bytes"), HOUR)
    used = window.one(f"{window.of('node_memory_MemTotal_bytes')} - min_over_time({window.of('node_memory_MemAvailable_bytes')}[1h])", HOUR)
    if total and used:
        yield _Limited("memory", "of the host", BYTES, used, total).resource(window)


def _connections(window: Window) -> Iterator[Resource]:
    """Those that the firewall remembers, and those of databases and caches whose exporters are asked."""
    for name, used, limit, labels in (
        ("firewall", "node_nf_conntrack_entries", "node_nf_conntrack_entries_limit", ()),
        ("PostgreSQL", "pg_stat_database_numbackends", "pg_settings_max_connections", ("stack", "service")),
        ("Redis", "redis_connected_clients", "redis_config_maxclients", ("stack", "service")),
    ):
        by = f"sum by ({', '.join(labels)})"
        limits = window.ask(f"{by} ({window.of(limit)})", labels, HOUR)
        counts = window.ask(f"{by} (max_over_time({window.of(used)}[1h]))", labels, HOUR)
        for key, points in sorted(limits.items()):
            if key in counts and points[-1][1] > 0:
                about = "/".join(filter(None, key))
                named = f"{name} {about}" if about else name
                yield _Limited("connections", named, COUNT, counts[key], points, "got another limit").resource(window)


def _certificates(window: Window) -> Iterator[Resource]:
    """A certificate has a date: nothing is estimated. Whether it was renewed in this time says whether anybody does it."""
    left = window.ask(window.of(f"{WATCHDOG}site_certificate_remaining_seconds"), ("stack", "domain"), HOUR)
    for (stack, domain), points in sorted(left.items()):
        at, remaining = points[-1]
        if at < window.end - 2 * HOUR:
            continue
        renewed = sum(later[1] - earlier[1] > 2 * DAY for earlier, later in pairwise(points))
        reason = f"renewed {renewed} time{'s' if renewed != 1 else ''} in this time" if renewed else "not renewed in this time"
        yield Resource(
            kind="certificate", name=f"{stack}: {domain}", unit=SECONDS, used=None, outlook=ENDS, reason=reason, expected=at + remaining
        )


def _backups(window: Window) -> Iterator[Resource]:
    """How much backups add. Nobody measures what a target holds, and what is pruned there, so there is no date."""
    sizes = window.ask(window.of(f"{BACKUP}size_bytes"), ("stack",), HOUR)
    times = window.ask(window.of(f"{BACKUP}timestamp_seconds"), ("stack",), HOUR)
    added = window.ask(window.of(f"{BACKUP}added_bytes"), ("stack",), HOUR)
    for (stack,), points in sorted(sizes.items()):
        grown = _added(times.get((stack,), ()), added.get((stack,), ()), window.start)
        days = (points[-1][0] - points[0][0]) / DAY
        per_day = grown / days if days >= 1 else None
        reason = "nobody measures how much a target holds; a target on this host is a file system above"
        yield Resource(
            kind="backup", name=stack, used=points[-1][1], outlook=Outlook.NO_TREND.value, reason=reason, per_day=per_day,
            days=int(days), history=tuple((day.at, day.peak) for day in daily_peaks(points, window.end)),
        )  # fmt: skip


def _added(times: Points, added: Points, start: float) -> float:
    """Bytes that the backups of this time added, each once however often it was read."""
    amounts = dict(added)
    by_run = {began: amounts[at] for at, began in times if began >= start and at in amounts}
    return sum(by_run.values())
