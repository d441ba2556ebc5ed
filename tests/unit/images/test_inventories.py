# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two inventories of LATENTUM: both are sound, and they differ in nothing but images, users, checks and domain."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


@cache
def rendered(inventory: str) -> dict[str, Any]:
    """The declaration's report and the Compose project of an inventory, as Ansible sees them."""
    shown = (
        '{"report": ops_stack | latentum.ops.declaration_report, "project": ops_stack | latentum.ops.compose_project, "stack": ops_stack}'
    )
    argv = [str(Path(sys.executable).with_name("ansible")), "all", "-i", f"inventories/{inventory}"]
    argv += ["-m", "ansible.builtin.debug", "-a", f"msg={{{{ {shown} }}}}"]
    environ = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"), "ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
    environ["ANSIBLE_NOCOLOR"] = "1"
    done = subprocess.run(argv, env=environ, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[WARNING]" not in done.stderr, done.stderr
    text = done.stdout
    return dict(json.loads(text[text.index("=> ") + 3 :])["msg"])


@pytest.mark.parametrize("inventory", ["demo", "latentum"])
def test_the_declaration_is_sound(inventory: str) -> None:
    assert rendered(inventory)["report"] == ""


def test_nothing_else_differs() -> None:
    def common(inventory: str) -> dict[str, Any]:
        project = json.loads(json.dumps(rendered(inventory)["project"]))
        for service in project["services"].values():
            service.pop("image")
            service.pop("user")
            service["healthcheck"].pop("test")
        return dict(project)

    assert common("demo") == common("latentum")


def test_the_environment_of_the_operations_guide_is_there() -> None:
    named = {name for service in rendered("latentum")["project"]["services"].values() for name in service.get("environment", {})}
    assert {"DATABASE_URL_FILE", "REDIS_URL_FILE", "API_KEY_FILE", "MODEL_PATH", "NODE_ENV"} <= named


def test_production_names_no_image_of_the_tests() -> None:
    images = [service["image"] for service in rendered("latentum")["project"]["services"].values()]
    assert not [image for image in images if "example.test" in image]
