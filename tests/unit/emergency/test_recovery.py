# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A recovery goes as far as it must and as somebody agrees to, and no further; the journal says what was tried."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup.restic_errors import TargetError
from ansible_collections.latentum.ops.plugins.module_utils.emergency import recovery
from ansible_collections.latentum.ops.plugins.module_utils.emergency.recovery import Course, Recovery, Step, recovered
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal, RolloutInProgress
from ansible_collections.latentum.ops.plugins.module_utils.release.store import GOOD, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Outcome
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.host import Check

from ..cli import host
from . import places
from .places import Place

place = places.place


class Attempt:
    """A recovery, with what it asked and told."""

    def __init__(self, upto: Step | None, settled: float = 0.0) -> None:
        self.asked: list[Course] = []
        self.told: list[str] = []
        self.upto = upto
        self.recovery = Recovery("shop", self.agree, self.told.append, settled=settled)

    def agree(self, course: Course) -> bool:
        self.asked.append(course)
        steps = list(Step)
        return self.upto is not None and steps.index(course.step) <= steps.index(self.upto)

    def run(self) -> bool:
        return recovered("shop", self.recovery.run())

    def steps(self) -> list[str]:
        return [f"{step.step} {step.outcome}" for step in self.recovery.taken]


class FakeDeployment:
    """A deployment, as far as a recovery sees it: it cures, or it fails."""

    did: list[str]
    cure: Callable[[str], None]
    errors: list[Exception]

    def __init__(self, stack: str, order: Any) -> None:
        self.order = order

    def deploy(self, _declared: Any) -> Outcome:
        return self._done("deploy")

    def rollback(self) -> Outcome:
        return self._done("rollback")

    def _done(self, what: str) -> Outcome:
        FakeDeployment.did.append(what)
        if FakeDeployment.errors:
            raise FakeDeployment.errors[0]
        FakeDeployment.cure(what)
        return Outcome(release="before")


