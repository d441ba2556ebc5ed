# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests marked `matrix` run only when asked for, and a run without them says how many it left out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
TESTS = """
import pytest

@pytest.mark.parametrize("number", [1, pytest.param(2, marks=pytest.mark.matrix)])
def test_number(number):
    pass

@pytest.mark.matrix
def test_long():
    pass

def test_that_repeats(matrix, pytestconfig):
    assert matrix is bool(pytestconfig.getoption("matrix"))
"""


@pytest.mark.parametrize(
    ("arguments", "environment", "head", "tail"),
    [
        ([], {}, "left out", "2 passed, 2 deselected"),
        ([], {"MATRIX": "0"}, "left out", "2 passed, 2 deselected"),
        (["--numprocesses=1"], {}, "left out", "2 passed"),
        ([], {"MATRIX": "1"}, "included", "4 passed"),
        (["--matrix"], {}, "included", "4 passed"),
    ],
)
def test_the_matrix_runs_when_asked_for(tmp_path: Path, arguments: list[str], environment: dict[str, str], head: str, tail: str) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    inherited = {key: value for key, value in os.environ.items() if key != "MATRIX"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--strict-markers", "-p", "matrix", "--rootdir", str(tmp_path), *arguments, "test_it.py"],
        cwd=tmp_path,
        # A folder of its own for temporary files: pytest closes the one that it shares with us, and what runs there as another user stops.
        env={**inherited, "PYTHONPATH": str(TOOLS), "TMPDIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"matrix: {head}" in done.stdout and tail in done.stdout
