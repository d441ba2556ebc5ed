# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What unit tests of several packages share."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
from ansible_runs import AnsibleRuns


def pytest_collectstart() -> None:
    """Nothing of ten thousand tests is garbage while they are collected (in the processes that do, of several)."""
    gc.disable()


def pytest_collection_finish() -> None:
    """What was collected stays to the end, and no walk of the collector goes through it."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def ansible() -> Iterator[AnsibleRuns]:
    """Runs `ansible` and `ansible-playbook`; tests/tools/ansible_runs.py."""
    with AnsibleRuns() as runs:
        yield runs
