# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All files of role monitoring from what is declared and what the role is told, or everything that is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..alert_rules.backends import backend
from ..alert_rules.files import host_file, stack_file
from ..alert_rules.links import dashboard_link
from ..alert_rules.names import EXPORTERS, WATCH
from ..contracts.alerts import HOST_ALERTS
from ..contracts.base import ContractError
from ..contracts.capacity import ReportSettings
from ..contracts.monitoring import DAY, FOLDER, VICTORIAMETRICS, MonitoredStack, MonitoringSettings
from ..core.loopback import is_loopback_endpoint
from ..schema.nodes import Problem, instead, shown
from ..slo.rules import rule_file
from .alerting import Alerting, alerting
from .receivers import Credential
from .scraping import evaluation, job_of, jobs, prometheus_file, vmagent_file

_SIZE = re.compile(r"[1-9][0-9]*(?:MB|GB|TB)")
_PREFIX = "monitoring_"
KNOWN_JOBS = (*EXPORTERS, WATCH)
CHECKED = "{program}-check.yml"
_CHECKSUM = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Setup:
    """What role monitoring writes; nothing of it where there are problems.

    :param problems: a line each, with the key, the value, and what to write instead.
    :param files: content by path on the host.
    :param credentials: secrets that Alertmanager reads.
    :param untold: a sentence for each entry of C(watchdog.alerts) that Alertmanager cannot tell by.
    :param monthly: the report of capacity and cost goes out by mail.
    :param evaluation: the time between two evaluations of rules, which vmalert has as an argument.
    """

    problems: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    credentials: tuple[Credential, ...] = ()
    untold: tuple[str, ...] = ()
    monthly: bool = False
    evaluation: str = ""


def setup(raw_stacks: Sequence[Mapping[str, Any]], raw: Mapping[str, Any]) -> Setup:
    """All files of the role.

    :param raw_stacks: what filter C(monitoring_config) gives.
    :param raw: a MonitoringSettings, and C(certificate): the files of authority, certificate and key that Prometheus shows elsewhere.
    """
    try:
        stacks = [MonitoredStack.from_dict(stack, "monitoring_config") for stack in raw_stacks]
        settings = MonitoringSettings.from_dict({key: value for key, value in raw.items() if key != "certificate"})
    except ContractError as error:
        message = str(error)
        return Setup((message if message.startswith(_PREFIX) else f"{_PREFIX}{message}",))
    told = alerting(stacks, settings)
    if problems := [*_problems(stacks, settings), *_untellable(told)]:
        return Setup(tuple(map(str, problems)))
    program, scrape_file = ("vmagent", vmagent_file) if settings.backend == VICTORIAMETRICS else ("prometheus", prometheus_file)
    files = {f"{program}.yml": scrape_file(stacks, settings), "alertmanager.yml": told.text}
    if settings.hosts:
        # The programs look for the files of the certificate, and what systemd hands over is not there before they run.
        files[CHECKED.format(program=program)] = scrape_file(stacks, settings, raw.get("certificate") or None)
    measured_by = backend(settings.backend, settings.host)
    files["rules/host.yml"] = host_file(settings.limits, settings.runbook, settings.dashboards, measured_by)
    for stack in stacks:
        files[f"rules/stack-{stack.stack}.yml"] = stack_file(stack, settings.databases, settings.dashboards)
        if stack.objectives:
            files[f"rules/slo-{stack.stack}.yml"] = rule_file(stack.stack, stack.objectives, partial(dashboard_link, settings.dashboards))
    report = _report(stacks, settings)
    files["report.json"] = json.dumps(report.to_dict(), indent=1) + "\n"
    written = {f"{FOLDER}/{name}": content for name, content in files.items()}
    return Setup((), written, told.credentials, told.untold, bool(report.monthly), evaluation(stacks))


def _report(stacks: Sequence[MonitoredStack], settings: MonitoringSettings) -> ReportSettings:
    """What C(opsctl report) needs to know."""
    wanted = {stack.stack: stack.report for stack in stacks if stack.report}
    prices = next((report.prices for report in wanted.values() if report.prices), None)
    monthly = tuple(name for name, report in wanted.items() if report.monthly)
    return ReportSettings(settings.host, f"http://{settings.prometheus_address}", monthly, prices)


