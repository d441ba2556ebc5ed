# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The privileged helper: carries out, as root, what only root may do, of what the watchdog asks for.

The watchdog is not believed. A remedy has to be declared, root looks itself whether the service fails, with the same probes and the same
judgement, and root counts itself how often: whoever has taken the watchdog over can bring about what the declaration brings about anyway.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from ..containers.client import Container, DockerUnavailable, Engine
from ..contracts.watchdog_settings import DAY, HOUR, ServiceSpec
from ..core import paths
from ..core.atomic_files import write_atomic
from ..core.locks import LockHeld
from ..core.versioned_json import read_state, write_state
from ..firewall import isolated
from ..release.pinning import redeclared
from ..release.stacks import replicas
from ..release.store import Store
from ..rollout import standby
from ..rollout.deployment import EXPECTED, Deployment
from ..rollout.request import Order
from .findings import Evidence, Finding, judge
from .privileged_requests import ANSWERS, REMEDIES, REQUESTS
from .probes import containers as container_probes
from .probes.containers import Reading
from .settings import Settings

OLDEST = 600  # seconds after which nobody wants it any more
LOOK = 20.0  # seconds in which a service is to be seen failing: a crash loop also runs now and then
AGAIN = 1.0  # seconds between two looks
DONE = Path("/var/lib/latentum-ops/steward/done.json")  # when what was carried out
KEPT = float(DAY)  # seconds for which that is remembered: no `heal_window` is longer
APART, HOURLY = 120.0, 6  # seconds between two escalations of one kind of a service, and how many there are in an hour


