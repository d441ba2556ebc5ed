# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whose requests are in nginx's access log."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.nginx.access_log import PROBE_AGENT, probe


@pytest.mark.parametrize(
    ("record", "own"),
    [
        ({"client": "127.0.0.1"}, True),
        ({"client": "::1"}, True),
        ({"client": "203.0.113.9"}, False),
        # Behind a proxy in front: straight from this host, and of a client that only calls itself so.
        ({"client": "10.0.0.5", "peer": "10.0.0.5"}, True),
        ({"client": "203.0.113.9", "peer": "10.0.0.7"}, False),
        ({}, False),
    ],
)
def test_the_watchdog_s_own_requests_are_told_from_those_of_clients(record: dict[str, str], own: bool) -> None:
    assert probe({**record, "agent": PROBE_AGENT}) is own
    assert not probe({**record, "agent": "curl/8"})
