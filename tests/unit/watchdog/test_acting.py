# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is begun about an open incident, and what comes of it."""

from __future__ import annotations

import json
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import StackSpec
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import acting as module
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import ledger as ledger_module
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import privileged_requests, stall
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.acting import Acting
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.notices import Alerting
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.failures import Failures
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.findings import Fault, Finding
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.healing import REST, Action, Healer
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.judgement import Judgement, Transition
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.ledger import Ledger
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.memory import Memory
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.remedies import Remedies, RemedyResult
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.stall import Stall

from . import samples
from .samples import AtOnce, Clock, Host, Killed, bad, failing, incident, service, throw, well

host, clock = samples.host, samples.clock

API, DB = "shop/api", "shop/db"


class Ward:
    """Services of stack shop, and hands whose work the test decides on; what is begun and told, in order."""

    def __init__(self, host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch, **spec: Any) -> None:
        self.clock = clock
        self.did: list[str] = []
        self.said: list[str] = []
        self.told: list[str] = []
        self.suppressed = ""
        self.came: list[RemedyResult] = []
        self.file = host.state / "watchdog" / "memory.json"
        self.remedy_pool = AtOnce()
        self.judgement, self.healer = Judgement(), Healer(lambda: 0.0)
        for speaker in (module, ledger_module):
            monkeypatch.setattr(speaker, "log", self.said.append)
        alerting = cast(Alerting, SimpleNamespace(tell=self.tell))
        ledger = Ledger(Memory(self.file), self.healer, self.judgement, alerting, lambda _incident: [], Failures())
        self.acting = Acting(
            [StackSpec("shop", services=(service("api", **spec), service("db")))],
            self.judgement,
            ledger,
            self.healer,
            cast(Remedies, self),
            Stall(120),
            lambda _key: self.suppressed,
            self.remedy_pool,
            self.came.append,
            Failures(),
        )

    def tell(self, told: Transition) -> None:
        self.told.append(f"{told.what} {told.incident.key} {told.incident.severity}")

    def carry_out(self, action: Action) -> RemedyResult:
        """In place of what the real remedies do."""
        self.did.append(f"{action.remedy} {action.container.id if action.container else action.service}")
        return RemedyResult(action, "it was done")

    def opened(self, key: str = API) -> Incident:
        """An incident is open from here on."""
        made = incident(key)
        self.judgement.restore([made], self.clock.steady)
        return made

    def round(self, *findings: Finding, after: float = 0.0) -> list[str]:
        """What is begun in a round that finds this, after what has come is taken in."""
        self.clock.go(after)
        for carried in self.came:
            self.acting.take(carried)
        self.came.clear()
        self.did.clear()
        self.acting.heal({one.key: one for one in findings}, self.clock.steady)
        return list(self.did)

    def done(self, one: Incident) -> list[str]:
        return [what for _at, what in one.done]


