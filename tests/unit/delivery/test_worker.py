# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deliveries from the inbox to their end: one after the other, told truly, and through kills at any point neither lost nor done twice."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockBusy, LockHeld, file_lock
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress
from ansible_collections.latentum.ops.plugins.module_utils.delivery import execution
from ansible_collections.latentum.ops.plugins.module_utils.delivery.entry import Entry, State
from ansible_collections.latentum.ops.plugins.module_utils.delivery.execution import Host, carry_out
from ansible_collections.latentum.ops.plugins.module_utils.delivery.inbox import Inbox
from ansible_collections.latentum.ops.plugins.module_utils.delivery.intake import Intake
from ansible_collections.latentum.ops.plugins.module_utils.delivery.queue import Queue
from ansible_collections.latentum.ops.plugins.module_utils.delivery.worker import STARTING, Worker, shown
from ansible_collections.latentum.ops.plugins.module_utils.preflight import delivered_images
from ansible_collections.latentum.ops.plugins.module_utils.preflight.host import Host as PreflightHost
from ansible_collections.latentum.ops.plugins.module_utils.release import delivered
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import (
    LIVE,
    PARTLY_TAKEN_BACK,
    TAKEN_BACK,
    Journal,
    RolloutInProgress,
)
from ansible_collections.latentum.ops.plugins.module_utils.release.store import GOOD, Release, ReleaseError, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.argspec import ARGUMENTS
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed
from ansible_collections.latentum.ops.plugins.modules import compose_rollout

from .samples import API, DIGEST, NOW, WEB, request, settings


def release(version: str) -> Release:
    images = {"api": f"{API}:{version}@{DIGEST}", "web": f"{WEB}:{version}@{DIGEST}"}
    project = {"services": {name: {"image": image} for name, image in images.items()}}
    return Release("shop", "/opt/shop", project, {}, [], [], [], images=images, state=GOOD)


def go_live(version: str) -> str:
    made = release(version)
    Store("shop").save(made)
    Store("shop").set_live(made.id)
    return made.id


class Played:
    """A host on which deployments are played: the journal and the store are real."""

    def __init__(self, queue: Queue, **changes: Any) -> None:
        self.queue, self.now, self.changes = queue, NOW, changes
        self.begun: list[str] = []
        self.deployed: list[str] = []
        self.missing: list[str] = []
        self.error: Exception | None = None
        self.ending = LIVE
        self.intake = Intake(queue, self.settings, execution.live)
        self.worker = Worker(queue, self.intake, self.settings, lambda entry: self.begun.append(entry.id))
        self.host = Host(self.settings, self._deploy, lambda _entry: self.missing[0] if self.missing else "", clock=lambda: self.now)

    def settings(self, stack: str) -> Any:
        return settings(**self.changes) if stack == "shop" else None

    def _deploy(self, entry: Entry, _settings: Any) -> str:
        version = entry.request.ref.removeprefix("v")
        self.deployed.append(version)
        if self.error:
            if self.ending:
                Journal("shop").write(attempt=entry.attempt, kind="deploy", release="x", step=self.ending, reason=str(self.error))
            raise self.error
        made = go_live(version)
        Journal("shop").write(attempt=entry.attempt, kind="deploy", release=made, step=LIVE)
        return made

    def bring(self, number: int, **more: Any) -> str:
        identity = f"{number:032x}"
        Inbox(self.queue.folder).put(identity, {"requests": [request(more.pop("ref", f"v1.4.{number}"), **more).to_dict()]})
        return identity

    def look(self, passed: float = 1.0) -> None:
        self.now += passed
        self.worker.look(self.now)

    def carry_out(self) -> Entry:
        return carry_out(self.queue, self.begun[-1], self.host)

    def state(self, identity: str) -> State:
        return self.queue.find(identity).state


@pytest.fixture
def played(queue: Queue) -> Played:
    go_live("1.4.0")
    return Played(queue)


def test_from_a_call_to_what_runs_and_what_is_written_down(played: Played) -> None:
    identity = played.bring(3)
    played.look()
    assert played.begun == [identity] and played.state(identity) is State.RUNNING
    entry = played.carry_out()
    assert (entry.state, entry.live, entry.release) == (State.SUCCEEDED, "1.4.3", Store("shop").live_id())
    known = delivered.load("shop")
    assert known is not None and dict(known.images) == dict(release("1.4.3").images)
    assert (known.ref, known.who, known.delivery) == ("v1.4.3", "alice", identity)
    told = Inbox(played.queue.folder).answer(identity)
    assert told is not None and (told["state"], told["live"], told["succeeded"]) == ("succeeded", "1.4.3", True)


