# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the exporters of a host, its Prometheus and its Alertmanager need to know of its stacks."""

from __future__ import annotations

from typing import Any

from ...contracts.monitoring import MonitoredSite, MonitoredStack, StackLimits
from ...contracts.objectives import Objective
from ...contracts.watchdog_settings import DeadmanSpec, StackSpec
from ..compose_project import secret_file
from ..model import Declaration
from ..slos.derive import slo_objectives
from ..watchdog.derive import watchdog_config
from .dashboards import site
from .model import monitoring_of


def request_buckets(declaration: Declaration) -> list[float]:
    """The bounds of the histograms of response times, in seconds."""
    return list(monitoring_of(declaration).buckets)


def monitoring_config(declaration: Declaration) -> list[dict[str, Any]]:
    """What rules, receivers and routes are made of, as a list of this one stack: a host has one Prometheus for all.

    Of secrets only the paths of their files on the host, never a value.
    """
    watched, monitoring = StackSpec.from_dict(watchdog_config(declaration)), monitoring_of(declaration)
    deadman = monitoring.deadman
    # Beyond the last bound nothing is told apart.
    latency = monitoring.limits["latency"] or min(StackLimits().latency, monitoring.buckets[-1] / 2)
    stack = MonitoredStack(
        stack=declaration.name,
        scrape_interval=monitoring.scrape_interval,
        services={service.service: service.severity for service in watched.services},
        sites=tuple(MonitoredSite(site.domain, site.services, site.certificate_days) for site in watched.sites),
        limits=StackLimits.from_dict({**monitoring.limits, "latency": latency}),
        objectives=tuple(Objective.from_dict(objective) for objective in slo_objectives(declaration)),
        backup_max_age=watched.backup_max_age,
        backup_plans=watched.backup_plans,
        secret_ages={
            secret.name: secret.rotation.every for secret in declaration.secrets.values() if secret.rotation and secret.rotation.every
        },
        runbook=watched.runbook,
        alerts=watched.alerts,
        dashboards=site(declaration),
        deadman=DeadmanSpec(secret_file(declaration, deadman["url_secret"]), deadman["interval"]) if deadman else None,
        report=monitoring.report,
    )
    return [stack.to_dict()]


def unreadable(name: str) -> list[dict[str, Any]]:
    """What stands for a stack with errors: its alerts would silently be lost."""
    return [MonitoredStack(name, unreadable=True).to_dict()]
