# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog is to watch: one file a stack (filter watchdog_config), and one for the host, in /etc/latentum-ops/watchdog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .base import Contract, option
from .freshness import Freshness

HOUR, DAY = 3600, 86400
SEVERITIES = ("critical", "warning")
DEPLOYMENTS = ("none", "failure", "success")
ALERT_SEVERITIES = (*SEVERITIES, "info")  # of a message; an incident is never only worth knowing
HEALING = ("restart", "none")
ESCALATIONS = ("recreate", "rollback")


@dataclass(frozen=True)
class ProbeSpec(Contract):
    """One probe of each container of a service."""

    kind: str = option("V(http), V(tcp), V(command), V(redis_queue) or V(postgresql).")
    name: str = option("What messages call it.")
    timeout: float = option("Seconds to wait for the answer.", least=0, most=300)
    interval: float = option("Seconds between two looks.", least=1, most=DAY)
    options: Mapping[str, Any] = option("What belongs to its kind.", {}, rest=True)


@dataclass(frozen=True)
class ServiceSpec(Contract):
    """One service that must stay up. Times in seconds."""

    service: str = option("Name of the service.")
    replicas: int = option("Its containers.", 1, least=0)
    expect: str = option("What is expected of them.", "running", choices=("healthy", "running"))
    needs: tuple[str, ...] = option("The services that it cannot be without.", ())
    routed: bool = option("A route leads to it.", False)
    severity: str = option("What its failure is; V(critical) only while none of its containers serves.", "critical", choices=SEVERITIES)
    heal: str = option("What is done about a container that fails.", "restart", choices=HEALING)
    escalate: tuple[str, ...] = option(
        (
            "What is tried in this order when restarts did not help.",
            "V(recreate) makes new containers of the same release.",
            "V(rollback) returns to the release before.",
        ),
        (),
        choices=ESCALATIONS,
    )
    max_heals: int = option("Restarts of a container within C(heal_window); then C(escalate), then a human.", 4, least=1, most=100)
    heal_window: float = option("Seconds in which restarts are counted.", 600, least=10, most=DAY)
    start_period: float = option(
        "Seconds after a start in which probes are not judged, where the container has no healthcheck.", 30, least=0, most=HOUR
    )
    probes: tuple[ProbeSpec, ...] = option("How it is looked at, beside its healthcheck.", ())


@dataclass(frozen=True)
class SiteSpec(Contract):
    """One domain as clients reach it, through nginx on this host."""

    domain: str = option("The domain.")
    path: str = option("The path that is asked for.", "/")
    services: tuple[str, ...] = option("The services behind it.", ())
    timeout: float = option("Seconds in which it must answer.", 10, least=0.1, most=300)
    interval: float = option("Seconds between two looks.", 30, least=1, most=DAY)
    certificate_days: int = option("A certificate that ends in fewer days is told.", 14, least=1, most=89)


@dataclass(frozen=True)
class Alert(Contract):
    """One way to tell people."""

    name: str = option("Its name in messages and files.")
    # No choices: a kind that this engine does not know takes nothing from the routes beside it.
    kind: str = option("By what they are told, V(email), V(slack), V(pagerduty) or V(apprise).")
    severities: tuple[str, ...] = option(
        "What is told here; V(info) is the success of jobs, and of deployments, that tell of it.", SEVERITIES, choices=ALERT_SEVERITIES
    )
    deployments: str = option(
        (
            "V(failure) also tells of each release that was taken back or rolled back;",
            "V(success) also of each that went live, with the severity V(info).",
        ),
        "none",
        choices=DEPLOYMENTS,
        sparse=True,
    )
    reminder: float = option("An incident that is still open is told again after so many seconds.", 14400, least=60, most=30 * DAY)
    burst: int = option("So many messages may go out within C(per); the rest is gathered.", 10, least=1, most=1000)
    per: float = option("The seconds in which C(burst) is counted.", 600, least=1, most=DAY)
    options: Mapping[str, Any] = option("What its kind needs.", {}, rest=True)


