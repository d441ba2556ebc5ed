# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedule of all looks: when each is due, what it saw last, and the findings that follow for every subject."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ..containers.client import Container, Engine
from ..contracts.freshness import Freshness
from ..contracts.watchdog_settings import ProbeSpec, ServiceSpec, SiteSpec, StackSpec
from ..core.journal import log
from ..core.process import CommandError
from ..health.assessment import STEADY
from ..jobs import overview
from ..jobs import settings as job_settings
from ..jobs.overview import JobState
from ..nginx import traffic_plan
from ..release.stacks import stacks
from ..rollout import standby
from ..tls.certificates import is_own
from . import jobs, privileged_requests
from .findings import Death, Evidence, Finding, judge
from .picture import Picture
from .probes import containers as container_probes
from .probes import freshness as fresh_probes
from .probes import host as host_checks
from .probes import sites as site_probes
from .probes.containers import Reading
from .probes.freshness import Age
from .probes.host import BreakGlass, Check, ClockOffset, Isolated, NginxConfiguration, Units
from .probes.sites import SiteReading
from .settings import Settings

Token = tuple[str, ...]
HOST: Token = ("host",)
JOBS_EVERY = 15.0  # seconds between two looks at what jobs have done


@dataclass(frozen=True)
class Observation:
    """The result of one look that ran beside the loop."""

    token: Token
    began: float
    value: Any


