# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What there is to show on a host: its stacks, and whose numbers Prometheus has."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ..alert_rules.names import CONTAINERS, NGINX, NODE, REQUESTS, WATCH
from ..contracts.dashboards import DashboardsSettings
from ..contracts.monitoring import MonitoredStack, StackLimits
from .panel import Panel

POSTGRES, REDIS = "postgres", "redis"
# All that some panel here asks for. An exporter that role exporters gets has its job here, a line in `__grafana_asked` of role grafana,
# and a dashboard that asks for it.
JOBS = (NODE, REQUESTS, NGINX, WATCH, CONTAINERS, POSTGRES, REDIS)


@dataclass(frozen=True)
class Scope:
    """Stacks of a host, and what role grafana is told."""

    stacks: tuple[MonitoredStack, ...]
    settings: DashboardsSettings

    def asks(self, *jobs: str) -> bool:
        """Prometheus asks one of these."""
        return any(job in self.settings.jobs for job in jobs)

    def where(self, *jobs: str, panels: Iterable[Panel]) -> tuple[Panel | None, ...]:
        """These panels, where Prometheus asks for what they show."""
        return tuple(panel if self.asks(*jobs) else None for panel in panels)

    @property
    def objectives(self) -> bool:
        """Some stack has one."""
        return any(stack.objectives for stack in self.stacks)

    @property
    def backups(self) -> bool:
        """Some stack is backed up."""
        return self.asks(WATCH) and any(stack.backup_max_age or stack.backup_plans for stack in self.stacks)

    def limit(self, name: str) -> float:
        """Of the alerts of all stacks the limit that is crossed first."""
        values = [float(getattr(stack.limits, name)) for stack in self.stacks] or [float(getattr(StackLimits(), name))]
        return min(values)
