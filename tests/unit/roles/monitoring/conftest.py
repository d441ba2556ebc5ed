# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's files, rendered once for all tests of it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_runs import AnsibleRuns

from .rendered import BLOG, SHOP, Rendered, old_alertmanager, render

ON: dict[str, Any] = {"monitoring_enabled": True, "monitoring_host_name": "web1", "exporters_enabled": True}
DEBIAN_12 = {"ansible_facts": {"distribution": "Debian", "distribution_major_version": "12"}}
# Whoever is told is a receiver of the tests; their ports are written over these.
TOLD: dict[str, Any] = {
    **SHOP,
    "monitoring": {**SHOP["monitoring"], "scrape_interval": "2s"},
    "secrets": {**SHOP["secrets"], "mail": {"kind": "provided", "value": "hush"}},
    "watchdog": {
        "alerts": [
            {"name": "chat", "kind": "slack", "url_secret": "chat"},
            {
                "name": "duty",
                "kind": "pagerduty",
                "key_secret": "pager",
                "severities": ["critical"],
                "url": "http://127.0.0.1:8088/pagerduty",
            },
            {
                "name": "mail",
                "kind": "email",
                "server": "localhost",
                "port": 2525,
                "from": "ops@example.com",
                "to": ["anna@example.com", "bert@example.com"],
                "user": "ops",
                "password_secret": "mail",
            },
        ]
    },
}
LIGHTER = {**ON, "monitoring_backend": "victoriametrics"}
ARCHIVES = [
    {"url": f"https://releases.example.com/{name}-linux-amd64-v1.122.11.tar.gz", "checksum": f"sha256:{digit * 64}"}
    for name, digit in (("victoria-metrics", "a"), ("vmutils", "b"))
]
VARIANTS = {
    "off": {"ops_stack": SHOP},
    "on": {**ON, "ops_stack": SHOP},
    "debian 12": {**ON, **DEBIAN_12, "ops_stack": SHOP},
    "told": {
        **ON,
        **(DEBIAN_12 if old_alertmanager() else {}),
        "ops_stack": TOLD,
        "monitoring_group_wait": 1,
        "monitoring_group_interval": 1,
    },
    "lighter": {**LIGHTER, "ops_stack": SHOP},
    "lighter, from elsewhere": {**LIGHTER, "ops_stack": SHOP, "monitoring_victoriametrics_archives": ARCHIVES},
    "lighter, told": {
        **LIGHTER,
        **(DEBIAN_12 if old_alertmanager() else {}),
        "ops_stack": TOLD,
        "monitoring_group_wait": 1,
        "monitoring_group_interval": 1,
    },
    "lighter, and asks elsewhere": {
        **LIGHTER,
        "ops_stack": BLOG,
        "monitoring_prometheus_memory": "30%",
        "monitoring_scrapes": [{"job_name": "shop", "static_configs": [{"targets": ["10.0.0.7:8080"]}]}],
    },
    "monthly": {
        **ON,
        "ops_stack": {**TOLD, "monitoring": {**TOLD["monitoring"], "report": {"monthly": True, "prices": {"host_month": 49.9}}}},
    },
    "nothing declared": {"monitoring_enabled": True, "watchdog_enabled": False},
    "one of several": {**ON, "ops_stacks": [SHOP, BLOG], "ops_only": "blog"},
    "elsewhere": {
        **ON,
        "ops_stack": BLOG,
        "monitoring_prometheus_address": "127.0.0.1:9091",
        "monitoring_scrapes": [{"job_name": "shop", "static_configs": [{"targets": ["10.0.0.7:8080"]}]}],
        "exporters_blackbox": True,
        "exporters_nginx": False,
        "exporters_node_address": "127.0.0.1:9101",
        "watchdog_container_metrics": False,
    },
}


@pytest.fixture(scope="package")
def rendered(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    """By the names of the variants."""
    return render(VARIANTS, ansible, tmp_path_factory.mktemp("monitoring"))
