# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look at everything that a host answers for: services, sites, routes, certificates, backups, disks, units.

The probes and their judgement are the watchdog's, begun once and at the same time. A host without role `watchdog` is looked at by what
its releases say.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from enum import Enum
from typing import Any

from ..backup import settings as backup_settings
from ..backup.settings import BackupError
from ..containers.client import DockerUnavailable, Engine
from ..contracts.health import Expectation, expectations_from
from ..contracts.watchdog_settings import HOUR, HostSpec, ProbeSpec, ServiceSpec, SiteSpec, StackSpec
from ..core.format import columns
from ..core.masking import line
from ..nginx import site_file, traffic_plan
from ..release.stacks import stacks
from ..release.store import Store
from ..status.marks import BAD, GOOD
from ..tls.certificates import in_service
from ..watchdog import runbooks, settings
from ..watchdog.findings import Finding
from ..watchdog.looks import Looks, Observation, Token
from ..watchdog.picture import Picture
from ..watchdog.probes import host as host_checks
from ..watchdog.probes import sites as site_probes
from ..watchdog.settings import Settings

WORKERS = 12  # looks at the same time, as the watchdog's
PROBE_TIMEOUT = 5.0  # seconds, where only a release says that there is a probe
BACKUP_AGE = 50 * HOUR  # of the last restorable backup, where no watchdog says another: two daily ones, and the time they take
NOBODY = (502, 503, 504)  # what nginx itself answers where nobody does
LONGEST = 300  # characters of a reason


class State(str, Enum):
    """What came of a look."""

    OK = "ok"
    STARTING = "starting"
    WARNING = "warning"
    CRITICAL = "critical"


# As monitoring programs read an exit status: well, a warning, critical. What starts is not well yet.
STATUS = {State.OK: 0, State.STARTING: 1, State.WARNING: 1, State.CRITICAL: 2}


@dataclass(frozen=True)
class Row:
    """One result.

    :param stack: empty for the host itself.
    :param value: what was measured.
    :param reason: a sentence, where it is not well.
    :param runbook: name of the page that says what to do; empty where all is well.
    """

    area: str
    stack: str
    name: str
    state: State
    value: str = ""
    reason: str = ""
    runbook: str = ""


@dataclass(frozen=True)
class Report:
    """All results, the worst first."""

    rows: tuple[Row, ...]
    seconds: float

    @property
    def status(self) -> int:
        """0 well, 1 with warnings, 2 critical."""
        return max((STATUS[row.state] for row in self.rows), default=0)

    @property
    def troubles(self) -> list[Row]:
        """What is not well."""
        return [row for row in self.rows if row.state is not State.OK]

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        states = {state.value: sum(row.state is state for row in self.rows) for state in State}
        rows = [{**asdict(row), "state": row.state.value} for row in self.rows]
        return {"status": self.status, "states": states, "seconds": round(self.seconds, 2), "checks": rows}


def check(names: Collection[str], engine: Callable[[], Engine] = Engine) -> Report:
    """Look at the host and at these stacks.

    :raises ValueError: settings or descriptions on this host cannot be read.
    """
    began = time.monotonic()
    config = _settings(names)
    rows = [*_watched(config, engine), *_routes(config), *_certificates(config)]
    order = [State.CRITICAL, State.WARNING, State.STARTING, State.OK]
    return Report(tuple(sorted(rows, key=lambda row: order.index(row.state))), time.monotonic() - began)


def _settings(names: Collection[str]) -> Settings:
    """What is to be looked at: as the watchdog was told, else as the releases say."""
    known = settings.load(settings.FOLDER)
    host = known.host
    if not (settings.FOLDER / settings.HOST).exists():
        host = replace(HostSpec(), units=("docker.service", *(["nginx.service"] if host_checks.NGINX.is_dir() else [])))
    backed_up = set(backup_settings.stacks())
    described = {str(stack["name"]): stack for stack in stacks()}
    chosen = [known.stack(name) or _of_release(described[name], backed_up) for name in names if name in described or known.stack(name)]
    return Settings(host, tuple(chosen))


