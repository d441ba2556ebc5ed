# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which remedy, and when: back-off, one after the other, the breaker, the rungs behind it."""

from __future__ import annotations

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import ServiceSpec
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.findings import Fault
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.healing import ESCALATION, FIRST, REST, Action, Healer

from .samples import bad, failing, service

KEY = "shop/api"


class Ward:
    """A healer, a service that does not get well, and time that goes on only when it is told to."""

    def __init__(self, spec: ServiceSpec | None = None, jitter: float = 0.5) -> None:
        self.healer = Healer(lambda: jitter)
        self.spec = spec or service(max_heals=100)
        self.now = 1000.0
        self.gave_up = 0

    def begun(self, *found: Fault, after: float = 0.0) -> list[Action]:
        """What is begun now; nothing of it has ended yet."""
        self.now += after
        actions, gave_up = self.healer.plan(self.spec, failing(KEY, faults=found or (bad(),)), self.now)
        self.gave_up += gave_up
        return actions

    def treated(self, *found: Fault, after: float = 0.0) -> list[str]:
        """The remedies that are carried out now."""
        actions = self.begun(*found, after=after)
        for one in actions:
            self.healer.done(one, self.now)
        return [one.remedy for one in actions]

    def wait(self, *found: Fault) -> float:
        """Seconds until the next remedy, to a hundredth."""
        began = self.now
        while not self.treated(*found, after=0.01):
            assert self.now - began < 4 * REST
        return round(self.now - began, 2)

    def exhaust(self) -> list[str]:
        """The remedies until healing gives up."""
        before, found = self.gave_up, list[str]()
        while self.gave_up == before:
            found += self.treated(after=10)
        return found


def test_each_remedy_waits_twice_as_long_as_the_one_before() -> None:
    ward = Ward()
    assert ward.treated() == ["restart"]
    assert [ward.wait() for _again in range(5)] == pytest.approx([FIRST, FIRST * 2, FIRST * 4, FIRST * 8, FIRST * 16], abs=0.02)


@pytest.mark.parametrize(("jitter", "share"), [(0.0, 0.8), (1.0, 1.2)])
def test_hosts_do_not_march_in_step(jitter: float, share: float) -> None:
    ward = Ward(jitter=jitter)
    ward.treated()
    assert [ward.wait() for _again in range(2)] == pytest.approx([FIRST * share, FIRST * 2 * share], abs=0.02)


def test_the_jitter_is_a_real_one_where_none_is_given() -> None:
    assert len({Healer().jitter() for _one in range(20)}) > 15


def test_an_action_says_what_it_is_for() -> None:
    (action,) = Ward().begun()
    assert (action.key, action.remedy, action.reason) == (KEY, "restart", "it needs restart")
    assert action.container is not None and action.container.id == "api1"


@pytest.mark.parametrize("remedy", ["restart", "start", "replace"])
def test_what_is_being_done_is_not_begun_again(remedy: str) -> None:
    ward = Ward()
    assert len(ward.begun(bad(remedy))) == 1
    assert ward.begun(bad(remedy), after=1000) == []


def test_one_running_container_at_a_time() -> None:
    ward = Ward()
    (first,) = ward.begun(bad(number=1), bad(number=2))
    assert ward.begun(bad(number=1), bad(number=2), after=1000) == []
    ward.healer.done(first, ward.now)
    ward.healer.record(KEY).next_at["api1"] = ward.now + 1
    (second,) = ward.begun(bad(number=1), bad(number=2))
    assert [one.container.id for one in (first, second) if one.container] == ["api1", "api2"]


def test_what_does_not_run_is_started_all_at_once() -> None:
    assert len(Ward().begun(bad("start", 1), bad("start", 2), bad("unpause", 3), bad("connect", 4))) == 4


@pytest.mark.parametrize("remedy", ["none", "wait"])
def test_what_no_remedy_helps_is_left_alone(remedy: str) -> None:
    ward = Ward()
    assert ward.treated(bad(remedy)) == [] and ward.healer.record(KEY).heals == 0
    assert ward.treated(bad(remedy), bad(number=2)) == ["restart"]


