# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order in which one service goes from old to new, for each strategy: on a host that only writes down what is asked of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.compose.cli import Compose
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container
from ansible_collections.latentum.ops.plugins.module_utils.contracts.rollout_policy import Policy
from ansible_collections.latentum.ops.plugins.module_utils.core import paths
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress
from ansible_collections.latentum.ops.plugins.module_utils.nginx import traffic_plan
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import RolloutInProgress
from ansible_collections.latentum.ops.plugins.module_utils.rollout import service as rollout_module
from ansible_collections.latentum.ops.plugins.module_utils.rollout import standby
from ansible_collections.latentum.ops.plugins.module_utils.rollout.canary import Verdict
from ansible_collections.latentum.ops.plugins.module_utils.rollout.host_actions import RolloutFailed, Site
from ansible_collections.latentum.ops.plugins.module_utils.rollout.phases import Phase
from ansible_collections.latentum.ops.plugins.module_utils.rollout.plan import ServicePlan, make
from ansible_collections.latentum.ops.plugins.module_utils.rollout.service import Rollout

from .samples import container, release


class FakeSite:
    """A host with containers in a list."""

    stack = "shop"

    def __init__(self, *there: Container) -> None:
        self.there = list(there)
        self.did: list[str] = []
        self.number = 10
        self.sick = ""
        self.progress = Progress("shop", "x", silent=True)
        self.underway = RolloutInProgress("x", "deploy", "b", "a", "ada")

    def step(self, _text: str, *, service: str = "", phase: Phase = Phase.ROLLOUT) -> None:
        pass

    def touch(self, service: str, old: Sequence[Container]) -> None:
        self.did.append(f"touch {' '.join(one.id for one in old)}")

    def routed(self, service: str) -> list[Any]:
        return ["upstream"] if service == "api" else []

    def of(self, service: str) -> list[Container]:
        return [one for one in self.there if one.service == service]

    def start(self, _compose: object, service: str, count: int) -> list[Container]:
        held = traffic_plan.load("shop").get("api")
        fresh = [container(self.number + index, service=service) for index in range(count)]
        self.number += count
        self.there += fresh
        self.did.append(f"start {count}, traffic {self.shown(held.serve if held else {})}")
        return fresh

    @contextmanager
    def yielding(self, containers: Sequence[Container]) -> Iterator[None]:
        self.slow = [one.id for one in containers]
        yield
        self.slow = []

    def healthy(self, _release: object, _service: str, containers: Sequence[Container], _timeout: float, settle: float) -> None:
        self.did.append(f"healthy {' '.join(one.id for one in containers)} for {settle:g}")
        if self.sick:
            raise RolloutFailed(self.sick)

    def switch(
        self,
        service: str,
        serve: Mapping[str, int] | None,
        leaving: Sequence[Container] = (),
        timeout: float = 60,
        *,
        maintenance: bool = False,
    ) -> None:
        shown = "maintenance" if maintenance else self.shown(serve or {})
        self.did.append(f"switch {shown}" + (f", drain {' '.join(one.id for one in leaving)}" if leaving else ""))

    def accepting(self, named: Sequence[Any], containers: Sequence[Container]) -> None:
        assert not {one.id for one in containers} & set(traffic_plan.load("shop").get("api", traffic_plan.Traffic()).serve)

    def sync(self) -> bool:
        self.did.append("sync")
        return True

    def stop(self, containers: Sequence[Container]) -> None:
        gone = {one.id for one in containers}
        self.there = [one for one in self.there if one.id not in gone]
        if gone:
            self.did.append(f"stop {' '.join(one.id for one in containers)}")

    @staticmethod
    def shown(serve: Mapping[str, int]) -> str:
        return " ".join(f"{name}*{weight}" if weight > 1 else name for name, weight in sorted(serve.items()))


def carry_out(site: FakeSite, *, back: bool = False, replicas: int = 2, **policy: Any) -> list[str]:
    """What was done to replace, or scale, the containers that are there."""
    wanted = release(replicas=replicas)
    (plan,) = make(wanted, site.there, warm=standby.ids("shop"))
    plan.policy = Policy.from_dict({"service": "api", "min_healthy": 5, **policy})
    Rollout(cast(Site, site), wanted, cast(Compose, None), back=back).carry_out(plan)
    return site.did


def old(count: int = 2) -> list[Container]:
    return [container(number, "old") for number in range(1, count + 1)]


def test_all_at_once() -> None:
    assert carry_out(FakeSite(*old())) == [
        "touch api1 api2",
        "start 2, traffic api1 api2",
        "healthy api10 api11 for 5",
        "switch api10 api11, drain api1 api2",
        "stop api1 api2",
    ]
    assert traffic_plan.load("shop") == {}


def test_those_that_start_yield_to_those_that_serve(monkeypatch: pytest.MonkeyPatch) -> None:
    site, slow = FakeSite(*old(2)), list[list[str]]()
    healthy = site.healthy
    monkeypatch.setattr(site, "healthy", lambda *given: (slow.append(site.slow), healthy(*given)))
    carry_out(site, surge="1")
    assert slow == [["api10"], ["api11"]]  # the first one of them serves already


def test_batch_by_batch_never_below_the_number_that_is_wanted() -> None:
    assert carry_out(FakeSite(*old(3)), replicas=3, surge="1") == [
        "touch api1 api2 api3",
        "start 1, traffic api1 api2 api3",
        "healthy api10 for 5",
        "switch api1 api10 api2, drain api3",
        "stop api3",
        "start 1, traffic api1 api2 api3",
        "healthy api10 api11 for 5",
        "switch api1 api10 api11, drain api2",
        "stop api2",
        "start 1, traffic api1 api2 api3",
        "healthy api10 api11 api12 for 5",
        "switch api10 api11 api12, drain api1",
        "stop api1",
    ]


