# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a deployment ended stands in the journal once, whoever was killed where: notices are made of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.release.journal import Journal
from ansible_collections.latentum.ops.plugins.module_utils.release.listing import changed_images
from ansible_collections.latentum.ops.plugins.module_utils.release.store import Store
from ansible_collections.latentum.ops.plugins.module_utils.rollout import deployment, moving, transaction
from ansible_collections.latentum.ops.plugins.module_utils.rollout.deployment import Deployment
from ansible_collections.latentum.ops.plugins.module_utils.rollout.request import DeployFailed, Order

from .played_host import PlayedHost, declared
from .samples import release

ENDINGS = ("live", "taken back", "taken back in part")


class Killed(BaseException):
    """SIGKILL, as far as a test can be killed."""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedHost]:
    monkeypatch.setenv("SUDO_USER", "ada")
    yield PlayedHost(tmp_path, monkeypatch)


def endings() -> list[dict[str, Any]]:
    return [entry for entry in Journal("shop").read() if entry["step"] in ENDINGS]


def steps() -> list[tuple[str, str]]:
    return [(entry["step"], entry["release"]) for entry in endings()]


def version(number: int) -> Any:
    return declared(api={"image": f"registry/api:{number}"})


def kill(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str) -> None:
    """The process dies as it comes to this: nothing of it goes on, not even what takes it back."""

    def dies(*_given: object, **_more: object) -> None:
        raise Killed

    monkeypatch.setattr(owner, name, dies)


def test_a_release_that_went_live_says_from_what_and_by_whom(host: PlayedHost) -> None:
    first = host.deploy(version(1)).release
    second = host.deploy(version(2)).release
    assert steps() == [("live", first), ("live", second)]
    one, two = endings()
    assert (one["before"], two["before"]) == (None, first) and two["who"].startswith("ada (pid") and two["served"] == 0


def test_nothing_to_do_and_check_mode_end_nothing(host: PlayedHost) -> None:
    host.deploy(version(1))
    host.deploy(version(1))
    host.deploy(version(2), check=True)
    assert len(endings()) == 1


def test_what_was_taken_back_is_written_down_before_the_rollout_is_over(host: PlayedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    first = host.deploy(version(1)).release
    host.sick = {"api"}
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill(patched, Journal, "ended")
        host.deploy(version(2))
    host.sick = set()
    assert [step for step, _release in steps()] == ["live", "taken back"] and endings()[1]["live"] == first
    host.deploy(version(3))
    assert [step for step, _release in steps()] == ["live", "taken back", "live"], "the run that finds it tells nothing twice"


def test_killed_while_it_is_taken_back(host: PlayedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    first = host.deploy(version(1)).release
    host.sick = {"api"}
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill(patched, transaction, "take_back")
        host.deploy(version(2))
    host.sick = set()
    assert [step for step, _release in steps()] == ["live"]
    host.deploy(version(1))
    (_live, back) = endings()
    assert (back["step"], back["live"], back["who"][:3]) == ("taken back", first, "ada") and "ended_by" in back and "reason" not in back


def test_killed_in_the_middle_and_taken_back_by_the_rollback_of_the_watchdog(host: PlayedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    first = host.deploy(version(1)).release
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill(patched, transaction, "Rollout")
        kill(patched, transaction.Change, "_undo")
        host.deploy(version(2))
    monkeypatch.setenv("LATENTUM_OPS_WHO", "steward")
    assert Deployment("shop", Order(kind="rollback")).rollback().release == first
    (_live, back) = endings()
    assert back["step"] == "taken back" and back["reason"].startswith("interrupted at: ")
    assert back["who"].startswith("ada") and back["ended_by"].startswith("steward")


def test_killed_in_the_middle_and_finished_by_the_next_run_is_one_deployment(host: PlayedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    first = host.deploy(version(1)).release
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill(patched, transaction, "Rollout")
        kill(patched, transaction.Change, "_undo")
        host.deploy(version(2))
    second = host.deploy(version(2)).release
    assert steps() == [("live", first), ("live", second)]
    begun = next(entry for entry in Journal("shop").read() if entry["release"] == second)
    assert begun["attempt"] == endings()[1]["attempt"]


@pytest.mark.parametrize("where", ["before the line", "at the line", "behind the line", "behind the end"])
def test_killed_when_it_was_live_already(host: PlayedHost, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    first = host.deploy(version(1)).release
    with monkeypatch.context() as patched, pytest.raises(Killed):
        if where == "before the line":
            kill(patched, transaction.Meter, "look")
        elif where == "at the line":
            kill(patched, transaction.Change, "_note")
        elif where == "behind the line":
            kill(patched, Journal, "ended")
        else:
            kill(patched, moving, "sweep")
        host.deploy(version(2))
    live = Store("shop").live()
    assert live is not None and live.id != first
    for _run in range(2):
        host.deploy(version(2))
    assert steps() == [("live", first), ("live", live.id)]
    assert Journal("shop").underway() is None


def test_a_promotion_that_was_killed_when_it_was_live_is_still_one(host: PlayedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched, pytest.raises(Killed):
        kill(patched, transaction.Meter, "look")
        host.deploy(version(1), promoted_from="staging@3f2a90c1d4e7")
    host.deploy(version(1))
    (only,) = endings()
    assert only["promoted_from"] == "staging@3f2a90c1d4e7"


def test_what_could_not_be_taken_back_says_so_and_then_that_it_was(host: PlayedHost, monkeypatch: pytest.MonkeyPatch) -> None:
    host.deploy(version(1))
    host.sick = {"api"}
    with monkeypatch.context() as patched:
        for module in (transaction, deployment):
            patched.setattr(module, "take_back", lambda *_given: ["api: no space"])
        with pytest.raises(DeployFailed, match="could NOT"):
            host.deploy(version(2))
        with pytest.raises(DeployFailed, match="cannot be taken back"):
            host.deploy(version(3))
    host.sick = set()
    host.deploy(version(1))
    assert [step for step, _release in steps()] == ["live", "taken back in part", "taken back"]
    assert endings()[1]["reason"] == "api: no space" and endings()[1]["attempt"] == endings()[2]["attempt"]


def test_images_that_differ() -> None:
    before, after = release(tag="1", web={"image": "r/web:1@sha256:aa"}), release(tag="2", web={"image": "r/web:1@sha256:bb"})
    assert changed_images(before, after) == ["api 1 -> 2", "web 1 (another digest: aa -> bb)"]
    assert changed_images(after, release(tag="2")) == ["web is gone"]
    assert changed_images(None, release(tag="2")) == ["api 2"] and changed_images(after, after) == []
