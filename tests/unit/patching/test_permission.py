# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a host may be worked on now: its window, its stacks, their budgets and health, an engine that is replaced."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable
from ansible_collections.latentum.ops.plugins.module_utils.core import locks, paths
from ansible_collections.latentum.ops.plugins.module_utils.health.assessment import Verdict
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import windows
from ansible_collections.latentum.ops.plugins.module_utils.patching import permission
from ansible_collections.latentum.ops.plugins.module_utils.patching.obstacle import Kind
from ansible_collections.latentum.ops.plugins.module_utils.patching.request import Settings
from ansible_collections.latentum.ops.plugins.module_utils.patching.upgrades import Plan, Upgrade
from ansible_collections.latentum.ops.plugins.module_utils.slo import gate
from ansible_collections.latentum.ops.plugins.module_utils.slo.budget import BudgetState

NOW = 1796076000.0  # Mon 2026-11-30 22:00 UTC
SHOP = {"name": "shop", "services": [{"service": "web", "expect": "healthy", "replicas": 1}]}
ENGINE = Plan(upgrades=(Upgrade("docker.io", "1", "2", engine=True),))


class Docker:
    """What the engine says of itself."""

    info: Mapping[str, Any] = MappingProxyType({"LiveRestoreEnabled": True, "ContainersRunning": 4})

    def __init__(self) -> None:
        self.api = SimpleNamespace(info=lambda: self.info)


@pytest.fixture(autouse=True)
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host on which nothing is said against anything."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.setattr(locks, "FOLDER", tmp_path / "run")
    monkeypatch.setattr(paths, "RELEASES", tmp_path / "stacks")
    monkeypatch.setattr(windows, "FILE", tmp_path / "maintenance.json")
    monkeypatch.setattr(permission, "Engine", Docker)
    monkeypatch.setattr(permission, "look", lambda _engine, _project, _wanted: [Verdict("web", "ok")])


def kinds(found: permission.Permission) -> list[Kind]:
    return [obstacle.kind for obstacle in found.obstacles]


def test_a_host_where_all_is_well_may_be_updated() -> None:
    found = permission.ask(Settings(), ENGINE, [SHOP], NOW)
    assert found.obstacles == [] and found.notes == [] and found.exemption == ""


@pytest.mark.parametrize(
    ("start", "duration", "opens"),
    [
        ("Mon *-*-* 21:00", "3h", ""),
        ("*-*-* 22:00:00", "1m", ""),  # to the second
        ("Mon *-*-* 18:00", "4h", "2026-12-07T18:00"),  # it has just ended
        ("Sun *-*-* 02:00", "3h", "2026-12-06T02:00"),
        ("*-*-* 23:00 Europe/Berlin", "2h", ""),  # it is 23:00 there
        ("*-*-* 23:30 Europe/Berlin", "2h", "2026-11-30T22:30"),
        ("Fri *-*-* 23:00", "2d", "2026-12-04T23:00"),
        ("Fri *-*-* 23:00", "3d", ""),  # over the days
    ],
)
def test_a_window_is_read_by_systemd(start: str, duration: str, opens: str) -> None:
    found = list(permission.window(Settings(window_start=start, window_duration=duration), NOW))
    assert bool(found) == bool(opens)
    if opens:
        assert found[0].kind is Kind.WINDOW and f"the next one begins at {opens}" in found[0].text and "patch_window" in found[0].text


def test_a_window_is_of_the_host_s_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    assert list(permission.window(Settings(window_start="Mon *-*-* 23:00", window_duration="1h"), NOW)) == []
    (obstacle,) = permission.window(Settings(window_start="Mon *-*-* 22:00", window_duration="1h"), NOW)
    assert "2026-12-07T21:00" in obstacle.text


def test_a_window_that_systemd_does_not_understand_is_no_window() -> None:
    (obstacle,) = permission.window(Settings(window_start="Sun 99:00", window_duration="3h"), NOW)
    assert "patch_window.start" in obstacle.text and "Sun 99:00" in obstacle.text


