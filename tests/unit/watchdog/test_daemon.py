# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole daemon on a host that is played: events go in, and what is told and done comes out."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, Engine
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import stack_lock
from ansible_collections.latentum.ops.plugins.module_utils.maintenance import windows as maintenance_windows
from ansible_collections.latentum.ops.plugins.module_utils.nginx import out_of_rotation
from ansible_collections.latentum.ops.plugins.module_utils.release import journal
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import daemon as module
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import privileged_requests
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.notices import Alerting
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.daemon import Daemon
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.days import Days as SavedDays
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.healing import ESCALATION
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.inbox import Inbox
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.observing import SOON
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import containers as container_probes
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.containers import Reading
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.host import Check
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.stream import Connected, Disconnected

from . import lives, samples
from .lives import API, Days, Life
from .samples import Clock, Host, Killed, container, throw

host, clock, life = samples.host, samples.clock, lives.life

PROBE = {"kind": "tcp", "name": "tcp", "port": 80, "timeout": 5, "interval": 15}


# A failure from its first sign to its end


def fails(life: Days, how: str) -> str:
    """The first container fails; the remedy that is wanted."""
    if how == "died":
        life.dies()
        return "start api1"
    life.change(event="health_status: unhealthy", health="unhealthy")
    return "restart api1"


@pytest.mark.parametrize("how", ["died", "unhealthy"])
def test_who_fails_is_out_of_rotation_before_the_remedy_begins_and_is_told_once(how: str, life: Days) -> None:
    remedy = fails(life, how)
    assert life.told == [] and life.did == [] and life.state == "suspect"
    life.pass_by(3)
    assert life.did == ["out of rotation: api1", remedy]
    assert life.told == [f"open {API}"] and life.state == "degraded"
    (incident,) = life.open
    assert (incident.severity, incident.needs_human, incident.log) == ("warning", False, ["last words of shop-api-1"])
    assert [what for _at, what in incident.done] == [f"{'started' if how == 'died' else 'restarted'} shop-api-1"]


def test_who_is_well_again_comes_back_when_the_incident_ends(life: Days) -> None:
    life.dies()
    life.pass_by(2)
    life.change(state="running", health="starting")
    life.pass_by(20)
    assert life.told == [f"open {API}"] and list(out_of_rotation.load("shop")) == ["api1"]
    life.change(event="health_status: healthy", health="healthy")
    life.did.clear()
    life.pass_by(9.5)
    assert life.did == [] and life.told == [f"open {API}"]
    life.pass_by(1)
    assert life.did == ["out of rotation: nobody"] and life.told == [f"open {API}", f"end {API}"]
    assert life.open == [] and life.state == "ok"


def test_nobody_comes_back_before_the_whole_service_is_well(life: Days) -> None:
    for number in (1, 2):
        life.dies(number)
    life.pass_by(2)
    assert sorted(out_of_rotation.load("shop")) == ["api1", "api2"]
    life.change(1, state="running", health="healthy")
    life.pass_by(30)
    assert sorted(out_of_rotation.load("shop")) == ["api1", "api2"] and len(life.open) == 1
    life.change(2, state="running", health="healthy")
    life.pass_by(9)
    assert sorted(out_of_rotation.load("shop")) == ["api1", "api2"]
    life.pass_by(2)
    assert out_of_rotation.load("shop") == {} and life.open == []


def test_what_docker_heals_within_the_second_look_is_told_to_nobody(life: Days) -> None:
    life.dies(state="restarting")
    life.change(state="running", health="healthy")
    life.pass_by(3)
    assert life.told == [] and life.open == [] and life.did == []


def test_a_crash_loop_that_docker_keeps_up_calls_a_human_once(life: Days) -> None:
    for _crash in range(12):
        life.dies(state="restarting")
        life.pass_by(2)
    assert life.told == [f"open {API}", f"escalate {API}"]
    assert life.open[0].needs_human and life.open[0].severity == "critical"
    assert not any(one.startswith("restart") for one in life.did)


