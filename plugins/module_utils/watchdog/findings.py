# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Findings of one look at a service: its faults, why, and what would cure them. Pure: no look is taken here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from ..containers.client import Container
from ..contracts.watchdog_settings import ServiceSpec
from ..health.assessment import STEADY
from .probes.containers import Reading


@dataclass(frozen=True)
class Death:
    """A container that ended without being asked by the engine's user in an orderly way."""

    at: float
    exit_code: int
    oom: bool = False

    def describe(self) -> str:
        """As a clause."""
        if self.oom:
            return "was killed for memory"
        return f"was killed by signal {self.exit_code - 128}" if 128 < self.exit_code < 160 else f"ended with exit code {self.exit_code}"


@dataclass(frozen=True)
class Fault:
    """A container that fails.

    :param container: None where one is missing.
    :param remedy: restart, start, unpause, connect, replace; ``wait`` where the engine is at it; ``none`` where no remedy helps.
    :param sure: the engine itself says so, so the second look need not wait for a probe.
    :param confirmed: this container was looked at twice; before that nothing is done to it.
    :param late: all that is known against it is that it does not answer in time.
    """

    container: Container | None
    reason: str
    remedy: str
    sure: bool = True
    confirmed: bool = True
    late: bool = False


@dataclass(frozen=True)
class Finding:
    """The result for one subject.

    :param key: of the subject (see Incident).
    :param state: ok, starting (neither well nor failing), failing.
    :param needs: keys of subjects whose failure would explain this one.
    :param seen: monotonic time of the evidence.
    """

    key: str
    stack: str
    subject: str
    state: str = "ok"
    severity: str = "critical"
    cause: str = ""
    needs: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    healthy: int = 0
    seen: float = 0.0
    sure: bool = True

    @property
    def failing(self) -> bool:
        """Something is wrong."""
        return self.state == "failing"


@dataclass(frozen=True)
class Evidence:
    """What is known of a service's containers besides the containers themselves.

    :param readings: by container id and probe name: monotonic time, reading.
    :param deaths: by container id.
    :param lost: networks that a container was cut off from.
    :param age: seconds since a container was started, whatever the wall clock did meanwhile.
    :param now: monotonic time.
    """

    readings: Mapping[tuple[str, str], tuple[float, Reading]]
    deaths: Mapping[str, Death]
    lost: Callable[[Container], Collection[str]]
    now: float
    age: Callable[[Container], float] = Container.uptime


def judge(stack: str, spec: ServiceSpec, containers: Sequence[Container], evidence: Evidence) -> Finding:
    """Judge one service.

    :param containers: those of the service that are to serve (not an old set that is kept warm).
    """
    judged = [(container, _fault(spec, container, evidence)) for container in containers]
    faults = [why for _one, why in judged if why]
    starting = [container for container, why in judged if why is None and _starting(spec, container, evidence)]
    if (missing := spec.replicas - len(containers)) > 0:
        what = "is missing" if missing == 1 else "are missing"
        faults.append(Fault(None, f"{missing} of {spec.replicas} containers {what}", "replace"))
    # One answer does not make a container lost: until the second look it counts as serving.
    healthy = sum(1 for container, why in judged if (why is None or why.remedy == "none" or not why.confirmed) and container.serves)
    key, needs = f"{stack}/{spec.service}", ("host/docker", *(f"{stack}/{need}" for need in spec.needs))
    finding = Finding(key, stack, spec.service, "starting" if starting else "ok", spec.severity, "", needs, (), healthy, evidence.now)
    if not faults:
        return finding
    light = healthy > 0 or all(fault.remedy == "none" for fault in faults)
    return replace(
        finding,
        state="failing",
        severity="warning" if light else spec.severity,
        cause="; ".join(fault.reason for fault in faults[:3]) + (f"; and {len(faults) - 3} more" if len(faults) > 3 else ""),
        faults=tuple(faults),
        seen=min((_seen(spec, fault, evidence) for fault in faults if not fault.sure), default=evidence.now),
        sure=any(fault.sure for fault in faults),
    )


def _seen(spec: ServiceSpec, fault: Fault, evidence: Evidence) -> float:
    """When the newest probe that failed was taken."""
    identity = fault.container.id if fault.container else ""
    readings = [evidence.readings[identity, probe.name] for probe in spec.probes if (identity, probe.name) in evidence.readings]
    return max((at for at, reading in readings if not reading.ok), default=evidence.now)


def _fault(spec: ServiceSpec, container: Container, evidence: Evidence) -> Fault | None:
    death = evidence.deaths.get(container.id)
    if container.state in ("exited", "dead", "created"):
        ended = Death(0, container.exit_code, container.oom_killed).describe() if container.state != "created" else "was never started"
        return Fault(container, f"{container.name} {ended} and does not run", "start")
    if container.state == "restarting":
        return Fault(
            container,
            f"{container.name} {(death or Death(0, container.exit_code, container.oom_killed)).describe()} and is restarted by Docker",
            "wait",
        )
    if container.state == "paused":
        return Fault(container, f"{container.name} is paused", "unpause")
    if container.health == "unhealthy":
        log_line = container.health_log[-1].splitlines()[0][:160] if container.health_log else "no log"
        return Fault(container, f"{container.name} is unhealthy ({log_line})", "restart", late=container.health_late)
    if death and (container.health == "starting" or (container.health == "none" and evidence.age(container) < STEADY)):
        return Fault(container, f"{container.name} {death.describe()} and starts again", "wait")
    if lost := evidence.lost(container):
        return Fault(container, f"{container.name} was cut off from its network {', '.join(sorted(lost))}", "connect")
    if container.health == "starting":
        return None  # Docker's start period: nobody judges it before
    return _failed_probe(spec, container, evidence)


def _failed_probe(spec: ServiceSpec, container: Container, evidence: Evidence) -> Fault | None:
    readings = [evidence.readings[container.id, probe.name][1] for probe in spec.probes if (container.id, probe.name) in evidence.readings]
    failed = [reading for reading in readings if not reading.ok]
    if not failed or (container.health == "none" and evidence.age(container) < spec.start_period):
        return None
    # A limit last: what does not answer is worse than what has much to do.
    worst = sorted(failed, key=lambda reading: reading.limit)[0]
    remedy, late = "none" if worst.limit else "restart", all(reading.late for reading in failed if not reading.limit)
    return Fault(container, f"{container.name}: {worst.reason}", remedy, sure=False, confirmed=worst.again, late=late)


def _starting(spec: ServiceSpec, container: Container, evidence: Evidence) -> bool:
    """It neither proves to be well nor fails: in its start period, or not probed since it started."""
    if container.health == "starting":
        return True
    readings = [evidence.readings.get((container.id, probe.name)) for probe in spec.probes]
    if any(reading is None for reading in readings):
        return True
    unproven = any(not (reading[1].ok or reading[1].limit) for reading in readings if reading)
    return container.health == "none" and evidence.age(container) < spec.start_period and unproven
