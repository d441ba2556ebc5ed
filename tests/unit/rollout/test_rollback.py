# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a take-back leaves, wherever the rollout was when it failed or was killed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, Engine
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync as upstreams
from ansible_collections.latentum.ops.plugins.module_utils.nginx import traffic_plan
from ansible_collections.latentum.ops.plugins.module_utils.nginx.traffic_plan import Traffic
from ansible_collections.latentum.ops.plugins.module_utils.release import publish
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal, RolloutInProgress
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout import host_actions, rollback, standby
from ansible_collections.latentum.ops.plugins.module_utils.rollout.host_actions import RolloutFailed, Site

from .samples import container, release


class FakeEngine:
    """Containers in a list, and what was done with them in another."""

    def __init__(self, *there: Container) -> None:
        self.there = list(there)
        self.done: list[str] = []

    def containers(self, _project: str) -> list[Container]:
        return list(self.there)

    def remove(self, one: Container) -> None:
        self.done.append(f"remove {one.id}")
        self.there = [other for other in self.there if other.id != one.id]

    def start(self, one: Container) -> None:
        self.done.append(f"start {one.id}")
        self.there = [replace(other, state="running") if other.id == one.id else other for other in self.there]

    def ids(self) -> list[str]:
        return sorted(one.id for one in self.there)


class Stage:
    """A rollout from release old to release new that did not come to its end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *there: Container, before: bool = True, **underway: Any) -> None:
        self.engine = FakeEngine(*there)
        self.store = Store("shop")
        old, new = release("old", tag="1"), release("new")
        self.store.save(old)
        self.store.save(new)
        kept = RolloutInProgress("x", "deploy", new.id, old.id if before else None, "ada", **underway)
        self.site = Site("shop", cast(Engine, self.engine), Progress("shop", "x"), Journal("shop"), kept)
        self.healthy = True
        monkeypatch.setattr(rollback, "engine_again", lambda: self.engine)
        monkeypatch.setattr(upstreams, "load", list)
        self.files: list[str] = []
        monkeypatch.setattr(publish, "write", lambda release: self.files.append(release.id))
        monkeypatch.setattr(host_actions.Site, "start", lambda _site, _compose, service, count: self.start(service, count))
        monkeypatch.setattr(host_actions.Site, "healthy", lambda _site, _release, service, *_more: self.judge(service))

    def start(self, service: str, count: int) -> list[Container]:
        fresh = [container(90 + number, "old", service) for number in range(count)]
        self.engine.done += [f"create {one.id}" for one in fresh]
        self.engine.there += fresh
        return fresh

    def judge(self, service: str) -> None:
        if not self.healthy:
            raise RolloutFailed(f"{service} is unhealthy")

    def take_back(self) -> list[str]:
        return rollback.take_back(self.site, self.store)


OLD = [container(1, "old"), container(2, "old")]
NEW = [container(3), container(4)]


def test_new_ones_go_and_old_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, *OLD, *NEW, old={"api": ["api1", "api2"]})
    traffic_plan.put("shop", {"api": Traffic({"api3": 1, "api4": 1})})
    assert stage.take_back() == []
    assert stage.engine.ids() == ["api1", "api2"]
    assert traffic_plan.load("shop") == {}
    assert stage.files == [stage.site.underway.before]


def test_old_ones_that_are_gone_already_come_back_before_the_new_go(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, OLD[0], *NEW, old={"api": ["api1", "api2"]})
    assert stage.take_back() == []
    assert stage.engine.ids() == ["api1", "api90"]
    assert stage.engine.done.index("create api90") < stage.engine.done.index("remove api3")


def test_old_ones_that_were_stopped_are_started(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, OLD[0], replace(OLD[1], state="exited"), old={"api": ["api1", "api2"]})
    stage.take_back()
    assert stage.engine.done == ["start api2"]


def test_an_old_set_that_was_kept_warm_serves_again_and_is_warm_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, *OLD, *NEW, old={"api": ["api1", "api2"]})
    standby.put("shop", "api", standby.Warm(("api1", "api2"), 9e9))
    assert stage.take_back() == []
    assert stage.engine.ids() == ["api1", "api2"]
    assert standby.ids("shop") == set()  # or the next deployment would retire what serves


def test_a_warm_set_of_another_service_keeps_out_of_the_traffic(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, *OLD, *NEW, old={"api": ["api1", "api2"]})
    standby.put("shop", "web", standby.Warm(("web1",), 9e9))
    traffic_plan.put("shop", {"web": Traffic({"web2": 1}), "api": Traffic({"api3": 1})})
    stage.take_back()
    assert traffic_plan.load("shop") == {"web": Traffic({"web2": 1})}


def test_of_a_first_deployment_the_evidence_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, *NEW, before=False, old={"api": []})
    assert stage.take_back() == []
    assert stage.engine.done == []


def test_what_has_one_writer_is_never_there_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, *NEW, old={"api": ["api1", "api2"]}, down=["api"])
    assert stage.take_back() == []
    assert stage.engine.done == ["remove api3", "remove api4", "create api90", "create api91"]


def test_a_job_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, container(5, "new", "job", state="exited"), old={"job": ["job1"]})
    failed = stage.store.load(stage.site.underway.target)
    failed.policies.append({"service": "job", "job": True})
    stage.store.save(failed)
    assert stage.take_back() == []
    assert stage.engine.done == []


def test_what_cannot_be_brought_back_is_said_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    web = container(5, "new", "web")
    stage = Stage(monkeypatch, OLD[0], *NEW, web, old={"web": [], "api": ["api1", "api2"]})
    stage.healthy = False
    assert [one.partition(":")[0] for one in stage.take_back()] == ["api"]
    assert "remove web5" in stage.engine.done


def test_a_take_back_that_was_killed_is_simply_done_again(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, *OLD, NEW[0], old={"api": ["api1", "api2"]}, failing=True)
    for _again in range(2):
        assert stage.take_back() == []
        assert stage.engine.ids() == ["api1", "api2"]
