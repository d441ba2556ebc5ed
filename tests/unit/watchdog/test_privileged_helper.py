# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the watchdog asks root for: carried out when it is declared, refused otherwise, and answered without following a link."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import DockerUnavailable
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import StackSpec
from ansible_collections.latentum.ops.plugins.module_utils.core.locks import LockHeld
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Release, Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Order, Outcome
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import privileged_helper, privileged_requests
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.privileged_helper import OLDEST
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.settings import Settings

from . import samples
from .samples import Clock, Host, service, throw

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

    def serve(self) -> int:
        return privileged_helper.serve(SETTINGS, self.said.append)


@pytest.fixture
def root(host: Host, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Root:
    privileged_requests.create_folders()
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
    assert root.serve() == 1 and root.did == [] and left() == [] and list(privileged_requests.answers()) == []
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


# Answers: root writes into a folder that the watchdog owns


@pytest.mark.parametrize("name", ["x.json", ".x.json.half"])
def test_a_link_among_the_answers_is_never_followed(name: str, root: Root, tmp_path: Path) -> None:
    victim = tmp_path / "shadow"
    victim.write_text("untouched")
    (privileged_requests.ANSWERS / name).symlink_to(victim)
    requested("x.json")
    assert root.serve() == 0
    assert victim.read_text() == "untouched"
    answer = privileged_requests.ANSWERS / "x.json"
    assert not answer.is_symlink() and json.loads(answer.read_text())["said"] == "brought the missing containers"
    assert [one.name for one in privileged_requests.ANSWERS.iterdir()] == ["x.json"]


def test_a_folder_of_answers_that_is_a_link_is_never_followed(root: Root, tmp_path: Path) -> None:
    elsewhere = tmp_path / "etc-docker"
    elsewhere.mkdir()
    (elsewhere / "daemon.json").write_text("untouched")
    privileged_requests.ANSWERS.rmdir()
    privileged_requests.ANSWERS.symlink_to(elsewhere)
    requested("daemon.json")
    assert root.serve() == 0 and len(root.did) == 1
    assert [(one.name, one.read_text()) for one in elsewhere.iterdir()] == [("daemon.json", "untouched")]
    assert "cannot be answered" in root.said[-1]


def test_an_answer_is_seen_whole_or_not_at_all(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[tuple[str, str]]] = []
    dump = json.dump

    def dumped(answer: Any, file: Any) -> None:
        file.write("{")
        file.flush()
        seen.append(list(privileged_requests.answers()))  # the daemon looks just now
        file.seek(0)
        dump(answer, file)

    monkeypatch.setattr(privileged_helper.json, "dump", dumped)
    requested("x.json")
    root.serve()
    assert seen == [[]] and len(list(privileged_requests.answers())) == 1


def test_the_helper_s_own_settings_are_what_counts(root: Root) -> None:
    privileged_requests.ask("shop", "api", "rollback")
    stack = SETTINGS.stacks[0]
    tamed = replace(stack, services=(replace(stack.services[0], escalate=("recreate",)),))
    assert privileged_helper.serve(Settings(stacks=(tamed,)), root.said.append) == 1 and root.did == []


def test_old_sets_are_removed_by_root_who_knows_which(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[object] = []
    monkeypatch.setattr(privileged_helper, "Engine", lambda: "engine")
    monkeypatch.setattr(privileged_helper, "retire_due", removed.append)
    privileged_requests.ask("shop", "", privileged_requests.RETIRE)
    assert root.serve() == 0 and removed == ["engine"] and root.did == [] and left() == []
    assert list(privileged_requests.answers()) == [("shop/", "removed what was due")]


def test_an_engine_that_is_away_keeps_old_sets(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(privileged_helper, "Engine", lambda: throw(DockerUnavailable("it does not answer")))
    privileged_requests.ask("shop", "", privileged_requests.RETIRE)
    assert root.serve() == 1 and root.said[-1].endswith("failed: it does not answer")
