# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a host, of what its Prometheus has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..contracts.capacity import ReportSettings
from ..slo.source import Source, SourceError
from ..slo.table import day as date
from .cost import Machine, cost
from .days import DAY
from .idle import idle
from .questions import FINE, HOUR, TIMEOUT, Window
from .report import Report, ServiceUse
from .resources import DISKS, resources
from .right_sizing import cpu_advice, memory_advice
from .use import Use, mean, quantile, uses

_WHOLE = 0.9  # a smaller share of the time is said
_STEAL = 0.02
_CPU = "node_cpu_seconds_total"
_LEAST = 1.0  # measured days, or shares are those of an hour


def collect(settings: ReportSettings, start: float, end: float) -> Report:
    """The report.

    :raises SourceError: nobody can be asked, or nothing is known of this host.
    """
    window = Window(Source(settings.prometheus, TIMEOUT), settings.host, start, end)
    memory = window.one(window.of("node_memory_MemTotal_bytes"), FINE)
    watched = window.one(window.of("machine_memory_bytes"), FINE)
    seen = sorted({at for at, _value in [*memory, *watched]})
    if not seen:
        raise SourceError(
            f"{settings.prometheus}: has no number of host {settings.host} from {date(start)} to {date(end)}: does it ask this host's"
            " exporters (exporters_enabled: true, monitoring_targets), and is monitoring_host_name what it was then?"
        )
    machine = _machine(window, memory or watched)
    known = uses(window, len(seen))
    measured = len(seen) * FINE / window.span
    days = len(seen) * FINE / DAY
    return Report(
        host=settings.host,
        start=start,
        end=end,
        measured=min(1.0, measured),
        since=seen[0],
        processors=machine.processors or None,
        memory=machine.memory or None,
        resources=tuple(resources(window)),
        services=tuple(_service(use) for use in known if use.running),
        cost=cost(settings.prices, machine, known) if settings.prices and days >= _LEAST and machine.processors else None,
        notes=tuple(_notes(window, settings, seen, machine, known)),
    )


def _machine(window: Window, memory: Sequence[tuple[float, float]]) -> Machine:
    """The host as it is at the end of the time."""
    idle_time, taken = window.of(_CPU, 'mode="idle"'), window.of(_CPU, 'mode=~"idle|iowait|steal"')
    cores = window.one(window.of("machine_cpu_cores"), HOUR) or window.one(f"count({idle_time})", HOUR)
    # Waiting for a disk is no work, and another one may have the processor meanwhile; what a hypervisor took was nobody's here.
    busy = window.one(f"sum(rate({window.of(_CPU)}[5m])) - sum(rate({taken}[5m]))", FINE)
    used = window.one(f"{window.of('node_memory_MemTotal_bytes')} - {window.of('node_memory_MemAvailable_bytes')}", FINE)
    sizes = window.of("node_filesystem_size_bytes", DISKS)
    disks = window.ask(f"max by (device) ({sizes})", ("device",), HOUR)
    there = [points[-1][1] for points in disks.values() if points[-1][0] >= window.end - 2 * HOUR]
    return Machine(
        processors=cores[-1][1] if cores else 0.0,
        memory=memory[-1][1],
        disk=sum(there),
        busy=mean([value for _at, value in busy]) if busy else None,
        used=mean([value for _at, value in used]) if used else None,
    )


def _service(use: Use) -> ServiceUse:
    return ServiceUse(
        stack=use.stack,
        service=use.service,
        containers=use.containers,
        days=use.days,
        cpu_limit=use.cpu_limit,
        cpu_mean=use.sums[0],
        cpu_p99=quantile(use.cpu, 0.99),
        cpu_peak=max(use.cpu, default=0.0),
        throttled=use.throttled,
        memory_limit=use.memory_limit,
        memory_mean=use.sums[1],
        memory_p99=quantile(use.memory, 0.99),
        memory_peak=max(use.memory, default=0.0),
        ooms=use.ooms,
        network=use.network,
        requests=use.requests,
        cpu=cpu_advice(use),
        memory=memory_advice(use),
        idle=idle(use),
    )


def _notes(window: Window, settings: ReportSettings, seen: Sequence[float], machine: Machine, known: Sequence[Use]) -> Iterator[str]:
    """What to know before a number is believed."""
    days = len(seen) * FINE / DAY
    if days < _WHOLE * window.span / DAY:
        part = f"{days:.1f} of {window.span / DAY:.1f} days were measured, the first moment on {date(seen[0])}"
        yield f"{part}: shares and quantiles are those of that time"
    if settings.prices and days < _LEAST:
        yield "no cost: less than a day was measured"
    stolen = window.of(_CPU, 'mode="steal"')
    steal = window.one(f"avg(rate({stolen}[1h]))", HOUR)
    taken = mean([value for _at, value in steal])
    if taken > _STEAL:
        yield (f"the hypervisor took {taken:.0%} of the processors (steal): what was used is what was given, and less than what was wanted")
    if machine.busy is None:
        yield "node_exporter is not asked: file systems, memory of the host and its own share are unknown (exporters_node: true)"
    if not known:
        yield "containers are not measured: services and stacks are unknown (role watchdog, watchdog_container_metrics: true)"
    gone = sorted({f"{use.stack}/{use.service}" for use in known if not use.running and use.stack})
    if gone:
        yield f"not there any more at the end, and in the cost for as long as they ran: {', '.join(gone)}"
