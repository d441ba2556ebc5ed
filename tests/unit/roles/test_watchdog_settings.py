# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What role watchdog writes about the host: whose silences hold there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import HostSpec
from ansible_runs import AnsibleRuns

from . import rendering
from .rendering import Rendered

ROLE = Path(__file__).resolve().parents[3] / "roles/watchdog"
VARIANTS: dict[str, dict[str, Any]] = {
    "no monitoring": {},
    "monitoring": {"monitoring_enabled": True},
    "lighter": {"monitoring_enabled": True, "monitoring_backend": "victoriametrics"},
    "elsewhere": {"monitoring_enabled": True, "monitoring_alertmanager_address": "127.0.0.1:9193"},
    "somebody's own": {"watchdog_alertmanager_address": "127.0.0.1:9999"},
    "none": {"monitoring_enabled": True, "watchdog_alertmanager_address": ""},
}


@pytest.fixture(scope="module")
def rendered(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    return rendering.render(Rendered, ROLE, "__watchdog_files", {}, VARIANTS, ansible, tmp_path_factory.mktemp("watchdog"))


@pytest.mark.parametrize(
    ("variant", "address"),
    [
        ("no monitoring", ""),
        ("monitoring", "127.0.0.1:9093"),
        ("elsewhere", "127.0.0.1:9193"),
        ("somebody's own", "127.0.0.1:9999"),
        ("none", ""),
    ],
)
def test_silences_are_those_of_the_alertmanager_of_the_host(rendered: dict[str, Rendered], variant: str, address: str) -> None:
    text = rendered[variant].files["/etc/latentum-ops/watchdog/host.json"]
    assert HostSpec.from_dict(json.loads(text)).alertmanager == address and text.endswith("}\n")
    # An engine of before reads the file of a host that needs nothing of it.
    assert ("alertmanager" in json.loads(text)) is bool(address)


@pytest.mark.parametrize(
    ("variant", "names"),
    [
        ("no monitoring", set()),
        ("monitoring", {"prometheus", "alertmanager"}),
        ("lighter", {"victoriametrics", "vmagent", "vmalert", "alertmanager"}),
    ],
)
def test_what_measures_is_watched(rendered: dict[str, Rendered], variant: str, names: set[str]) -> None:
    units = set(json.loads(rendered[variant].files["/etc/latentum-ops/watchdog/host.json"])["units"])
    own = {f"latentum-ops-{name}.service" for name in ("prometheus", "victoriametrics", "vmagent", "vmalert", "alertmanager")}
    assert units & own == {f"latentum-ops-{name}.service" for name in names}
