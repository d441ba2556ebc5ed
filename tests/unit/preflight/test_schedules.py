# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schedules that the systemd of a host does not understand."""

from __future__ import annotations

from typing import Any

from ansible_collections.latentum.ops.plugins.module_utils.preflight import schedules

from .hosts import RecordedHost

ASK = "systemd-analyze calendar"


def problems(outputs: dict[str, str], *given: str) -> list[Any]:
    config = {"jobs": [{"name": f"job{number}", "schedule": schedule} for number, schedule in enumerate(given)]}
    return list(schedules.understood(RecordedHost(outputs), {"jobs": {"config": config}}))


def test_a_zone_that_the_host_lacks_is_named_with_the_package() -> None:
    (problem,) = problems({f"{ASK} daily": "x", f"{ASK} daily UTC": "x"}, "daily UTC", "daily US/Eastern", "")
    assert problem.key == "jobs.job1.schedule" and "tzdata-legacy" in problem.fix


def test_a_bare_host_and_one_without_jobs_are_borne() -> None:
    assert problems({}, "daily US/Eastern") == []
    assert list(schedules.understood(RecordedHost({f"{ASK} daily": "x"}), {"jobs": {"config": {}}})) == []