def test_one_after_the_other_and_the_newest_of_those_that_wait(played: Played) -> None:
    first = played.bring(1)
    played.look()
    second, third = played.bring(2), played.bring(3)
    played.look()
    assert played.begun == [first] and played.state(second) is State.SUPERSEDED
    played.carry_out()
    played.look()
    assert played.begun == [first, third]


@pytest.mark.parametrize(
    ("ending", "state"),
    [(TAKEN_BACK, State.ROLLED_BACK), (PARTLY_TAKEN_BACK, State.FAILED), ("", State.REFUSED)],
    ids=["back", "part", "refused"],
)
def test_what_goes_wrong_is_told_with_what_really_runs(played: Played, ending: str, state: State) -> None:
    played.bring(3)
    played.error, played.ending = DeployFailed("api is unhealthy: exit 1\nmore of it"), ending
    played.look()
    entry = played.carry_out()
    assert (entry.state, entry.reason, entry.live) == (state, "api is unhealthy: exit 1", "1.4.0") and delivered.load("shop") is None


def test_somebody_else_at_work_is_waited_for(played: Played) -> None:
    identity = played.bring(3)
    played.error, played.ending = LockHeld("shop", {"who": "backup"}, 60), ""
    played.look()
    assert played.carry_out().state is State.WAITING
    played.look()
    assert len(played.begun) == 1  # not before its time
    played.error = None
    played.look(20)
    assert played.begun == [identity, identity] and played.carry_out().state is State.SUCCEEDED


def test_an_image_that_is_not_built_yet_is_waited_for_and_not_for_ever(played: Played) -> None:
    identity = played.bring(3)
    played.missing = [f"{API}:1.4.3"]
    waits = []
    for _number in range(40):
        played.look(1)
        if played.state(identity) is State.RUNNING:
            entry = played.carry_out()
            if entry.state is State.REFUSED:
                break
            waits.append(entry.not_before - played.now)
            played.now = entry.not_before
    assert waits[0] == 10 and max(waits) == 120 and waits == sorted(waits)
    assert played.state(identity) is State.REFUSED and played.deployed == []


def test_the_rules_are_asked_again_before_anything_is_changed(played: Played) -> None:
    played.bring(3)
    played.look()
    go_live("1.4.9")  # by hand, meanwhile
    entry = played.carry_out()
    assert entry.state is State.REFUSED and "older than 1.4.9" in entry.reason and played.deployed == []
    played.bring(10)
    played.look()
    played.changes = {"services": {"api": "registry.example.com/evil/api", "web": WEB}}
    assert "other images" in played.carry_out().reason and played.deployed == []


def test_what_a_freeze_holds_goes_when_it_ends(played: Played, monkeypatch: pytest.MonkeyPatch) -> None:
    identity = played.bring(3)
    (entry,) = [played.intake.request(identity, request("v1.4.3"), NOW)]
    assert entry is not None
    entry.not_before = NOW + 3600
    played.queue.save(entry, NOW)
    played.look(10)
    assert played.begun == []
    played.look(3600)
    assert played.begun == [identity]


# Kills


def test_a_rollout_that_had_ended_is_written_down_and_not_done_again(played: Played) -> None:
    identity = played.bring(3)
    played.look()
    played.host.deploy(played.queue.find(identity), settings())  # killed before its end was in the queue
    assert played.state(identity) is State.RUNNING
    played.look(STARTING + 1)
    assert played.state(identity) is State.SUCCEEDED and played.deployed == ["1.4.3"] and played.begun == [identity]


def test_one_that_was_killed_is_begun_again_with_the_same_attempt(played: Played) -> None:
    identity = played.bring(3)
    played.look()
    attempt = played.queue.find(identity).attempt
    Journal("shop").keep(RolloutInProgress(attempt, "deploy", "target", None, "delivery"))
    played.look(STARTING - 2)
    assert len(played.begun) == 1
    played.look(3)
    entry = played.queue.find(identity)
    assert len(played.begun) == 2 and (entry.attempt, entry.starts) == (attempt, 2) and "interrupted" in entry.reason
    # The rollout engine goes on with what it finds, whatever the rules say by now.
    played.changes = {"rules": []}
    assert played.carry_out().state is State.SUCCEEDED


def test_what_kills_it_each_time_is_not_tried_for_ever(played: Played) -> None:
    identity = played.bring(3)
    played.look()
    for _number in range(5):
        played.look(STARTING + 1)
    assert played.carry_out().state is State.FAILED and "was killed 5 times" in played.queue.find(identity).reason