def test_who_was_asked_to_end_did_not_die(life: Days) -> None:
    for code in (0, 143):
        life.dies(code=code)
    assert not life.daemon.runtime.healer.record(API).tries and life.daemon.components.looks.deaths == {}
    life.dies(code=137)
    assert len(life.daemon.runtime.healer.record(API).tries) == 1


def test_memory_that_ran_out_is_named(life: Days) -> None:
    life.event("oom")
    life.dies(code=137, state="restarting")
    assert life.daemon.components.looks.deaths["api1"].oom
    life.pass_by(1)
    assert life.open[0].cause == "shop-api-1 was killed for memory and is restarted by Docker"


def test_the_watchdog_s_own_restart_is_no_death(life: Days) -> None:
    life.change(event="health_status: unhealthy", health="unhealthy")
    life.pools[1].held = True  # the restart takes its time
    life.pass_by(1)
    assert len(life.daemon.runtime.healer.record(API).tries) == 1
    life.dies(code=137)
    assert len(life.daemon.runtime.healer.record(API).tries) == 1 and life.daemon.components.looks.deaths == {}


def test_what_is_missing_is_asked_of_root_and_the_answer_is_kept(life: Days) -> None:
    life.engine.there.pop()
    life.event("destroy", 2)
    life.pass_by(2)
    (request,) = privileged_requests.REQUESTS.glob("*.json")
    assert request.name == "shop.api.replace.json"
    (privileged_requests.ANSWERS / request.name).write_text('{"stack": "shop", "service": "api", "said": "brought the missing containers"}')
    life.pass_by(1)
    assert [what for _at, what in life.open[0].done] == ["asked for the missing containers", "brought the missing containers"]


