# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The eight steps of a deployment, what runs after it, and the backup before it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.rollout_policy import Policy, Task
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result
from ansible_collections.latentum.ops.plugins.module_utils.core.progress import Progress
from ansible_collections.latentum.ops.plugins.module_utils.release import listing
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal, RolloutInProgress
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout import deployment, table
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.host_actions import RolloutFailed, Site
from ansible_collections.latentum.ops.plugins.module_utils.rollout.phases import Phase, Phases
from ansible_collections.latentum.ops.plugins.module_utils.rollout.plan import CREATE, REPLACE, SCALE, ServicePlan
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Order, Outcome
from ansible_collections.latentum.ops.plugins.module_utils.rollout.results import as_dict
from ansible_collections.latentum.ops.plugins.module_utils.rollout.transaction import Change

from ..watchdog import samples as containers


class FakeEngine:
    """Containers, and what a command in one of them ends with."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.there = [containers.container(1, state="exited"), containers.container(2, health="healthy")]
        self.answers = list(answers)
        self.ran: list[tuple[str, tuple[str, ...], float]] = []

    def containers(self, _project: str) -> list[Any]:
        return self.there

    def run(self, container: Any, argv: Sequence[str], timeout: float) -> tuple[int, bytes]:
        self.ran.append((container.name, tuple(argv), timeout))
        code, said = self.answers.pop(0) if self.answers else (0, "")
        return code, said.encode()


def change(*tasks: Task, engine: FakeEngine | None = None, kind: str = "deploy", action: str = REPLACE) -> Change:
    release = Release("shop", "/opt/shop", {"services": {"api": {}}}, {}, [{"service": "api"}], [], images={"api": "r/api@sha256:1"})
    policy = Policy("api", after=tasks)
    outcome = Outcome(release=release.id, plans=[ServicePlan("api", action, policy, 1)], digests=[("api", "", "")])
    site = Site(
        "shop",
        engine or FakeEngine(),
        Progress("shop", "a"),
        Journal("shop"),
        RolloutInProgress("a", kind, release.id, None, "ada"),
        outcome.phases,
    )  # type: ignore[arg-type]
    return Change(Order(attempt="a", kind=kind), Store("shop"), site, outcome, release, None)


def test_a_task_runs_once_in_a_container_that_serves() -> None:
    engine = FakeEngine()
    made = change(Task(("seed", "--all"), 30), Task(("warm",)), engine=engine)
    made._tasks(required=False)
    assert engine.ran == [("shop-api-2", ("seed", "--all"), 30), ("shop-api-2", ("warm",), 600)]
    assert made.outcome.failed_tasks == []


def test_a_failure_is_told_and_takes_nothing_back() -> None:
    made = change(Task(("seed",)), Task(("warm",)), engine=FakeEngine((3, "no such table\n")))
    made._tasks(required=False)
    assert made.outcome.failed_tasks == ["api: `seed` failed in shop-api-2 with exit status 3:\n    no such table"]
    assert made.outcome.phases.outcomes[Phase.AFTER] == "1 failed"
    assert "!! task failed, the release stays: api: `seed` failed" in table.table(made.outcome)
    assert [entry["step"] for entry in made.site.journal.read()] == ["task: seed", "task failed: seed", "task: warm", "task: warm"]


def test_the_failure_of_a_required_one_takes_the_release_back() -> None:
    made = change(Task(("smoke-test",), required=True), engine=FakeEngine((1, "refused")))
    with pytest.raises(RolloutFailed, match="api: the task `smoke-test` failed"):
        made._tasks(required=True)


def test_required_ones_come_before_the_release_is_good_and_others_after() -> None:
    engine = FakeEngine()
    made = change(Task(("late",)), Task(("early",), required=True), engine=engine)
    made._tasks(required=True)
    assert [argv for _name, argv, _timeout in engine.ran] == [("early",)]


@pytest.mark.parametrize(("kind", "action"), [("rollback", REPLACE), ("deploy", SCALE), ("scale", SCALE)])
def test_neither_a_rollback_nor_more_containers_run_them(kind: str, action: str) -> None:
    engine = FakeEngine()
    change(Task(("seed",)), engine=engine, kind=kind, action=action)._tasks(required=False)
    assert engine.ran == []


def test_a_first_release_runs_them() -> None:
    engine = FakeEngine()
    change(Task(("seed",)), engine=engine, action=CREATE)._tasks(required=False)
    assert len(engine.ran) == 1


def test_a_service_without_a_container_that_serves() -> None:
    engine = FakeEngine()
    engine.there.pop()
    made = change(Task(("seed",)), engine=engine)
    made._tasks(required=False)
    assert made.outcome.failed_tasks == ["api: `seed` found no container that serves"]


def test_a_command_that_does_not_end() -> None:
    made = change(Task(("seed",), 5), engine=FakeEngine((124, "no end within 5 s")))
    made._tasks(required=False)
    assert "exit status 124" in made.outcome.failed_tasks[0]


def test_all_eight_steps_are_said_in_their_order_also_those_with_nothing_to_do() -> None:
    lines: list[str] = []
    phases = Phases(lines.append)
    for phase in (Phase.BACKUP, Phase.IMAGES, Phase.MIGRATIONS, Phase.AFTER):
        phases.note(phase, "none")
    for phase in (Phase.CONFIGURATION, Phase.ROLLOUT, Phase.WAITING, Phase.ROLLOUT, Phase.HEALTH):
        phases.enter(phase)
    assert lines == [
        "1/8 backup: none", "2/8 code and configuration", "3/8 images: none", "4/8 migrations: none", "5/8 rollout", "6/8 waiting",
        "7/8 health checks",
    ]  # fmt: skip
    assert [row[0] for row in phases.rows()] == list("12345678")


def test_steps_of_the_journal_have_their_phase_and_seconds_add_up() -> None:
    made = change()
    made._note_phases()
    made.site.step("pull r/api", phase=Phase.IMAGES)
    made.site.step("start 1", service="api")
    made.site.step("wait", service="api", phase=Phase.WAITING)
    made.site.step("stop 1", service="api")
    made.site.done()
    entries = made.site.journal.read()
    assert [entry["phase"] for entry in entries if "done" not in entry] == ["3/8 images", "5/8 rollout", "6/8 waiting", "5/8 rollout"]
    assert "3/8 images" in listing.history(entries) and "stop 1 (0 s)" in listing.history(entries)
    answer = as_dict(made.outcome)["steps"]
    assert [step["number"] for step in answer] == list(range(1, 9)) and answer[2]["outcome"] == "1 by digest"


def test_a_history_of_an_engine_before_has_no_phases() -> None:
    entry = {"at": "t", "kind": "deploy", "release": "a", "service": "api", "step": "start 1"}
    assert "start 1 (2 s)" in listing.history([entry, {**entry, "done": 2.0}])


class Backups:
    """What `opsctl backup run --if-older` answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any] | None) -> None:
        self.asked: list[list[str]] = []
        self.answer = answer
        monkeypatch.setattr(deployment, "run", self)

    def __call__(self, argv: Sequence[str], **_more: Any) -> Result:
        self.asked.append(list(argv))
        if self.answer is None:
            raise CommandError(Result(tuple(argv), 1, "", "no target took the backup"), "failed")
        return Result(tuple(argv), 0, json.dumps(self.answer), "")


