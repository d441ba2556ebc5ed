# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Neurocore and Market ML: their inventories are sound, and scenario `applications` runs them with other images, names and limits only."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_runs import AnsibleRuns
from neurocore.embedding import SIZE, embed, literal

from ..declaration.backups.samples import AGE, CERTIFICATE
from ..filter.inventories import DERIVED, REPORT, ROOT, shown

STACKS = {"neurocore": "neurocore/production.yml", "market_ml": "market_ml/hosts.yml"}
ALL = {"report": REPORT, **DERIVED}
# What a variant for tests may set otherwise, by what it is for.
OTHERWISE = {"image", "user", "deploy", "environment", "labels"}


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The inventory as Molecule lays it, with what the test services have given out."""
    folder = tmp_path_factory.mktemp("applications")
    for name in ("group_vars", "host_vars"):
        (folder / name).symlink_to(ROOT / "molecule/applications" / name)
    (folder / "hosts.yml").write_text("all: {hosts: {apps: {}}}\n")
    (folder / "ca.pem").write_text(CERTIFICATE)
    environment = {"AWS_ACCESS_KEY_ID": "access", "AWS_SECRET_ACCESS_KEY": "secret"}
    targets = {
        "s3": {"repository": "s3:https://s3.example.test:9000/backups", "environment": environment},
        "escrow": {"recipient": AGE},
    }
    (folder / "targets.json").write_text(json.dumps(targets))
    return folder


def of_scenario(ansible: AnsibleRuns, folder: Path, stack: str) -> dict[str, Any]:
    """What is derived of a stack there."""
    expressions = {name: words.replace("ops_stack", f"{stack}_stack") for name, words in ALL.items()}
    environment = {"MOLECULE_EPHEMERAL_DIRECTORY": str(folder), "LATENTUM_OPS_TEST_CA": str(folder / "ca.pem")}
    return shown(ansible, str(folder / "hosts.yml"), expressions, **environment)


def of_inventory(ansible: AnsibleRuns, stack: str) -> dict[str, Any]:
    """What is derived of the inventory."""
    return shown(ansible, f"inventories/{STACKS[stack]}", ALL)


@pytest.mark.parametrize("stack", STACKS)
def test_the_variant_for_tests_differs_where_it_must_and_nowhere_else(stack: str, scenario: Path, ansible: AnsibleRuns) -> None:
    declared, tested = of_inventory(ansible, stack), of_scenario(ansible, scenario, stack)
    assert declared["report"] == tested["report"] == ""

    def common(project: dict[str, Any]) -> dict[str, Any]:
        services = {
            name: {key: value for key, value in service.items() if key not in OTHERWISE} for name, service in project["services"].items()
        }
        return {"services": services, "volumes": project["volumes"], "networks": project["networks"]}

    assert common(declared["project"]) == common(tested["project"])
    images = [service["image"] for service in declared["project"]["services"].values()]
    assert not [image for image in images if "example.test" in image or image.endswith(":latest")]
    assert all("example.test" in service["image"] for service in tested["project"]["services"].values())


def test_staging_and_production_of_neurocore_differ_in_size_and_names(ansible: AnsibleRuns) -> None:
    both = [shown(ansible, f"inventories/neurocore/{name}.yml", ALL) for name in ("staging", "production")]
    assert [environment["report"] for environment in both] == ["", ""]
    replicas = [environment["project"]["services"]["worker"]["deploy"].get("replicas", 1) for environment in both]
    assert replicas == [1, 5]
    images = [{name: service["image"] for name, service in environment["project"]["services"].items()} for environment in both]
    assert images[0] == images[1]


@pytest.mark.parametrize("stack", STACKS)
def test_no_value_of_a_secret_is_in_the_project(stack: str, ansible: AnsibleRuns) -> None:
    project = json.dumps(of_inventory(ansible, stack)["project"])
    vault = yaml.safe_load((ROOT / f"inventories/{stack}/group_vars/all/vault.yml").read_text())
    assert vault and not [name for name, value in vault.items() if value in project]


@pytest.mark.parametrize("stack", STACKS)
def test_every_service_has_limits_and_all_but_the_clock_a_healthcheck(stack: str, ansible: AnsibleRuns) -> None:
    services = of_inventory(ansible, stack)["project"]["services"]
    assert not [name for name, service in services.items() if not {"cpus", "memory"} <= set(service["deploy"]["resources"]["limits"])]
    # The clock, and the service in whose containers jobs run.
    assert {name for name, service in services.items() if "healthcheck" not in service} <= {"beat", "modeling"}


def test_a_vector_has_length_one_and_shares_direction_with_texts_of_the_same_words() -> None:
    def near(first: str, second: str) -> float:
        return sum(a * b for a, b in zip(embed(first), embed(second), strict=True))

    assert near("spinal cord injury", "spinal cord injury") == pytest.approx(1)
    assert near("spinal cord", "Spinal cord, injury!") > near("spinal cord", "brain abscess")
    assert near("", "") == pytest.approx(1)  # a vector of zeros has no direction, and pgvector's distance to it is NaN
    assert literal(embed("x")).count(",") == SIZE - 1
