# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What unit tests of several packages share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ansible_runs import AnsibleRuns


@pytest.fixture(scope="session")
def ansible() -> Iterator[AnsibleRuns]:
    """Runs `ansible` and `ansible-playbook`; tests/tools/ansible_runs.py."""
    with AnsibleRuns() as runs:
        yield runs