def test_what_a_killed_run_started_is_used() -> None:
    assert carry_out(FakeSite(*old(), container(5))) == [
        "touch api1 api2",
        "start 1, traffic api1 api2",
        "healthy api5 api10 for 5",
        "switch api10 api5, drain api1 api2",
        "stop api1 api2",
    ]


def test_what_a_killed_run_had_given_traffic_keeps_it() -> None:
    traffic_plan.put("shop", {"api": traffic_plan.Traffic({"api5": 1, "api6": 1})})
    site = FakeSite(*old(1), container(5), container(6))
    site.sick = "stop here"
    with pytest.raises(RolloutFailed):
        carry_out(site)
    assert set(traffic_plan.load("shop")["api"].serve) == {"api1", "api5", "api6"}


def test_sick_ones_never_get_traffic_and_the_old_ones_stay() -> None:
    site = FakeSite(*old())
    site.sick = "api is unhealthy"
    with pytest.raises(RolloutFailed, match="unhealthy"):
        carry_out(site)
    assert not any(one.startswith(("switch", "stop")) for one in site.did)
    assert traffic_plan.load("shop")["api"].serve == {"api1": 1, "api2": 1}


def test_a_canary_is_one_and_is_tried_before_the_rest_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    site = FakeSite(*old())
    monkeypatch.setattr(Rollout, "trial", lambda _self, _plan, before, new: site.did.append(f"trial {len(before)} {len(new)}"))
    assert carry_out(site, strategy="canary")[2:6] == ["healthy api10 for 5", "trial 2 1", "switch api1 api10, drain api2", "stop api2"]


def test_a_rollback_tries_nothing_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rollout, "trial", lambda *_given: pytest.fail("a rollback was tried out"))
    assert "stop api1 api2" in carry_out(FakeSite(*old()), strategy="canary", back=True)


def test_blue_green_keeps_the_old_ones_out_of_the_traffic() -> None:
    site = FakeSite(*old())
    done = carry_out(site, strategy="blue_green", keep_for=60)
    assert done[-1] == "switch api10 api11, drain api1 api2"
    assert standby.ids("shop") == {"api1", "api2"}
    assert len(site.there) == 4


def test_a_rollback_to_a_warm_set_starts_nothing_and_waits_for_nothing() -> None:
    paths.RELEASES.joinpath("shop").mkdir(parents=True)
    standby.put("shop", "api", standby.Warm(("api3", "api4"), 9e9))
    site = FakeSite(*old(), container(3), container(4))
    assert carry_out(site, back=True) == [
        "touch api1 api2",
        "healthy api3 api4 for 0",
        "switch api3 api4, drain api1 api2",
        "stop api1 api2",
    ]
    assert standby.ids("shop") == set()


def test_recreate_says_so_first_and_never_has_two_at_once() -> None:
    site = FakeSite(*old(1))
    assert carry_out(site, replicas=1, strategy="recreate") == [
        "touch api1",
        "switch maintenance, drain api1",
        "stop api1",
        "start 1, traffic ",
        "healthy api10 for 1",
        "sync",
    ]
    assert site.underway.down == ["api"]


def test_fewer_are_drained_before_they_stop() -> None:
    site = FakeSite(container(1), container(2), container(3, health="unhealthy"), container(4))
    done = carry_out(site, replicas=2)
    assert done[1:] == ["switch api1 api2, drain api3 api4", "stop api3 api4"]


class Figures:
    """Verdicts, one a look."""

    def __init__(self, *verdicts: str) -> None:
        self.verdicts = list(verdicts)

    def __call__(self, *_given: object, over: bool) -> Verdict:
        return Verdict(self.verdicts.pop(0) if self.verdicts else "good", "seen")


@pytest.mark.parametrize(
    ("verdicts", "policy", "refused"),
    [
        (("open", "bad"), "abort", True),
        (("low_traffic",), "abort", True),
        (("low_traffic",), "promote", False),
        (("good",), "abort", False),
    ],
)
def test_the_trial(monkeypatch: pytest.MonkeyPatch, verdicts: tuple[str, ...], policy: str, refused: bool) -> None:
    site = FakeSite(*old(), container(3))
    monkeypatch.setattr(rollout_module, "judge", Figures(*verdicts))
    monkeypatch.setattr(rollout_module, "FLUSHED", 0.0)
    monkeypatch.setattr(rollout_module, "LOOK", 0.0)
    monkeypatch.setattr(Rollout, "assert_healthy", lambda *_given: None)
    monkeypatch.setattr(FakeSite, "addresses", lambda *_given: [], raising=False)
    monkeypatch.setattr(FakeSite, "routed", lambda *_given: [])
    tried = Rollout(cast(Site, site), release(), cast(Compose, None))
    duration = 0.0 if len(verdicts) == 1 else 60.0
    rule = {"duration": duration, "on_low_traffic": policy, "share": 20}
    plan = ServicePlan("api", "replace", Policy.from_dict({"service": "api", "strategy": "canary", "canary": rule}), 2)
    if refused:
        with pytest.raises(RolloutFailed, match="the canary is refused: seen"):
            tried.trial(plan, old(), [container(3)])
    else:
        tried.trial(plan, old(), [container(3)])
    assert site.did == ["switch api1*2 api2*2 api3"]
