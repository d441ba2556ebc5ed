# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine shows and tells, and what is made of it: looks, lives, deaths, last words."""

from __future__ import annotations

from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable, Engine
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import HostSpec, StackSpec
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import observing as module
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.findings import Death
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.healing import Healer
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.looks import HOST, Looks, Observation, Token
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.observing import OOM, REFRESH, SOON, Observer
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.picture import Picture
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.containers import Reading
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.settings import Settings

from . import samples
from .samples import Clock, FakeEngine, Host, bad, container, failing, incident, probe, service, throw

host, clock = samples.host, samples.clock

API = "shop/api"
PROBE: Token = ("probe", "api1", "http", "shop", "api")


class Watch:
    """An observer of stack shop: an API of two containers and a database."""

    def __init__(self, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = clock
        self.said: list[str] = []
        self.work = ""
        self.engine = FakeEngine(container(1), container(2), container(1, "db"))
        self.healer = Healer()
        monkeypatch.setattr(module, "log", self.said.append)
        self.begin()
        self.observer.connect(cast(Engine, self.engine))
        self.engine.asked.clear()

    def begin(self, before: Observer | None = None) -> None:
        """With settings that have just been read."""
        services = (service("api", probes=(probe(),)), service("db"))
        self.picture = Picture(["shop"])
        self.looks = Looks(Settings(HostSpec(), (StackSpec("shop", services=services),)), self.picture, lambda *_given: None)
        self.observer = Observer(self.picture, self.looks, self.healer, lambda _stack: self.work, before)

    def hear(self, did: str, number: int = 1, *, of: str = "container", **attributes: str) -> None:
        """One of Docker's events about the API."""
        labels = {"com.docker.compose.project": "shop", "com.docker.compose.service": "api"}
        given = {name: value for name, value in (labels | attributes).items() if value}
        self.observer.hear({"Type": of, "Action": did, "Actor": {"ID": f"api{number}", "Attributes": given}})

    def dies(self, code: int, number: int = 1) -> None:
        self.hear("die", number, exitCode=str(code))

    @property
    def deaths(self) -> dict[str, Death]:
        return self.looks.deaths

    @property
    def tries(self) -> int:
        return len(self.healer.record(API).tries)

    def states(self) -> list[str]:
        return [one.state for one in self.picture.containers("shop")]


@pytest.fixture
def watch(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Watch:
    return Watch(clock, monkeypatch)


# Deaths


@pytest.mark.parametrize(("code", "noted"), [(0, False), (143, False), (1, True), (137, True), (139, True)])
def test_who_was_asked_to_end_did_not_die(code: int, noted: bool, watch: Watch) -> None:
    watch.dies(code)
    assert watch.deaths == ({"api1": Death(watch.clock.steady, code)} if noted else {})
    assert watch.tries == int(noted)


@pytest.mark.parametrize("code", [0, 137, 143])
def test_memory_that_ran_out_is_a_death_whatever_the_exit_code(code: int, watch: Watch) -> None:
    watch.hear("oom")
    watch.clock.go(OOM - 0.1)
    watch.dies(code)
    assert watch.deaths["api1"] == Death(watch.clock.steady, code, oom=True) and watch.tries == 1


def test_memory_that_ran_out_before_or_elsewhere_explains_no_end(watch: Watch) -> None:
    watch.hear("oom")
    watch.clock.go(OOM)
    watch.dies(1)
    watch.dies(137, number=2)
    assert not watch.deaths["api1"].oom and not watch.deaths["api2"].oom


def test_what_dies_in_somebody_else_s_work_is_his(watch: Watch) -> None:
    watch.work = "deploy by ada"
    watch.dies(1)
    assert watch.deaths == {} and watch.tries == 0
    watch.work = ""
    watch.dies(1)
    assert watch.tries == 1


def test_memory_that_runs_out_in_somebody_else_s_work_is_his(watch: Watch) -> None:
    watch.work = "deploy by ada"
    watch.hear("oom")
    assert watch.deaths == {}
    watch.work = ""
    watch.dies(143)
    assert watch.deaths == {} and watch.tries == 0


def test_memory_that_runs_out_in_the_watchdog_s_own_restart_is_no_death(watch: Watch) -> None:
    watch.healer.plan(service(), failing(faults=(bad(),)), watch.clock.steady)
    watch.hear("oom")
    assert watch.deaths == {} and watch.tries == 1  # the restart itself


def test_the_watchdog_s_own_restart_is_no_death(watch: Watch) -> None:
    actions, _gave_up = watch.healer.plan(service(), failing(faults=(bad(),)), watch.clock.steady)
    watch.dies(137)
    assert watch.deaths == {} and watch.tries == 1  # the restart itself
    watch.healer.done(actions[0], watch.clock.steady)
    watch.dies(137)
    assert set(watch.deaths) == {"api1"} and watch.tries == 2


@pytest.mark.parametrize(
    "event",
    [
        {"did": "die", "of": "network", "exitCode": "1"},
        {"did": "die", "com.docker.compose.service": "", "exitCode": "1"},
        {"did": "die", "com.docker.compose.project": "", "exitCode": "1"},
        {"did": "destroy", "exitCode": "1"},
        {"did": "health_status: unhealthy"},
        {"did": "die"},  # an old engine gives no exit code
        {"did": "die", "com.docker.compose.oneoff": "True", "exitCode": "1"},  # `docker compose run`
        {"did": "oom", "com.docker.compose.oneoff": "True"},
    ],
)
def test_what_is_no_death_of_a_service_is_not_noted(event: dict[str, Any], watch: Watch) -> None:
    watch.hear(**event)
    assert watch.deaths == {} and watch.tries == 0


def test_a_container_of_a_service_says_that_it_is_not_of_compose_run(watch: Watch) -> None:
    watch.hear("die", exitCode="1", **{"com.docker.compose.oneoff": "False"})
    assert watch.tries == 1


@pytest.mark.parametrize(("project", "name"), [("blog", "api"), ("shop", "migrate"), ("blog", "web"), ("None", "None")])
@pytest.mark.parametrize("did", ["die", "oom", "start"])
def test_of_what_is_not_declared_nothing_is_kept(did: str, project: str, name: str, watch: Watch) -> None:
    watch.hear(did, exitCode="1", **{"com.docker.compose.project": project, "com.docker.compose.service": name})
    assert watch.deaths == {} and watch.healer.records == {} and watch.looks._lives == {}


@pytest.mark.parametrize("event", [{}, {"Type": "container"}, {"Type": "container", "Action": "die", "Actor": {"ID": "x"}}])
def test_an_event_without_attributes_is_borne(event: dict[str, Any], watch: Watch) -> None:
    watch.observer.hear(event)
    assert watch.deaths == {} and watch.healer.records == {}


@pytest.mark.parametrize(("did", "fresh"), [("start", True), ("die", True), ("health_status: healthy", False), ("oom", False)])
@pytest.mark.parametrize("work", ["", "deploy by ada"])
def test_another_life_begins_with_nothing_seen_of_it(did: str, fresh: bool, work: str, watch: Watch) -> None:
    watch.work = work
    watch.looks.take(Observation(PROBE, watch.clock.steady, Reading("http", True)))
    watch.clock.go(1)
    watch.hear(did)
    assert (("api1", "http") not in watch.looks.readings) == fresh


# Looks


def test_an_engine_that_answers_is_looked_at_as_a_whole(watch: Watch) -> None:
    watch.observer.lose("no answer")
    watch.engine.change("api2", state="exited")
    assert watch.observer.connect(cast(Engine, watch.engine))
    assert watch.looks.blind == "" and watch.engine.asked == ["all of shop"] and "exited" in watch.states()


@pytest.mark.parametrize("error", [DockerUnavailable("it is starting"), TimeoutError("it is starting")])
def test_an_engine_that_does_not_answer_leaves_the_watchdog_blind_and_it_says_why(
    error: Exception, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch.engine, "containers", lambda _project: throw(error))
    before = watch.states()
    assert not watch.observer.look()
    assert watch.looks.blind == "it is starting" and watch.states() == before


def test_a_look_at_everything_that_is_in_vain_is_taken_again_soon(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(watch.engine, "containers", lambda _project: throw(TimeoutError("it is starting")))
        watch.observer.lose("no answer")
        assert not watch.observer.connect(cast(Engine, watch.engine))
        at = watch.clock.steady
        assert not watch.observer.due(at + SOON) and watch.observer.due(at + SOON + 0.1)
    assert watch.observer.look() and not watch.observer.due(at + REFRESH)


def test_an_engine_that_is_lost_is_told_once_and_looked_after_at_once(watch: Watch) -> None:
    watch.looks.schedule(None, watch.clock.steady)
    watch.looks._due[HOST] = watch.clock.steady + 60
    watch.observer.lose("the stream of events ended")
    watch.observer.lose("connection refused")
    assert watch.observer.engine is None and watch.looks.blind == "connection refused"
    assert watch.said == ["watchdog: the engine is gone: the stream of events ended"]
    assert watch.looks._due[HOST] == watch.clock.steady
    assert not watch.observer.look() and not watch.observer.look_at(["api1"]) and watch.engine.asked == []


def test_everything_is_looked_at_now_and_then_without_an_event(watch: Watch) -> None:
    assert not watch.observer.due(watch.clock.steady + REFRESH) and watch.observer.due(watch.clock.steady + REFRESH + 1)
    watch.clock.go(REFRESH + 1)
    watch.observer.look()
    assert not watch.observer.due(watch.clock.steady + REFRESH)
    watch.observer.lose("no answer")
    assert not watch.observer.due(watch.clock.steady + 10 * REFRESH)


def test_what_is_dead_and_gone_is_forgotten_with_a_look_at_everything(watch: Watch) -> None:
    watch.dies(1)
    watch.engine.there = watch.engine.there[1:]
    watch.observer.look()
    assert watch.deaths == {}


def test_replicas_are_counted_with_a_look_at_everything(host: Host, watch: Watch) -> None:
    host.declare("shop", api=7)
    watch.observer.look()
    assert watch.looks.replicas["shop", "api"] == 7


def test_only_what_is_named_is_looked_at_again(watch: Watch) -> None:
    watch.engine.change("api1", state="exited")
    watch.engine.change("api2", state="paused")
    assert watch.observer.look_at(["api1"])
    assert watch.engine.asked == ["api1"] and watch.states() == ["exited", "running", "running"]


def test_a_look_that_is_in_vain_changes_nothing_and_is_said(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch.engine, "container", lambda _identity: throw(TimeoutError("timed out")))
    assert not watch.observer.look_at(["api1"])
    assert watch.said == ["watchdog: timed out"] and len(watch.states()) == 3 and watch.looks.blind == ""


def test_after_a_look_that_is_in_vain_everything_is_looked_at_soon(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    at = watch.clock.steady
    monkeypatch.setattr(watch.engine, "container", lambda _identity: throw(TimeoutError("timed out")))
    watch.observer.look_at(["api1"])
    watch.clock.go(1)
    watch.observer.look_at(["api2"])  # which puts nothing off
    assert not watch.observer.due(at + SOON) and watch.observer.due(at + SOON + 0.1)


@pytest.mark.parametrize(
    ("key", "asked"),
    [(API, ["api1", "api2"]), ("shop/db", ["db1"]), ("shop/site:example.com", []), ("host/nginx", []), ("blog/api", [])],
)
def test_a_suspect_is_looked_at_again_and_nothing_else(key: str, asked: list[str], watch: Watch) -> None:
    watch.observer.look_again(key)
    assert watch.engine.asked == asked


def test_other_settings_go_on_with_the_engine(watch: Watch) -> None:
    before, at = watch.observer, watch.clock.steady
    watch.clock.go(10)
    watch.begin(before)
    assert watch.observer.engine is before.engine and not watch.observer.due(at + REFRESH) and watch.observer.due(at + REFRESH + 1)
    watch.begin()
    assert watch.observer.engine is None


# Last words


def test_the_log_is_that_of_the_container_that_does_not_serve(watch: Watch) -> None:
    watch.engine.change("api2", state="exited")
    watch.observer.look()
    assert watch.observer.log_of(incident()) == ["last words of shop-api-2"]


def test_a_log_that_cannot_be_had_says_so(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch.engine, "log_tail", lambda *_given: throw(TimeoutError("timed out")))
    assert watch.observer.log_of(incident()) == ["no log: timed out"]


@pytest.mark.parametrize("key", ["host/docker", "shop/site:example.com", "blog/api"])
def test_what_is_no_container_has_no_log(key: str, watch: Watch) -> None:
    assert watch.observer.log_of(incident(key)) == []


def test_without_an_engine_there_is_no_log(watch: Watch) -> None:
    watch.observer.lose("no answer")
    assert watch.observer.log_of(incident()) == []