@dataclass(frozen=True)
class DeadmanSpec(Contract):
    """An address that is called as long as the watchdog works; what is behind it misses the calls of a dead host."""

    url_file: str = option("The file with the address.")
    interval: float = option("Seconds between two calls.", 60, least=10, most=DAY)


@dataclass(frozen=True)
class StatusPageSpec(Contract):
    """The status page of a stack."""

    title: str = option("Its heading.", "")


@dataclass(frozen=True)
class StackSpec(Contract):
    """One stack."""

    name: str = option("Name of the stack.", key="stack")
    services: tuple[ServiceSpec, ...] = option("What must stay up.", ())
    sites: tuple[SiteSpec, ...] = option("Domains as clients reach them.", ())
    interval: float = option("Seconds between two looks of a probe that says nothing else.", 15, least=1, most=DAY)
    confirm: float = option("Seconds until a failed probe is looked at again, before anything is done or told.", 2, least=0.1, most=300)
    recover: float = option("Seconds for which all must be well before an incident ends.", 10, least=0, most=HOUR)
    runbook: str = option(
        "Stands in every message; C({service}) becomes the name of what failed, C({runbook}) that of the page of C(opsctl runbook).", ""
    )
    alerts: tuple[Alert, ...] = option("Who is told.", ())
    deadman: DeadmanSpec | None = option("Who misses a dead host.", None)
    backup_max_age: float = option("A newest restorable backup that is older than so many seconds is told; V(0) is never.", 0, least=0)
    status_page: StatusPageSpec | None = option("The status page.", None)
    freshness: tuple[Freshness, ...] = option("Data that must not get old.", (), sparse=True)
    backup_plans: Mapping[str, float] = option(
        "By plan of the backups, the age in seconds from which its newest restorable backup is told, in place of C(backup_max_age).",
        {},
        least=1,
        sparse=True,
    )

    def runbook_of(self, subject: str, page: str = "") -> str:
        """The address for one service; empty for none.

        :param page: name of the runbook of the engine.
        """
        return self.runbook.replace("{service}", subject).replace("{runbook}", page)


@dataclass(frozen=True)
class FrontSpec(Contract):
    """Where nginx answers on this host."""

    address: str = option("Its address.", "127.0.0.1")
    port: int = option("Its port.", 443, least=1, most=65535)
    tls: bool = option("It speaks TLS there.", True)
    proxy_protocol: bool = option("It wants the line of the PROXY protocol first.", False)


@dataclass(frozen=True)
class HostSpec(Contract):
    """Limits of the host itself. Percentages, seconds, days."""

    name: str = option("How messages call the host.", "")
    interval: float = option("Seconds between two looks.", 10)
    disk_warning: int = option("Percent of a disk, or of its inodes, from which on a warning is told.", 85)
    disk_critical: int = option("The same for a critical incident.", 95)
    memory_warning: int = option("Percent of the memory from which on a warning is told.", 90)
    memory_critical: int = option("The same for a critical incident.", 97)
    clock_offset: float = option("Seconds by which the clock may be off.", 1.0)
    reboot_after: float = option("Seconds after which a reboot that is needed is told.", 7 * DAY)
    units: tuple[str, ...] = option("Units of systemd that must run.", ("docker.service", "nginx.service"))
    confirm: float = option("Seconds until a failed check is looked at again.", 2)
    recover: float = option("Seconds for which all must be well before an incident ends.", 10)
    stall_patience: float = option(
        "Seconds for which a container that only answers too late is left alone while the whole host stalls; V(0) restarts it at once.",
        120,
        least=0,
        most=HOUR,
    )
    metrics: str = option("Address and port of the metrics.", "127.0.0.1:9753")
    container_metrics: bool = option("Metrics of all containers are given, too.", True)
    front: FrontSpec = option("Where sites are asked for.", FrontSpec(), sparse=True)
    alertmanager: str = option("Address and port of the Alertmanager whose silences count, on loopback; empty for none.", "", sparse=True)