def _of_release(description: Mapping[str, Any], backed_up: Collection[str]) -> StackSpec:
    """A stack that no watchdog watches."""
    name = str(description["name"])
    expected = expectations_from(description["services"])
    return StackSpec(
        name,
        services=tuple(_service(expectation) for expectation in expected if expectation.expect != "completed"),
        sites=tuple(
            SiteSpec(str(domain), _widest(name, str(domain))) for domain in description.get("domains", []) if host_checks.NGINX.is_dir()
        ),
        backup_max_age=BACKUP_AGE if name in backed_up else 0,
        backup_plans=_plan_ages(name) if name in backed_up else {},
    )


def _widest(stack: str, domain: str) -> str:
    """The path by which a stack answers on a name, on which another stack may have the root."""
    live = Store(stack).live()
    content = live.routes.sites.get(domain) if live and live.routes else None
    plain = {match.rstrip("/") or "/" for match in site_file.read(content or "").locations if match.startswith("/")}
    return min(plain, key=lambda path: (len(path), path), default="/")


def _plan_ages(stack: str) -> dict[str, float]:
    """Of the plans of its backups; none where their settings cannot be read, which is told elsewhere."""
    try:
        return {plan.name: plan.stale_after for plan in backup_settings.load(stack).plans}
    except BackupError:
        return {}


def _service(expectation: Expectation) -> ServiceSpec:
    probe = expectation.probe
    options = {"port": probe.port, "path": probe.path, "status": probe.status} if probe else {}
    probes = (ProbeSpec("http", f"http {probe.path}", probe.timeout or PROBE_TIMEOUT, 15, options),) if probe else ()
    return ServiceSpec(expectation.service, expectation.replicas, expectation.expect, probes=probes)


def _watched(config: Settings, connect: Callable[[], Engine]) -> Iterator[Row]:
    """What the watchdog would see now."""
    begun: list[tuple[Token, float, Future[Any]]] = []
    picture = Picture(stack.name for stack in config.stacks)
    with ThreadPoolExecutor(WORKERS, "look") as pool:

        def begin(token: Token, look: Callable[[], Any]) -> None:
            begun.append((token, time.monotonic(), pool.submit(look)))

        looks = Looks(config, picture, begin, grace=0, phase=lambda: 0.0)
        engine = None
        try:
            engine = connect()
            picture.look(engine)
            looks.blind = ""
        except (DockerUnavailable, OSError) as error:
            looks.blind = str(error)
        looks.count_replicas()
        looks.schedule(engine, time.monotonic())
        for token, at, future in begun:
            if broken := future.exception():
                reason = line(f"{' '.join(token)} could not be looked at: {broken!r}", LONGEST)
                yield Row("host", "", " ".join(token), State.WARNING, "unknown", reason)
            else:
                looks.take(Observation(token, at, future.result()))
    values = {check.key: check.value for check in looks.checks}
    for finding in looks.findings(time.monotonic()):
        yield _row(finding, looks, config, values)


def _row(finding: Finding, looks: Looks, config: Settings, values: Mapping[str, str]) -> Row:
    area, name = _area(finding)
    state = State(finding.severity) if finding.failing else State(finding.state)
    value = values.get(finding.key, "")
    if area == "service":
        wanted = looks.replicas.get((finding.stack, finding.subject)) or next(
            (service.replicas for service in _stack(config, finding.stack).services if service.service == finding.subject), 1
        )
        value = f"{finding.healthy} of {wanted} serve"
    elif area in ("site", "certificate"):
        reading = looks.sites[f"{finding.stack}/site:{name}"][1]
        days = reading.days_left()
        value = f"{reading.latency * 1000:.0f} ms" if area == "site" else f"{days} days left"
    reason = line(finding.cause, LONGEST) if finding.failing else ""
    return Row(area, finding.stack, name, state, line(value), reason, runbooks.of(finding.stack, finding.subject) if reason else "")


def _stack(config: Settings, name: str) -> StackSpec:
    return config.stack(name) or StackSpec(name)


def _area(finding: Finding) -> tuple[str, str]:
    kind, colon, name = finding.subject.partition(":")
    if finding.stack:
        return (kind, name) if colon else ("service", finding.subject)
    first, space, rest = finding.subject.partition(" ")
    return ("backup", rest) if space and first == "backup" else ("host", finding.subject)