def test_one_that_is_alive_is_left_alone(played: Played) -> None:
    identity = played.bring(3)
    played.look()
    with file_lock(played.queue.running_lock("shop"), timeout=0):
        played.look(10 * STARTING)
        assert played.begun == [identity]
        child = multiprocessing.get_context("fork").Process(target=_again, args=(played.queue.folder, identity))
        child.start()
        child.join()
        assert child.exitcode == 7


def _again(folder: Path, identity: str) -> None:
    try:
        carry_out(Queue(folder), identity, Host(lambda _stack: settings(), lambda *_given: "", lambda _entry: ""))
    except LockBusy:
        os._exit(7)
    os._exit(0)


def test_a_unit_that_systemd_does_not_begin_is_begun_later(played: Played) -> None:
    identity = played.bring(3)

    def refuses(_entry: Entry) -> None:
        raise CommandError(Result(("systemctl",), 1, "", ""), "failed")

    played.worker.start = refuses
    played.look()
    assert played.state(identity) is State.RUNNING
    played.worker.start = lambda entry: played.begun.append(entry.id)
    played.look(STARTING + 1)
    assert played.begun == [identity]


def _life(folder: Path, seed: int) -> None:
    """A worker that carries out by itself, with a rollout that takes a moment at each step; killed from outside."""
    chance = random.Random(seed)  # noqa: S311
    queue = Queue(folder)

    def deploy(entry: Entry, _settings: Any) -> str:
        version = entry.request.ref.removeprefix("v")
        journal = Journal("shop")
        if journal.underway() is None:
            journal.keep(RolloutInProgress(entry.attempt, "deploy", version, None, "test"))
        time.sleep(chance.random() / 50)
        made = go_live(version)
        time.sleep(chance.random() / 50)
        if journal.ending(entry.attempt) != LIVE:
            journal.write(attempt=entry.attempt, kind="deploy", release=made, step=LIVE)
        journal.ended()
        return made

    host = Host(lambda _stack: settings(), deploy, lambda _entry: "")
    begun: list[str] = []
    worker = Worker(
        queue, Intake(queue, lambda _stack: settings(), execution.live), lambda _stack: settings(), lambda entry: begun.append(entry.id)
    )
    while True:
        worker.look(time.time())
        while begun:
            carry_out(queue, begun.pop(), host)
        time.sleep(0.005)


