# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a stack is measured, and what role monitoring makes rules, receivers and routes of (filter monitoring_config)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .base import Contract, option
from .capacity import StackReport
from .database_exporters import DatabaseExporter
from .error_budget import BudgetPolicy
from .objectives import Objective
from .watchdog_settings import Alert, DeadmanSpec

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0)
HOUR, DAY = 3600, 86400
FOLDER = "/etc/latentum-ops/monitoring"  # on a host, for all of its stacks
# What keeps numbers and evaluates rules.
PROMETHEUS, VICTORIAMETRICS = BACKENDS = ("prometheus", "victoriametrics")


@dataclass(frozen=True)
class Monitoring(Contract):
    """What holds for the metrics of a whole stack. Times in seconds."""

    buckets: tuple[float, ...] = option(
        "Bounds of the histograms of response times, rising. An objective of latency needs its bound among them.", BUCKETS
    )
    scrape_interval: float = option("Seconds between two scrapes of one target.", 15, least=1, most=60)
    prometheus: str = option(
        "Address of the Prometheus that has the series of the objectives, as this host reaches it. Without one, nobody is asked what is"
        " left of a budget.",
        "",
    )
    budget: BudgetPolicy = option("What follows for releases from how much is left of an error budget.", BudgetPolicy())


@dataclass(frozen=True)
class StackLimits(Contract):
    """From where on the alerts of a stack fire."""

    error_warning: float = option("Percent of the requests to a route that fail, for a warning.", 5, least=0.01, most=100)
    error_critical: float = option("The same for a page.", 10, least=0.01, most=100)
    latency: float = option("Seconds within which 99 of 100 requests to a route are answered.", 2, least=0.001, most=3600)
    min_requests: int = option(
        "So many requests to a route in five minutes, or its shares and quantiles mean nothing.", 20, least=1, most=10**9
    )
    cpu: float = option("Percent of its processor limit that a container uses.", 80, least=1, most=100)
    memory: float = option("Percent of its memory limit that a container uses.", 85, least=1, most=100)
    throttled: float = option("Percent of the periods in which a container was held back by its processor limit.", 25, least=1, most=100)
    restarts: int = option("Starts of a container within 15 minutes.", 3, least=1, most=1000)
    replication_bytes: float = option("Bytes of WAL by which a standby is behind.", 2**30, least=1, most=1e15)
    redis_memory: float = option("Percent of its memory that a Redis uses which does not evict.", 90, least=1, most=100)
    disabled: tuple[str, ...] = option("Alerts that this stack does not have.", ())


@dataclass(frozen=True)
class MonitoredSite(Contract):
    """One domain."""

    domain: str = option("The domain.")
    services: tuple[str, ...] = option("The services behind it.", ())
    certificate_days: int = option("A certificate that ends in fewer days is told.", 14)


@dataclass(frozen=True)
class DashboardsSite(Contract):
    """Where people reach Grafana, and what it has to itself. Of secrets the files on the host."""

    url: str = option("Address of Grafana, as people reach it.")
    password_file: str = option("File with the password of its administrator.")
    key_file: str = option("File with the key by which it encrypts what it keeps.")


@dataclass(frozen=True)
class MonitoredStack(Contract):
    """What role monitoring needs to know of one stack. Times in seconds."""

    stack: str = option("Name of the stack.")
    scrape_interval: float = option("Seconds between two scrapes of one target.", 15, least=1, most=60)
    services: Mapping[str, str] = option("The severity of each service that must stay up, by its name.", {})
    sites: tuple[MonitoredSite, ...] = option("Domains as clients reach them.", ())
    limits: StackLimits = option("From where on alerts fire.", StackLimits())
    objectives: tuple[Objective, ...] = option("Objectives.", ())
    backup_max_age: float = option("A newest restorable backup that is older is told; V(0) is never.", 0, least=0)
    backup_plans: Mapping[str, float] = option("The same by plan of the backups, in place of C(backup_max_age).", {}, least=1)
    secret_ages: Mapping[str, float] = option("How old a secret may become before it is told, by its name.", {}, least=1, sparse=True)
    runbook: str = option("Address of a page, in which C({runbook}) and C({service}) are replaced; empty without one.", "")
    alerts: tuple[Alert, ...] = option("Who is told.", ())
    deadman: DeadmanSpec | None = option("Who misses Prometheus and Alertmanager.", None)
    dashboards: DashboardsSite | None = option("Where people reach Grafana.", None, sparse=True)
    report: StackReport | None = option("What it wants of the capacity report of the host.", None, sparse=True)
    unreadable: bool = option("Its declaration has errors, so that nothing else is known of it.", False, sparse=True)


