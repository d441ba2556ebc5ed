# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's files, rendered once for all tests of it."""

from __future__ import annotations

import pytest
from ansible_runs import AnsibleRuns

from .rendered import BLOG, ON, SHOP, Rendered, render

VARIANTS = {
    "off": {"ops_stack": SHOP},
    "on": ON,
    "files only": {**ON, "grafana_server": False},
    "alone": {"grafana_enabled": True, "grafana_password_file": "/root/password", "grafana_key_file": "/root/key"},
    "two stacks": {**ON, "ops_stack": None, "ops_stacks": [SHOP, BLOG], "ops_only": "blog"},
    "elsewhere": {
        **ON,
        "grafana_prometheus_url": "https://prometheus.example.com",
        "grafana_address": "127.0.0.1:3001",
        "monitoring_scrapes": [{"job_name": "postgres", "static_configs": []}],
        "watchdog_container_metrics": False,
        "log_shipping_enabled": True,
        "grafana_anonymous": True,
    },
}


@pytest.fixture(scope="package")
def rendered(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    """By the names of the variants."""
    return render(VARIANTS, ansible, tmp_path_factory.mktemp("grafana"))