@pytest.fixture
def ward(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Ward:
    return Ward(host, clock, monkeypatch)


FAILS = failing(faults=(bad(),))


# When something is begun


def test_who_fails_is_healed_and_the_incident_says_how(ward: Ward) -> None:
    one = ward.opened()
    assert ward.round(FAILS) == ["restart api1"]
    assert "watchdog: restart shop-api-1: it needs restart" in ward.said
    assert ward.done(one) == []  # not before the loop has taken it in
    ward.round(well())
    assert ward.done(one) == ["it was done"] and "watchdog: it was done" in ward.said


@pytest.mark.parametrize("finding", [well(), well(state="starting"), failing(DB, faults=(bad(),))])
def test_who_does_not_fail_is_left_alone(finding: Finding, ward: Ward) -> None:
    ward.opened()
    assert ward.round(finding) == []


def test_nothing_is_done_on_a_suspicion(ward: Ward) -> None:
    assert ward.round(FAILS) == []


def test_nothing_is_done_while_it_is_suppressed(ward: Ward) -> None:
    ward.opened()
    ward.suppressed = "a larger disk"
    assert ward.round(FAILS) == [] and ward.healer.records == {}
    ward.suppressed = ""
    assert ward.round(FAILS) == ["restart api1"]


def test_an_overloaded_host_is_given_time_before_what_is_late_is_restarted(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    opened, slow = ward.opened(), failing(faults=(replace(bad(), late=True),))
    monkeypatch.setattr(stall, "stalled", lambda: "cpu 93 %")
    assert ward.round(slow) == [] and ward.round(slow, after=100) == []
    assert len(opened.done) == 1 and ward.healer.record(API).heals == 0
    assert ward.round(slow, after=20) == ["restart api1"]  # it has had its time


def test_each_service_is_healed_by_itself(ward: Ward) -> None:
    one, other = ward.opened(API), ward.opened(DB)
    assert ward.round(FAILS, failing(DB, faults=(bad("replace"),))) == ["restart api1", "replace db"]
    ward.round()
    assert ward.done(one) == ward.done(other) == ["it was done"]


def test_a_remedy_is_begun_once_while_it_runs(ward: Ward) -> None:
    ward.opened()
    ward.remedy_pool.held = True
    ward.round(FAILS)
    ward.remedy_pool.held = False
    assert ward.round(FAILS, after=600) == []


# What is remembered, and when


def test_a_remedy_is_remembered_before_it_is_begun(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(_action: Action) -> RemedyResult:
        raise Killed

    ward.opened()
    monkeypatch.setattr(ward.acting.remedies, "carry_out", killed)
    with pytest.raises(Killed):
        ward.round(FAILS)
    healer = Healer()
    Memory(ward.file).restore(healer, ward.clock.steady)
    assert healer.record(API).heals == 1 and list(healer.record(API).tries) == [ward.clock.steady]


def test_a_round_without_remedies_writes_nothing(ward: Ward) -> None:
    ward.opened()
    ward.round(failing(faults=(bad("wait"),)))
    assert not ward.file.exists()


# How a remedy may go


def test_a_remedy_that_raises_is_an_answer(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_action: Action) -> RemedyResult:
        raise KeyError("Names")

    one = ward.opened()
    with monkeypatch.context() as patched:
        patched.setattr(ward.acting.remedies, "carry_out", broken)
        assert ward.round(FAILS) == []
    assert ward.round(FAILS) == [] and ward.done(one) == ["could not restart api: KeyError('Names')"]
    assert ward.round(FAILS, after=5) == ["restart api1"]  # it was a try, and does not count as running for ever


def test_a_remedy_that_is_held_up_is_postponed_and_no_try(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    one = ward.opened()
    with monkeypatch.context() as patched:
        patched.setattr(ward.acting.remedies, "carry_out", lambda action: RemedyResult(action, "deploy by ada", held=True))
        ward.round(FAILS)
    assert ward.round(FAILS, after=1) == []
    assert (ward.healer.record(API).heals, list(ward.healer.record(API).tries), ward.done(one)) == (0, [], [])
    assert ward.said[-1] == "watchdog: restart waits: deploy by ada"
    assert ward.round(FAILS, after=4.9) == []
    assert ward.round(FAILS, after=0.1) == ["restart api1"]


def test_a_remedy_that_was_never_begun_is_no_answer(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    def submit(*_given: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.cancel()
        future.set_running_or_notify_cancel()
        return future

    ward.opened()
    monkeypatch.setattr(ward.remedy_pool, "submit", submit)
    ward.round(FAILS)
    assert ward.came == []


def test_a_remedy_that_outlasts_its_incident_has_ended_all_the_same(ward: Ward) -> None:
    one = ward.opened()
    ward.round(FAILS)
    ward.judgement.subject(API).incident = None
    ward.round()
    assert ward.healer.record(API).in_flight == set() and ward.done(one) == []


# When nothing helps


def gives_up(ward: Ward) -> None:
    for _round in range(100):
        if ward.told:
            return
        ward.round(FAILS, after=10)
    raise AssertionError("it never gave up")


def test_giving_up_calls_a_human_once(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    ward = Ward(host, clock, monkeypatch, max_heals=2)
    one = ward.opened()
    gives_up(ward)
    assert (one.needs_human, one.severity, one.escalated) == (True, "critical", clock.wall)
    assert ward.done(one)[-1] == "healing gave up: a human is needed"
    (remembered,) = Memory(ward.file).open
    assert remembered.needs_human
    assert ward.round(FAILS, after=REST) == ["restart api1"]  # one more after a rest, and it gives up again
    for _round in range(100):
        ward.round(FAILS, after=10)
    assert ward.told == [f"escalate {API} critical"] and ward.done(one).count("healing gave up: a human is needed") == 1


def test_a_human_is_called_again_for_another_incident(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    ward = Ward(host, clock, monkeypatch, max_heals=2)
    for _incident in range(2):
        ward.told.clear()
        ward.opened()
        gives_up(ward)
        assert ward.told == [f"escalate {API} critical"]
        ward.healer.well(API)


def test_what_a_human_is_called_for_is_not_what_is_healed(ward: Ward) -> None:
    """A fault that no remedy helps is told when it opens, and never as a healing that gave up."""
    one = ward.opened()
    for _round in range(50):
        assert ward.round(failing(faults=(Fault(None, "the image is gone", "none"),)), after=60) == []
    assert ward.told == [] and not one.needs_human


# What only root can do


def test_the_answer_of_the_privileged_helper_is_kept_with_the_incident_that_is_open(ward: Ward) -> None:
    one = ward.opened()
    for name in ("api", "db"):  # nothing is wrong with the database any more
        answer = {"stack": "shop", "service": name, "said": f"brought {name}"}
        (privileged_requests.ANSWERS / f"shop.{name}.json").write_text(json.dumps(answer))
    ward.round()
    ward.round()
    assert ward.done(one) == ["brought api"] and not list(privileged_requests.ANSWERS.iterdir())


def test_an_answer_that_cannot_be_taken_away_is_given_once_when_it_can(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    one = ward.opened()
    (privileged_requests.ANSWERS / "shop.api.json").write_text('{"stack": "shop", "service": "api", "said": "brought api"}')
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda *_given, **_named: throw(OSError("read-only file system")))
        for _round in range(3):
            assert ward.round() == [] and ward.done(one) == []
    ward.round()
    ward.round()
    assert ward.done(one) == ["brought api"]