@dataclass(frozen=True)
class HostLimits(Contract):
    """From where on the alerts of a host fire."""

    cpu: float = option("Percent of the processors, over 15 minutes.", 90, least=1, most=100)
    memory: float = option("Percent of the memory.", 90, least=1, most=100)
    disk_hours: float = option("A file system that is full in fewer hours, by the trend of the last one.", 4, least=0.25, most=168)
    inodes: float = option("Percent of the inodes of a file system.", 95, least=1, most=100)
    clock: float = option("Seconds by which the clock is off.", 0.5, least=0.001, most=3600)
    conntrack: float = option("Percent of the connections that the firewall can remember.", 80, least=1, most=100)
    disabled: tuple[str, ...] = option("Alerts that this host does not have.", ())


@dataclass(frozen=True)
class ScrapedHost(Contract):
    """A host elsewhere that Prometheus scrapes, through the one front of its exporters."""

    name: str = option("Its name in the inventory: label C(instance), and the name that its certificate has to have.")
    address: str = option("Where its front is asked, with the port.")
    jobs: tuple[str, ...] = option("What is asked there, each at C(/JOB/metrics).", ())


@dataclass(frozen=True)
class Archive(Contract):
    """Programs that the distribution has not, as their project publishes them."""

    url: str = option("Where it is, by https.")
    checksum: str = option("Of the archive, C(sha256:) and 64 hexadecimal digits.")


@dataclass(frozen=True)
class MonitoringSettings(Contract):
    """What role monitoring is told, each by its variable without C(monitoring_)."""

    host: str = option("What the host is called in messages: label C(instance).")
    backend: str = option("What keeps numbers and evaluates rules.", PROMETHEUS, choices=BACKENDS)
    prometheus_address: str = option("Where questions in PromQL are answered, by either back end.", "127.0.0.1:9090")
    vmagent_address: str = option("Where vmagent answers.", "127.0.0.1:8429")
    vmalert_address: str = option("Where vmalert answers.", "127.0.0.1:8880")
    alertmanager_address: str = option("Where Alertmanager answers.", "127.0.0.1:9093")
    targets: Mapping[str, str] = option("Address of each exporter, by its job.", {})
    databases: tuple[DatabaseExporter, ...] = option("Exporters of databases and caches.", ())
    hosts: tuple[ScrapedHost, ...] = option("Hosts elsewhere that are scraped.", ())
    places: Mapping[str, tuple[str, ...]] = option(
        "On which hosts each stack is, where hosts elsewhere are scraped; an empty name is this host.", {}
    )
    scrapes: tuple[Mapping[str, Any], ...] = option("Further scrape configurations, as Prometheus has them.", ())
    retention_days: int = option("Days for which numbers are kept.", 35, least=1, most=3660)
    retention_size: str = option("Beyond so much the oldest numbers go first; of Prometheus alone.", "4GB")
    free_disk: str = option("Less space on the disk, and VictoriaMetrics takes no numbers any more.", "2GB")
    packaged: bool = option("The distribution has a VictoriaMetrics that knows what the role asks of it.", True)
    victoriametrics_archives: tuple[Archive, ...] = option("VictoriaMetrics from elsewhere.", ())
    group_wait: float = option("Seconds until a first message, for what belongs into it.", 30, least=0, most=HOUR)
    group_interval: float = option("Seconds until the next message about the same.", 300, least=1, most=DAY)
    limits: HostLimits = option("From where on alerts of the host fire.", HostLimits())
    runbook: str = option("Address of a page, for alerts of the host.", "")
    dashboards: str = option("Address of Grafana, for links in alerts; empty without one.", "")
    lacks: tuple[str, ...] = option("What the Alertmanager of the distribution has no file for: V(url), V(key), V(password).", ())