@pytest.fixture(autouse=True)
def ready(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.watch()
    place.release()
    FakeDeployment.did, FakeDeployment.errors, FakeDeployment.cure = [], [], lambda _what: None
    monkeypatch.setattr(recovery, "Deployment", FakeDeployment)
    monkeypatch.setattr(sync, "CONFIGURATION", place.root / "etc/upstreams")
    monkeypatch.setattr(sync, "RENDERED", place.root / "etc/nginx/upstreams.d")
    monkeypatch.setattr(recovery, "wait", lambda *_given: [])


def entries(step: str) -> list[dict[str, Any]]:
    return [entry for entry in Journal("shop").read() if str(entry.get("step", "")).startswith(step)]


def earlier(place: Place) -> None:
    """A good release before the live one."""
    Store("shop").mark(place.release().id, GOOD)
    place.release(version=2)
    Store("shop").mark(next(iter(Store("shop").previous())), GOOD)


def test_what_is_well_is_left_alone(place: Place) -> None:
    attempt = Attempt(Step.RESTORE)
    assert attempt.run() and attempt.asked == [] and attempt.steps() == ["look well"]
    assert not [request for request in place.dockerd.asked if request.startswith("POST")]


def test_only_what_fails_is_restarted_and_that_is_the_end(place: Place) -> None:
    place.boxes["web"].health = "unhealthy"
    attempt = Attempt(Step.RESTORE)
    assert attempt.run() and attempt.steps() == ["look found", "restart well"]
    assert [course.sentences for course in attempt.asked] == [("restart shop-web-1",)]
    posts = [request for request in place.dockerd.asked if request.startswith("POST")]
    assert len(posts) == 1 and place.boxes["web"].id in posts[0]
    assert FakeDeployment.did == []


@pytest.mark.parametrize(("state", "verb"), [("exited", "start"), ("paused", "unpause"), ("dead", "start"), ("created", "start")])
def test_each_state_has_its_remedy(place: Place, state: str, verb: str) -> None:
    place.boxes["api"].state = state
    attempt = Attempt(Step.RESTART)
    assert attempt.run() and attempt.asked[0].sentences == (f"{verb} shop-api-1",)


def test_what_others_need_comes_first(place: Place) -> None:
    place.release(services={"web": {"depends_on": ["api"]}, "api": {}})
    for box in place.boxes.values():
        box.health = "unhealthy"
    attempt = Attempt(None)
    attempt.run()
    assert attempt.asked[0].sentences == ("restart shop-api-1", "restart shop-web-1")


def test_a_container_that_is_gone_is_started_from_the_live_release(place: Place) -> None:
    gone = place.dockerd.boxes.pop(place.boxes["api"].id)

    def cure(_what: str) -> None:
        place.dockerd.boxes[gone.id] = gone

    FakeDeployment.cure = cure
    attempt = Attempt(Step.RESTART)
    assert attempt.run() and FakeDeployment.did == ["deploy"]
    assert attempt.asked[0].sentences == ("start what is missing of api, from the live release",)


def test_an_interrupted_deployment_is_finished_first(place: Place) -> None:
    place.boxes["web"].health = "unhealthy"
    Journal("shop").keep(RolloutInProgress("a", "deploy", "abc", None, "ada"))
    attempt = Attempt(Step.RESTART)
    attempt.run()
    assert FakeDeployment.did == ["deploy"] and "interrupted deploy of abc by ada" in attempt.asked[0].sentences[-1]


def test_a_restart_that_does_not_help_is_followed_by_a_rollback(place: Place) -> None:
    earlier(place)
    place.boxes["web"].health, place.boxes["web"].cures = "unhealthy", False

    def cure(_what: str) -> None:
        place.boxes["web"].health = "healthy"

    FakeDeployment.cure = cure
    attempt = Attempt(Step.ROLLBACK)
    assert attempt.run() and attempt.steps() == ["look found", "restart not enough", "rollback well"]
    assert FakeDeployment.did == ["rollback"]


def test_without_a_release_before_a_rollback_is_impossible_and_the_restore_is_asked_for(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.boxes["web"].health, place.boxes["web"].cures = "unhealthy", False
    plans(monkeypatch)
    attempt = Attempt(Step.ROLLBACK)
    assert not attempt.run() and attempt.recovery.declined is Step.RESTORE
    assert attempt.steps() == ["look found", "restart not enough", "rollback impossible", "restore refused"]


def plans(monkeypatch: pytest.MonkeyPatch, cure: Callable[[], None] = lambda: None) -> list[bool]:
    """Backups there are; whether each call was confirmed."""
    calls: list[bool] = []

    def restore(
        _engine: Any, _settings: Any, request: Any, _progress: Any, planned: Callable[[list[str]], None] = lambda _lines: None
    ) -> Any:
        calls.append(request.confirmed)
        planned(["database shop from offsite"])
        if not request.confirmed:
            raise recovery.restoring.Unconfirmed("say --yes")
        cure()
        return recovery.restoring.Report([], 0.0, [])

    monkeypatch.setattr(recovery.backup_settings, "load", lambda _stack: object())
    monkeypatch.setattr(recovery.restoring, "restore", restore)
    return calls


def test_a_restore_is_the_last_step_and_shows_its_plan_first(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.boxes["web"].health, place.boxes["web"].cures = "unhealthy", False
    calls = plans(monkeypatch, lambda: setattr(place.boxes["web"], "health", "healthy"))
    attempt = Attempt(Step.RESTORE)
    assert attempt.run() and calls == [False, True]
    assert attempt.asked[-1].sentences[0] == "database shop from offsite" and "is lost" in attempt.asked[-1].sentences[-1]


def test_what_broke_off_without_the_data_is_ended_once_they_are_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rollback that could neither end nor be taken back would be told as interrupted until somebody deploys."""
    earlier(place)
    place.boxes["web"].health, place.boxes["web"].cures = "unhealthy", False
    FakeDeployment.errors = [DeployFailed("it cannot be taken back")]

    def cure() -> None:
        place.boxes["web"].health = "healthy"
        FakeDeployment.errors = []
        Journal("shop").keep(RolloutInProgress("a", "rollback", "abc", None, "ada"))

    plans(monkeypatch, cure)
    attempt = Attempt(Step.RESTORE)
    assert attempt.run() and attempt.steps()[-1] == "restore well"
    assert FakeDeployment.did == ["rollback", "deploy"]


def test_without_backups_nothing_is_left_to_try(place: Place) -> None:
    place.boxes["web"].health, place.boxes["web"].cures = "unhealthy", False
    attempt = Attempt(Step.RESTORE)
    assert not attempt.run() and attempt.recovery.declined is None
    assert attempt.steps()[-1] == "restore impossible"


@pytest.mark.parametrize("when", [False, True], ids=["in the plan", "in the restore"])
def test_a_target_that_fails_is_said_and_ends_nothing_else(place: Place, monkeypatch: pytest.MonkeyPatch, when: bool) -> None:
    place.boxes["web"].health, place.boxes["web"].cures = "unhealthy", False

    def restore(_engine: Any, _settings: Any, request: Any, _progress: Any, planned: Any = None) -> Any:
        if request.confirmed is when:
            raise TargetError("offsite", "connection refused")
        raise recovery.restoring.Unconfirmed("say --yes")

    plans(monkeypatch)
    monkeypatch.setattr(recovery.restoring, "restore", restore)
    attempt = Attempt(Step.RESTORE)
    assert not attempt.run()
    assert attempt.steps()[-1] == ("restore failed" if when else "restore impossible")
    assert "offsite" in attempt.recovery.taken[-1].sentence and "connection refused" in attempt.recovery.taken[-1].sentence


def test_a_reason_on_the_next_line_is_told_too(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier(place)
    place.boxes["web"].health, place.boxes["web"].cures = "unhealthy", False
    FakeDeployment.errors = [DeployFailed("it cannot be taken back:\n  the database crashed\nand more")]
    plans(monkeypatch)
    attempt = Attempt(Step.ROLLBACK)
    attempt.run()
    assert attempt.recovery.taken[2].sentence == "it cannot be taken back: the database crashed"


def test_a_step_that_fails_leads_to_the_next(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    earlier(place)
    place.boxes["web"].health, place.boxes["web"].cures = "unhealthy", False
    FakeDeployment.errors = [DeployFailed("it was taken back\nand more")]
    plans(monkeypatch)
    attempt = Attempt(Step.ROLLBACK)
    attempt.run()
    assert "rollback failed" in attempt.steps() and attempt.recovery.taken[2].sentence == "it was taken back"


def test_a_site_that_fails_while_its_services_are_well_restarts_all_of_them(place: Place) -> None:
    place.nginx.answers["/"] = 502
    attempt = Attempt(None)
    attempt.run()
    assert attempt.asked[0].sentences == ("restart shop-api-1", "restart shop-web-1")


def test_a_job_is_not_run_again(place: Place) -> None:
    place.nginx.answers["/"] = 502
    live = Store("shop").live()
    assert live
    live.services[1]["expect"] = "completed"
    (Store("shop").path(live.id) / "release.json").write_text(
        json.dumps({**json.loads((Store("shop").path(live.id) / "release.json").read_text()), "services": live.services})
    )
    attempt = Attempt(None)
    attempt.run()
    assert attempt.asked[0].sentences == ("restart shop-web-1",)


@pytest.mark.parametrize(
    "check",
    [
        Check("disk /var", "critical", "99 %", "99 % of the space"),
        Check("docker", "critical", "failed", "it is failed"),
        Check("nginx", "critical", "failed", "no"),
    ],
)
def test_a_host_that_is_in_the_way_comes_first(place: Place, check: Check) -> None:
    """A rollback on a full disk pulls images, and a restore writes: both make it worse."""
    place.boxes["web"].health = "unhealthy"
    place.checks = [check]
    with pytest.raises(ValueError, match="the host itself is in the way"):
        Attempt(Step.RESTORE).run()
    assert not [request for request in place.dockerd.asked if request.startswith("POST")]


def test_an_old_backup_or_certificate_is_not_what_a_recovery_waits_for(place: Place) -> None:
    place.checks = [Check("backup shop", "critical", "90 h", "90 h old")]
    assert Attempt(None).run()


def test_nobody_agrees_nothing_is_done(place: Place) -> None:
    place.boxes["web"].health = "unhealthy"
    attempt = Attempt(None)
    assert not attempt.run() and attempt.recovery.declined is Step.RESTART
    assert not [request for request in place.dockerd.asked if request.startswith("POST")]


def test_every_step_is_in_the_journal_with_who_took_it_and_without_secrets(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.boxes["web"].health = "unhealthy"
    Attempt(Step.RESTART).run()
    assert [entry["step"] for entry in entries("")] == ["look: found", "restart: begun", "restart: well"]
    assert all(entry["kind"] == "recover" and entry["who"] for entry in entries(""))


def test_somebody_who_deploys_is_not_disturbed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.boxes["web"].health = "unhealthy"

    def held(*_given: Any, **_named: Any) -> Any:
        raise recovery.LockHeld("shop", {"who": "ada", "what": "deploy"}, 0)

    monkeypatch.setattr(recovery, "stack_lock", held)
    attempt = Attempt(Step.RESTART)
    assert not attempt.run() and attempt.steps()[1] == "restart failed" and place.boxes["web"].health == "unhealthy"


def test_the_verb(place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(recovery, "SETTLED", 0.0)
    place.boxes["web"].health = "unhealthy"
    assert host.run(["recover"]) == 3
    assert "opsctl recover --stack shop --yes restart" in capsys.readouterr().out
    assert host.run(["recover", "--yes", "restart", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["recovered"] and [step["outcome"] for step in answer["steps"]] == ["found", "well"]
