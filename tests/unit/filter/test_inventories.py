# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories of this repository are faultless, as Ansible reads them from the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
INVENTORIES = sorted((ROOT / "inventories").glob("*/hosts.yml"))


def report(inventory: Path, *options: str) -> str:
    argv = [sys.executable, "-m", "ansible", "adhoc", "all", "-i", str(inventory), *options]
    argv += ["-m", "ansible.builtin.debug", "-a", "msg={{ ops_stack | latentum.ops.declaration_report | to_json }}"]
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_LOAD_CALLBACK_PLUGINS": "true",
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    }
    found = subprocess.run(argv, capture_output=True, text=True, env=environment, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    hosts = json.loads(found.stdout[found.stdout.index("{") :])["plays"][0]["tasks"][0]["hosts"]
    assert hosts
    return "".join(host["msg"] if isinstance(host["msg"], str) else json.dumps(host["msg"]) for host in hosts.values())


def test_there_are_inventories() -> None:
    assert {"demo", "latentum"} <= {inventory.parent.name for inventory in INVENTORIES}


@pytest.mark.parametrize("inventory", INVENTORIES, ids=lambda inventory: inventory.parent.name)
def test_inventory_is_faultless(inventory: Path) -> None:
    assert report(inventory).strip('"') == ""


def test_a_mistake_in_an_inventory_is_found() -> None:
    assert "latentum..example.com" in report(ROOT / "inventories/latentum/hosts.yml", "-e", "latentum_domain=latentum..example.com")
