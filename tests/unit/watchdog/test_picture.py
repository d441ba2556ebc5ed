# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture of the containers: what an event makes be looked at, and who lost a network."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import CHANGES
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.picture import Picture, action, subject

from . import samples
from .samples import Clock, FakeEngine, container

clock = samples.clock

NETS = (("backend", "10.0.0.1"), ("front", "10.1.0.1"))


def looked(*there: Any) -> tuple[Picture, FakeEngine]:
    """A picture of stack shop that was just made."""
    engine, picture = FakeEngine(*there), Picture(["shop"])
    picture.look(engine)
    engine.asked.clear()
    return picture, engine


def ids(picture: Picture, project: str = "shop") -> list[str]:
    return [one.id for one in picture.containers(project)]


@pytest.mark.parametrize(
    ("event", "did", "who"),
    [
        ({"Type": "container", "Action": "die", "Actor": {"ID": "api1"}}, "die", "api1"),
        ({"Type": "container", "Action": "health_status: unhealthy", "Actor": {"ID": "api1"}}, "health_status", "api1"),
        ({"Type": "network", "Action": "disconnect", "Actor": {"ID": "net", "Attributes": {"container": "api1"}}}, "disconnect", "api1"),
        ({"Type": "network", "Action": "create", "Actor": {"ID": "net", "Attributes": {}}}, "create", ""),
        ({"Type": "container", "Action": "die", "Actor": None}, "die", ""),
        ({}, "", ""),
    ],
)
def test_what_an_event_is_about(event: dict[str, Any], did: str, who: str) -> None:
    assert (action(event), subject(event)) == (did, who)


def test_everything_that_changes_a_picture_is_listened_to() -> None:
    wanted = {"start", "die", "oom", "pause", "unpause", "destroy", "connect", "disconnect", "health_status"}
    assert set(CHANGES) == wanted  # and not the three events of each health check


def test_only_what_an_event_names_is_looked_at_again() -> None:
    picture, engine = looked(container(1), container(2))
    engine.change("api1", state="exited")
    engine.change("api2", state="paused")
    picture.look_at(engine, ["api1"])
    assert engine.asked == ["api1"]
    assert [one.state for one in picture.containers("shop")] == ["exited", "running"]


def test_a_new_container_joins_and_one_that_is_gone_leaves() -> None:
    picture, engine = looked(container(1), container(2))
    engine.there = [container(1), container(3)]
    picture.look_at(engine, ["api2", "api3"])
    assert ids(picture) == ["api1", "api3"]


def test_others_projects_are_no_part_of_it() -> None:
    picture, engine = looked(container(1))
    engine.there.append(container(2, project="blog"))
    picture.look_at(engine, ["api2"])
    assert ids(picture) == ["api1"] and ids(picture, "blog") == []


def test_a_look_at_everything_forgets_what_is_gone() -> None:
    picture, engine = looked(container(1), container(2))
    engine.there = [container(2)]
    picture.look(engine)
    assert ids(picture) == ["api2"]


def test_containers_come_by_service_and_number() -> None:
    picture, _engine = looked(container(2), container(10), container(1), container(1, "cache"))
    assert ids(picture) == ["api1", "api2", "api10", "cache1"]


def test_who_was_cut_off_from_a_network() -> None:
    picture, engine = looked(container(1, addresses=NETS), container(2))
    engine.change("api1", addresses=NETS[1:])
    picture.look_at(engine, ["api1"])
    one, other = picture.containers("shop")
    assert picture.lost_networks(one) == {"backend"} and picture.lost_networks(other) == set()
    engine.change("api1", addresses=NETS)
    picture.look_at(engine, ["api1"])
    assert picture.lost_networks(picture.containers("shop")[0]) == set()


def test_the_network_of_a_release_that_was_taken_back_is_not_lost() -> None:
    """A rollout had put the container into it as well; to be put back would be an error for ever: the network is gone."""
    picture, engine = looked(container(1, addresses=(*NETS, (f"{NETS[0][0]}_02_3f2a90", "10.9.0.1"))))
    engine.change("api1", addresses=NETS)
    picture.look_at(engine, ["api1"])
    assert picture.lost_networks(picture.containers("shop")[0]) == set()
    engine.change("api1", addresses=NETS[1:])
    picture.look_at(engine, ["api1"])
    assert NETS[0][0] in picture.lost_networks(picture.containers("shop")[0])


@pytest.mark.parametrize("state", ["exited", "paused", "restarting"])
def test_who_does_not_run_has_no_address_and_lost_none(state: str) -> None:
    picture, engine = looked(container(1))
    engine.change("api1", state=state, addresses=())
    picture.look_at(engine, ["api1"])
    assert picture.lost_networks(picture.containers("shop")[0]) == set()
    engine.change("api1", state="running")
    picture.look_at(engine, ["api1"])
    assert picture.lost_networks(picture.containers("shop")[0]) == {"backend"}


def test_a_network_is_not_lost_by_another_container() -> None:
    picture, engine = looked(container(1, addresses=NETS))
    engine.there = [container(2, addresses=NETS[:1])]
    picture.look(engine)
    assert picture.lost_networks(picture.containers("shop")[0]) == set()


def test_an_age_goes_on_by_the_monotonic_clock(clock: Clock) -> None:
    picture, engine = looked(container(1, age=100))
    clock.jump(3600)
    clock.go(5)
    picture.look_at(engine, ["api1"])
    assert picture.age(picture.containers("shop")[0]) == pytest.approx(105)
    clock.jump(-7200)
    assert picture.age(picture.containers("shop")[0]) == pytest.approx(105)


def test_an_age_begins_anew_with_each_start(clock: Clock) -> None:
    picture, engine = looked(container(1, age=100))
    before = picture.containers("shop")[0]
    engine.there = [container(1, age=0)]
    assert picture.age(container(1, age=0)) == 0  # not seen yet
    picture.look_at(engine, ["api1"])
    clock.go(7)
    (one,) = picture.containers("shop")
    assert picture.age(one) == pytest.approx(7) and picture.age(before) == 0
    engine.change("api1", state="exited")
    picture.look_at(engine, ["api1"])
    assert picture.age(picture.containers("shop")[0]) == 0
