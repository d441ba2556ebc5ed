# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make test` runs every job to its end, fails when one failed, and its last lines say which and why."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "tools/lanes.sh"
SCENARIOS = ("backup", "default", "later", "neighbours", "roles", "rollout", "watchdog")
WITH_MATRIX = ("applications", "monitoring", "fleet")
CHECKS = ("unit", "lint", "sanity", "artifact", "browser")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Scenarios, and programs that note what they are asked and fail where a file of the name says so."""
    for name in (*SCENARIOS, *WITH_MATRIX):
        (tmp_path / "molecule" / name).mkdir(parents=True)
        (tmp_path / "molecule" / name / "molecule.yml").touch()
    (tmp_path / "bin").mkdir()
    (tmp_path / "tests/tools").mkdir(parents=True)
    shutil.copy(SCRIPT, tmp_path / "tests/tools/lanes.sh")
    for program in ("molecule", "make", "python"):
        file = tmp_path / "bin" / program
        file.write_text(
            f'#!/bin/sh\nlast=$(for word; do :; done; echo "$word")\necho "{program} $last" >> {tmp_path}/asked\n'
            f'echo "$@" >> {tmp_path}/whole\n'
            f'[ ! -e "{tmp_path}/$last.fails" ] || {{ cat "{tmp_path}/$last.fails"; exit 2; }}\n'
        )
        file.chmod(0o755)
    return tmp_path


def lanes(checkout: Path, *arguments: str, matrix: str = "") -> tuple[int, list[str], list[str]]:
    """Return code, what it printed, and what was run."""
    environment = {**os.environ, "PATH": f"{checkout}/bin:{os.environ['PATH']}", "MATRIX": matrix}
    argv = ["tests/tools/lanes.sh", *arguments]
    done = subprocess.run(argv, cwd=checkout, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.splitlines(), (checkout / "asked").read_text().splitlines()


def test_everything_is_run_and_told(checkout: Path) -> None:
    rc, shown, asked = lanes(checkout)
    assert rc == 0
    assert sorted({line for line in asked if "python" not in line}) == sorted(
        [f"molecule {name}" for name in SCENARIOS] + [f"make {name}" for name in CHECKS]
    )
    assert [line.split()[:2] for line in shown[-12:]] == [
        [name, "passed"] for name in (*CHECKS, "backup", "rollout", "neighbours", "default", "watchdog", "roles", "later")
    ]


def test_unit_tests_are_over_before_a_host_begins(checkout: Path) -> None:
    """Starved by two scenarios, tests with real programs run out of patience."""
    (checkout / "bin/make").write_text(f'#!/bin/sh\n[ "$2" != unit ] || sleep 1\necho "make $2" >> {checkout}/asked\n')
    asked = lanes(checkout)[2]
    assert asked.index("make unit") < min(asked.index(f"molecule {name}") for name in SCENARIOS)


def test_the_guide_is_followed_with_the_matrix_and_not_among_scenarios_alone(checkout: Path) -> None:
    assert "make guide" in lanes(checkout, matrix="1")[2]
    (checkout / "asked").unlink()
    assert "make guide" not in lanes(checkout, "molecule", matrix="1")[2]


def test_whole_applications_are_run_with_the_matrix_and_by_name_only(checkout: Path) -> None:
    """And after everything else: they want both cores."""
    jobs = [f"molecule {name}" for name in WITH_MATRIX]
    for arguments in ((), ("molecule",)):
        assert not set(jobs) & set(lanes(checkout, *arguments)[2])
        (checkout / "asked").unlink()
        assert lanes(checkout, *arguments, matrix="1")[2][-len(jobs) :] == jobs
        (checkout / "asked").unlink()
    for name, job in zip(WITH_MATRIX, jobs, strict=True):
        assert lanes(checkout, "molecule", name)[2][-1] == job


def test_each_role_alone_is_run_twice_with_the_matrix_only(checkout: Path) -> None:
    lanes(checkout, "molecule", "roles")
    verbs = [line.split()[0] for line in (checkout / "whole").read_text().splitlines() if line.endswith("--scenario-name roles")]
    assert verbs == ["converge", "verify", "destroy"]
    (checkout / "roles.fails").touch()
    assert lanes(checkout, "molecule", "roles")[0] != 0
    (checkout / "roles.fails").unlink()
    (checkout / "whole").unlink()
    lanes(checkout, "molecule", "roles", matrix="1")
    assert "test --scenario-name roles" in (checkout / "whole").read_text()


def test_scenarios_alone_and_by_name(checkout: Path) -> None:
    assert {line.split()[0] for line in lanes(checkout, "molecule")[2]} == {"python", "molecule"}
    (checkout / "asked").unlink()
    assert lanes(checkout, "molecule", "roles")[2][-1] == "molecule roles"


@pytest.mark.parametrize(
    ("job", "said", "reason"),
    [
        ("watchdog", "  │ TASK [base : Install]\n  │ fatal: [dog-1]: FAILED! => no room\n", "fatal: [dog-1]: FAILED! => no room"),
        ("unit", "E   assert 1 == 2\nFAILED tests/unit/test_x.py::test_y\n", "FAILED tests/unit/test_x.py::test_y"),
        ("lint", "Makefile:1: somebody's own words\n", "Makefile:1: somebody's own words"),
    ],
)
def test_a_failure_stops_nothing_and_is_told_at_the_end(checkout: Path, job: str, said: str, reason: str) -> None:
    (checkout / f"{job}.fails").write_text(said)
    rc, shown, asked = lanes(checkout)
    assert rc != 0
    assert len({line for line in asked if "python" not in line}) == len(SCENARIOS) + len(CHECKS)
    end = shown[shown.index(f"{job} failed:") :]
    assert reason in end
    assert [line.split()[1] for line in shown[-len(end) - 12 : -len(end)]].count("FAILED") == 1
