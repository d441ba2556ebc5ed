# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventories of this repository are faultless, as Ansible reads them from the command line."""

from __future__ import annotations

import json

import pytest
from ansible_runs import AnsibleRuns

from .inventories import ROOT, derived, report

JSON = {"ANSIBLE_CALLBACK_RESULT_FORMAT": "json"}
INVENTORIES = sorted(path.parent.name for path in (ROOT / "inventories").glob("*/hosts.yml"))


def test_there_are_inventories() -> None:
    assert {"demo", "latentum"} <= set(INVENTORIES)


@pytest.mark.parametrize("inventory", INVENTORIES)
def test_inventory_is_faultless(inventory: str, ansible: AnsibleRuns) -> None:
    assert derived(ansible, inventory)["report"] == ""


def test_a_mistake_in_an_inventory_is_found(ansible: AnsibleRuns) -> None:
    assert "latentum..example.com" in report(ansible, "latentum", "-e", "latentum_domain=latentum..example.com")


def test_two_stacks_in_two_environments_are_faultless_and_differ_as_it_is_expected(ansible: AnsibleRuns) -> None:
    both = [word for name in ("staging", "production") for word in ("-i", f"inventories/several_stacks/{name}.yml")]
    checked = ansible("ansible-playbook", "playbooks/check.yml", *both, folder=ROOT, environment=JSON)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert checked.stdout.count('"no error, no advice"') == 2 * 3 and checked.stdout.count('"stack shop: web x3, cache"') == 2
    compared = ansible(
        "ansible-playbook",
        "playbooks/diff_environments.yml",
        *both,
        "-e",
        "diff_live=false",
        "-e",
        "diff_format=json",
        folder=ROOT,
        environment=JSON,
    )
    assert compared.returncode == 0, compared.stdout + compared.stderr
    found, _end = json.JSONDecoder().raw_decode(compared.stdout, compared.stdout.index("{", compared.stdout.index('"msg"')))
    assert found["from"]["stacks"] == found["to"]["stacks"] == ["blog", "shop"]
    assert [one["key"] for one in found["differences"] if not one["expected"]] == []
    assert "services.web.replicas" in {one["key"] for one in found["differences"]}
