# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workflows of CI: each runs a target that exists, and ends; the nightly one runs all tests and benchmarks, and keeps what they wrote."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def jobs(workflow: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load(workflow.read_text())["jobs"].values())


def dry_run(target: str) -> str:
    """What `make target` would run, without the flags and variables of the make that runs these tests."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE") and name != "MATRIX"}
    return subprocess.run(["make", "--dry-run", target], cwd=ROOT, env=environment, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_a_workflow_runs_targets_that_exist_and_ends(workflow: Path) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for job in jobs(workflow):
        assert job["timeout-minutes"] <= 350  # a hosted runner ends after six hours, and takes the artifacts with it
        (command,) = (step["run"] for step in job["steps"] if ".ci/run" in step.get("run", ""))
        assert re.fullmatch(r"sudo --preserve-env=CI,PATH \.ci/run ?([a-z-]*)", command)
        assert (command.partition(".ci/run")[2].strip() or "test") in targets


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda workflow: workflow.stem)
def test_a_workflow_has_the_history_that_upgrades_are_tested_with(workflow: Path) -> None:
    """In a shallow clone the tests of skew would be skipped, and nobody would notice."""
    for job in jobs(workflow):
        (checkout,) = (step for step in job["steps"] if "actions/checkout" in step.get("uses", ""))
        assert checkout["with"]["fetch-depth"] == 0


@pytest.mark.parametrize("target", ["test-all", "bench", "audit"])
def test_the_night_has_all_tests_and_benchmarks(target: str) -> None:
    assert set(dry_run(target).splitlines()) <= set(dry_run("nightly").splitlines())


def test_all_is_the_matrix_too() -> None:
    assert "test MATRIX=1" in dry_run("test-all")


def test_the_night_keeps_what_was_written_also_when_it_failed() -> None:
    (job,) = jobs(ROOT / ".github/workflows/nightly.yml")
    (keep,) = (step for step in job["steps"] if "upload-artifact" in step.get("uses", ""))
    assert keep["if"] == "always()" and keep["with"]["path"] == ".artifacts/" and keep["with"]["include-hidden-files"]
