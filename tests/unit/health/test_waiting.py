# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long health is waited for, on a clock that a fake engine turns: one second for each time nothing happens."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container
from ansible_collections.latentum.ops.plugins.module_utils.contracts.health import Expectation
from ansible_collections.latentum.ops.plugins.module_utils.health import assessment
from ansible_collections.latentum.ops.plugins.modules import compose_health

from .samples import container

START = 1_000_000.0  # seconds since the epoch, without a meaning


class Script:
    """An engine whose only container changes with the seconds that have passed."""

    def __init__(self, looks: Callable[[float], dict[str, Any]]) -> None:
        self.looks = looks
        self.now = START

    def time(self) -> float:
        """The clock of the module under test."""
        return self.now

    def containers(self, _project: str) -> list[Container]:
        """What there is in this second."""
        return [container(**self.looks(self.now - START))]

    def events(self, since: float, until: float | None = None, project: str | None = None) -> Iterator[dict[str, Any]]:
        """None; the time is over."""
        assert until is not None and since <= until and project
        self.now = max(until, self.now + 0.1)
        return iter(())


def waited(
    monkeypatch: pytest.MonkeyPatch, looks: Callable[[float], dict[str, Any]], *, expect: str = "healthy", **options: float
) -> tuple[str, str, float]:
    """State and reason of the verdict, and the seconds until it."""
    engine = Script(looks)
    monkeypatch.setattr(assessment, "time", engine)
    found = assessment.wait(engine, "shop", [Expectation("web", expect)], **{"timeout": 180.0, "patience": 60.0, **options})
    return found[0].state, found[0].reason, round(engine.now - START)


def test_what_is_good_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waited(monkeypatch, lambda _now: {}) == ("ok", "", 0)


@pytest.mark.parametrize("ill", [{"health": "unhealthy"}, {"state": "exited", "exit_code": 137}])
@pytest.mark.parametrize("since", [0, 5])
def test_one_that_comes_back_within_the_patience_is_good(monkeypatch: pytest.MonkeyPatch, ill: dict[str, Any], since: float) -> None:
    """Ill from the beginning, or in the middle of the wait."""

    def looks(now: float) -> dict[str, Any]:
        return ill if since <= now < since + 40 else {"health": "starting"} if now < since else {}

    assert waited(monkeypatch, looks) == ("ok", "", since + 40)


def test_one_that_stays_ill_fails_when_the_patience_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    state, reason, seconds = waited(monkeypatch, lambda _now: {"health": "unhealthy"})
    assert (state, seconds) == ("failed", 60)
    assert reason == "shop-web-1 is unhealthy"


def test_the_patience_begins_anew_after_a_recovery(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fifty seconds ill, one starting, fifty ill: never sixty without a break."""

    def looks(now: float) -> dict[str, Any]:
        return {"health": "unhealthy"} if now < 50 or 51 <= now < 101 else {"health": "starting"} if now < 51 else {}

    assert waited(monkeypatch, looks) == ("ok", "", 101)


@pytest.mark.parametrize(
    ("looks", "seconds"),
    [
        (lambda now: {"health": "starting"} if now < 10 else {"health": "unhealthy"}, 10),
        (lambda _now: {"state": "exited", "exit_code": 1}, 0),
        (lambda _now: {"health": "unhealthy"}, assessment.AILING),
    ],
)
def test_without_patience_a_new_container_fails_at_once(
    monkeypatch: pytest.MonkeyPatch, looks: Callable[[float], dict[str, Any]], seconds: float
) -> None:
    """A rollout is taken back as soon as what it started has failed; what was unhealthy before has a moment to recover."""
    state, _reason, passed = waited(monkeypatch, looks, patience=0)
    assert (state, passed) == ("failed", seconds)


def test_the_deadline_stands_above_the_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    state, _reason, seconds = waited(monkeypatch, lambda _now: {"health": "unhealthy"}, timeout=20)
    assert (state, seconds) == ("waiting", 20)


@pytest.mark.parametrize(
    ("looks", "expect", "said"),
    [
        (lambda now: {"health": "starting", "restarts": int(now)}, "healthy", "crashes again and again"),
        (lambda now: {"health": "none"}, "healthy", "has no healthcheck"),
        (lambda now: {"state": "exited", "exit_code": 1}, "completed", "exited with code 1"),
    ],
)
def test_what_no_waiting_mends_fails_at_once(
    monkeypatch: pytest.MonkeyPatch, looks: Callable[[float], dict[str, Any]], expect: str, said: str
) -> None:
    state, reason, seconds = waited(monkeypatch, looks, expect=expect)
    assert state == "failed"
    assert said in reason
    assert seconds <= assessment.CRASH_LOOP


def test_it_must_stay_good_for_as_long_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def looks(now: float) -> dict[str, Any]:
        return {"health": "starting"} if now == 1 else {}

    assert waited(monkeypatch, looks, settle=3) == ("ok", "", 5)


@pytest.mark.parametrize(
    ("given", "ill", "healthy"), [({}, 59, True), ({}, 61, False), ({"patience": 5.0}, 4, True), ({"patience": 5.0}, 6, False)]
)
def test_the_module_waits_as_long_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], given: dict[str, Any], ill: float, healthy: bool
) -> None:
    """Without a word for as long as its documentation says."""

    def looks(now: float) -> dict[str, Any]:
        return {"health": "starting"} if now < 1 else {"state": "exited", "exit_code": 137} if now < 1 + ill else {}

    engine = Script(looks)
    monkeypatch.setattr(assessment, "time", engine)
    monkeypatch.setattr(compose_health, "Engine", lambda: engine)
    monkeypatch.setattr(compose_health, "details", lambda _engine, verdicts, _lines: [{"state": one.state} for one in verdicts])
    monkeypatch.setattr(compose_health, "text", str)
    asked = {"project": "shop", "services": [{"service": "web", "expect": "healthy"}], "settle": 0.0, **given}
    with patch_module_args(asked), pytest.raises(SystemExit):
        compose_health.main()
    assert ("failed" not in json.loads(capsys.readouterr().out)) is healthy