def _problems(stacks: Sequence[MonitoredStack], settings: MonitoringSettings) -> Iterator[Problem]:
    yield from _addresses(settings)
    yield from _jobs(settings)
    yield from _dashboards(settings)
    for key, size in {"retention_size": settings.retention_size, "free_disk": settings.free_disk}.items():
        if not _SIZE.fullmatch(size):
            fix = "write a whole number with MB, GB or TB, such as 4GB"
            yield Problem(f"{_PREFIX}{key}", shown(size), "is not a size", fix)
    if settings.backend == VICTORIAMETRICS:
        yield from _archives(settings)
    longest = max((objective.window for stack in stacks for objective in stack.objectives), default=0.0)
    if settings.retention_days * DAY < longest:
        needed = -(-longest // DAY)
        what = f"are fewer than the {needed:g} days of the longest objective: its budget would forget what it has spent"
        yield Problem(f"{_PREFIX}retention_days", shown(settings.retention_days), what, f"write at least {needed + 1:g}")
    for name in settings.limits.disabled:
        if name not in HOST_ALERTS:
            yield Problem(f"{_PREFIX}limits.disabled", shown(name), "is no alert of a host", instead(name, HOST_ALERTS, "alert"))
    for stack in stacks:
        if stack.unreadable:
            what = "has errors in its declaration, and one Prometheus has the alerts of all stacks: those of this one would be lost"
            yield Problem(f"{stack.stack}: ops_stacks", "", what, f"correct it: a run with -e ops_only={stack.stack} says what is wrong")
    yield from _prices(stacks)
    yield from _loops(stacks, settings)
    names = [stack.stack for stack in stacks]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield Problem(f"{_PREFIX}config", shown(name), "stands in it twice", "write each stack once")


def _archives(settings: MonitoringSettings) -> Iterator[Problem]:
    """Programs that run on the host: from the distribution, or what somebody has looked at before."""
    key = f"{_PREFIX}victoriametrics_archives"
    if not settings.packaged and not settings.victoriametrics_archives:
        fix = (
            "write the url and checksum of victoria-metrics and vmutils, as their project publishes them, or monitoring_backend: prometheus"
        )
        yield Problem(f"{_PREFIX}backend", shown(settings.backend), "is too old in this distribution to be run by the role", fix)
    for index, archive in enumerate(settings.victoriametrics_archives):
        if not re.fullmatch(r"https://[^\s/@?#]+/[^\s@?#]+[.]tar[.]gz", archive.url):
            yield Problem(f"{key}[{index}].url", "", "is no address of a .tar.gz by https", "write one, without a login or a query")
        if not _CHECKSUM.fullmatch(archive.checksum):
            what = "is no checksum: what runs on the host would be whatever is there on that day"
            yield Problem(f"{key}[{index}].checksum", shown(archive.checksum), what, "write sha256: and its 64 hexadecimal digits")


def _dashboards(settings: MonitoringSettings) -> Iterator[Problem]:
    """It stands in messages and in templates of Prometheus."""
    if settings.dashboards and not re.fullmatch(r"https?://[^\s{}\"@?#]+", settings.dashboards):
        fix = "write the address of Grafana, such as https://grafana.example.com"
        yield Problem(f"{_PREFIX}dashboards", "", "is no address of a site, or has a login or a query in it", fix)


def _loops(stacks: Sequence[MonitoredStack], settings: MonitoringSettings) -> Iterator[Problem]:
    """Whoever is told by what measures tells itself, for ever, and nobody hears of it. Addresses that are secrets are not looked into."""
    own = {**jobs(settings), **{exporter.name: exporter.address for exporter in settings.databases}}
    by_port = {address.rpartition(":")[2]: job for job, address in reversed(own.items()) if is_loopback_endpoint(address)}
    for stack in stacks:
        for alert in stack.alerts:
            address = urlsplit(str(alert.options.get("url") or ""))
            here = address.hostname == "localhost" or is_loopback_endpoint(address.netloc.rpartition("@")[2])
            if here and (job := by_port.get(str(_port(address)))):
                what = f"is {job} of this host: it would be told of its own alerts, and nobody else of any"
                fix = "write the address of a service that tells people, or remove it for that of its kind"
                yield Problem(f"{stack.stack}: watchdog.alerts.{alert.name}.url", shown(address.netloc), what, fix)


def _port(address: SplitResult) -> int | None:
    try:
        return address.port
    except ValueError:  # somebody else says what is wrong with it
        return None


def _prices(stacks: Sequence[MonitoredStack]) -> Iterator[Problem]:
    """A host has one price, whichever of its stacks writes it."""
    priced = [(stack.stack, stack.report.prices) for stack in stacks if stack.report and stack.report.prices]
    for name, prices in priced[1:]:
        if prices != priced[0][1]:
            what = f"differ from those of {priced[0][0]}, and both stacks are on one host, which has one price"
            yield Problem(f"{name}: monitoring.report.prices", "", what, "write the same in both, or in one of them alone")


def _addresses(settings: MonitoringSettings) -> Iterator[Problem]:
    names = ["prometheus_address", "alertmanager_address"]
    if settings.backend == VICTORIAMETRICS:
        names += ["vmagent_address", "vmalert_address"]
    own = {f"{_PREFIX}{name}": getattr(settings, name) for name in names}
    for key, address in own.items():
        if not is_loopback_endpoint(address):
            what = "is no address of loopback with a port: none of the programs asks for a password"
            yield Problem(key, shown(address), what, "write one such as 127.0.0.1:9090, and reach it by a tunnel")
    first: dict[str, str] = {}
    targets = {f"{_PREFIX}targets.{job}": address for job, address in settings.targets.items() if job != "containers"}
    targets |= {f"{exporter.name}: services.{exporter.service}.metrics.exporter_port": exporter.address for exporter in settings.databases}
    for key, address in {**own, **targets}.items():
        if address and first.setdefault(address, key) != key:
            yield Problem(key, shown(address), f"is the address of {first[address]}, too", "give one of the two another port")


def _jobs(settings: MonitoringSettings) -> Iterator[Problem]:
    for job, address in settings.targets.items():
        key = f"{_PREFIX}targets.{job}"
        if job not in KNOWN_JOBS:
            fix = f"{instead(job, KNOWN_JOBS, 'job')}; what you measure besides goes into {_PREFIX}scrapes"
            yield Problem(key, shown(address), "is of a job that no rule knows", fix)
        elif address and not re.fullmatch(r"[^\s/@]+:[0-9]{1,5}", address):
            yield Problem(key, shown(address), "is not an address with a port", "write one such as 127.0.0.1:9100, without http://")
    if any(host.name == settings.host for host in settings.hosts):
        yield Problem(
            f"{_PREFIX}host_name", shown(settings.host), "is the name of a host elsewhere, too", "give this one a name of its own"
        )
    taken = {*jobs(settings), *(exporter.kind for exporter in settings.databases), *map(job_of, settings.hosts)}
    for index, scrape in enumerate(settings.scrapes):
        name = scrape.get("job_name")
        if not isinstance(name, str) or not name:
            what = "has no name"
            yield Problem(f"{_PREFIX}scrapes[{index}].job_name", shown(name), what, "write one, such as job_name: shop")
        elif name in taken:
            what = "is the name of another job"
            yield Problem(f"{_PREFIX}scrapes[{index}].job_name", shown(name), what, "give it a name of its own")
        else:
            taken.add(name)


def _untellable(told: Alerting) -> Iterable[Problem]:
    """Alerts that nobody would hear of are no monitoring."""
    for stack in told.silent:
        reasons = "; ".join(line.partition(": ")[2] for line in told.untold if line.startswith(f"{stack}: "))
        fix = "add an entry that it can tell by, of kind email (STARTTLS, or TLS on port 465), slack or pagerduty"
        yield Problem(f"{stack}: watchdog.alerts", "", f"has no entry that Alertmanager can tell by ({reasons})", fix)
