# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of the dashboards that role grafana brings, which alert is seen on which, and what the role is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .base import Contract, option
from .monitoring import HostLimits

FOLDER = "/etc/latentum-ops/grafana"  # on a host
OVERVIEW, SERVICE, HOST, CONTAINERS, NGINX = "overview", "service", "host", "containers", "nginx"
BACKUPS, OBJECTIVES, LOGS, DATABASES, CACHES = "backups", "objectives", "logs", "databases", "caches"
# By the alert's name; what is not here is seen on the overview.
OF_ALERT: Mapping[str, str] = {
    **dict.fromkeys(("ServiceDown", "HighErrorRate", "HighLatency"), SERVICE),
    **dict.fromkeys(
        ("ContainerCpuHigh", "ContainerMemoryNearLimit", "ContainerThrottled", "ContainerOutOfMemory", "ContainerCrashLoop"), CONTAINERS
    ),
    "BackupTooOld": BACKUPS,
    **dict.fromkeys(("LogSinkDown", "LogQueueFilling", "LogsDropped"), LOGS),
    **dict.fromkeys(("SLOFastBurn", "SLOSlowBurn", "SLOBudgetSpent", "SLONoData"), OBJECTIVES),
    **dict.fromkeys(
        ("HostCpuHigh", "HostMemoryHigh", "DiskFullSoon", "InodesNearlyUsed", "ClockOff", "ConntrackNearlyFull", "RebootDue"), HOST
    ),
}


def uid(name: str) -> str:
    """The identity of a dashboard: part of its address, and the same on every host. Grafana takes 40 signs at most."""
    return f"latentum-{name}"


@dataclass(frozen=True)
class DashboardsSettings(Contract):
    """What role grafana is told, each by its variable without C(grafana_)."""

    address: str = option("Where Grafana answers.", "127.0.0.1:3000")
    url: str = option("Its address as people reach it; empty for that which a stack declares, else that of loopback, by a tunnel.", "")
    server: bool = option("Grafana runs here; without it only what it reads is written, for one of the operator's own.", True)
    anonymous: bool = option("Who reaches it may look, without a login of Grafana.", False)
    prometheus_url: str = option("Where Grafana asks Prometheus.", "http://127.0.0.1:9090")
    alertmanager_url: str = option("Where Grafana asks Alertmanager; empty for nowhere.", "")
    password_file: str = option("File with the password of the administrator.", "")
    key_file: str = option("File with the key by which Grafana encrypts what it keeps.", "")
    jobs: tuple[str, ...] = option("Jobs that Prometheus asks: whose numbers there are.", ())
    logs: bool = option("Role log_shipping collects logs here.", False)
    limits: HostLimits = option("From where on alerts of the host fire: the lines in its panels.", HostLimits())
