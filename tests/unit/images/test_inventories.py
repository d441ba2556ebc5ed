# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two inventories of LATENTUM: both are sound, and they differ in nothing but images, users, checks and domain."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_runs import AnsibleRuns

from ..filter.inventories import derived


@pytest.mark.parametrize("inventory", ["demo", "latentum"])
def test_the_declaration_is_sound(inventory: str, ansible: AnsibleRuns) -> None:
    assert derived(ansible, inventory)["report"] == ""


def test_nothing_else_differs(ansible: AnsibleRuns) -> None:
    def common(inventory: str) -> dict[str, Any]:
        project = json.loads(json.dumps(derived(ansible, inventory)["project"]))
        for service in project["services"].values():
            service.pop("image")
            service.pop("user")
            service["healthcheck"].pop("test")
        return dict(project)

    assert common("demo") == common("latentum")


def test_the_environment_of_the_operations_guide_is_there(ansible: AnsibleRuns) -> None:
    named = {name for service in derived(ansible, "latentum")["project"]["services"].values() for name in service.get("environment", {})}
    assert {"DATABASE_URL_FILE", "REDIS_URL_FILE", "API_KEY_FILE", "MODEL_PATH", "NODE_ENV"} <= named


def test_production_names_no_image_of_the_tests(ansible: AnsibleRuns) -> None:
    images = [service["image"] for service in derived(ansible, "latentum")["project"]["services"].values()]
    assert not [image for image in images if "example.test" in image]
