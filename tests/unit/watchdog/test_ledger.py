# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is noted of an incident, in which order, and what is made up for after a kill."""

from __future__ import annotations

import json
from functools import partial

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import ledger as module
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import notices as alerting_module
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.notices import Alerting
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import load_alerts
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import Spool
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.failures import AGAIN, Failures
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.healing import Healer
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.incidents import Incident
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.judgement import Judgement, Subject, Transition
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.ledger import NEWEST, RECENT, Ledger
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.memory import Memory
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.settings import Settings

from . import samples
from .samples import Clock, Host, Killed, incident

host, clock = samples.host, samples.clock

API = "shop/api"


class Book:
    """A ledger on a host that routes everything to a chat, and may be killed; what it does, in order."""

    def __init__(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state = host.state / "watchdog"
        self.did: list[str] = []
        self.spooling = True
        self.failures = Failures()
        route = {"name": "chat", "kind": "slack", "url_file": "/none", "severities": ["critical", "warning"]}
        host.watch("shop", alerts=[route])
        monkeypatch.setattr(alerting_module, "load_alerts", partial(load_alerts, host.etc / "watchdog"))
        monkeypatch.setattr(module, "log", self.did.append)
        tell = Alerting.tell
        monkeypatch.setattr(Alerting, "tell", lambda alerting, told: tell(alerting, told) if self.spooling else throw_killed())
        self.begin()

    def begin(self) -> None:
        """As a daemon that has just been started."""
        self.memory, self.healer, self.judgement = Memory(self.state / "memory.json"), Healer(), Judgement()
        self.judgement.restore(self.memory.open, 0)
        self.alerting = Alerting(Settings(), "web-1", Spool(self.state / "spool"), self.failures)
        self.ledger = Ledger(self.memory, self.healer, self.judgement, self.alerting, self.log, self.failures)

    def log(self, one: Incident) -> list[str]:
        self.did.append(f"log of {one.key}")
        return ["last words"]

    def opened(self, one: Incident) -> Incident:
        """The judgement has just opened it."""
        self.judgement.subjects[one.key] = Subject("open", incident=one)
        self.ledger.note(Transition("open", one))
        return one

    def escalated(self, one: Incident, at: float) -> None:
        one.severity, one.escalated = "critical", at
        self.ledger.note(Transition("escalate", one))

    def ended(self, one: Incident, at: float) -> None:
        """The judgement has just ended it."""
        one.ended = at
        self.judgement.subjects.pop(one.key)
        self.ledger.note(Transition("end", one))

    @property
    def told(self) -> list[str]:
        """What waits in the spool, in order."""
        return [f"{one.notice['what']} {one.notice['incident']['key']}" for one in Spool(self.state / "spool").waiting()]


def throw_killed() -> None:
    raise Killed


@pytest.fixture
def book(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Book:
    return Book(host, monkeypatch)


def test_it_is_logged_and_remembered_before_it_is_told(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    def tell(_alerting: Alerting, told: Transition) -> None:
        (remembered,) = json.loads((book.state / "memory.json").read_text())["open"]
        book.did.append(f"told {told.what}, remembered with its log {remembered['log']}")

    monkeypatch.setattr(Alerting, "tell", tell)
    book.opened(incident())
    assert book.did == [
        "log of shop/api",
        "watchdog: open: warning: shop/api: it does not answer",
        "told open, remembered with its log ['last words']",
    ]


def test_only_what_opens_is_worth_a_look_at_the_log(book: Book, clock: Clock) -> None:
    one = book.opened(incident())
    book.did.clear()
    book.escalated(one, clock.wall)
    book.ended(one, clock.wall)
    assert not any(did.startswith("log of") for did in book.did) and one.log == ["last words"]
    assert book.told == [f"open {API}", f"escalate {API}", f"end {API}"]


def test_what_has_ended_is_kept_and_gives_healing_a_fresh_start(book: Book, clock: Clock) -> None:
    one, other = book.opened(incident()), book.opened(incident("shop/db"))
    record = book.healer.record(API)
    record.rung, record.breaker_until = 2, clock.steady + 60
    book.ended(one, clock.wall)
    assert record.rung == 0 and record.breaker_until is None
    memory = Memory(book.state / "memory.json")
    assert [kept.key for kept in memory.history] == [API] and [kept.id for kept in memory.open] == [other.id]


def test_what_was_tried_is_remembered_too(book: Book, clock: Clock) -> None:
    book.healer.note_death(API, "api1", clock.steady - 60)
    book.ledger.remember(clock.steady)
    clock.go(30)
    book.begin()
    book.memory.restore(book.healer, clock.steady)
    assert list(book.healer.record(API).tries) == [clock.steady - 90]


@pytest.mark.parametrize("what", ["open", "escalate", "end"])
def test_what_a_killed_watchdog_did_not_spool_is_spooled_once_at_the_next_start(what: str, book: Book, clock: Clock) -> None:
    steps = ["open", "escalate", "end"]
    one = incident()
    for step in steps[: steps.index(what) + 1]:
        clock.go(60)
        book.spooling = step != what
        try:
            if step == "open":
                book.opened(one)
            elif step == "escalate":
                book.escalated(one, clock.wall)
            else:
                book.ended(one, clock.wall)
        except Killed:
            book.spooling = True
    told = [f"{step} {API}" for step in steps[: steps.index(what) + 1]]
    assert book.told == told[:-1]
    for _start in range(3):
        clock.go(10)
        book.begin()
        book.ledger.tell_again()
        assert book.told == told


def test_an_end_of_long_ago_is_no_news(book: Book, clock: Clock) -> None:
    one = book.opened(incident())
    book.spooling = False
    with pytest.raises(Killed):
        book.ended(one, clock.wall)
    book.spooling = True
    clock.go(RECENT)
    book.begin()
    book.ledger.tell_again()
    assert book.told == [f"open {API}"]


def test_only_the_newest_of_those_that_ended_are_looked_through(book: Book, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(NEWEST + 5):
        book.ended(book.opened(incident(f"shop/s{number}")), clock.wall)
    again: list[str] = []
    monkeypatch.setattr(Alerting, "tell", lambda _alerting, told: again.append(told.incident.subject))
    book.ledger.tell_again()
    assert again == [f"s{number}" for number in range(NEWEST + 4, 4, -1)]


def test_of_a_host_or_a_site_nothing_is_remembered_but_the_incident(book: Book, clock: Clock) -> None:
    for key in ("host/disk /", "shop/site:example.com"):
        book.ended(book.opened(incident(key)), clock.wall)
    assert book.healer.records == {} and json.loads((book.state / "memory.json").read_text())["healing"] == {}


def test_what_cannot_be_remembered_is_told_all_the_same_and_remembered_later(
    book: Book, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = book.memory.file
    with monkeypatch.context() as patched:
        patched.setattr(book.memory, "file", book.state / "none" / "memory.json")
        book.opened(incident())
        clock.go(AGAIN)
        book.ledger.catch_up(clock.steady)
        assert book.told == [f"open {API}"] and Memory(file).open == []
    clock.go(AGAIN - 1)
    book.ledger.catch_up(clock.steady)
    assert Memory(file).open == []
    clock.go(1)
    book.ledger.catch_up(clock.steady)
    assert [one.key for one in Memory(file).open] == [API]