@dataclass(frozen=True)
class _Route:
    """A location of a site; `planned`: nginx answers with the maintenance page."""

    stack: str
    domain: str
    path: str
    service: str
    planned: bool


def _routes(config: Settings) -> list[Row]:
    """Every route of the live releases, through nginx; what the watchdog asks for has its row already."""
    if not host_checks.NGINX.is_dir():
        return []
    wanted = [(route, spec) for stack in config.stacks for route, spec in _locations(stack)]
    with ThreadPoolExecutor(WORKERS, "route") as pool:
        readings = list(pool.map(lambda pair: site_probes.read(pair[1], config.host.front), wanted))
    return [_route_row(route, reading) for (route, _spec), reading in zip(wanted, readings, strict=True)]


def _locations(stack: StackSpec) -> Iterator[tuple[_Route, SiteSpec]]:
    live = Store(stack.name).live()
    routes = live.routes if live else None
    if routes is None:
        return
    services = {str(upstream["name"]): str(upstream.get("service", "")) for upstream in routes.upstreams}
    plans = traffic_plan.load(stack.name)
    watched = {site.domain: site for site in stack.sites}
    for content in routes.sites.values():
        site = site_file.read(content)
        domain = site.names[0] if site.names else ""
        if domain not in watched:  # left out by the declaration, or a pattern of names
            continue
        asked = watched[domain]
        for path in _paths(site.locations, asked.path):
            service = services.get(site.locations[path], "")
            planned = service in plans and plans[service].maintenance
            yield _Route(stack.name, domain, path, service, planned), SiteSpec(domain, path, timeout=asked.timeout)


def _paths(locations: Iterable[str], asked: str) -> list[str]:
    """One path for each route: ``/api`` and ``/api/`` are one."""
    plain = {match for match in locations if match.startswith("/")}
    return sorted(match for match in plain if match != asked and not (f"{match}/" in plain and match != "/") and f"{match}/" != asked)


def _route_row(route: _Route, reading: site_probes.SiteReading) -> Row:
    name = f"{route.domain}{route.path}"
    if reading.ok or route.planned:
        value = f"{reading.status or 'no answer'}{', maintenance page' if route.planned else ''}"
        return Row("route", route.stack, name, State.OK, f"{value}, {reading.latency * 1000:.0f} ms")
    # A 500 is an answer of the application, which may not know this path without more.
    state = State.CRITICAL if reading.status in (0, *NOBODY) else State.WARNING
    behind = f"; behind it is {route.service}" if route.service else ""
    runbook = runbooks.of(route.stack, f"site:{route.domain}")
    return Row("route", route.stack, name, state, str(reading.status or ""), line(f"{reading.reason}{behind}", LONGEST), runbook)


def _certificates(config: Settings) -> Iterator[Row]:
    """Those that wait for their authority: nginx serves a stand-in that no client trusts."""
    domains = {site.domain: stack.name for stack in config.stacks for site in stack.sites}
    for certificate in in_service():
        stack = next((domains[domain] for domain in certificate.domains if domain in domains), "")
        if certificate.placeholder and stack:
            reason = f"{certificate.name} has only the self-signed stand-in: no certificate was issued yet"
            yield Row("certificate", stack, certificate.name, State.WARNING, "stand-in", reason, "certificate")


def table(report: Report, *, everything: bool) -> str:
    """The results as aligned text; what is not well begins with two exclamation marks, its reason and the next step below.

    :param everything: also what is well; else it is counted.
    """
    shown: Sequence[Row] = report.rows if everything else report.troubles
    cells = [[GOOD if row.state is State.OK else BAD, row.area, row.stack or "host", row.name, row.state.value, row.value] for row in shown]
    lines = list(columns([["", "check", "of", "name", "state", "value"], *cells])) if cells else []
    for row in report.troubles:
        lines += ["", f"{BAD} {row.area} {row.name}: {row.reason or row.state.value}"]
        if row.runbook:
            lines.append(f"   opsctl runbook {row.runbook}")
    well = sum(row.state is State.OK for row in report.rows)
    total = f"{well} of {len(report.rows)} checks are well, {report.seconds:.1f} s"
    return "\n".join([*lines, *([""] if lines else []), total])