def begin(max_age: float = 86400, *, live: bool = True, same: bool = False, kind: str = "deploy") -> Deployment:
    release = Release("shop", "/opt/shop", {"services": {}}, {}, [], [], source="before")
    if live:
        Store("shop").save(release)
        Store("shop").set_live(release.id)
    made = Deployment("shop", Order(kind=kind, backup_max_age=max_age))

    class Declared:
        stack, source, pull = "shop", "before" if same else "now", "missing"

    made._back_up(Declared())  # type: ignore[arg-type]
    return made


@pytest.mark.parametrize(("answer", "outcome"), [({"age": 7200}, "proven 2h 0m ago"), ({"proof": {"ok": True}}, "taken and proven")])
def test_a_deployment_begins_with_a_backup_that_is_young_enough(
    monkeypatch: pytest.MonkeyPatch, answer: dict[str, Any], outcome: str
) -> None:
    backups = Backups(monkeypatch, answer)
    made = begin()
    assert backups.asked == [["/usr/local/sbin/opsctl", "backup", "run", "--stack", "shop", "--if-older", "86400s", "--json"]]
    assert made.outcome.phases.outcomes[Phase.BACKUP] == outcome
    assert made.journal.read()[-1]["phase"] == "1/8 backup"


def test_without_a_backup_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    Backups(monkeypatch, None)
    with pytest.raises(DeployFailed, match="nothing was changed"):
        begin()


@pytest.mark.parametrize("how", [{"max_age": 0}, {"live": False}, {"same": True}, {"kind": "rollback"}])
def test_no_backup_where_there_is_nothing_to_lose(monkeypatch: pytest.MonkeyPatch, how: dict[str, Any]) -> None:
    backups = Backups(monkeypatch, {"age": 1})
    begin(**how)
    assert backups.asked == []
