# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Suppression of alarms and healing."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import locks
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import stack_lock
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import windows as maintenance_windows
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal, RolloutInProgress
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import suppression
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.suppression import (
    BACKUP,
    BUSY,
    HOLDER,
    INTERRUPTED,
    SETTLE,
    YOUNG,
    Suppression,
)

from . import samples
from .samples import Clock, Host

host, clock = samples.host, samples.clock

API = "shop/api"


class Quiet:
    """What is suppressed on a host with stack shop, and whose work has ended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, clock: Clock, uptime: float = 1e6) -> None:
        monkeypatch.setattr(suppression, "_uptime", lambda: uptime)
        self.clock = clock
        self.ended: list[str] = []
        self.suppression = Suppression(lambda stack, theirs: self.ended.append(stack) if theirs else None)

    def why(self, key: str = API) -> str:
        """What the next look says."""
        self.suppression.look(["shop", "blog"], self.clock.steady)
        return self.suppression.why(key)


@pytest.fixture
def quiet(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Quiet:
    host.declare("shop", api=2)
    return Quiet(monkeypatch, clock)


def test_nothing_is_suppressed_by_itself(quiet: Quiet) -> None:
    assert quiet.why() == quiet.why("host/disk /") == ""


def test_after_a_boot_the_containers_are_given_time_but_not_the_host(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Quiet(monkeypatch, clock, uptime=YOUNG - 1)
    assert quiet.why() == "the host has just started" and quiet.why("host/nginx") == ""
    clock.go(SETTLE - 1)
    assert quiet.why()
    clock.go(1)
    assert quiet.why() == ""


def test_a_restart_of_the_watchdog_alone_suppresses_nothing(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Quiet(monkeypatch, clock, uptime=YOUNG).why() == ""


def test_the_uptime_is_the_kernel_s() -> None:
    assert suppression._uptime() > 0


@pytest.mark.parametrize(
    ("scope", "muted"),
    [("host", [API, "shop/db", "blog/web", "host/disk /"]), ("shop", [API, "shop/db"]), ("shop/api", [API])],
)
def test_maintenance_suppresses_its_scope(scope: str, muted: list[str], host: Host, quiet: Quiet) -> None:
    maintenance_windows.present(scope, "a larger disk", "30m")
    found = {key: quiet.why(key) for key in (API, "shop/db", "blog/web", "host/disk /", "shop/api2")}
    wanted = {*muted, *({"shop/api2"} if scope != "shop/api" else set())}
    assert {key for key, why in found.items() if why} == wanted
    assert found[API].startswith(f"maintenance of {scope} by ") and found[API].endswith(": a larger disk")


def test_maintenance_ends_by_itself(quiet: Quiet, clock: Clock) -> None:
    maintenance_windows.present("shop", "a larger disk", "30m")
    assert quiet.why()
    clock.go(1800)
    assert quiet.why() == ""


def test_a_deployment_keeps_its_stack_to_itself(quiet: Quiet) -> None:
    with stack_lock("shop", "ada (pid 7)", what="deploy"):
        assert quiet.why() == "deploy by ada (pid 7)"
        assert quiet.suppression.busy("shop") and quiet.why("blog/web") == quiet.why("host/disk /") == ""
        assert quiet.ended == []
    assert quiet.why() == "" and quiet.ended == ["shop"]
    quiet.why()
    assert quiet.ended == ["shop"]


def test_what_root_does_for_the_watchdog_is_not_somebody_else_s_work(quiet: Quiet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LATENTUM_OPS_WHO", "steward")
    with stack_lock("shop", "steward (pid 7)", what="deploy"):
        assert quiet.why() == "deploy by steward (pid 7)"  # what dies there is not judged all the same
    assert quiet.why() == "" and quiet.ended == []


def test_a_person_of_that_name_is_somebody_else(quiet: Quiet) -> None:
    with stack_lock("shop", "steward (pid 7)", what="deploy"):
        assert quiet.why()
    assert quiet.why() == "" and quiet.ended == ["shop"]


@pytest.mark.parametrize(
    ("holder", "busy"),
    [
        ({"who": "ada", "what": "rollback"}, "rollback by ada"),
        ({"who": "ada", "what": "restore"}, "restore by ada"),
        ({"who": "ada", "what": ""}, "work by ada"),
        ({}, "work by somebody"),  # it is just writing itself in
        ({"who": HOLDER, "what": "healing"}, ""),
        ({"who": BACKUP, "what": "backup: reads the databases"}, ""),
        ({"who": "ada", "what": "backup by hand"}, "backup by hand by ada"),  # the words decide nothing
        (None, ""),
    ],
)
def test_whose_work_counts(holder: dict[str, Any] | None, busy: str, quiet: Quiet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "holder", lambda stack: holder if stack == "shop" else None)
    work = Suppression.work_on("shop")
    assert (work.description if work else "") == quiet.why() == busy
    assert Suppression.work_on("blog") is None


def test_a_lock_that_is_held_for_too_long_is_no_excuse(quiet: Quiet, clock: Clock) -> None:
    with stack_lock("shop", "ada", what="deploy"):
        quiet.why()
        clock.go(BUSY - 1)
        assert quiet.why() == "deploy by ada"
        clock.go(1)
        assert quiet.why() == ""
        clock.go(BUSY)
        assert quiet.why() == ""
    quiet.why()
    with stack_lock("shop", "ada", what="deploy"):
        assert quiet.why() == "deploy by ada"


def test_who_comes_next_has_his_own_time(quiet: Quiet, clock: Clock) -> None:
    for who in ("ada", "bert"):
        with stack_lock("shop", who, what="deploy"):
            quiet.why()
            clock.go(BUSY - 1)
            assert quiet.why() == f"deploy by {who}"


def test_a_watchdog_that_comes_into_a_deployment_counts_from_there(quiet: Quiet, clock: Clock) -> None:
    with stack_lock("shop", "ada", what="deploy"):
        assert quiet.why() == "deploy by ada"
        clock.go(BUSY)
        assert quiet.why() == ""


@pytest.fixture
def interrupted(host: Host) -> Journal:
    """A deployment of stack shop that was killed."""
    (host.state / "stacks" / "shop").mkdir()
    journal = Journal("shop")
    journal.keep(RolloutInProgress("x", "deploy", "new", "old", "ada"))
    return journal


def test_a_deployment_that_was_killed_is_given_time_to_be_finished(interrupted: Journal, quiet: Quiet, clock: Clock) -> None:
    assert quiet.why().startswith("an interrupted deploy") and quiet.why("blog/web") == ""
    clock.go(INTERRUPTED - 1)
    assert quiet.why() and quiet.ended == []
    clock.go(1)
    assert quiet.why() == ""


def test_a_deployment_that_was_taken_back_is_over(interrupted: Journal, quiet: Quiet) -> None:
    assert quiet.why()
    interrupted.ended()
    assert quiet.why() == "" and quiet.ended == ["shop"]


def test_that_time_begins_when_it_was_killed(interrupted: Journal, quiet: Quiet, clock: Clock) -> None:
    with stack_lock("shop", "ada", what="deploy"):
        quiet.why()
        clock.go(INTERRUPTED)
        assert quiet.why() == "deploy by ada"
    assert quiet.why().startswith("an interrupted deploy")
