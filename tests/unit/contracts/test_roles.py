# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The defaults of roles that hand a setting over are those of the contract."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import HostSpec

DEFAULTS: dict[str, Any] = yaml.safe_load((Path(__file__).parents[3] / "roles/watchdog/defaults/main.yml").read_text())


@pytest.mark.parametrize(
    ("variable", "expected"),
    [
        ("watchdog_host_interval", HostSpec.interval),
        ("watchdog_disk_warning", HostSpec.disk_warning),
        ("watchdog_disk_critical", HostSpec.disk_critical),
        ("watchdog_memory_warning", HostSpec.memory_warning),
        ("watchdog_memory_critical", HostSpec.memory_critical),
        ("watchdog_clock_offset", HostSpec.clock_offset),
        ("watchdog_reboot_days", HostSpec.reboot_after / 86400),
        ("watchdog_units", list(HostSpec.units)),
        ("watchdog_metrics_address", HostSpec.metrics),
        ("watchdog_container_metrics", HostSpec.container_metrics),
    ],
)
def test_the_role_has_the_defaults_of_the_contract(variable: str, expected: Any) -> None:
    assert DEFAULTS[variable] == expected