def test_a_stack_that_somebody_works_on_is_named_with_who(monkeypatch: pytest.MonkeyPatch) -> None:
    with locks.stack_lock("shop", "rollout", what="deploys 3f2a90c1d4e7"):
        found = permission.ask(Settings(), Plan(), [SHOP], NOW)
    assert kinds(found) == [Kind.STACK] and "shop is locked by rollout (deploys 3f2a90c1d4e7, pid " in found.obstacles[0].text


def test_a_restore_is_not_disturbed() -> None:
    window = {"scope": "shop", "reason": "restore of shop", "who": "root", "since": NOW, "until": NOW + 10**9, "purpose": "restore"}
    windows.FILE.write_text(json.dumps([window]))
    found = permission.ask(Settings(), Plan(), [SHOP], NOW)
    assert kinds(found) == [Kind.RESTORE] and "restore of shop" in found.obstacles[0].text


def test_maintenance_of_a_person_is_when_updates_are_made() -> None:
    window = {"scope": "host", "reason": "updates", "who": "ann", "since": NOW, "until": NOW + 10**9}
    windows.FILE.write_text(json.dumps([window]))
    assert permission.ask(Settings(), Plan(), [SHOP], NOW).obstacles == []


def test_a_budget_that_holds_up_releases_holds_up_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def ask(_settings: Any, exempt: gate.Passage | None, now: float) -> gate.Ruling:
        asked.append((exempt, now))
        if exempt:
            return gate.Ruling(BudgetState.REFUSE, ("error budget: availability has 2.0% left",), passed=exempt)
        return gate.Ruling(BudgetState.REFUSE, ("error budget: availability has 2.0% left",), "less than 5 % of the error budget is left")

    monkeypatch.setattr(gate, "ask", ask)
    refused = permission.ask(Settings(), Plan(), [SHOP], NOW)
    assert kinds(refused) == [Kind.BUDGET] and refused.obstacles[0].text.startswith("shop: less than 5 %")
    passed = permission.ask(Settings(security_fix="CVE-2026-1234"), Plan(), [SHOP], NOW)
    assert passed.obstacles == [] and passed.exemption == "security fix, whatever the error budget: CVE-2026-1234"
    assert passed.notes == ["shop: error budget: availability has 2.0% left"] and asked[0] == (None, NOW)


def test_a_service_that_is_not_well_before_is_told_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(permission, "look", lambda *_arguments: [Verdict("web", "failed", "web-1 is unhealthy")])
    found = permission.ask(Settings(), Plan(), [SHOP], NOW)
    assert kinds(found) == [Kind.HEALTH] and "shop/web is not well before the update: web-1 is unhealthy" in found.obstacles[0].text


def test_a_host_without_stacks_needs_no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> None:
        raise DockerUnavailable("the Docker engine does not answer")

    monkeypatch.setattr(permission, "Engine", none)
    assert permission.ask(Settings(), Plan(), [], NOW).obstacles == []
    assert kinds(permission.ask(Settings(), Plan(), [SHOP], NOW)) == [Kind.HEALTH]


@pytest.mark.parametrize(
    ("info", "settings", "said"),
    [
        (
            {"LiveRestoreEnabled": False, "ContainersRunning": 4},
            Settings(),
            "its 4 containers would stop with it: set docker_live_restore: true",
        ),
        ({"LiveRestoreEnabled": False, "ContainersRunning": 4, "Swarm": {"LocalNodeState": "active"}}, Settings(), "drain the node first"),
        ({"LiveRestoreEnabled": False, "ContainersRunning": 4}, Settings(without_live_restore=True), ""),
        ({"LiveRestoreEnabled": False, "ContainersRunning": 0}, Settings(), ""),
    ],
)
def test_an_engine_that_takes_its_containers_along_is_refused(
    monkeypatch: pytest.MonkeyPatch, info: dict[str, Any], settings: Settings, said: str
) -> None:
    monkeypatch.setattr(Docker, "info", info)
    found = permission.ask(settings, ENGINE, [], NOW)
    assert kinds(found) == ([Kind.LIVE_RESTORE] if said else [])
    assert not said or (said in found.obstacles[0].text and "patch_engine_without_live_restore=true" in found.obstacles[0].text)
    assert permission.ask(Settings(), Plan(), [], NOW).obstacles == [], "an engine that stays is not asked"
