# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What rules call things: series that there are, and matchers of them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..slo.promql import quoted

WATCHDOG = "latentum_ops_watchdog_"
BACKUP = "latentum_ops_backup_"
AGES = "latentum_ops_secret_"
# Labels of containers, as cAdvisor writes those of Compose.
PROJECT, SERVICE = "container_label_com_docker_compose_project", "container_label_com_docker_compose_service"
# Jobs of Prometheus, as the scrape configuration calls them (monitoring/scraping).
NODE, REQUESTS, NGINX, BLACKBOX = "node", "requests", "nginx", "blackbox"
WATCH, CONTAINERS, PROMETHEUS, ALERTMANAGER = "watchdog", "containers", "prometheus", "alertmanager"
STORAGE, AGENT, RULER = "victoria-metrics", "vmagent", "vmalert"  # the three programs of the lighter back end
EXPORTERS = (NODE, REQUESTS, NGINX, BLACKBOX, CONTAINERS)


def any_of(label: str, values: Iterable[str]) -> str:
    """A matcher of a label that has one of these values."""
    return f"{label}=~{quoted('|'.join(re.escape(value) for value in values))}"


def as_service(expression: str) -> str:
    """The same series with the service of the container as C(service)."""
    return f'label_replace({expression}, "service", "$1", "{SERVICE}", "(.+)")'
