# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of what the watchdog knows, for Prometheus: `latentum_ops_watchdog_*`, on loopback.

Left out on purpose: a total of incidents. The status keeps the last 200 that ended, so a number made of them would stand still or
fall. `last_incident_timestamp_seconds` changes with each incident; `changes()` of it counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import backup_metrics, secret_metrics
from .incidents import SEVERITIES
from .metrics_server import Application
from .release_metrics import Releases

if TYPE_CHECKING:
    from prometheus_client import Metric

PREFIX = "latentum_ops_watchdog_"
DAY = 86400
SERVICE_STATES = ("ok", "starting", "suspect", "degraded", "down", "affected", "maintenance")
STACK_STATES = ("ok", "degraded", "down", "maintenance")
CHECK_STATES = ("ok", "warning", "critical")
Status = Mapping[str, Any]
Sample = tuple[Sequence[str], float]


def application(status: Callable[[], Status]) -> Application:
    """The WSGI application that answers a scrape.

    :param status: gives the last finished status; it is called in other threads, so what it gave must not be changed any more.
    :raises OSError: python3-prometheus-client is not installed.
    """
    try:
        from prometheus_client import CollectorRegistry, ProcessCollector, make_wsgi_app
    except ImportError as error:
        raise OSError("the Prometheus client is missing on this host: install the package python3-prometheus-client") from error
    registry = CollectorRegistry()
    registry.register(Collector(status))  # type: ignore[arg-type]  # its base class could not be imported above
    ProcessCollector(registry=registry)
    return make_wsgi_app(registry)


class Collector:
    """Makes the metrics of each scrape from the last status; none before there is one."""

    def __init__(self, status: Callable[[], Status]) -> None:
        self.status = status
        self._heals: dict[tuple[str, str], int] = {}
        self._releases = Releases()

    def describe(self) -> list[Metric]:
        """Nothing: the names are the same at each scrape, and no other collector has them."""
        return []

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        status = self.status()
        if not status.get("at"):
            return
        yield from _watchdog(status)
        yield from _stacks(status["stacks"])
        yield from self._services(status["stacks"])
        yield from _probes(status["stacks"])
        yield from _sites(status["stacks"])
        yield from _jobs(status["stacks"])
        yield from _ages(status["stacks"])
        yield _states("host_check_state", "1 for the state that a check of the host is in, 0 for the others.", ("check",), CHECK_STATES, (
            ((str(check["name"]),), str(check["state"])) for check in status["host_checks"]
        ))  # fmt: skip
        yield from _incidents(status)
        yield _gauge("maintenance", "1 while maintenance of this scope is under way.", ("scope",), (
            ((str(window["scope"]),), 1) for window in status["maintenance"]
        ))  # fmt: skip
        yield _gauge("maintenance_end_timestamp_seconds", "When maintenance of this scope ends by itself.", ("scope",), (
            ((str(window["scope"]),), window["until"]) for window in status["maintenance"]
        ))  # fmt: skip
        yield from _alerts(status["alerts"])
        yield from self._releases.families(str(stack["name"]) for stack in status["stacks"])
        yield from backup_metrics.families()
        yield from secret_metrics.families(str(stack["name"]) for stack in status["stacks"])

    def _services(self, stacks: Sequence[Status]) -> Iterator[Metric]:
        services = [((str(stack["name"]), str(service["service"])), service) for stack in stacks for service in stack["services"]]
        labels = ("stack", "service")
        yield _states(
            "service_state", "1 for the state that a service is in, 0 for the others.", labels, SERVICE_STATES,
            ((key, str(service["state"])) for key, service in services),
        )  # fmt: skip
        for name, help_text, value in (
            ("service_replicas", "Containers that a service should have.", lambda service: service["replicas"]),
            ("service_replicas_healthy", "Containers of a service that are as expected.", lambda service: service["healthy"]),
            (
                "service_out_of_rotation",
                "Containers of a service that the watchdog took out of rotation.",
                lambda service: len(service["out"]),
            ),
            ("service_breaker_open", "1 while the watchdog has given up healing a service.", lambda service: service["breaker"]),
        ):
            yield _gauge(name, help_text, labels, ((key, value(service)) for key, service in services))
        # A remedy that could not be begun is taken back from the number; a counter never falls.
        for key, service in services:
            self._heals[key] = max(int(service["heals"]), self._heals.get(key, 0))
        yield _counter("service_heals", "Remedies that the watchdog has begun for a service.", labels, (
            (key, self._heals[key]) for key, _one in services
        ))  # fmt: skip