class Looks:
    """The looks of one set of settings.

    :param begin: runs a look beside the loop; its result comes back through `take`.
    :param grace: seconds from now in which an engine that has not answered yet is not called silent.
    :param phase: where within its interval a look begins, from 0 to 1; anywhere where none is given, since probes of many containers
        must not march in step.
    """

    def __init__(
        self,
        settings: Settings,
        picture: Picture,
        begin: Callable[[Token, Callable[[], Any]], None],
        *,
        grace: float = 3.0,
        phase: Callable[[], float] | None = None,
    ) -> None:
        self.settings = settings
        self.picture = picture
        self.begin = begin
        self.readings: dict[tuple[str, str], tuple[float, Reading]] = {}
        self.sites: dict[str, tuple[float, SiteReading]] = {}
        self.checks: list[Check] = []
        self.jobs: dict[str, tuple[float, list[JobState]]] = {}
        self.ages: dict[str, tuple[float, Age]] = {}
        self.deaths: dict[str, Death] = {}
        self.replicas: dict[tuple[str, str], int] = {}
        self.ports: dict[tuple[str, str], dict[int, int]] = {}
        self.blind = "the first look has not come yet"
        self._aside: dict[str, set[str]] = {}
        self._due: dict[Token, float] = {}
        self._running: dict[Token, float] = {}
        self._lives: dict[str, float] = {}
        self._host_seen = float("-inf")
        self._units, self._clock, self._nginx = Units(), ClockOffset(), NginxConfiguration(privileged_requests.nginx_accepts)
        self._isolated = Isolated()
        self._held_updates = host_checks.HeldUpdates()
        self._break_glass = BreakGlass()
        self._patient_until = time.monotonic() + grace
        self._phase = phase or random.random

    def serving(self, stack: StackSpec, spec: ServiceSpec) -> list[Container]:
        """The containers of a service that are to be well: not an old set that is kept warm."""
        aside = self._aside.get(stack.name, set())
        return [container for container in self.picture.of(stack.name, spec.service) if container.id not in aside]

    def schedule(self, engine: Engine | None, now: float) -> float:
        """Begin what is due; returns the monotonic time at which something is due next."""
        self._aside = {stack.name: standby.ids(stack.name) for stack in self.settings.stacks}
        wanted = dict(self._wanted(engine))
        for token, (interval, look) in wanted.items():
            if token not in self._due:
                self._due[token] = now + self._phase() * min(2.0, interval)
            if token in self._running or now < self._due[token]:
                continue
            self._running[token] = now
            self._due[token] = now + interval * (0.95 + 0.1 * self._phase())
            self.begin(token, look)
        self._due = {token: at for token, at in self._due.items() if token in wanted}
        return min((at for token, at in self._due.items() if token not in self._running), default=now + 1)

    def _wanted(self, engine: Engine | None) -> Iterator[tuple[Token, tuple[float, Callable[[], Any]]]]:
        """Every look that makes sense now, with its interval."""
        yield HOST, (self.settings.host.interval, self._look_at_host)
        for stack in self.settings.stacks:
            for site in stack.sites:
                yield ("site", stack.name, site.domain), (site.interval, partial(site_probes.read, site, self.settings.host.front))
            if job_settings.file_of(stack.name).exists():
                yield ("jobs", stack.name, jobs.ALL), (JOBS_EVERY, partial(self._look_at_jobs, stack.name))
            else:
                self.jobs.pop(stack.name, None)
            for fresh in self.watched_data(stack):
                if engine or not fresh.service:
                    age = partial(fresh_probes.read, fresh, self._containers_of(stack, fresh.service), engine)
                    yield ("fresh", stack.name, jobs.fresh_subject(fresh.name)), (fresh.interval, age)
            if engine is None:
                continue
            for spec in stack.services:
                for container in self.serving(stack, spec) if spec.probes else ():
                    if container.state != "running" or container.health == "starting":
                        continue
                    for probe in spec.probes:
                        look = partial(container_probes.read, self._at_live_port(stack, spec, probe), container, engine)
                        yield ("probe", container.id, probe.name, stack.name, spec.service), (probe.interval, look)

    def hurry(self, key: str, now: float) -> None:
        """Look at a subject as soon as possible."""
        stack, _slash, subject = key.partition("/")
        for token in self._due:
            if (stack == "host" and token == HOST) or token[-2:] == (stack, subject) or token == ("site", stack, subject.partition(":")[2]):
                self._due[token] = min(self._due[token], now)

    def take(self, observation: Observation) -> None:
        """The result of a look."""
        self._running.pop(observation.token, None)
        if observation.value is None:
            return  # it broke
        if observation.token == HOST:
            self.checks, self._host_seen = observation.value, observation.began
        elif observation.token[0] == "jobs":
            self.jobs[observation.token[1]] = (observation.began, observation.value)
        elif observation.token[0] == "fresh":
            self._keep_age(observation)
        elif observation.token[0] == "site":
            self.sites[f"{observation.token[1]}/site:{observation.token[2]}"] = (observation.began, observation.value)
        elif observation.began >= self._lives.get(observation.token[1], 0.0):
            self._keep(observation)

    def _keep(self, observation: Observation) -> None:
        """The reading of a probe; a first failure is looked at again soon, for this very container."""
        key, reading = (observation.token[1], observation.token[2]), observation.value
        before = self.readings.get(key)
        again = not reading.ok and before is not None and not before[1].ok
        self.readings[key] = (observation.began, replace(reading, again=again))
        stack = self.settings.stack(observation.token[3])
        if not reading.ok and not again and stack and observation.token in self._due:
            self._due[observation.token] = min(self._due[observation.token], time.monotonic() + stack.confirm)

    def _keep_age(self, observation: Observation) -> None:
        """The age of data; a first failure is looked at again soon, as that of a probe."""
        _kind, name, subject = observation.token
        before = self.ages.get(f"{name}/{subject}")
        again = not observation.value.ok and before is not None and not before[1].ok
        self.ages[f"{name}/{subject}"] = (observation.began, replace(observation.value, again=again))
        stack = self.settings.stack(name)
        if not observation.value.ok and not again and stack and observation.token in self._due:
            self._due[observation.token] = min(self._due[observation.token], time.monotonic() + stack.confirm)

    def watched_data(self, stack: StackSpec) -> list[Freshness]:
        """Data of a stack that must not get old: what is declared, and what jobs of this host leave."""
        _seen, states = self.jobs.get(stack.name, (0.0, []))
        return [*stack.freshness, *(fresh for state in states for fresh in state.job.fresh)]

    def _containers_of(self, stack: StackSpec, service: str) -> list[Container]:
        aside = self._aside.get(stack.name, set())
        return [container for container in self.picture.of(stack.name, service) if container.id not in aside] if service else []

    @staticmethod
    def _look_at_jobs(stack: str) -> list[JobState]:
        """What the jobs of a stack have done.

        :raises JobError, ValueError: nobody can say; what was known before stays.
        """
        return overview.of_stack(stack)

    def fresh(self, key: str, since: float) -> bool:
        """Every probe of a subject that runs now was begun after `since`."""
        stack, _slash, subject = key.partition("/")
        if stack == "host":
            return subject == "docker" or self._host_seen >= since  # what Docker does is seen by the stream of its events
        mine = [token for token in self._due if token[-2:] == (stack, subject)]
        return all(self.readings.get((token[1], token[2]), (0.0, None))[0] >= since for token in mine)

    def died(self, identity: str, death: Death) -> None:
        """Remember how a container ended."""
        self.deaths[identity] = death

    def begin_life(self, identity: str) -> None:
        """A container ended or was started: what was seen of it, and looks that run now, are of another life."""
        now = time.monotonic()
        self._lives[identity] = now
        for key in [key for key in self.readings if key[0] == identity]:
            del self.readings[key]
        for token in self._due:
            if token[0] == "probe" and token[1] == identity:
                self._due[token] = min(self._due[token], now)

    def _overcome(self, container: Container) -> bool:
        """It runs and is well again after it died."""
        if container.health == "none":
            return container.state == "running" and self.picture.age(container) >= STEADY
        return container.health == "healthy"

    def count_replicas(self) -> None:
        """What the live release says: a rolling update, `opsctl scale` or a rollback may have changed what was declared.

        It says how many containers a service has, none of one that it has no more, and at which port its own probe asks.
        """
        try:
            descriptions = stacks()
        except (OSError, ValueError) as error:
            log(f"watchdog: goes on with the numbers of replicas that it knows: {error}")
            return
        for stack in descriptions:
            for service in stack["services"]:
                self.replicas[stack["name"], service["service"]] = int(service.get("replicas") or 1)
            live = {service["service"]: service.get("probe") or {} for service in stack["services"]}
            watched = self.settings.stack(stack["name"])
            for spec in watched.services if watched else ():
                if spec.service not in live:
                    self.replicas[stack["name"], spec.service] = 0
                self._move_probes(stack["name"], spec, live.get(spec.service, {}))

    def _move_probes(self, stack: str, spec: ServiceSpec, live: Mapping[str, Any]) -> None:
        """Where the probe of the live release asks at another port than the settings, whatever asks there moves with it."""
        own = next((probe for probe in spec.probes if probe.kind == "http" and probe.options.get("path") == live.get("path")), None)
        declared, port = own and own.options.get("port"), live.get("port")
        moved = {declared: port} if declared and port and declared != port else {}
        if self.ports.get((stack, spec.service), {}) == moved:
            return
        self.ports[stack, spec.service] = moved
        names = {probe.name for probe in spec.probes}
        there = {container.id for container in self.picture.of(stack, spec.service)}
        self.readings = {key: value for key, value in self.readings.items() if key[0] not in there or key[1] not in names}

    def _at_live_port(self, stack: StackSpec, spec: ServiceSpec, probe: ProbeSpec) -> ProbeSpec:
        port = self.ports.get((stack.name, spec.service), {}).get(probe.options.get("port", 0))
        return replace(probe, options={**probe.options, "port": port}) if port else probe

    def forget_gone(self) -> None:
        """Drop what is known of containers that are no more, and deaths that are overcome."""
        alive = {container.id: container for project in self.picture.projects for container in self.picture.containers(project)}
        self.readings = {key: value for key, value in self.readings.items() if key[0] in alive}
        self.deaths = {key: value for key, value in self.deaths.items() if key in alive and not self._overcome(alive[key])}
        self._lives = {key: at for key, at in self._lives.items() if key in alive}

    def findings(self, now: float) -> list[Finding]:
        """Everything, what others need first; services and sites only while Docker answers."""
        checks = self._host_checks()
        findings = [
            _of_check(check, now if self.blind and check.name == "docker" else self._host_seen, bool(self.blind)) for check in checks
        ]
        for stack in self.settings.stacks:
            if not self.blind:
                evidence = Evidence(self.readings, self.deaths, self.picture.lost_networks, now, self.picture.age)
                for declared in sorted(stack.services, key=lambda service: (len(service.needs), service.service)):
                    replicas = self.replicas.get((stack.name, declared.service), declared.replicas)
                    spec = declared if replicas == declared.replicas else replace(declared, replicas=replicas)
                    findings.append(judge(stack.name, spec, self.serving(stack, spec), evidence))
            seen, states = self.jobs.get(stack.name, (0.0, []))
            findings += [jobs.of_job(stack.name, state, seen, time.time()) for state in states]
            findings += self._of_data(stack)
            findings += [look for site in stack.sites for look in self._of_site(stack, site, traffic_plan.load(stack.name))]
        return findings

    def _of_data(self, stack: StackSpec) -> Iterator[Finding]:
        for spec in self.watched_data(stack):
            known = self.ages.get(f"{stack.name}/{jobs.fresh_subject(spec.name)}")
            if known:
                yield jobs.of_data(stack.name, spec, known[1], known[0])

    def known(self, remembered: Iterable[str] = ()) -> Collection[str]:
        """All keys that could come out of a look; of the host and of jobs also what is remembered, until all of it was looked at."""
        keys = {f"{stack.name}/{service.service}" for stack in self.settings.stacks for service in stack.services}
        for stack in self.settings.stacks:
            keys |= {f"{stack.name}/{kind}:{site.domain}" for site in stack.sites for kind in ("site", "certificate")}
            if stack.name in self.jobs or not job_settings.file_of(stack.name).exists():
                _seen, states = self.jobs.get(stack.name, (0.0, []))
                keys |= {f"{stack.name}/{jobs.job_subject(state.job.name)}" for state in states}
                keys |= {f"{stack.name}/{jobs.fresh_subject(spec.name)}" for spec in self.watched_data(stack)}
            else:  # before the first look nobody knows which there are
                keys |= {key for key in remembered if key.startswith((f"{stack.name}/job:", f"{stack.name}/fresh:"))}
        if not self.checks or any(check.value == "unknown" for check in self.checks):
            keys |= {key for key in remembered if key.startswith("host/")}
        return keys | {check.key for check in self._host_checks()} | {"host/clock jump", "host/docker"}

    def _host_checks(self) -> list[Check]:
        if not self.blind or time.monotonic() < self._patient_until:
            return self.checks
        unit = next((check for check in self.checks if check.name == "docker" and check.state != "ok"), None)
        docker = unit or Check("docker", "critical", "silent", f"the Docker engine does not answer: {self.blind}")
        return [docker, *(check for check in self.checks if check.name != "docker")]

    def _look_at_host(self) -> list[Check]:
        spec = self.settings.host
        checks: list[Check] = []
        looks: tuple[tuple[str, Callable[[], Iterator[Check]]], ...] = (
            ("units", lambda: self._units.checks(spec, time.monotonic())),
            ("disks", lambda: host_checks.disk_checks(spec)),
            ("memory", lambda: host_checks.memory_checks(spec)),
            ("nginx configuration", self._nginx.checks),
            ("held updates", self._held_updates.checks),
            ("reboot", lambda: host_checks.reboot_checks(spec)),
            ("clock", lambda: self._clock.checks(spec, time.monotonic())),
            ("backups", lambda: host_checks.backup_checks(self.settings)),
            ("secrets", lambda: host_checks.secret_checks(self.settings)),
            ("isolation", self._isolated.checks),
            ("break-glass", self._break_glass.checks),
        )
        for name, look in looks:
            try:
                checks += list(look())
            except (CommandError, OSError, ValueError) as error:
                checks.append(Check(name, "warning", "unknown", f"{name} cannot be looked at: {error}"))
        return checks

    def _of_site(self, stack: StackSpec, site: SiteSpec, plans: Mapping[str, traffic_plan.Traffic]) -> Iterator[Finding]:
        key = f"{stack.name}/site:{site.domain}"
        if key not in self.sites:
            return
        seen, reading = self.sites[key]
        needs = ("host/docker", "host/nginx", *(f"{stack.name}/{service}" for service in site.services))
        planned = any(plans[service].maintenance for service in site.services if service in plans)
        failing = not reading.ok and not planned
        yield Finding(
            key, stack.name, f"site:{site.domain}", "failing" if failing else "ok",
            cause=reading.reason, needs=needs, seen=seen, sure=False,
        )  # fmt: skip
        days = reading.days_left()
        if days is not None:
            late = days < site.certificate_days
            renewal = "write the next one into certificates:, it is your own" if is_own(site.domain) else "certbot renew"
            cause = f"the certificate that nginx serves for {site.domain} ends in {days} days; `{renewal}`, `opsctl status`"
            severity = "critical" if days < 3 else "warning"
            subject = f"certificate:{site.domain}"
            state = "failing" if late else "ok"
            yield Finding(f"{stack.name}/{subject}", stack.name, subject, state, severity, cause, seen=seen, sure=False)


def _of_check(check: Check, seen: float, blind: bool) -> Finding:
    failing = check.state != "ok"
    state, severity = ("failing", check.state) if failing else ("ok", "warning")
    sure = blind and check.name == "docker"
    return Finding(check.key, "", check.name, state, severity, check.reason, seen=seen, sure=sure)