def test_healing_that_is_not_wanted() -> None:
    ward = Ward(service(heal="none"))
    for _time in range(20):
        ward.healer.note_death(KEY, "api1", ward.now)
    assert ward.treated() == [] and not ward.gave_up


def test_missing_containers_are_asked_for_once() -> None:
    ward = Ward()
    assert ward.treated(bad("replace")) == ["replace"] and ward.treated(bad("replace"), after=1) == []
    assert ward.treated(bad("replace"), after=FIRST) == ["replace"]


# The breaker


@pytest.mark.parametrize("replicas", [1, 3])
def test_the_breaker_opens_after_so_many_tries_of_each_replica(replicas: int) -> None:
    ward = Ward(service(max_heals=4, replicas=replicas, heal_window=100_000))
    assert len(ward.exhaust()) == ward.healer.record(KEY).heals == 4 * replicas
    assert ward.healer.record(KEY).breaker_until == ward.now + REST


def test_also_a_patient_breaker_opens() -> None:
    ward = Ward(service(max_heals=100, replicas=3, heal_window=1_000_000))
    assert len(ward.exhaust()) == 300


@pytest.mark.parametrize("remedy", ["restart", "start"])
def test_the_last_try_has_its_time_to_show_its_effect(remedy: str) -> None:
    """What was just started is not well yet: no human is called while it may still become so."""
    ward = Ward(service(max_heals=2))
    assert [*ward.treated(bad(remedy)), *ward.treated(bad(remedy), after=FIRST)] == [remedy, remedy]
    assert ward.treated(bad("wait"), after=2 * FIRST - 0.1) == [] and not ward.gave_up
    assert ward.treated(bad("wait"), after=0.1) == [] and ward.gave_up == 1


def test_a_human_is_called_once() -> None:
    ward = Ward(service(max_heals=2))
    ward.exhaust()
    for _time in range(100):
        assert ward.treated(after=10) == []
    assert ward.gave_up == 1


def test_tries_of_long_ago_do_not_count() -> None:
    ward = Ward(service(max_heals=2, heal_window=600))
    for _time in range(20):
        assert ward.treated(after=601) == ["restart"]
    assert ward.gave_up == 0


def test_deaths_that_docker_itself_heals_open_the_breaker() -> None:
    ward = Ward(service(max_heals=4))
    for _death in range(3):
        ward.healer.note_death(KEY, "api1", ward.now)
    assert ward.treated(bad("wait")) == [] and not ward.gave_up
    ward.healer.note_death(KEY, "api1", ward.now)
    assert ward.treated(bad("wait")) == [] and ward.gave_up == 1
    assert ward.healer.record(KEY).heals == 0


@pytest.mark.parametrize("later", [1, FIRST, 100])  # seconds from the death to its remedy: the host may be busy
def test_a_death_that_is_left_to_the_watchdog_is_one_try(later: float) -> None:
    """`docker kill`, or no restart policy: nothing was tried before, so each death gets its remedy, up to the last that is allowed."""
    ward = Ward(service(max_heals=3, heal_window=100_000))
    for _death in range(3):
        ward.healer.note_death(KEY, "api1", ward.now)
        assert ward.treated(bad("start"), after=later) == ["start"]
        ward.healer.note_start(KEY, "api1")
        ward.now += 100
    assert len(ward.healer.record(KEY).tries) == 3 and not ward.gave_up
    ward.healer.note_death(KEY, "api1", ward.now)
    assert ward.treated(bad("start"), after=later) == [] and ward.gave_up == 1


def test_a_service_that_is_healed_once_is_healed_once() -> None:
    ward = Ward(service(max_heals=1))
    ward.healer.note_death(KEY, "api1", ward.now)
    assert ward.treated(bad("start"), after=1) == ["start"] and not ward.gave_up


def test_all_replicas_killed_at_once_are_a_try_each() -> None:
    ward = Ward(service(max_heals=1, replicas=2))
    for identity in ("api1", "api2"):
        ward.healer.note_death(KEY, identity, ward.now)
    assert ward.treated(bad("start", 1), bad("start", 2), after=1) == ["start", "start"]
    assert len(ward.healer.record(KEY).tries) == 2


