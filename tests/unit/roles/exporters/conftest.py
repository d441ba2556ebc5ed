# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role's files, rendered once for all tests of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_runs import AnsibleRuns

from .rendered import MEASURED, ON, PROGRAM, SHOP, Rendered, render

BLOG = {**SHOP, "name": "blog", "monitoring": {"buckets": ["50ms", 1, "2m"]}}
VARIANTS = {
    "off": {"exporters_requests": True, "exporters_nginx": True, "exporters_blackbox": True},
    "on": ON,
    "all": {**ON, "exporters_blackbox": True},
    "node": {**ON, "exporters_requests": False, "exporters_nginx": False, "exporters_node_collectors": ["cpu"]},
    "declared": {**ON, "ops_stack": SHOP},
    "one of several": {**ON, "ops_stacks": [SHOP, BLOG], "ops_only": "shop"},
    "databases": {**ON, "ops_stack": MEASURED},
    "databases alone": {**ON, "exporters_node": False, "exporters_requests": False, "exporters_nginx": False, "ops_stack": MEASURED},
    "elsewhere": {**ON, "exporters_requests_address": "[::1]:4903", "exporters_requests_buckets": [0.3, 1, 2.5]},
}


@pytest.fixture(scope="package")
def rendered(ansible: AnsibleRuns, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rendered]:
    """By the names of the variants."""
    return render(VARIANTS, ansible, tmp_path_factory.mktemp("exporters"))


@pytest.fixture(scope="package")
def programs(rendered: dict[str, Rendered], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with mtail's program, as the role writes it."""
    folder = tmp_path_factory.mktemp("programs")
    (folder / "requests.mtail").write_text(rendered["on"].files[PROGRAM])
    return folder
