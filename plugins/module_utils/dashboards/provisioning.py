# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Grafana provisions itself with at its start: where it asks, and where the dashboards are."""

from __future__ import annotations

from typing import Any

from ..compose.yaml_writer import dump
from ..contracts.dashboards import FOLDER, DashboardsSettings
from ..slo.promql import duration
from .render import SOURCE

_HEAD = "# {what} of Grafana, by latentum.ops; do not edit. Role grafana writes it.\n"
# Names that nobody else gives: one that is taken by another identity ends Grafana at its start.
PROMETHEUS, ALERTMANAGER = "Prometheus of latentum.ops", "Alertmanager of latentum.ops"


def sources(settings: DashboardsSettings, scrape_interval: float) -> str:
    """The file of the data sources.

    :param scrape_interval: seconds; from it Grafana knows how long a window of a rate must be.
    """
    made: list[dict[str, Any]] = [
        {
            "name": PROMETHEUS,
            "type": SOURCE["type"],
            "uid": SOURCE["uid"],
            "access": "proxy",
            "url": settings.prometheus_url,
            # Of a Grafana with two of them the second one ends it at its start.
            "isDefault": settings.server,
            "editable": False,
            "jsonData": {
                "httpMethod": "POST",
                "timeInterval": duration(max(1, scrape_interval)),
                "prometheusType": "Prometheus",
                "manageAlerts": False,
            },
        }
    ]
    if settings.alertmanager_url:
        made.append(
            {
                "name": ALERTMANAGER,
                "type": "alertmanager",
                "uid": "latentum-alertmanager",
                "access": "proxy",
                "url": settings.alertmanager_url,
                "editable": False,
                "jsonData": {"implementation": "prometheus", "handleGrafanaManagedAlerts": False},
            }
        )
    return _HEAD.format(what="Data sources") + dump({"apiVersion": 1, "datasources": made})


def provider() -> str:
    """The file that says where dashboards are. What is gone from the folder is gone from Grafana; nobody changes one in a browser."""
    wanted = {
        "name": "latentum.ops",
        "orgId": 1,
        "type": "file",
        "folder": "latentum.ops",
        "folderUid": "latentum-ops",
        "disableDeletion": False,
        "allowUiUpdates": False,
        "updateIntervalSeconds": 30,
        "options": {"path": f"{FOLDER}/dashboards", "foldersFromFilesStructure": False},
    }
    return _HEAD.format(what="Dashboards") + dump({"apiVersion": 1, "providers": [wanted]})
