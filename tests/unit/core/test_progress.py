# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A line a change, and a sign of life where nothing changes."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import progress


def test_waiting_is_said_when_it_changes_and_seldom_when_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    told = progress.Progress("shop", "a", silent=True, started=now)
    for second in range(40):
        now = 1000.0 + second
        told.wait("0 of 2 ready" if second < 30 else "1 of 2 ready")
    assert [line.split("] ")[1] for line in told.lines] == ["0 of 2 ready"] * 2 + ["1 of 2 ready"]
    assert [line[1:7].strip() for line in told.lines] == ["0.0", "15.0", "30.0"]
