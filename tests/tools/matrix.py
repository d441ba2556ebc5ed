# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Marker ``matrix``: the long remainder of a promise, run by `make test-all` only; `make test` keeps a representative that is not marked.

A test, or one of its parameters, is marked by ``pytest.mark.matrix``. It runs with ``--matrix`` or ``MATRIX=1``, and is deselected
otherwise. pytest counts deselected tests in its last line, and the head of the run says it where several processes share the tests and
count none, so nobody takes a short run for a whole one. The plugin is loaded by pyproject.toml for the unit tests and for the tests of
all Molecule scenarios.
"""

from __future__ import annotations

import os

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option; the environment variable reaches through Molecule, which builds pytest's command line itself."""
    parser.addoption("--matrix", action="store_true", default=os.environ.get("MATRIX") == "1", help="run tests marked `matrix` too")


@pytest.fixture(scope="session")
def matrix(pytestconfig: pytest.Config) -> bool:
    """Whether the matrix is asked for: a test that repeats one thing repeats it more often then."""
    return bool(pytestconfig.getoption("matrix"))


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, which --strict-markers demands."""
    config.addinivalue_line("markers", "matrix: runs with --matrix or MATRIX=1 only (make test-all)")


def pytest_report_header(config: pytest.Config) -> str:
    """Which of the two runs this is."""
    return "matrix: included" if config.getoption("matrix") else "matrix: left out (--matrix, MATRIX=1 or make test-all runs it)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what is marked unless the matrix is asked for."""
    if config.getoption("matrix"):
        return
    marked = [item for item in items if item.get_closest_marker("matrix")]
    if marked:
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in set(marked)]
