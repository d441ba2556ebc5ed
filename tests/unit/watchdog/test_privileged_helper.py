# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog asks root for: carried out when it is declared and root sees itself that it is needed, refused otherwise."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, DockerUnavailable
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import ProbeSpec, StackSpec
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockHeld
from ansible_collections.latentum.ops.plugins.module_utils.firewall import isolated
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Order, Outcome
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import privileged_helper, privileged_requests
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.privileged_helper import APART, HOURLY, OLDEST
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.containers import Reading
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.settings import Settings

from . import samples
from .samples import Clock, FakeEngine, Host, container, probe, service, throw

host, clock = samples.host, samples.clock

SETTINGS = Settings(stacks=(StackSpec("shop", (service("api", escalate=("recreate", "rollback")), service("db"))),))


class Root:
    """A helper whose deployments are only written down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.did: list[tuple[str, str, tuple[str, ...], bool]] = []
        self.error: Exception | None = None
        self.said: list[str] = []
        root = self

        class Deployment:
            def __init__(self, stack: str, order: Order) -> None:
                self.stack, self.order = stack, order

            def deploy(self, _declared: object) -> Outcome:
                root.did.append((self.stack, self.order.kind, tuple(self.order.recreate), self.order.force))
                if root.error:
                    throw(root.error)
                return Outcome("new")

            def rollback(self) -> Outcome:
                self.deploy(None)
                return Outcome("older")

        monkeypatch.setattr(privileged_helper, "Deployment", Deployment)
        # As root sees it: of two containers of the API one is missing, and one is unhealthy; the database is well.
        self.engine = FakeEngine(container(1, health="unhealthy"), container(1, "db", health="healthy"))
        monkeypatch.setattr(privileged_helper, "Engine", lambda: self.engine)
        monkeypatch.setattr(privileged_helper.container_probes, "read", lambda spec, one, _engine: self.probe(spec, one))
        self.answers: dict[str, bool] = {}

    def probe(self, spec: ProbeSpec, one: Container) -> Reading:
        return Reading(spec.name, self.answers.get(one.id, True), reason="refused")

    def serve(self) -> int:
        return privileged_helper.serve(SETTINGS, self.said.append)


@pytest.fixture
def root(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Root:
    host.declare("shop", api=2, db=1)
    host.watch("shop", services=[{"service": "api", "replicas": 2, "escalate": ["recreate", "rollback"]}, {"service": "db", "replicas": 1}])
    monkeypatch.setattr(isolated, "FILE", host.state / "isolation.json")
    really = time.sleep  # threads of tests before this one may still wait, and are not to make time pass
    here = threading.current_thread()

    def sleep(seconds: float) -> None:
        pause = clock.go if threading.current_thread() is here else really
        pause(seconds)

    monkeypatch.setattr(time, "sleep", sleep)
    store, live = Store("shop"), Release("shop", "/opt/shop", {"services": {}}, {}, [], [])
    store.save(live)
    store.set_live(live.id)
    return Root(monkeypatch)


def left() -> list[str]:
    return sorted(one.name for one in privileged_requests.REQUESTS.iterdir())


def requested(name: str = "x.json", **changed: Any) -> Path:
    """A request as anybody might write it."""
    path = privileged_requests.REQUESTS / name
    path.write_text(json.dumps({"stack": "shop", "service": "api", "remedy": "replace", "at": time.time(), **changed}))
    return path


@pytest.mark.parametrize(
    ("remedy", "did", "said"),
    [
        ("replace", ("shop", "deploy", (), True), "brought the missing containers"),
        ("recreate", ("shop", "deploy", ("api",), True), "brought a new container in place of each"),
        ("rollback", ("shop", "rollback", (), True), "rolled back to older"),
    ],
)
def test_what_is_declared_is_carried_out_and_answered_once(remedy: str, did: tuple[Any, ...], said: str, root: Root) -> None:
    privileged_requests.ask("shop", "api", remedy)
    assert root.serve() == 0 and root.did == [did] and left() == []
    assert list(privileged_requests.answers()) == [("shop/api", said)] and list(privileged_requests.answers()) == []
    assert root.serve() == 0 and len(root.did) == 1


def test_asking_twice_is_asking_once(root: Root) -> None:
    for _time in range(2):
        privileged_requests.ask("shop", "api", "replace")
    assert left() == ["shop.api.replace.json"]
    root.serve()
    assert len(root.did) == 1


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"stack": "blog"}, "blog/api is not declared on this host"),
        ({"stack": "../shop"}, "../shop/api is not declared on this host"),
        ({"service": "web"}, "shop/web is not declared on this host"),
        ({"service": "db", "remedy": "recreate"}, "recreate is not among the declared escalations of db"),
        ({"remedy": "rm -rf /"}, "rm -rf / is not among the declared escalations of api"),
        ({"remedy": "restart"}, "restart is not among the declared escalations of api"),
        ({"at": 0}, "it is too old"),
        ({"at": float("nan")}, "it is too old"),
        ({"at": float("inf")}, "it is too old"),
    ],
)
def test_what_is_not_declared_is_refused(changed: dict[str, Any], why: str, root: Root) -> None:
    requested(**changed)
    assert root.serve() == 1 and root.did == [] and left() == []
    assert root.said[-1].endswith(f"refused: {why}")


@pytest.mark.parametrize(("age", "refused"), [(OLDEST, 0), (OLDEST + 1, 1), (-OLDEST, 0), (-OLDEST - 1, 1)])
def test_nobody_wants_an_old_request_any_more(age: float, refused: int, root: Root, clock: Clock) -> None:
    requested(at=clock.wall - age)
    assert root.serve() == refused and len(root.did) == 1 - refused


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b'{"stack": "shop"}', b'{"stack": 1, "service": 2, "remedy": 3, "at": "x"}']
)
def test_garbage_is_removed_and_keeps_nobody_waiting(content: bytes, root: Root) -> None:
    (privileged_requests.REQUESTS / "a.json").write_bytes(content)
    requested("b.json")
    assert root.serve() == 1 and len(root.did) == 1 and left() == []
    assert root.said[0].startswith("steward: a.json is not a request")


def test_links_and_folders_among_the_requests_keep_nobody_waiting(root: Root, tmp_path: Path) -> None:
    (privileged_requests.REQUESTS / "a.json").symlink_to(tmp_path / "none")
    (privileged_requests.REQUESTS / "b.json").mkdir()
    requested("c.json")
    assert root.serve() == 2 and len(root.did) == 1 and left() == ["b.json"]


def test_what_a_file_of_root_holds_is_not_said(root: Root, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text('{"stack": "", "service": "", "remedy": "", "at": "hush hush"}')
    (privileged_requests.REQUESTS / "a.json").symlink_to(tmp_path / "secret")
    assert root.serve() == 1 and (tmp_path / "secret").exists() and not any("hush" in one for one in root.said)


@pytest.mark.parametrize("error", [DeployFailed("it was taken back\nmore"), LockHeld("shop", {"who": "ada"}, 0), OSError("no space")])
def test_what_fails_is_answered_with_the_reason(error: Exception, root: Root) -> None:
    root.error = error
    privileged_requests.ask("shop", "api", "replace")
    assert root.serve() == 1
    ((key, said),) = list(privileged_requests.answers())
    assert key == "shop/api" and said == f"failed: {str(error).splitlines()[0]}"


def test_without_a_live_release_there_is_nothing_to_bring(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Store, "live", lambda _store: None)
    privileged_requests.ask("shop", "api", "replace")
    assert root.serve() == 1 and root.did == []
    assert list(privileged_requests.answers()) == [("shop/api", "failed: there is no live release")]


def test_the_helper_s_own_settings_are_what_counts(root: Root) -> None:
    privileged_requests.ask("shop", "api", "rollback")
    stack = SETTINGS.stacks[0]
    tamed = replace(stack, services=(replace(stack.services[0], escalate=("recreate",)),))
    assert privileged_helper.serve(Settings(stacks=(tamed,)), root.said.append) == 1 and root.did == []


# What root sees and counts itself


@pytest.mark.parametrize(
    ("there", "refused"),
    [((1,), ""), ((1, 2), "none of the 2 containers of api is missing"), ((1, 2, 3), "none of the 2 containers of api is missing")],
)
def test_missing_containers_are_brought_where_root_misses_some(there: tuple[int, ...], refused: str, root: Root) -> None:
    root.engine.there = [container(number) for number in there]
    requested()
    assert root.serve() == bool(refused) and len(root.did) == (not refused)
    assert not refused or root.said[-1].endswith(f"refused: {refused}")


@pytest.mark.parametrize("remedy", ["recreate", "rollback"])
def test_a_service_that_is_well_is_neither_recreated_nor_rolled_back(remedy: str, root: Root, clock: Clock) -> None:
    root.engine.there = [container(1, health="healthy"), container(2, health="healthy")]
    requested(remedy=remedy)
    assert root.serve() == 1 and root.did == [] and root.said[-1].endswith("refused: api does not fail as root sees it")


@pytest.mark.parametrize(
    "fails",
    [
        {"health": "unhealthy"},
        {"state": "exited", "exit_code": 1},
        {"state": "restarting"},
    ],
)
def test_a_service_that_root_sees_fail_is_recreated(fails: dict[str, Any], root: Root) -> None:
    root.engine.there = [container(1, **fails), container(2)]
    requested(remedy="recreate")
    assert root.serve() == 0 and root.did == [("shop", "deploy", ("api",), True)]


def test_a_crash_loop_that_runs_just_now_is_looked_at_again(root: Root, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    root.engine.there = [container(1), container(2)]

    def waits(seconds: float) -> None:
        clock.go(seconds)
        root.engine.there = [container(1, state="restarting"), container(2)]

    monkeypatch.setattr(time, "sleep", waits)
    requested(remedy="recreate")
    assert root.serve() == 0 and len(root.did) == 1


@pytest.mark.parametrize(("answers", "did"), [([False, True, True], 0), ([False, False], 1)])
def test_a_probe_has_to_fail_twice(answers: list[bool], did: int, root: Root, monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    probed = replace(SETTINGS.stacks[0], services=(service("api", escalate=("recreate",), probes=(probe(),)),))
    root.engine.there = [container(1), container(2)]
    coming = iter(answers)
    monkeypatch.setattr(root, "probe", lambda spec, one: Reading(spec.name, one.id != "api1" or next(coming, True), reason="refused"))
    monkeypatch.setattr(time, "sleep", clock.go)
    requested(remedy="recreate")
    assert privileged_helper.serve(Settings(stacks=(probed,)), root.said.append) == 1 - did and len(root.did) == did


def test_an_escalation_is_not_done_again_at_once_nor_all_day(root: Root, clock: Clock) -> None:
    did = []
    for _try in range(12):
        requested(remedy="recreate", at=clock.wall)
        root.serve()
        did.append(len(root.did))
        clock.go(APART / 2)
    assert did == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
    for _try in range(12):
        requested(remedy="recreate", at=clock.wall)
        root.serve()
        clock.go(APART)
    assert len(root.did) == HOURLY and root.said[-1].endswith(f"refused: it was done {HOURLY} times within an hour")


def test_a_window_of_a_day_is_remembered_for_a_day(root: Root, clock: Clock) -> None:
    longest = replace(SETTINGS.stacks[0].services[0], heal_window=86400.0, max_heals=1, replicas=1)
    assert not privileged_helper._too_often("shop", longest, "replace")
    privileged_helper._count("shop", longest.service, "replace")
    clock.go(6 * 3600)
    assert "as often as is declared" in privileged_helper._too_often("shop", longest, "replace")


def test_missing_containers_are_brought_as_often_as_healing_may_try(root: Root, clock: Clock) -> None:
    spec = SETTINGS.stacks[0].services[0]
    for _try in range(spec.max_heals * spec.replicas + 3):
        requested(at=clock.wall)
        root.serve()
    assert len(root.did) == spec.max_heals * spec.replicas and "as often as is declared" in root.said[-1]
    clock.go(spec.heal_window + 1)
    requested(at=clock.wall)
    assert root.serve() == 0


def test_nothing_is_done_on_an_isolated_host(root: Root) -> None:
    isolated.save(isolated.Isolation(0.0, 0.0, "ada"))
    requested()
    assert root.serve() == 1 and root.did == [] and "this host is isolated" in root.said[-1]


def test_an_engine_that_does_not_answer_is_no_reason_to_do_anything(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileged_helper, "Engine", lambda: throw(DockerUnavailable("no answer")))
    requested()
    assert root.serve() == 1 and root.did == [] and "nobody can say whether api fails: no answer" in root.said[-1]
