# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The look at a host before its update: when there is something to do, and what stands against it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import apt
from ansible_collections.latentum.ops.plugins.module_utils.maintenance.windows import Window
from ansible_collections.latentum.ops.plugins.module_utils.patching import (
    condition,
    permission,
    reboot,
    record,
    replaced_files,
    upgrades,
)
from ansible_collections.latentum.ops.plugins.module_utils.patching import look as looking
from ansible_collections.latentum.ops.plugins.module_utils.patching.look import look, rows
from ansible_collections.latentum.ops.plugins.module_utils.patching.obstacle import Kind, Obstacle
from ansible_collections.latentum.ops.plugins.module_utils.patching.permission import Permission
from ansible_collections.latentum.ops.plugins.module_utils.patching.record import Phase, Update
from ansible_collections.latentum.ops.plugins.module_utils.patching.replaced_files import Use
from ansible_collections.latentum.ops.plugins.module_utils.patching.request import Reboot, Settings
from ansible_collections.latentum.ops.plugins.module_utils.patching.upgrades import Plan, Stays, Upgrade, Waiting

PLAN = Plan((Upgrade("openssl", "1", "2", security=True),), (Waiting("docker.io", "1", "2", Stays.ENGINE),), ("openssl",))
WHEN_DUE, NEVER = Reboot.WHEN_DUE, Reboot.NEVER


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A host that is up to date and well; a test changes what it sees."""
    seen: dict[str, Any] = {
        "plan": Plan(),
        "obstacles": [],
        "due": [],
        "uses": [],
        "left": None,
        "locks": [],
        "database": [],
        "lists": [],
        "windows": [],
    }
    monkeypatch.setattr(looking, "stacks", lambda: [{"name": "shop", "services": [{"service": "web"}], "directory": "/opt/shop"}])
    monkeypatch.setattr(condition, "locks", lambda _timeout: iter(seen["locks"]))
    monkeypatch.setattr(condition, "database", lambda **_options: iter(seen["database"]))
    monkeypatch.setattr(condition, "fetch", lambda _timeout: iter(seen["lists"]))
    monkeypatch.setattr(condition, "room", lambda _plan: iter(()))
    monkeypatch.setattr(apt, "lists_age", lambda: 3 * 86400.0)
    monkeypatch.setattr(upgrades, "look", lambda _settings: seen["plan"])
    monkeypatch.setattr(upgrades, "download", lambda _names: 4096)
    monkeypatch.setattr(permission, "ask", lambda *_arguments: Permission(list(seen["obstacles"])))
    monkeypatch.setattr(replaced_files, "in_use", lambda: seen["uses"])
    monkeypatch.setattr(reboot, "reasons", lambda: seen["due"])
    monkeypatch.setattr(record, "current", lambda: seen["left"])
    monkeypatch.setattr(looking.windows, "load", lambda: seen["windows"])
    return seen


def test_a_host_that_is_up_to_date_needs_nothing(host: dict[str, Any]) -> None:
    seen = look(Settings(), fetch=True)
    assert not seen.needed(WHEN_DUE) and seen.obstacles == () and seen.healthy and rows(seen) == []
    assert seen.stacks == ({"name": "shop", "services": [{"service": "web"}]},)


@pytest.mark.parametrize(
    ("what", "when_due", "never"),
    [
        ({"plan": PLAN}, True, True),
        ({"due": ["a kernel"]}, True, False),
        ({"uses": [Use("nginx.service", ())]}, True, True),
        ({"uses": [Use("docker.service", ()), Use("dbus.service", ())]}, False, False),  # nothing that a run would restart
        ({"left": Update("2026", phase=Phase.UPGRADED.value)}, True, True),
        ({"left": Update("2026", phase=Phase.FAILED.value)}, True, True),
        ({"left": Update("2026", phase=Phase.FINISHED.value)}, False, False),
    ],
)
def test_what_is_something_to_do(host: dict[str, Any], what: dict[str, Any], when_due: bool, never: bool) -> None:
    host.update(what)
    seen = look(Settings(), fetch=False)
    assert (seen.needed(WHEN_DUE), seen.needed(NEVER)) == (when_due, never)


def test_what_somebody_else_has_left_half_done_is_something_to_do_once_it_may_be_repaired(host: dict[str, Any]) -> None:
    host["database"] = [Obstacle(Kind.INTERRUPTED, "dpkg was interrupted")]
    assert look(Settings(repair=True), fetch=False).needed(NEVER)
    assert not look(Settings(), fetch=False).needed(NEVER)


def test_the_plan_is_a_table(host: dict[str, Any]) -> None:
    host["plan"] = PLAN
    seen = look(Settings(), fetch=True)
    assert rows(seen) == [["openssl", "1", "2", "security"], ["docker.io", "1", "2", "stays: of the engine: patch_engine"]]
    assert seen.plan.download == 4096


def test_lists_that_cannot_be_fetched_are_not_planned_from(host: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    host.update(plan=PLAN, lists=[Obstacle(Kind.LISTS, "expired")])
    seen = look(Settings(), fetch=True)
    assert [one.kind for one in seen.obstacles] == [Kind.LISTS] and seen.plan == Plan()
    assert look(Settings(), fetch=False).notes == ("the package lists are 3 days old",)


def test_apt_that_cannot_say_stands_against_it_unless_it_is_repaired(host: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_settings: Settings) -> Plan:
        raise CommandError(
            Result(("apt-get",), 100, "", "E: Unmet dependencies. Try 'apt --fix-broken install'"), "failed with exit status 100"
        )

    monkeypatch.setattr(upgrades, "look", fails)
    (obstacle,) = look(Settings(), fetch=False).obstacles
    assert obstacle.kind is Kind.APT and "Unmet dependencies" in obstacle.text
    repaired = look(Settings(repair=True), fetch=False)
    assert repaired.obstacles == () and any("Unmet dependencies" in note for note in repaired.notes)


def test_what_an_update_has_broken_does_not_stand_against_going_on(host: dict[str, Any]) -> None:
    host["obstacles"] = [Obstacle(Kind.HEALTH, "shop/web is not well"), Obstacle(Kind.WINDOW, "closed")]
    assert [one.kind for one in look(Settings(), fetch=False).obstacles] == [Kind.HEALTH, Kind.WINDOW]
    host["left"] = Update("2026", phase=Phase.FAILED.value)
    seen = look(Settings(), fetch=False)
    assert [one.kind for one in seen.obstacles] == [Kind.WINDOW] and "shop/web is not well" in seen.notes and not seen.healthy


def test_a_window_that_a_run_has_left_is_its_own(host: dict[str, Any]) -> None:
    host["windows"] = [Window("host", looking.REASON, "root", 0, 1)]
    assert not look(Settings(), fetch=False).maintenance
    host["windows"] = [replace(host["windows"][0], reason="a new disk")]
    assert look(Settings(), fetch=False).maintenance


def test_the_role_begins_the_window_with_the_reason_by_which_it_is_known() -> None:
    text = (Path(__file__).parents[3] / "roles/patch/vars/main.yml").read_text()
    assert f"__patch_reason: {looking.REASON}\n" in text
