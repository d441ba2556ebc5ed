# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The limit of processes: what a service says, and what it is without the default."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.process_limit import DEFAULT, limit_of, without_default


def deployed(**limits: Any) -> dict[str, Any]:
    return {"deploy": {"resources": {"limits": limits}}}


@pytest.mark.parametrize(
    ("service", "limit"),
    [
        ({}, 0),
        ({"pids_limit": 7}, 7),
        ({"pids_limit": "7"}, 7),
        ({"pids_limit": -1}, 0),
        ({"pids_limit": "many"}, 0),
        (deployed(pids=9, memory="1g"), 9),
        ({"deploy": None}, 0),
    ],
)
def test_what_a_service_says(service: dict[str, Any], limit: int) -> None:
    assert limit_of(service) == limit


@pytest.mark.parametrize(
    ("service", "without"),
    [
        ({"image": "a", "pids_limit": DEFAULT}, {"image": "a"}),
        ({"image": "a", "pids_limit": 7}, {"image": "a", "pids_limit": 7}),
        (deployed(pids=DEFAULT, memory="1g"), deployed(memory="1g")),
        (deployed(pids=7), deployed(pids=7)),
    ],
)
def test_without_the_default(service: dict[str, Any], without: dict[str, Any]) -> None:
    assert without_default(service) == without
