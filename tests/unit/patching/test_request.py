# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot be meant is refused before any host is asked: key, value, and what to write instead."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.patching.request import Fleet, Reboot, Scope, Settings, problems

FLEET = Fleet(["web1", "web2"], "web1", "edge", ["edge1"], ["all", "edge", "web"])
GOOD: dict[str, Any] = {
    "patch_scope": "security",
    "patch_exclude": ["postgresql-1[0-9]$"],
    "patch_engine": False,
    "patch_reboot": "when_due",
    "patch_window": {"start": "Sun *-*-* 02:00", "duration": "3h"},
    "patch_lock_timeout": 300,
    "patch_maintenance_for": "2h",
    "patch_report_dir": "patches",
    "ops_budget_override": "",
    "ops_security_fix": "CVE-2026-1234",
}


def test_what_can_be_meant_passes() -> None:
    assert problems(GOOD, FLEET) == [] and problems({}, Fleet(["web1"])) == []


@pytest.mark.parametrize(
    ("changed", "key", "value", "fix"),
    [
        ({"patch_scope": "everything"}, "patch_scope", "everything", "write security or all"),
        ({"patch_reboot": "always"}, "patch_reboot", "always", "write when_due or never"),
        ({"patch_engine": "perhaps"}, "patch_engine", "perhaps", "write true or false"),
        ({"patch_window": "Sun 02:00"}, "patch_window", "Sun 02:00", "write {start:"),
        ({"patch_window": {"start": "Sun *-*-* 02:00"}}, "patch_window.duration", "", "such as 3h"),
        ({"patch_window": {"duration": "3h"}}, "patch_window.start", "", "such as 'Sun"),
        ({"patch_window": {"start": "0 2 * * 0", "duration": "3h"}}, "patch_window.start", "0 2 * * 0", "Sun *-*-* 03:00"),
        ({"patch_window": {"start": "daily", "duration": "three hours"}}, "patch_window.duration", "three hours", "such as 2h"),
        ({"patch_window": {"begin": "daily"}}, "patch_window.begin", "daily", "write start and duration"),
        ({"patch_maintenance_for": "90"}, "patch_maintenance_for", "90", "such as 2h"),
        ({"patch_exclude": "postgresql"}, "patch_exclude", "postgresql", "write a list"),
        ({"patch_exclude": ["lib(ssl"]}, "patch_exclude", "lib(ssl", "write the beginning of a package's name"),
        ({"patch_lock_timeout": "soon"}, "patch_lock_timeout", "soon", "such as 300"),
        ({"patch_health_timeout": -1}, "patch_health_timeout", "-1", "such as 300"),
        ({"patch_advisories_url": "security-tracker.debian.org"}, "patch_advisories_url", "security-tracker.debian.org", "https://"),
        ({"patch_report_dir": " "}, "patch_report_dir", "", "such as patches"),
        ({"ops_security_fix": "yes"}, "ops_security_fix", "", "write what for"),
        ({"ops_security_fix": "", "ops_budget_override": "true"}, "ops_budget_override", "", "write what for"),
    ],
)  # fmt: skip
def test_a_variable_that_cannot_be_meant(changed: dict[str, Any], key: str, value: str, fix: str) -> None:
    (problem,) = problems({**GOOD, **changed}, FLEET)
    assert (problem.key, problem.value) == (key, value) and fix in problem.fix and problem.problem


@pytest.mark.parametrize(
    ("fleet", "key", "value", "fix"),
    [
        (Fleet(["web1"], "web3"), "patch_canary", "web3", "write one of web1"),
        (Fleet(["web1"], "edge1", "edge", ["edge1"], ["edge"]), "patch_canary", "edge1", "-e ops_hosts=edge"),
        (Fleet(["web1"], "", "egde", [], ["all", "edge"]), "ops_edge_group", "egde", "name the group"),
        (Fleet([], "", "edge", ["edge1"], ["edge"]), "ops_hosts", "", "-e ops_hosts=web"),
    ],
)
def test_hosts_that_cannot_be_meant(fleet: Fleet, key: str, value: str, fix: str) -> None:
    (problem,) = problems(GOOD, fleet)
    assert (problem.key, problem.value) == (key, value) and fix in problem.fix


def test_all_problems_are_told_together() -> None:
    found = problems({**GOOD, "patch_scope": "none", "patch_reboot": "no", "patch_report_dir": ""}, Fleet(["web1"], "web9"))
    assert {problem.key for problem in found} == {"patch_scope", "patch_reboot", "patch_report_dir", "patch_canary"}


def test_settings_are_read_from_the_arguments_of_a_module() -> None:
    settings = Settings.from_dict({"scope": "all", "exclude": ["a"], "engine": True, "window": {"start": "daily", "duration": "1h"}})
    assert settings.scope is Scope.ALL and settings.exclude == ("a",) and settings.engine
    assert (settings.window_start, settings.window_duration) == ("daily", "1h") and Reboot("never") is Reboot.NEVER
