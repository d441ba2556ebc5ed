# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No run takes IPv6 from containers, guests and tunnels that live behind a host."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.preflight.ipv6_forwarding import FILE, KEY, depended_on

from .hosts import RecordedHost


@pytest.mark.parametrize(
    ("settings", "now", "refused"),
    [
        ({KEY: 0}, "1", True),
        ({KEY: 0}, "0", False),
        ({KEY: 1}, "1", False),
        ({}, "1", False),
        ({KEY: None}, "1", False),
        ({KEY: 0}, None, False),
    ],
)
def test_forwarding_that_somebody_needs_goes_on(settings: dict[str, Any], now: str | None, refused: bool) -> None:
    host = RecordedHost(outputs={}, files={} if now is None else {FILE: f"{now}\n"})
    problems = list(depended_on(host, {"os_hardening": {"settings": settings}}))
    assert bool(problems) is refused
    for problem in problems:
        assert "os_hardening_skip: [ipv6_forwarding]" in problem.fix and "forwards IPv6" in problem.problem
