# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What services used, whatever their containers were called: a release replaces them, and their series with them.

Processor time and memory are looked at each five minutes, memory by its highest scrape in them. Of what a limit is for, the container that
used most counts; of what a stack has to pay, the sum.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..alert_rules.names import PROJECT, SERVICE
from .days import DAY
from .questions import FINE, HOUR, Gathered, Key, Window

_BY = (PROJECT, SERVICE)
_CONTAINER = (*_BY, "id", "name")
Points = list[tuple[float, float]]
Found = Mapping[Key, Points]


@dataclass(frozen=True)
class Use:
    """Of one service. Shares and means are over the time in which it ran.

    :param floor: bytes of memory at which it was killed, at the most; 0 where it never was.
    :param running: at the end of the time.
    :param sums: processors and bytes of all its containers over the whole time, divided by the points in which the host was measured.
    :param allowed: the same of their limits; None for one without.
    """

    stack: str
    service: str
    running: bool
    containers: int
    days: float
    cpu: Sequence[float] = field(repr=False)
    memory: Sequence[float] = field(repr=False)
    cpu_limit: float | None
    memory_limit: float | None
    throttled: float | None
    ooms: int
    floor: float
    network: float | None
    requests: float | None
    sums: tuple[float, float]
    allowed: tuple[float | None, float | None]


def quantile(values: Sequence[float], share: float) -> float:
    """The value that so many are not above; between two of them in proportion, as Prometheus has it. 0 of nothing."""
    if not values:
        return 0.0
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


def mean(values: Sequence[float]) -> float:
    """0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def uses(window: Window, moments: int) -> list[Use]:
    """Of all services of the host, in order.

    :param moments: in how many points of five minutes the host was measured.
    :raises SourceError: it cannot be asked.
    """
    asked = _Asked(window)
    return [_use(key, asked, window, max(1, moments)) for key in sorted(asked.memory)]


class _Asked:
    """All answers."""

    def __init__(self, window: Window) -> None:
        by = f"by ({', '.join(_BY)})"
        cpu = f"rate({window.of('container_cpu_usage_seconds_total')}[5m])"
        memory = window.of("container_memory_working_set_bytes")
        quota = f"{window.of('container_spec_cpu_quota')} / {window.of('container_spec_cpu_period')}"
        limit = f"({window.of('container_spec_memory_limit_bytes')} > 0)"
        self.cpu = window.gather(f"max {by} ({cpu})", _BY, FINE)
        self.cpu_sum = window.gather(f"sum {by} ({cpu})", _BY, FINE)
        self.memory = window.gather(f"max {by} (max_over_time({memory}[5m]))", _BY, FINE)
        self.memory_sum = window.gather(f"sum {by} ({memory})", _BY, FINE)
        self.count = window.gather(f"count {by} ({memory})", _BY, FINE)
        # One without a limit may use all there is: the smallest would be wrong for it.
        self.cpu_limit = window.gather(f"max {by} ({quota})", _BY, HOUR)
        self.cpu_allowed = window.gather(f"sum {by} ({quota})", _BY, FINE)
        self.memory_limit = window.gather(f"max {by} ({limit})", _BY, HOUR)
        self.memory_allowed = window.gather(f"sum {by} ({limit})", _BY, FINE)
        periods, held = "container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"
        self.periods = window.gather(f"sum {by} (increase({window.of(periods)}[1h]))", _BY, HOUR)
        self.held = window.gather(f"sum {by} (increase({window.of(held)}[1h]))", _BY, HOUR)
        # Only of those that were killed, with times: they are few.
        killed = f"max_over_time({window.of('container_oom_events_total')}[1h]) > 0"
        self.kills = window.ask(killed, _CONTAINER, HOUR)
        limits = f"max_over_time({window.of('container_spec_memory_limit_bytes')}[1h])"
        self.killed_at = window.ask(f"{limits} and on (id, name) ({killed})", _CONTAINER, HOUR)
        self.network = [
            window.gather(f"sum {by} (rate({window.of(f'container_network_{way}_bytes_total')}[1h]))", _BY, HOUR)
            for way in ("receive", "transmit")
        ]
        requests = f"sum by (stack, service) (increase({window.of('http_requests_total')}[1h]))"
        self.requests = window.gather(requests, ("stack", "service"), HOUR)


def _use(key: Key, asked: _Asked, window: Window, moments: int) -> Use:
    stack, service = key
    memory = asked.memory[key]
    ooms, floor = _kills(key, asked.kills, asked.killed_at, window.start)
    running = memory.last >= window.end - HOUR
    networks = [_gathered(found, key) for found in asked.network if key in found]
    return Use(
        stack=stack,
        service=service,
        running=running,
        containers=int(asked.count[key].values[-1]) if running and key in asked.count else 0,
        days=(window.end - memory.first) / DAY,
        cpu=_gathered(asked.cpu, key),
        memory=memory.values,
        cpu_limit=_last(asked.cpu_limit, key, memory.last),
        memory_limit=_last(asked.memory_limit, key, memory.last),
        throttled=_share(_gathered(asked.held, key), _gathered(asked.periods, key)),
        ooms=ooms,
        floor=floor,
        network=sum(map(mean, networks)) if networks else None,
        requests=sum(_gathered(asked.requests, key)) if asked.requests else None,
        sums=(sum(_gathered(asked.cpu_sum, key)) / moments, sum(_gathered(asked.memory_sum, key)) / moments),
        allowed=(_allowed(asked.cpu_allowed, key, moments), _allowed(asked.memory_allowed, key, moments)),
    )


def _last(found: Mapping[Key, Gathered], key: Key, end: float) -> float | None:
    """What holds at the end; a limit that was taken away holds no more."""
    return found[key].values[-1] if key in found and found[key].last >= end - 2 * HOUR else None


def _gathered(found: Mapping[Key, Gathered], key: Key) -> Sequence[float]:
    return found[key].values if key in found else ()


def _allowed(found: Mapping[Key, Gathered], key: Key, moments: int) -> float | None:
    return sum(found[key].values) / moments if key in found else None


def _share(part: Sequence[float], whole: Sequence[float]) -> float | None:
    return sum(part) / sum(whole) if sum(whole) > 0 else None


def _kills(key: Key, kills: Found, limits: Found, start: float) -> tuple[int, float]:
    """Kills for lack of memory in this time, and the largest limit at which there was one.

    A counter that begins above 0 has counted before it was first read: a container that is killed in its first seconds, again and again.
    """
    count, floor = 0, 0.0
    for container, points in kills.items():
        if container[: len(_BY)] != key:
            continue
        at_limit = dict(limits.get(container, ()))
        before = points[0][1] if points[0][0] <= start + 2 * HOUR else 0.0
        for at, value in points:
            more = value - before if value >= before else value
            if more > 0:
                count += round(more)
                floor = max(floor, at_limit.get(at, 0.0))
            before = value
    return count, floor