def _watchdog(status: Status) -> Iterator[Metric]:
    loop = status["loop"]
    yield _gauge("well", "1 while no critical incident is open and the engine answers.", (), [((), status["well"])])
    info = (str(status["version"]), str(status["host"]))
    yield _gauge("info", "Always 1; says which watchdog this is.", ("version", "host"), [(info, 1)])
    yield _gauge("status_timestamp_seconds", "When the status that these numbers come from was made.", (), [((), status["at"])])
    yield _gauge("uptime_seconds", "How long the watchdog has run.", (), [((), loop["uptime"])])
    yield _gauge("loop_lag_seconds", "How late the last round of the watchdog's loop began.", (), [((), loop["lag"])])
    yield _counter("events", "Events of the Docker engine that were taken in.", (), [((), loop["events"])])


def _stacks(stacks: Sequence[Status]) -> Iterator[Metric]:
    named = [((str(stack["name"]),), stack) for stack in stacks]
    help_text = "1 for the state that a stack is in, 0 for the others."
    yield _states("stack_state", help_text, ("stack",), STACK_STATES, ((key, str(stack["state"])) for key, stack in named))
    busy = "1 while somebody else works on a stack, so that healing waits."
    yield _gauge("stack_busy", busy, ("stack",), ((key, bool(stack["busy"])) for key, stack in named))


def _probes(stacks: Sequence[Status]) -> Iterator[Metric]:
    probes = [
        ((str(stack["name"]), str(service["service"]), str(probe["name"])), probe)
        for stack in stacks
        for service in stack["services"]
        for probe in service["probes"]
    ]
    labels = ("stack", "service", "probe")
    success = "1 when a probe succeeded for all containers of a service the last time."
    yield _gauge("probe_success", success, labels, ((key, probe["ok"]) for key, probe in probes))
    latency = "How long a probe took the last time, for the slowest container."
    yield _gauge("probe_latency_seconds", latency, labels, ((key, probe["latency"]) for key, probe in probes))


def _sites(stacks: Sequence[Status]) -> Iterator[Metric]:
    sites = [((str(stack["name"]), str(site["domain"])), site) for stack in stacks for site in stack["sites"]]
    labels = ("stack", "domain")
    up = "1 when a site answered through nginx the last time, with a status below 500."
    yield _gauge("site_up", up, labels, ((key, site["state"] == "ok") for key, site in sites))
    latency = "How long a site took to answer the last time."
    yield _gauge("site_latency_seconds", latency, labels, ((key, site["latency"]) for key, site in sites))
    left = "Whole days that the certificate served for a site is still valid, in seconds; negative when it has expired."
    known = ((key, site["certificate_days"] * DAY) for key, site in sites if site["certificate_days"] is not None)
    yield _gauge("site_certificate_remaining_seconds", left, labels, known)


def _jobs(stacks: Sequence[Status]) -> Iterator[Metric]:
    """None where no stack has jobs."""
    jobs = [((str(stack["name"]), str(job["job"])), job) for stack in stacks for job in stack.get("jobs", [])]
    if not jobs:
        return
    labels = ("stack", "job")
    ended = [(key, job["last"]) for key, job in jobs if job["last"] and job["last"]["ended"]]
    yield _gauge("job_running", "1 while a job runs.", labels, ((key, job["running"]) for key, job in jobs))
    yield _gauge("job_trouble", "1 while something is wrong with a job.", labels, ((key, bool(job["trouble"])) for key, job in jobs))
    succeeded = ((key, last["result"] == "succeeded") for key, last in ended)
    yield _gauge("job_last_run_success", "1 when the last run of a job that has ended succeeded.", labels, succeeded)
    lasted = ((key, last["seconds"]) for key, last in ended)
    yield _gauge("job_last_run_duration_seconds", "How long the last run of a job took.", labels, lasted)
    good = ((key, job["success"]) for key, job in jobs if job["success"])
    yield _gauge("job_last_success_timestamp_seconds", "When a job last succeeded.", labels, good)
    due = ((key, job["next"]) for key, job in jobs if job["next"])
    yield _gauge("job_next_run_timestamp_seconds", "When a job is due next.", labels, due)
    for name, help_text in (("successes", "Runs of a job that have succeeded."), ("failures", "Runs of a job that have not.")):
        yield _counter(f"job_{name}", help_text, labels, ((key, job[name]) for key, job in jobs))