def test_killed_at_any_moment_nothing_is_lost_and_nothing_done_twice(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_collections.latentum.ops.plugins.module_utils.delivery import execution as execution_module
    from ansible_collections.latentum.ops.plugins.module_utils.delivery import worker as worker_module

    monkeypatch.setattr(worker_module, "STARTING", 0.0)
    monkeypatch.setattr(execution_module, "MOST_STARTS", 1000)
    go_live("1.4.0")
    chance, context, brought = random.Random(3), multiprocessing.get_context("fork"), []  # noqa: S311
    for number in range(1, 31):
        identity = f"{number:032x}"
        Inbox(queue.folder).put(identity, {"requests": [request(f"v1.4.{number}").to_dict()]})
        brought.append(identity)
        life = context.Process(target=_life, args=(queue.folder, number))
        life.start()
        time.sleep(chance.random() / 8)
        os.kill(life.pid or 0, signal.SIGKILL)
        life.join()
        for path in queue.entries_folder.glob("*/*.json"):
            json.loads(path.read_text())
    life = context.Process(target=_life, args=(queue.folder, 99))
    life.start()
    deadline = time.monotonic() + 30
    while (time.monotonic() < deadline and not all(entry.state.ended for entry in queue.entries("shop"))) or list(
        queue.inbox.glob("*.json")
    ):
        time.sleep(0.05)
    os.kill(life.pid or 0, signal.SIGKILL)
    life.join()
    entries = {entry.id: entry for entry in queue.entries("shop")}
    assert sorted(entries) == brought
    assert {entry.state for entry in entries.values()} <= {State.SUCCEEDED, State.SUPERSEDED}
    assert entries[brought[-1]].state is State.SUCCEEDED
    endings = [line["attempt"] for line in Journal("shop").read(2000) if line["step"] == LIVE]
    assert sorted(endings) == sorted({entry.attempt for entry in entries.values() if entry.state is State.SUCCEEDED})
    live = Store("shop").live()
    assert live is not None and live.images["api"].startswith(f"{API}:1.4.30@")


# What is told


def test_progress_is_told_while_it_runs(played: Played) -> None:
    identity = played.bring(3)
    played.look()
    progress = Progress("shop", played.queue.find(identity).attempt)
    progress.total, progress.done = 10, 4
    progress.say("api: 1 of 2 replaced")
    played.look()
    told = Inbox(played.queue.folder).answer(identity)
    assert told is not None and (told["step"], told["percent"], told["state"]) == ("api: 1 of 2 replaced", 40, "running")
    assert shown([]) == {"step": "", "percent": 0, "log": []}


# What a run of site.yml says of it


DECLARED = {"api": f"{API}:1.4.1", "web": f"{WEB}:1.4.3", "worker": "acme/worker:1"}


def test_a_run_is_told_what_was_delivered_and_does_what_is_declared(played: Played) -> None:
    played.bring(3)
    played.look()
    played.carry_out()
    live, known = Store("shop").live(), delivered.load("shop")
    assert live is not None
    for policy, images in (("adopt", {"api": f"{API}:1.4.3@{DIGEST}"}), ("replace", {}), ("refuse", {})):
        differing = delivered.compare(DECLARED, live.images, known, policy)
        assert (differing.run.value, dict(differing.images)) == (policy, images)
        assert f"api: the inventory says {API}:1.4.1, this host runs {API}:1.4.3@{DIGEST}" in differing.sentences[0]
        assert "by alice as v1.4.3" in differing.sentences[0]
    assert delivered.compare({**DECLARED, "api": f"{API}:1.4.3"}, live.images, known, "refuse").run is delivered.Run.NOTHING
    assert delivered.compare({**DECLARED, "api": f"{API}@{DIGEST}"}, live.images, known, "refuse").run is delivered.Run.NOTHING
    assert delivered.compare(DECLARED, release("1.4.0").images, known, "refuse").run is delivered.Run.NOTHING  # rolled back since
    assert delivered.compare(DECLARED, live.images, None, "refuse").run is delivered.Run.NOTHING


def test_the_preflight_refuses_such_a_run_and_lets_pass_what_somebody_names(played: Played) -> None:
    played.bring(3)
    played.look()
    played.carry_out()
    project = {"services": {"api": {"image": f"{API}:${{TAG}}"}, "web": {"image": f"{WEB}:1.4.3"}}}
    given = {"name": "shop", "directory": "/opt/shop", "project": project, "environment": {"TAG": "1.4.1"}, "pull": "missing"}
    (problem,) = delivered_images.kept(PreflightHost(), {"stack": {**given, "site_run": "refuse"}})
    assert problem.key == "delivery.site_run" and f"the inventory says {API}:1.4.1" in problem.problem and "adopt" in problem.fix
    passing: list[dict[str, Any]] = [{"site_run": "replace"}, {"site_run": "adopt"}, {"site_run": ""}, {}]
    passing += [{"site_run": "refuse", "images": {"api": f"{API}:1.4.1"}}, {"site_run": "refuse", "environment": {"TAG": "1.4.3"}}]
    for more in passing:
        assert not list(delivered_images.kept(PreflightHost(), {"stack": {**given, **more}})), more


def test_the_rollout_of_a_run_keeps_replaces_or_refuses(played: Played) -> None:
    played.bring(3)
    played.look()
    played.carry_out()
    given = {name: option.get("default") for name, option in ARGUMENTS.items()}
    given |= {"stack": "shop", "directory": "/opt/shop", "compose": {"services": {"api": {"image": f"{API}:1.4.1"}}}}
    kept = compose_rollout.delivered_before({**given, "site_run": "adopt"})
    assert kept.images == {"api": f"{API}:1.4.3@{DIGEST}"} and "stays" in kept.sentences[-1]
    assert compose_rollout.delivered_before({**given, "site_run": "replace"}).images == {}
    assert compose_rollout.delivered_before(given).sentences == ()
    with pytest.raises(ReleaseError, match="the inventory says"):
        compose_rollout.delivered_before({**given, "site_run": "refuse"})
    live = Store("shop").live()
    assert live is not None
    delivered.forget_replaced("shop", live.images)
    assert (known := delivered.load("shop")) is not None and known.images["api"] == f"{API}:1.4.3@{DIGEST}"
    delivered.forget_replaced("shop", release("1.4.1").images)
    assert (known := delivered.load("shop")) is not None and known.images == {} and known.who == "alice"


def test_a_damaged_file_names_itself(played: Played) -> None:
    delivered.write("shop", {"images": 3})
    with pytest.raises(ValueError, match=r"shop\.yml"):
        delivered.load("shop")
    delivered.file_of("shop").write_text("images: {a: b\n")
    with pytest.raises(ValueError, match=r"shop\.yml"):
        delivered.load("shop")
