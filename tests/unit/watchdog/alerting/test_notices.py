# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deliverer, which is a process of its own, and reminders."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import failures
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting import notices as module
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.notices import HOUSEKEEPING, IDLE, PATIENCE, REMIND, Alerting
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.routes import load_alerts
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.alerting.spool import Spool
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.failures import Failures
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.judgement import Transition
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.settings import Settings

from .. import samples
from ..samples import Clock, Host, incident, throw

host, clock = samples.host, samples.clock


class Voice:
    """An alerting whose deliverers end when the test says so, with what it says."""

    def __init__(self, host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = clock
        self.began: list[SimpleNamespace] = []
        self.said: list[str] = []
        self.spool = Spool(host.state / "watchdog" / "spool")
        self.failures = Failures()
        route = {"name": "chat", "kind": "slack", "url_file": "/none", "severities": ["warning"], "reminder": 60}
        host.watch("shop", alerts=[route])
        monkeypatch.setattr(module, "load_alerts", partial(load_alerts, host.etc / "watchdog"))
        monkeypatch.setattr(failures, "log", self.said.append)
        monkeypatch.setattr(subprocess, "Popen", self.begin)
        self.alerting = Alerting(Settings(), "web-1", self.spool, self.failures)

    def begin(self, *_given: Any, **_named: Any) -> SimpleNamespace:
        made = SimpleNamespace(stdout=BytesIO(), ended=None, killed=False)
        made.poll = lambda: made.ended
        made.kill = lambda: setattr(made, "killed", True)
        self.began.append(made)
        return made

    def end(self, **summary: Any) -> None:
        """The newest deliverer ends with this."""
        self.began[-1].stdout, self.began[-1].ended = BytesIO(json.dumps(summary).encode()), 0

    def reload(self) -> None:
        """With other settings."""
        self.alerting = Alerting(Settings(), "web-1", self.spool, self.failures, self.alerting)

    def go(self, seconds: float = 0.0) -> int:
        """Time passes; how many deliverers have been started."""
        self.clock.go(seconds)
        self.alerting.deliver(self.clock.steady)
        return len(self.began)


@pytest.fixture
def voice(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Voice:
    return Voice(host, clock, monkeypatch)


def test_one_deliverer_runs_and_the_next_one_when_there_is_a_reason(voice: Voice) -> None:
    assert voice.go() == 1 and voice.go(5) == 1
    voice.alerting.tell(Transition("open", incident()))
    voice.end()
    assert voice.go() == 1 and voice.go() == 2
    voice.end(failed={"shop/chat": "no answer"}, next=voice.clock.wall + 25)
    voice.go()
    assert voice.alerting.summary["failed"] == {"shop/chat": "no answer"}
    assert voice.go(24) == 2 and voice.go(1) == 3
    voice.end()
    voice.go()
    assert voice.go(IDLE - 1) == 3 and voice.go(1) == 4


def test_nobody_is_started_for_an_empty_spool_except_to_clear_away_what_is_old(voice: Voice) -> None:
    voice.go()
    voice.end()
    assert [voice.go(IDLE) for _minute in range(int(HOUSEKEEPING / IDLE) - 1)] == [1] * (int(HOUSEKEEPING / IDLE) - 1)
    assert voice.go(IDLE) == 2
    voice.end()
    voice.go()
    other = Spool(voice.spool.folder)
    other.tell(voice.alerting.notice("open", incident()), voice.alerting.alerts.routes)
    assert voice.go(IDLE) == 3  # somebody else has put something into it


def test_a_deliverer_that_runs_is_not_lost_when_the_settings_are_read_again(voice: Voice) -> None:
    voice.go()
    voice.reload()
    assert voice.go(1) == 1
    voice.end(failed={"shop/chat": "no answer"})
    voice.go(1)
    assert voice.alerting.summary["failed"] == {"shop/chat": "no answer"}
    assert voice.go() == 2  # it had read the routes of before


def test_a_deliverer_that_hangs_is_killed_although_the_settings_are_read_again(voice: Voice) -> None:
    voice.go()
    voice.clock.go(PATIENCE)
    voice.reload()
    voice.go()
    assert not voice.began[0].killed
    voice.go(1)
    assert voice.began[0].killed


def test_what_the_last_deliverer_said_is_known_after_the_settings_are_read_again(voice: Voice) -> None:
    voice.go()
    voice.end(failed={"shop/chat": "no answer"}, waiting=3)
    voice.go()
    voice.reload()
    assert (voice.alerting.summary["failed"], voice.alerting.summary["waiting"]) == ({"shop/chat": "no answer"}, 3)
    assert voice.go() == 2  # at once: the settings may be its remedy


def test_a_deliverer_that_cannot_be_started_is_tried_again(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", lambda *_given, **_named: throw(OSError("cannot allocate memory")))
        for _round in range(5):
            voice.go(1)
    assert voice.said == ["watchdog: starting the deliverer fails, and is tried again: cannot allocate memory"]
    assert voice.go(1) == 1


def test_a_reminder_that_cannot_be_spooled_is_tried_again(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    one = incident()
    voice.alerting.tell(Transition("open", one))
    with monkeypatch.context() as patched:
        patched.setattr(voice.spool, "put", lambda *_given: throw(OSError("read-only")))
        for _look in range(10):
            voice.clock.go(REMIND)
            voice.alerting.remind([one], {}, voice.clock.steady)
    assert voice.said == ["watchdog: spooling reminders fails, and is tried again: read-only"]
    voice.clock.go(REMIND)
    voice.alerting.remind([one], {}, voice.clock.steady)
    assert [item.notice["what"] for item in voice.spool.waiting()] == ["open", "reminder"]
