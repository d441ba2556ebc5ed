# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of the role that cannot stand are refused before anything is installed, with what they are and what to write."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_runs import AnsibleRuns

from ..plays import refused
from .rendered import BLOG, ON, ROLE, SHOP

ELSEWHERE = {**BLOG, "monitoring": {"dashboards": {"domain": "other.example.com", "allow_from": ["203.0.113.0/24"]}}}
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "fine": ({}, ""),
    "off": ({"grafana_enabled": False, "grafana_address": "0.0.0.0:3000"}, ""),
    "files only": ({"grafana_server": False, "ops_stack": BLOG}, ""),
    "everywhere": ({"grafana_address": "0.0.0.0:3000"}, 'grafana_address: is no address of loopback'),
    "nowhere declared": ({"ops_stack": BLOG}, "grafana_password_file: names no file"),
    "declared twice": ({"ops_stack": None, "ops_stacks": [SHOP, ELSEWHERE]}, "grafana.example.com, https://other.example.com"),
    "an address without a scheme": ({"grafana_url": "grafana.example.com"}, "grafana_url: is no address of a site"),
    "a Prometheus over the network": ({"grafana_prometheus_url": "http://10.0.0.5:9090"}, "without TLS"),
    "a limit that is none": ({"monitoring_limits": {"cpus": 80}}, "limits.cpus"),
}  # fmt: skip


@pytest.fixture(scope="module")
def said(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the first task of the role says of each case; nothing where it lets it pass."""
    return refused(ansible, tmp_path_factory.mktemp("refusals"), ROLE, CASES, ON)


@pytest.mark.parametrize("case", CASES)
def test_a_case(said: dict[str, str], case: str) -> None:
    wanted = CASES[case][1]
    assert bool(said[case]) is bool(wanted) and wanted in said[case], said[case]
