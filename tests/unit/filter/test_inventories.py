# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories of this repository are faultless, as Ansible reads them from the command line."""

from __future__ import annotations

import pytest
from ansible_runs import AnsibleRuns

from .inventories import ROOT, derived, report

INVENTORIES = sorted(path.parent.name for path in (ROOT / "inventories").glob("*/hosts.yml"))


def test_there_are_inventories() -> None:
    assert {"demo", "latentum"} <= set(INVENTORIES)


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_inventory_is_faultless(inventory: str, ansible: AnsibleRuns) -> None:
    assert derived(ansible, inventory)["report"] == ""


def test_a_mistake_in_an_inventory_is_found(ansible: AnsibleRuns) -> None:
    assert "latentum..example.com" in report(ansible, "latentum", "-e", "latentum_domain=latentum..example.com")