def test_a_death_that_the_engine_healed_is_a_try_of_its_own() -> None:
    ward = Ward()
    ward.healer.note_death(KEY, "api1", ward.now)
    ward.healer.note_start(KEY, "api1")
    assert ward.treated(bad("start"), after=1) == ["start"]
    assert len(ward.healer.record(KEY).tries) == 2


def test_a_death_just_before_the_rest_is_over() -> None:
    ward = Ward(service(max_heals=1))
    ward.exhaust()
    ward.now += REST
    ward.healer.note_death(KEY, "api1", ward.now)
    assert ward.treated() == ["restart"] and ward.exhaust() == []


def test_deaths_far_apart_do_not() -> None:
    ward = Ward(service(max_heals=4))
    for _death in range(20):
        ward.now += 300
        ward.healer.note_death(KEY, "api1", ward.now)
        assert ward.treated(bad("wait")) == []
    assert not ward.gave_up


def test_an_open_breaker_lets_one_more_remedy_through_after_its_rest() -> None:
    ward = Ward(service(max_heals=4))
    ward.exhaust()
    assert ward.treated(after=REST - 1) == []
    assert ward.treated(after=1) == ["restart"]
    assert ward.exhaust() == []
    assert ward.treated(after=REST - 1) == []
    assert ward.treated(after=1) == ["restart"]


def test_what_got_well_begins_anew() -> None:
    ward = Ward(service(max_heals=4))
    ward.exhaust()
    ward.healer.well(KEY)
    record = ward.healer.record(KEY)
    assert (record.breaker_until, record.rung, record.next_at) == (None, 0, {})
    assert record.heals == 4  # of its whole life
    assert ward.treated(after=601) == ["restart"]


# What comes after restarts


def test_the_rungs_come_in_order_and_then_a_human() -> None:
    ward = Ward(service(max_heals=2, escalate=("recreate", "rollback")))
    treated = []
    while "recreate" not in treated:
        treated += ward.treated(after=10)
    assert treated == ["restart", "restart", "recreate"] and not ward.gave_up
    assert ward.treated(after=ESCALATION - 1) == []
    assert ward.treated(after=1) == ["rollback"] and not ward.gave_up
    assert ward.treated(after=ESCALATION - 1) == [] and not ward.gave_up
    assert ward.treated(after=1) == [] and ward.gave_up == 1


def test_an_escalation_is_of_the_whole_service() -> None:
    ward = Ward(service(max_heals=1, heal_window=100_000, escalate=("recreate",)))
    ward.treated()
    (action,) = ward.begun(after=10)
    assert (action.remedy, action.container, action.key) == ("recreate", None, KEY)
    assert ward.begun(after=10 * ESCALATION) == [] and not ward.gave_up  # it is still being done
    ward.healer.done(action, ward.now)
    assert ward.begun() == [] and ward.gave_up == 1


# Somebody else works on the stack


def test_what_could_not_be_begun_uses_no_try() -> None:
    ward = Ward(service(max_heals=2))
    for _time in range(20):
        (action,) = ward.begun(after=10)
        ward.healer.postponed(action, ward.now, delay=9)
        assert ward.begun(after=8.9) == []
    assert ward.healer.record(KEY).heals == 0 and not ward.healer.record(KEY).tries
    assert ward.treated(after=0.1) == ["restart"]
    assert ward.wait() == pytest.approx(FIRST, abs=0.02)  # as after a first try


def test_somebody_s_work_on_a_stack_begins_anew() -> None:
    ward = Ward(service(max_heals=1, heal_window=100_000, escalate=("recreate",)))
    ward.exhaust()
    ward.healer.forget("shop2")
    assert ward.treated() == []
    ward.healer.forget("shop")
    assert ward.treated() == ["restart"]
    assert ward.exhaust() == ["recreate"]


def test_a_death_just_before_somebody_worked_there() -> None:
    ward = Ward()
    ward.healer.note_death(KEY, "api1", ward.now)
    ward.healer.forget("shop")
    assert ward.treated(bad("start"), after=1) == ["start"]
