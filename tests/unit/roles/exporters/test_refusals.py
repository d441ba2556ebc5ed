# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of the role that cannot stand are refused before anything is installed, with what they are and what to write."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_runs import AnsibleRuns

from ..plays import refused
from .rendered import ON, ROLE

CASES: dict[str, tuple[dict[str, Any], str]] = {
    "fine": ({}, ""),
    "off": ({"exporters_enabled": False, "exporters_node_address": "0.0.0.0:9100"}, ""),
    "ipv6": ({"exporters_node_address": "[::1]:9100"}, ""),
    "one bound": ({"exporters_requests_buckets": [1]}, ""),
    "everywhere": ({"exporters_node_address": "0.0.0.0:9100"}, "exporters_node_address=0.0.0.0:9100"),
    "no address": ({"exporters_requests_address": ":3903"}, "exporters_requests_address=:3903"),
    "a name": ({"exporters_nginx_address": "web1.example.com:9113"}, "exporters_nginx_address=web1.example.com:9113"),
    "a port alone": ({"exporters_node_address": "9100"}, "exporters_node_address=9100"),
    "one port for two": ({"exporters_node_address": "127.0.0.1:3903"}, "exporters_node_address=127.0.0.1:3903"),
    "bounds that descend": ({"exporters_requests_buckets": [1, 0.5]}, "from 0.001 on: 1, 0.5"),
    "a bound twice": ({"exporters_requests_buckets": [0.5, 0.5, 1]}, "from 0.001 on: 0.5, 0.5, 1"),
    "no bounds": ({"exporters_requests_buckets": []}, "from 0.001 on: ."),
    "a bound below nginx's clock": ({"exporters_requests_buckets": [0.0001, 1]}, "from 0.001 on: 0.0001, 1"),
    "no bound but zero": ({"exporters_requests_buckets": [0]}, "from 0.001 on: 0."),
    "nothing to ask": ({"nginx_status_address": ""}, "write exporters_nginx: false"),
}


@pytest.fixture(scope="module")
def said(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the first task of the role says of each case; nothing where it lets it pass."""
    return refused(ansible, tmp_path_factory.mktemp("refusals"), ROLE, CASES, ON)


@pytest.mark.parametrize("case", CASES)
def test_a_case(said: dict[str, str], case: str) -> None:
    wanted = CASES[case][1]
    assert bool(said[case]) is bool(wanted) and wanted in said[case], said[case]