class Result(Enum):
    """What became of a request."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True)
class Served:
    """A request that is over.

    :param sentence: what was done, or why it was not.
    """

    result: Result
    sentence: str

    def describe(self) -> str:
        """As the journal and the incident have it."""
        return self.sentence if self.result is Result.DONE else f"{self.result.value}: {self.sentence}"


def serve(settings: Settings, say: Callable[[str], None]) -> int:
    """Carry out what was asked for (as root); returns how many requests were refused or failed."""
    bad = 0
    for file in sorted(REQUESTS.glob("*.json")):
        try:
            raw = json.loads(file.read_text())
            stack, service, remedy, at = str(raw["stack"]), str(raw["service"]), str(raw["remedy"]), float(raw["at"])
        except (KeyError, TypeError, ValueError, OSError) as error:
            say(f"steward: {file.name} is not a request: {type(error).__name__}")
            with suppress(OSError):
                file.unlink()
            bad += 1
            continue
        file.unlink(missing_ok=True)
        refusal = _refusal(settings, stack, service, remedy, at)
        served = Served(Result.REFUSED, refusal) if refusal else _carry_out(stack, service, remedy, say)
        bad += served.result is not Result.DONE
        say(f"steward: {remedy} of {stack}/{service}: {served.describe()}")
        try:
            _answer(file.name, {"stack": stack, "service": service, "said": served.describe(), "result": served.result.value})
        except OSError as error:
            say(f"steward: {file.name} cannot be answered: {error}")
    return bad


def _answer(name: str, answer: dict[str, str]) -> None:
    """For the gate, which gives it to the watchdog.

    :raises OSError: /run takes no more.
    """
    paths.shared_folder(ANSWERS, paths.LISTED)
    write_atomic(ANSWERS / name, json.dumps(answer), 0o600, 0, 0)


def _refusal(settings: Settings, stack: str, service: str, remedy: str, at: float) -> str:
    declared = settings.stack(stack)
    spec = (
        next((declared_service for declared_service in declared.services if declared_service.service == service), None)
        if declared
        else None
    )
    if declared is None or spec is None:
        return f"{stack}/{service} is not declared on this host"
    if remedy not in REMEDIES or (remedy != "replace" and remedy not in spec.escalate):
        return f"{remedy} is not among the declared escalations of {service}"
    if not abs(time.time() - at) <= OLDEST:  # so also what is no number
        return "it is too old"
    if isolation := isolated.load():
        return isolation.describe()
    return _too_often(stack, spec, remedy) or _not_seen(stack, spec, remedy)


# How often, as root counts it


def _too_often(stack: str, spec: ServiceSpec, remedy: str) -> str:
    """Why it was done often enough; empty where it was not."""
    now, key = time.time(), f"{stack}/{spec.service}/{remedy}"
    before = [at for at in _done().get(key, []) if at <= now]
    if remedy == "replace":
        lately = sum(1 for at in before if now - at < spec.heal_window)
        most = spec.max_heals * max(1, spec.replicas)
        return f"it was done {lately} times within {spec.heal_window:g} s, as often as is declared" if lately >= most else ""
    if before and now - before[-1] < APART:
        return f"it was done {now - before[-1]:.0f} s ago"
    lately = sum(1 for at in before if now - at < HOUR)
    return f"it was done {HOURLY} times within an hour" if lately >= HOURLY else ""


def _done() -> dict[str, list[float]]:
    read: dict[str, list[float]] = read_state(DONE, {}, put_aside=True)
    now = time.time()
    return {key: kept for key, every in read.items() if (kept := [at for at in every if now - at < KEPT])}


def _count(stack: str, service: str, remedy: str) -> None:
    """Written down before it is begun."""
    DONE.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = _done()
    write_state(DONE, {**done, (key := f"{stack}/{service}/{remedy}"): [*done.get(key, []), time.time()]}, 0o600)


# What root sees itself


def _not_seen(stack: str, spec: ServiceSpec, remedy: str) -> str:
    """Why nothing is to be done, as root sees the service; empty where it is. Looks again for a while before it says so."""
    try:
        engine = Engine()
        spec = replace(spec, replicas=replicas(stack).get(spec.service, spec.replicas))
        deadline, failed = time.monotonic() + LOOK, set[tuple[str, str]]()
        while True:
            containers = _containers(engine, stack, spec.service)
            if remedy == "replace":
                missing = len(containers) < spec.replicas
                return "" if missing else f"none of the {spec.replicas} containers of {spec.service} is missing"
            finding, failed = _judged(engine, stack, spec, containers, failed)
            if finding.failing and any(fault.confirmed and fault.remedy != "none" for fault in finding.faults):
                return ""
            if time.monotonic() >= deadline:
                return f"{spec.service} does not fail as root sees it"
            time.sleep(AGAIN)
    except (DockerUnavailable, OSError, ValueError) as error:
        return f"nobody can say whether {spec.service} fails: {error}"


def _containers(engine: Engine, stack: str, service: str) -> list[Container]:
    aside = standby.ids(stack)
    return [container for container in engine.containers(stack) if container.service == service and container.id not in aside]


def _judged(
    engine: Engine, stack: str, spec: ServiceSpec, containers: Sequence[Container], failed: set[tuple[str, str]]
) -> tuple[Finding, set[tuple[str, str]]]:
    """As the watchdog judges it, and the probes that failed: one that fails in the next look as well is confirmed.

    :param failed: container and probe of those that failed in the look before.
    """
    now = time.monotonic()
    running = [container for container in containers if container.state == "running" and container.health != "starting"]
    readings: dict[tuple[str, str], tuple[float, Reading]] = {}
    for container in running:
        for probe in spec.probes:
            key = (container.id, probe.name)
            readings[key] = (now, replace(container_probes.read(probe, container, engine), again=key in failed))
    finding = judge(stack, spec, containers, Evidence(readings, {}, _no_networks, now))
    return finding, {key for key, (_at, reading) in readings.items() if not reading.ok}


def _no_networks(_container: Container) -> tuple[str, ...]:
    """That a container was cut off is for the watchdog to mend, which needs nobody for it."""
    return ()


def _carry_out(stack: str, service: str, remedy: str, say: Callable[[str], None]) -> Served:
    recreate = (service,) if remedy == "recreate" else ()
    kind = "rollback" if remedy == "rollback" else "deploy"
    deployment = Deployment(stack, Order(kind=kind, force=True, recreate=recreate, tell=say))
    try:
        _count(stack, service, remedy)
        if remedy == "rollback":
            return Served(Result.DONE, f"rolled back to {deployment.rollback().release}")
        live = Store(stack).live()
        if live is None:
            return Served(Result.FAILED, "there is no live release")
        deployment.deploy(redeclared(live, "missing"))
        return Served(Result.DONE, f"brought {REMEDIES[remedy]}")
    except (LockHeld, OSError, *EXPECTED) as error:
        return Served(Result.FAILED, str(error).splitlines()[0])