def _ages(stacks: Sequence[Status]) -> Iterator[Metric]:
    """None where no age is watched."""
    data = [((str(stack["name"]), str(age["name"])), age) for stack in stacks for age in stack.get("freshness", [])]
    if not data:
        return
    labels = ("stack", "data")
    yield _gauge("data_fresh", "1 while data is not older than it may be.", labels, ((key, age["state"] == "ok") for key, age in data))
    newest = ((key, age["at"]) for key, age in data if age["at"])
    yield _gauge("data_newest_timestamp_seconds", "When the newest of some data was made.", labels, newest)


def _incidents(status: Status) -> Iterator[Metric]:
    opened = status["incidents"]
    for name, help_text, counted in (
        ("incidents_open", "Incidents that are open.", opened),
        (
            "incidents_open_needing_human",
            "Open incidents that healing could not end.",
            [incident for incident in opened if incident["needs_human"]],
        ),
        (
            "incidents_open_silenced",
            "Open incidents that nobody is told of, since Alertmanager has a silence of them.",
            [incident for incident in opened if incident.get("silenced")],
        ),
    ):
        numbers = (((severity,), sum(1 for incident in counted if incident["severity"] == severity)) for severity in SEVERITIES)
        yield _gauge(name, help_text, ("severity",), numbers)
    # Each by itself while it is open: an alert of Prometheus about the same is no news then. What fails because of it is `affected`.
    about = [(*key, str(incident["severity"])) for incident in opened for key in [_subject(incident)]]
    help_text = "1 while an incident is open about a subject; service is empty where that is none."
    yield _gauge("incident_open", help_text, ("stack", "subject", "service", "severity"), ((key, 1) for key in about))
    last = max((float(incident["opened"]) for incident in (*opened, *status["history"])), default=None)
    help_text = "When the last incident opened; changes() of it counts incidents."
    yield _gauge("last_incident_timestamp_seconds", help_text, (), [] if last is None else [((), last)])


def _subject(incident: Status) -> tuple[str, str, str]:
    """Stack, subject and service."""
    stack, subject = str(incident["stack"]), str(incident["subject"])
    return stack, subject, subject if stack and ":" not in subject else ""


def _alerts(alerts: Status) -> Iterator[Metric]:
    failed, sent = alerts["failed"], alerts["last_sent"]
    yield _gauge("alerts_waiting", "Messages to people that could not be sent yet.", (), [((), alerts["waiting"])])
    failing = "1 while a route of alerts does not work, of routes that were ever used."
    yield _gauge("alerts_failing", failing, ("route",), (((str(route),), route in failed) for route in sorted({*failed, *sent})))
    last = "When a route last accepted a message."
    yield _gauge("alerts_last_sent_timestamp_seconds", last, ("route",), (((str(route),), at) for route, at in sent.items()))


def _gauge(name: str, help_text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(PREFIX + name, help_text, labels=labels)
    # Two samples with the same labels would spoil the whole scrape.
    for values, value in dict(samples).items():
        family.add_metric(list(values), float(value))
    return family


def _counter(name: str, help_text: str, labels: Sequence[str], samples: Iterable[Sample]) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(PREFIX + name, help_text, labels=labels)
    for values, value in dict(samples).items():
        family.add_metric(list(values), float(value))
    return family


def _states(name: str, help_text: str, labels: Sequence[str], states: Sequence[str], now: Iterable[tuple[tuple[str, ...], str]]) -> Metric:
    """One sample for each state that is possible, so that an alert never waits for a series to appear."""
    samples = (((*values, state), state == current) for values, current in now for state in states)
    return _gauge(name, help_text, (*labels, "state"), samples)