def test_a_remedy_that_raises_ends_nothing_and_is_tried_again(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(life.engine, "start", lambda _one: throw(KeyError("Names")))
        life.dies()
        life.pass_by(3)
    assert [what for _at, what in life.open[0].done] == ["could not start api: KeyError('Names')"]
    assert "start api1" not in life.did
    life.pass_by(10)
    assert "start api1" in life.did


def test_each_kill_is_healed_until_there_were_as_many_remedies_as_are_allowed(life: Days) -> None:
    """`docker kill`: the engine leaves the container where it ended, so what is counted is the remedies, not the deaths as well."""
    life.watch(max_heals=1)  # of each of two replicas
    life.start()
    for _kill in range(2):
        life.did.clear()
        life.dies(code=137)
        life.pass_until(lambda: "start api1" in life.did)
        life.pass_by(1)  # it is on its way up
        life.change(state="running", health="healthy")
        life.pass_by(12)
        assert life.open == [] and f"escalate {API}" not in life.told
    life.dies(code=137)
    life.pass_until(lambda: life.open and life.open[0].needs_human)


# Silence


def test_in_maintenance_nothing_is_told_nor_healed(life: Days) -> None:
    maintenance_windows.present("shop/api", "a larger disk", "1m")
    life.dies()
    life.pass_by(30)
    assert life.told == [] and life.did == [] and life.state == "maintenance"
    life.pass_by(40)
    assert life.told == [f"open {API}"] and "start api1" in life.did


def test_maintenance_that_begins_in_an_incident_ends_the_healing_and_not_the_incident(life: Days) -> None:
    life.dies()
    life.pass_by(2)
    maintenance_windows.present("shop", "a larger disk", "10m")
    life.pass_by(1)
    life.did.clear()
    life.pass_by(60)
    assert not any(one.startswith("start") for one in life.did) and life.told == [f"open {API}"] and len(life.open) == 1


def test_what_dies_in_a_deployment_is_somebody_else_s(life: Days) -> None:
    with stack_lock("shop", "ada", what="deploy"):
        for _time in range(20):
            life.dies(code=1)
        life.pass_by(30)
        assert life.told == [] and not any(one.startswith("start") for one in life.did)
    assert not life.daemon.runtime.healer.record(API).tries
    life.pass_by(2)
    assert life.told == [f"open {API}"] and "start api1" in life.did


def test_a_deployment_gives_healing_another_chance(life: Days) -> None:
    life.watch(max_heals=1)
    life.start()
    life.dies()
    life.pass_until(lambda: f"escalate {API}" in life.told)
    life.did.clear()
    with stack_lock("shop", "ada", what="deploy"):
        life.pass_by(2)
    life.pass_by(1)
    assert "start api1" in life.did


def test_the_watchdog_s_own_escalation_does_not(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would climb the same rungs for ever, and call nobody."""
    monkeypatch.setenv("LATENTUM_OPS_WHO", "steward")
    life.watch(max_heals=1, escalate=["recreate"])
    life.start()
    life.dies()
    life.pass_until(lambda: list(privileged_requests.REQUESTS.glob("*.json")))
    for request in privileged_requests.REQUESTS.glob("*.json"):
        request.unlink()
    with stack_lock("shop", "steward (pid 7)", what="deploy"):
        life.pass_by(2)
    life.clock.go(ESCALATION)
    life.pass_until(lambda: f"escalate {API}" in life.told)
    assert not list(privileged_requests.REQUESTS.glob("*.json"))


def test_a_remedy_waits_for_somebody_who_came_in_between(life: Days) -> None:
    life.dies()
    life.did.clear()
    with stack_lock("shop", "watchdog", what="healing"):  # another process of ours: it suppresses nothing, and is not ours
        life.pass_by(3)
        assert "start api1" not in life.did and life.daemon.runtime.healer.record(API).heals == 0
    life.pass_by(6)
    assert "start api1" in life.did and life.told == [f"open {API}"]


# The engine


def test_an_engine_that_is_gone_is_the_one_incident(life: Days) -> None:
    life.turn(Disconnected("no answer"))
    life.engine.there = []
    life.pass_by(10)
    assert life.told == ["open host/docker"] and not life.daemon.components.publication.status["well"]
    life.engine.there = [container(1, health="healthy"), container(2, health="healthy")]
    life.turn(Connected(cast(Engine, life.engine)))
    life.pass_by(12)
    assert life.told == ["open host/docker", "end host/docker"] and life.daemon.components.publication.status["well"]


def test_findings_of_a_lost_engine_say_why(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    life.turn(Disconnected("connection refused"))
    assert "watchdog: the engine is gone: connection refused" in life.said
    life.pass_by(10)
    assert life.open[0].cause == "the Docker engine does not answer: connection refused"
    monkeypatch.setattr(life.engine, "containers", lambda _project: throw(TimeoutError("timed out")))
    life.turn(Connected(cast(Engine, life.engine)))  # it takes the connection, and answers nothing
    life.pass_by(1)
    assert life.daemon.components.looks.blind == "timed out" and life.told == ["open host/docker"]


def test_a_lost_engine_takes_nobody_out_and_brings_nobody_back(life: Days) -> None:
    life.dies()
    life.pass_by(2)
    life.did.clear()
    life.turn(Disconnected("connection refused"))
    life.pass_by(30)
    assert list(out_of_rotation.load("shop")) == ["api1"] and life.did == []


def test_an_event_about_what_cannot_be_looked_at_ends_nothing(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_identity: str) -> Container:
        raise TimeoutError("timed out")

    monkeypatch.setattr(life.engine, "container", silent)
    life.dies()
    life.pass_by(2)
    assert "watchdog: timed out" in life.said


def test_an_event_about_what_could_not_be_looked_at_is_not_lost(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(life.engine, "container", lambda _identity: throw(TimeoutError("timed out")))
        life.change(event="health_status: unhealthy", health="unhealthy")
    life.pass_by(SOON + 2)
    assert life.told == [f"open {API}"]


def test_an_engine_that_answers_late_after_it_is_back_is_looked_at_soon(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    life.turn(Disconnected("no answer"))
    with monkeypatch.context() as patched:
        patched.setattr(life.engine, "containers", lambda _project: throw(TimeoutError("timed out")))
        life.turn(Connected(cast(Engine, life.engine)))
    assert life.daemon.components.looks.blind
    life.pass_by(SOON + 1)
    assert not life.daemon.components.looks.blind


def test_an_engine_that_nothing_was_seen_of_yet_puts_nobody_out(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    life.daemon = Daemon()
    with monkeypatch.context() as patched:
        patched.setattr(life.engine, "containers", lambda _project: throw(TimeoutError("timed out")))
        life.turn(Connected(cast(Engine, life.engine)))
        life.event("health_status: healthy", 2)
    life.pass_by(SOON + 1)
    assert life.did == [] and life.told == []


def test_metrics_of_containers_follow_the_events_of_all_containers_and_the_setting(life: Days) -> None:
    document = {
        "Id": "other",
        "Name": "/somebody-elses",
        "Created": "2026-11-29T10:00:00Z",
        "State": {"Running": False, "Pid": 0, "StartedAt": "2026-11-29T10:00:00Z"},
        "Config": {},
    }
    life.engine.api = SimpleNamespace(containers=lambda **_how: [], inspect_container=lambda _identity: document)  # type: ignore[attr-defined]
    for did in ("die", "oom"):
        life.turn({"Type": "container", "Action": did, "Actor": {"ID": "other", "Attributes": {}}})
    text = life.daemon._container_metrics()
    labels = 'id="/docker/other",name="somebody-elses"'
    assert text and f"container_oom_events_total{{{labels}}} 1".encode() in text and b"container_scrape_error 0" in text
    (life.host.etc / "watchdog/host.json").write_text('{"metrics": "", "container_metrics": false}')
    life.daemon._signal(stop=False)
    life.turn()
    assert life.daemon._container_metrics() is None


# The clock


@pytest.mark.parametrize("jump", [3600, -3600])
@pytest.mark.parametrize("broken", [False, True])
def test_a_jump_of_the_clock_is_one_incident_and_nothing_else(jump: float, broken: bool, life: Days) -> None:
    life.watch(heal="none")
    life.start()
    if broken:
        life.dies()
    life.pass_by(4)
    before = [f"open {API}"] if broken else []
    did, states, incidents = [*life.did], life.state, [*life.open]
    life.clock.jump(jump)
    life.pass_by(2)
    assert life.told == [*before, "open host/clock jump", "end host/clock jump"]
    assert (life.did, life.state, life.open) == (did, states, incidents)
    assert f"the clock jumped by {jump:+.0f} s" in life.daemon.runtime.memory.history[0].cause
    life.pass_by(30)
    assert [one for one in life.told if "jump" in one] == ["open host/clock jump", "end host/clock jump"] and life.open == incidents
    assert life.daemon.runtime.days.of(API)[-1]["seen"] < 60


def test_a_clock_that_is_slewed_is_no_jump(life: Days) -> None:
    for _second in range(20):
        life.clock.jump(0.5)
        life.pass_by(1)
    assert life.told == []


# A daemon that is killed


def kill_at(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    """It is killed when it has remembered this, and before it is spooled."""
    tell = Alerting.tell

    def killed(self: Alerting, told: Any) -> None:
        if told.what == what:
            raise Killed
        tell(self, told)

    monkeypatch.setattr(Alerting, "tell", killed)


def test_a_daemon_killed_between_remembering_and_spooling_tells_it_at_the_next_start(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        kill_at(patched, "open")
        life.dies()
        with pytest.raises(Killed):
            life.pass_by(2)
        assert life.told == []
    for _start in range(2):
        life.start()
        assert life.told == [f"open {API}"] and len(life.open) == 1


def test_the_end_is_told_at_the_next_start_too(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    life.dies()
    life.pass_by(2)
    life.change(state="running", health="healthy")
    with monkeypatch.context() as patched:
        kill_at(patched, "end")
        with pytest.raises(Killed):
            life.pass_by(12)
    for _start in range(2):
        life.start()
        assert life.told == [f"open {API}", f"end {API}"] and life.open == []


def test_a_daemon_that_starts_again_goes_on_where_it_was(life: Days) -> None:
    for number in (1, 2):
        life.dies(number)
    life.pass_by(2)
    (incident,), heals = life.open, life.daemon.runtime.healer.record(API).heals
    life.start()
    (again,) = life.open
    assert (again.id, again.severity) == (incident.id, "critical") and life.told == [f"open {API}"]
    assert life.daemon.runtime.healer.record(API).heals >= heals > 0
    assert sorted(out_of_rotation.load("shop")) == ["api1", "api2"]


def test_a_remedy_is_remembered_before_it_is_begun(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_one: Container) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(life.engine, "start", killed)
        life.dies()
        with pytest.raises(Killed):
            life.pass_by(2)
    life.daemon = Daemon()
    assert life.daemon.runtime.healer.record(API).heals == 1


def test_an_escalation_is_told_at_the_next_start_too(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        kill_at(patched, "escalate")
        with pytest.raises(Killed):
            for _crash in range(12):
                life.dies(state="restarting")
                life.pass_by(2)
    life.start()
    assert life.told == [f"open {API}", f"escalate {API}"]


# Probes


@pytest.fixture
def probed(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Days:
    """The same with a probe of each container."""
    made = Days(host, clock, monkeypatch)
    made.watch((PROBE,))
    made.start()
    made.pass_by(2)
    made.did.clear()
    return made


def test_a_failed_probe_is_taken_again_before_anybody_is_told(probed: Days) -> None:
    probed.pass_by(10)
    answers = iter([False])
    probed.probe = lambda one: one.id != "api1" or next(answers, True)
    probed.pass_by(20)
    assert next(answers, None) is None and probed.told == [] and probed.did == []
    probed.probe = lambda one: one.id != "api1"
    probed.pass_by(20)
    assert probed.told == [f"open {API}"] and probed.did[:2] == ["out of rotation: api1", "restart api1"]


def test_one_failed_probe_of_another_container_is_taken_again_too(probed: Days) -> None:
    """The one that still serves is neither restarted nor told of as lost because of one answer."""
    probed.watch((PROBE,), heal_window=10_000)
    probed.start()
    probed.dies(1)
    probed.pass_by(20)
    assert probed.told == [f"open {API}"]
    answers = iter([False])
    probed.probe = lambda one: one.id != "api2" or next(answers, True)
    probed.pass_by(20)
    assert next(answers, None) is None and "restart api2" not in probed.did and probed.told == [f"open {API}"]
    assert "out of rotation: api1 api2" not in probed.did


def test_a_probe_of_an_older_life_brings_no_second_restart(probed: Days) -> None:
    probed.probe = lambda one: one.id != "api1"
    probed.pass_until(lambda: "restart api1" in probed.did)
    probed.dies(code=0)
    probed.change(state="running", health="starting")
    probed.pass_by(10)
    probed.probe = lambda _one: True
    probed.change(event="health_status: healthy", health="healthy")
    probed.pass_by(30)
    assert probed.did.count("restart api1") == 1


@pytest.mark.parametrize("how", ["start", "reload"])
def test_what_was_not_probed_yet_does_not_end_an_incident(how: str, probed: Days) -> None:
    probed.watch((PROBE,), heal="none")
    probed.start()
    probed.probe = lambda _one: False
    probed.pass_by(25)
    assert probed.told == [f"open {API}"]
    probed.hanging = True  # the probe takes its whole time now
    if how == "start":
        probed.start()
    else:
        probed.pools[-2].held = True
        probed.daemon._signal(stop=False)
    probed.pass_by(30)
    assert probed.told == [f"open {API}"]


def test_a_look_that_breaks_is_taken_again(probed: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_given: object) -> Reading:
        raise KeyError("port")

    with monkeypatch.context() as patched:
        patched.setattr(container_probes, "read", broken)
        probed.pass_by(20)
    probed.probe = lambda _one: False
    probed.pass_by(40)
    assert probed.told == [f"open {API}"]


def test_a_clock_that_is_set_back_blinds_no_probe(probed: Days) -> None:
    probed.engine.there = [container(1, age=600), container(2, age=600)]
    probed.start()
    probed.pass_by(5)
    probed.clock.jump(-3600)
    probed.probe = lambda _one: False
    probed.pass_by(30)
    assert f"open {API}" in probed.told


def test_a_clock_that_is_set_forward_shortens_no_start_period(probed: Days) -> None:
    probed.engine.there = [container(1, age=1), container(2, age=1)]
    probed.probe = lambda _one: False
    probed.start()
    probed.clock.jump(3600)
    probed.pass_by(15)
    assert f"open {API}" not in probed.told


# The host


def test_a_check_of_the_host_is_looked_at_again_before_anybody_is_told(life: Days) -> None:
    life.pass_by(12)
    life.checks = [Check("docker"), Check("nginx", "critical", "deactivating", "nginx.service is deactivating")]
    life.pass_until(life.daemon.components.judgement.suspects)
    life.checks = [Check("docker"), Check("nginx")]
    life.pass_by(20)
    assert life.told == []


@pytest.mark.parametrize("how", ["start", "reload"])
def test_an_incident_of_the_host_outlives_the_daemon_and_its_settings(how: str, life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    life.checks = [Check("docker"), Check("nginx"), Check("disk /", "critical", "97 %", "97 % are used")]
    life.pass_by(15)
    assert life.told == ["open host/disk /"]
    monkeypatch.setattr(random, "random", lambda: 0.9)  # the first look comes in a moment
    if how == "start":
        life.start()
    else:
        life.daemon._signal(stop=False)
    life.pass_by(15)
    assert life.told == ["open host/disk /"] and len(life.open) == 1


def test_a_part_of_the_host_that_cannot_be_looked_at_ends_no_incident(life: Days) -> None:
    life.checks = [Check("docker"), Check("nginx", "critical", "failed", "nginx.service is failed")]
    life.pass_by(15)
    life.checks = [Check("units", "warning", "unknown", "units cannot be looked at: systemctl did not end within 10 s")]
    life.pass_by(15)
    assert "end host/nginx" not in life.told


def test_a_log_that_cannot_be_had_silences_nobody(life: Days, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(_one: Container, _lines: int) -> list[str]:
        raise TimeoutError("timed out")

    monkeypatch.setattr(life.engine, "log_tail", silent)
    life.dies()
    life.pass_by(2)
    assert life.told == [f"open {API}"] and life.open[0].log == ["no log: timed out"]


# What only a running daemon shows


# Deployments of others


def test_a_deployment_is_told_by_the_loop_once_also_in_maintenance_and_by_the_watchdog_that_comes_after(
    life: Days, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "now", lambda: datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="seconds"))
    route = {"name": "chat", "kind": "slack", "url_file": "/none", "severities": ["critical", "warning"], "deployments": "failure"}
    life.host.watch("shop", services=[{"service": "api", "replicas": 2}], alerts=[route])
    ended = {"attempt": "a1", "kind": "deploy", "release": "b"}
    life.start()
    maintenance_windows.present("shop", "a larger disk", "10m")
    Journal("shop").write(**ended, step="live", before="a")
    Journal("shop").write(**{**ended, "attempt": "a2"}, step="taken back", live="a", reason="api: crashed")
    life.pass_by(1)
    assert life.told == ["deployment shop/deployment:a2"] and life.open == []
    life.start()
    assert life.told == ["deployment shop/deployment:a2"]


PAUSE = 0.01  # seconds between two looks of a test
ROUNDS = 60  # of the loop, of which one takes a second where nothing happens
IDLE = 6000  # looks of a test in which the loop went round not once: it hangs


class Running(Life):
    """A daemon with its threads, signals and the real clock, for as long as somebody plays with it."""

    def play(self, game: Callable[[Daemon], None], monkeypatch: pytest.MonkeyPatch) -> Daemon:
        """Run it in this thread, which gets the signals, until the game in another one is over."""
        daemon = Daemon()
        monkeypatch.setattr(module, "listen", lambda put: put(Connected(cast(Engine, self.engine))))
        monkeypatch.setattr(module, "notify", self.said.append)
        failed: list[BaseException] = []
        self.ended = False

        def played() -> None:
            try:
                game(daemon)
            except BaseException as error:
                failed.append(error)
            os.kill(os.getpid(), signal.SIGTERM)

        before = [signal.getsignal(one) for one in (signal.SIGTERM, signal.SIGHUP)]
        player = threading.Thread(target=played)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        player.start()
        try:
            daemon.run()
        finally:
            self.ended = True
            player.join()
            for one, handler in zip((signal.SIGTERM, signal.SIGHUP), before, strict=True):
                signal.signal(one, handler)
        if failed:
            raise failed[0]
        return daemon

    @property
    def rounds(self) -> int:
        """How often the loop went round."""
        return self.said.count("WATCHDOG=1")

    def until(self, true: Callable[[], object]) -> None:
        """Wait for a state.

        It failed to come when the loop went round so often without it, has ended, or went round no more while this thread looked again
        and again. A clock says nothing: a busy machine, or one that freezes this process, may take any time for a round.
        """
        rounds, idle = self.rounds, 0
        last = rounds + ROUNDS
        while not true():
            assert not self.ended and rounds < last and idle < IDLE
            time.sleep(PAUSE)
            idle = idle + 1 if rounds == self.rounds else 0
            rounds = self.rounds


@pytest.fixture
def running(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    yield Running(host, monkeypatch)


def test_sighup_keeps_incidents_and_sigterm_ends_in_order(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    running.engine.change("api1", state="exited", health="none")
    kept: list[Incident] = []

    def game(daemon: Daemon) -> None:
        running.until(lambda: "start api1" in running.did)
        kept.extend(daemon.components.judgement.open_incidents())
        os.kill(os.getpid(), signal.SIGHUP)
        running.until(lambda: "watchdog: settings were read again" in running.said)
        rounds = running.rounds
        running.until(lambda: running.rounds > rounds + 2)

    daemon = running.play(game, monkeypatch)
    assert kept == daemon.components.judgement.open_incidents() and len(kept) == 1
    assert [one.notice["what"] for one in daemon.components.alerting.spool.waiting()] == ["open"]
    ready = [one.partition("\n")[0] for one in running.said if one.startswith(("READY", "RELOADING", "STOPPING"))]
    assert ready == ["READY=1", "RELOADING=1", "READY=1", "STOPPING=1"]


def test_sigterm_ends_in_order_on_a_full_disk(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SavedDays, "save", lambda _days: throw(OSError("no space left")))
    daemon = running.play(lambda _daemon: running.until(lambda: "WATCHDOG=1" in running.said), monkeypatch)
    assert "STOPPING=1" in running.said
    with pytest.raises(RuntimeError, match="shutdown"):
        daemon.look_pool.submit(print)


def test_good_news_can_wait_until_something_is_suspected(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    take = Inbox.take

    def taken(inbox: Inbox, due: float, *, suspicious: bool) -> list[Any]:
        asked.append(suspicious)
        return take(inbox, due, suspicious=suspicious)

    monkeypatch.setattr(Inbox, "take", taken)

    def game(daemon: Daemon) -> None:
        running.until(lambda: "WATCHDOG=1" in running.said)
        before = len(asked)
        assert not any(asked)
        running.engine.change("api1", state="exited", health="none")
        daemon.inbox.put(Connected(cast(Engine, running.engine)))
        running.until(lambda: any(asked[before:]))
        running.until(lambda: "start api1" in running.did)
        running.until(lambda: not asked[-1])  # it is confirmed now

    running.play(game, monkeypatch)


def test_looks_and_remedies_run_beside_the_loop(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    running.engine.change("api1", state="exited", health="none")
    hand, beat = threading.Event(), threading.Event()

    def start(_one: Container) -> None:
        beat.set()
        assert hand.wait(15)
        running.did.append("started at last")

    monkeypatch.setattr(running.engine, "start", start)

    def game(daemon: Daemon) -> None:
        running.until(beat.is_set)
        rounds = running.rounds
        running.until(lambda: running.rounds > rounds + 2)
        assert "started at last" not in running.did
        hand.set()
        running.until(
            lambda: [what for one in daemon.components.judgement.open_incidents() for _at, what in one.done] == ["started shop-api-1"]
        )

    running.play(game, monkeypatch)
