# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whom Prometheus or vmagent asks, which rules are evaluated, who is told of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..alert_rules.names import AGENT, ALERTMANAGER, CONTAINERS, PROMETHEUS, RULER, STORAGE, WATCH
from ..compose.yaml_writer import dump
from ..contracts.database_exporters import POSTGRESQL, PREFIX, REDIS, SUFFIX
from ..contracts.monitoring import VICTORIAMETRICS, MonitoredStack, MonitoringSettings, ScrapedHost
from ..slo.promql import duration

_HEAD = "# {program}, by latentum.ops; do not edit. Role monitoring writes it.\n"
_PATHS = {CONTAINERS: "/metrics/containers"}
_EVALUATION = 15  # seconds at most
# Relative to this file. What others put into rules.d stays.
RULE_FILES = ("rules/*.yml", "rules.d/*.yml")


def prometheus_file(stacks: Sequence[MonitoredStack], settings: MonitoringSettings, credentials: Mapping[str, str] | None = None) -> str:
    """The content of prometheus.yml.

    :param credentials: files of authority, certificate and key, in place of those that systemd hands to Prometheus.
    """
    document = {
        "global": {"scrape_interval": duration(_interval(stacks)), "evaluation_interval": evaluation(stacks)},
        "rule_files": list(RULE_FILES),
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [settings.alertmanager_address]}]}]},
        "scrape_configs": _scrapes(settings, credentials or _credentials("prometheus")),
    }
    return _HEAD.format(program="Prometheus") + dump(document)


def vmagent_file(stacks: Sequence[MonitoredStack], settings: MonitoringSettings, credentials: Mapping[str, str] | None = None) -> str:
    """The content of vmagent.yml: the same scrape configurations. Rules and whom to tell are vmalert's, by its arguments; vmagent refuses a
    file that names them.

    :param credentials: files of authority, certificate and key, in place of those that systemd hands to vmagent.
    """
    scrapes = _scrapes(settings, credentials or _credentials("vmagent"))
    return _HEAD.format(program="vmagent") + dump({"global": {"scrape_interval": duration(_interval(stacks))}, "scrape_configs": scrapes})


def evaluation(stacks: Sequence[MonitoredStack]) -> str:
    """The time between two evaluations of rules."""
    return duration(min(_interval(stacks), _EVALUATION))


def _interval(stacks: Sequence[MonitoredStack]) -> float:
    """Seconds. A host is scraped once, whatever number of stacks are on it: as often as the most demanding one says."""
    return min((stack.scrape_interval for stack in stacks), default=MonitoredStack("").scrape_interval)


def _credentials(program: str) -> dict[str, str]:
    """Where systemd hands the certificate to a program."""
    folder = f"/run/credentials/latentum-ops-{program}.service"
    return {name: f"{folder}/{name}.pem" for name in ("authority", "certificate", "key")}


def _scrapes(settings: MonitoringSettings, files: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        *_own(settings),
        *_databases(settings),
        *(_elsewhere(host, files) for host in settings.hosts),
        *(dict(scrape) for scrape in settings.scrapes),
    ]


def jobs(settings: MonitoringSettings) -> dict[str, str]:
    """The address of each target by its job, what measures and what tells among them."""
    targets = dict(settings.targets)
    if WATCH in targets:
        targets.setdefault(CONTAINERS, targets[WATCH])
    return {
        **{job: address for job, address in targets.items() if address},
        **_measuring(settings),
        ALERTMANAGER: settings.alertmanager_address,
    }


def _measuring(settings: MonitoringSettings) -> dict[str, str]:
    if settings.backend == VICTORIAMETRICS:
        return {STORAGE: settings.prometheus_address, AGENT: settings.vmagent_address, RULER: settings.vmalert_address}
    return {PROMETHEUS: settings.prometheus_address}


def _own(settings: MonitoringSettings) -> Iterator[dict[str, Any]]:
    for job, address in jobs(settings).items():
        path = {"metrics_path": _PATHS[job]} if job in _PATHS else {}
        # The host's name, not its loopback: it stands in messages, and joins series of several exporters.
        yield {"job_name": job, **path, "static_configs": [{"targets": [address], "labels": {"instance": settings.host}}]}


def _databases(settings: MonitoringSettings) -> Iterator[dict[str, Any]]:
    """A job for each kind, as published dashboards expect their names; each target with its stack and service."""
    for kind in dict.fromkeys(exporter.kind for exporter in settings.databases):
        targets = [
            {
                "targets": [exporter.address],
                "labels": {"instance": settings.host, "stack": exporter.stack, "service": exporter.service},
            }
            for exporter in settings.databases
            if exporter.kind == kind
        ]
        yield {"job_name": kind, "static_configs": targets, **_RENAMED.get(kind, {})}


# Declared queries by their own names; and without the address of the container, which is another one after each release.
# Keys of Redis by the names and labels that its exporter has for them itself.
_KEY = {"source_labels": ["__name__", "key"]}
_RENAMED: dict[str, dict[str, Any]] = {
    POSTGRESQL: {
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": f"{PREFIX}(.+)_{SUFFIX}", "target_label": "__name__", "replacement": "$1"},
            {"regex": "server", "action": "labeldrop"},
        ]
    },
    REDIS: {
        "metric_relabel_configs": [
            {**_KEY, "regex": "redis_script_values;[a-z]+;(db[0-9]+);.*", "target_label": "db", "replacement": "$1"},
            {**_KEY, "regex": "redis_script_values;([a-z]+);db[0-9]+;.*", "target_label": "__name__", "replacement": "redis_key_$1"},
            {**_KEY, "regex": "redis_key_[a-z]+;(?:size|value);db[0-9]+;(.*)", "target_label": "key", "replacement": "$1"},
            {"regex": "filename", "action": "labeldrop"},
        ]
    },
}


def job_of(host: ScrapedHost) -> str:
    """The name of the scrape configuration of a host; its targets have the jobs as they are called everywhere."""
    return f"host/{host.name}"


def _elsewhere(host: ScrapedHost, files: Mapping[str, str]) -> dict[str, Any]:
    """A host with all its jobs. It is known by its name, which the certificate has to have, whatever its address is called."""
    return {
        "job_name": job_of(host),
        "scheme": "https",
        "tls_config": {
            "ca_file": files["authority"],
            "cert_file": files["certificate"],
            "key_file": files["key"],
            "server_name": host.name,
        },
        "static_configs": [
            {"targets": [host.address], "labels": {"job": job, "instance": host.name, "__metrics_path__": f"/{job}/metrics"}}
            for job in host.jobs
        ],
    }
