# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a verdict on a release stands, and what a first one leaves that failed: whole deployments on a played host."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import caller
from ansible_collections.latentum.ops.plugins.module_utils.release.pinning import Declared
from ansible_collections.latentum.ops.plugins.module_utils.release.store import FAILED, GOOD, ROLLED_BACK, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.argspec import order_from
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Order

from .played_host import PlayedHost, declared
from .samples import container

VOLUME = {"volumes": ["data:/data"]}


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PlayedHost:
    return PlayedHost(tmp_path, monkeypatch)


def with_secret(host: PlayedHost, **more: Any) -> Declared:
    """Service api with a secret in a file; the file is made where it is not there yet."""
    file = host.folder / "token"
    if not file.exists():
        file.write_text("x")
        os.utime(file, (500, 500))
    return declared(api={"secrets": ["token"], **VOLUME}, top={"secrets": {"token": {"file": str(file)}}}, **more)


def owned(host: PlayedHost, declaration: Declared) -> Declared:
    """As another owner: what only root may do to a file, its mode shows as well."""
    (host.folder / "token").chmod(0o444)
    return declaration


def rotated(host: PlayedHost, declaration: Declared) -> Declared:
    os.utime(host.folder / "token", (900, 900))
    return declaration


def another_policy(_host: PlayedHost, declaration: Declared) -> Declared:
    return replace(declaration, policies=[{**one, "healthy_timeout": 300} for one in declaration.policies])


def another_probe(_host: PlayedHost, declaration: Declared) -> Declared:
    return replace(declaration, services=[{**one, "expect": "running"} for one in declaration.services])


def failed(host: PlayedHost, declaration: Declared, **order: Any) -> str:
    """What is said of a first release that fails."""
    host.sick = {"api"}
    with pytest.raises(DeployFailed) as error:
        host.deploy(declaration, **order)
    host.sick = set()
    return str(error.value)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (owned, "secrets or their owners"),
        (rotated, "secrets or their owners"),
        (another_policy, "policies of updates"),
        (another_probe, "health checks and probes"),
    ],
)
def test_what_a_release_was_judged_by_lifts_the_bar_for_a_person(
    host: PlayedHost, change: Callable[[PlayedHost, Declared], Declared], what: str
) -> None:
    declaration = with_secret(host)
    failed(host, declaration)
    with pytest.raises(DeployFailed, match="failed before and is not deployed again by itself"):
        host.deploy(declaration)
    mended = change(host, declaration)
    with pytest.raises(DeployFailed, match=f"Changed since then: {what}. A person may"):
        host.deploy(mended, automatic=True)
    told: list[str] = []
    outcome = host.deploy(mended, tell=told.append)
    assert any(f"failed before; changed since then: {what}" in line for line in told)
    live = Store("shop").live()
    assert live is not None and (live.id, live.state) == (outcome.release, GOOD)
    assert Store("shop").judged(live.id) == {}


def test_so_do_the_commands_that_run_before(host: PlayedHost) -> None:
    declaration = with_secret(host)
    failed(host, declaration, before=[["true"]])
    with pytest.raises(DeployFailed, match="not deployed again"):
        host.deploy(declaration)  # by opsctl, which has none and says nothing about them
    assert host.deploy(declaration, before=[]).release


def test_a_release_that_failed_again_is_judged_anew(host: PlayedHost) -> None:
    declaration = with_secret(host)
    failed(host, declaration)
    failed(host, rotated(host, declaration))
    with pytest.raises(DeployFailed, match="not deployed again"):
        host.deploy(declaration)


def test_the_verdict_of_a_person_stands_and_that_of_a_run_does_not(host: PlayedHost) -> None:
    """A rolling update that fails on the second host takes the first one back: there the release was good, and may come again."""
    for automatic, again in ((False, False), (True, True)):
        good, other = declared(api={}), with_secret(host)
        del other.project["services"]["api"]["volumes"]
        host.deploy(good, force=True)
        host.deploy(other, force=True)
        Deployment("shop", Order(kind="rollback", automatic=automatic)).rollback()
        assert [one.state for one in Store("shop").all()].count(ROLLED_BACK) == 1
        rotated(host, other)
        if again:
            assert host.deploy(other).plans
        else:
            with pytest.raises(DeployFailed, match="was rolled back and is not deployed again"):
                host.deploy(other)
        os.utime(host.folder / "token", (500, 500))


def test_units_of_ours_are_no_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not Order().automatic
    monkeypatch.setenv("LATENTUM_OPS_WHO", "steward")
    assert caller.automatic() and Order().automatic
    given = {
        "state": "deployed",
        "force": False,
        "wait": 0,
        "before": [],
        "before_timeout": 1,
        "backup_max_age": 0,
        "recreate": [],
        "attempt": "",
        "promoted_from": "",
        "slo": {},
        "security_fix": "",
        "budget_override": "",
    }
    assert [order_from({**given, "automatic": said}, check=False).automatic for said in (True, False)] == [True, False]


def test_of_a_first_release_the_message_names_what_is_left(host: PlayedHost) -> None:
    said = failed(host, declared(api={}, db={}))
    assert "left to be looked at: shop-api-1 (restarting), shop-db-2 (running)" in said
    assert "docker compose --project-name shop down" in said and "Permission denied" in said
    host.there = []
    host.sick = {"api"}
    with pytest.raises(DeployFailed, match="no container of it is left"):
        host.deploy(declared(api={"command": "x"}), before=[["false"]])


def test_containers_that_never_served_are_no_old_set(host: PlayedHost) -> None:
    """They would be two writers of one volume: with a healthy database that is to change, and with what crashed."""
    failed(host, declared(api=VOLUME, db=VOLUME, cache={}))
    assert Store("shop").all()[0].state == FAILED
    host.did = []
    outcome = host.deploy(declared(api=VOLUME, db={**VOLUME, "command": "x"}, cache={}))
    assert {plan.service: plan.action for plan in outcome.plans} == {"api": "create", "db": "create"}
    assert "remove 1 of a release that failed" in outcome.sentences[0]
    assert set(host.did[:2]) == {"remove api1", "remove db2"}
    assert sorted(host.ids()) == ["api4", "cache3", "db5"]  # what is well and wanted goes on


def test_what_only_needs_more_time_goes_on(host: PlayedHost) -> None:
    """A database that is being initialised must not be cut off: its volume would be half full."""
    declaration = declared(api=VOLUME)
    failed(host, declaration)
    host.there = [replace(host.there[0], state="running", health="starting", restarts=0)]
    host.deploy(another_policy(host, declaration))
    assert host.ids() == ["api1"]


def test_containers_from_before_us_are_an_old_set(host: PlayedHost) -> None:
    """Of plain `docker compose`, without our label: they serve."""
    host.there = [container(90, "", "api")]
    failed(host, declared(api={}))
    host.did = []
    outcome = host.deploy(declared(api={"command": "x"}))
    assert [(plan.action, [one.id for one in plan.old]) for plan in outcome.plans] == [("replace", ["api90"])]
    assert host.did == ["start api2", "remove api90"]


def test_beside_a_release_that_is_live_nothing_is_a_leftover(host: PlayedHost) -> None:
    host.deploy(declared(api={}))
    failed(host, declared(api={"command": "x"}))
    assert host.ids() == ["api1"]
    outcome = host.deploy(declared(api={"command": "y"}))
    assert [plan.leftover for plan in outcome.plans] == [[]]
