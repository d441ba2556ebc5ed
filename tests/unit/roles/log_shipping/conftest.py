# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's files, rendered once for all tests of it."""

from __future__ import annotations

import pytest
from ansible_runs import AnsibleRuns

from .receiver import ON, RECEIVES, SINKS, Authority, Rendered, render

VARIANTS = {
    "off": {"log_shipping_to": "logs.example.com:6514", "log_shipping_listen": "10.0.0.5:6514"},
    "on": ON,
    "measured": {**ON, "exporters_enabled": True},
    "sends": {**ON, "log_shipping_to": "logs.example.com:6514"},
    "sends to ipv6": {**ON, "log_shipping_to": "[2001:db8::5]:6514", "log_shipping_to_name": "logs.example.com"},
    "receives": RECEIVES,
    "ships": {**ON, "exporters_enabled": True, "log_shipping_sinks": SINKS},
    "nothing of containers": {**ON, "log_shipping_containers": False, "log_shipping_audit": []},
}


@pytest.fixture(scope="package")
def rendered(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    """By the names of the variants."""
    return render(VARIANTS, ansible, tmp_path_factory.mktemp("log-shipping"))


@pytest.fixture(scope="package")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The one that both sides know."""
    return Authority(tmp_path_factory.mktemp("authority"))
