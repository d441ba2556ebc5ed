# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Throw-away containers: like the real one in all but its network and its data, and gone whatever happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import scratch_container
from ansible_collections.latentum.ops.plugins.module_utils.backup.scratch_container import GRACE, LABEL
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError

from . import fakes
from .fakes import Clock, FakeEngine, Killed, container, mount

clock = fakes.clock


@pytest.fixture
def engine(tmp_path: Path) -> FakeEngine:
    made = FakeEngine(container("database"))
    made.mounts["database"] = [
        mount(tmp_path / "real", "/var/lib/postgresql/data", "shop_data"),
        mount(tmp_path / "shared", "/shared", "shop_shared", writable=False),
        mount(tmp_path / "secret", "/run/secrets/password", writable=False),
        mount(tmp_path / "upload", "/upload"),
    ]
    return made


def like(engine: FakeEngine, data: Path, **given: Any) -> Any:
    raw = engine.api.inspect_container("database1")
    return scratch_container.like(engine, raw, "shop", "shop.database", data, "/var/lib/postgresql/data", **given)  # type: ignore[arg-type]


def test_it_is_the_same_program_with_other_data_and_no_network(engine: FakeEngine, tmp_path: Path) -> None:
    with like(engine, tmp_path / "copy") as name:
        (made,) = engine.api.left
        assert name == made["name"] == "latentum-ops-throwaway-shop-shop.database" and made["running"]
    assert (made["Image"], made["Cmd"], made["Entrypoint"]) == ("sha256:database", ["serve"], ["entry"])
    assert (made["Env"], made["User"], made["Labels"]) == (["MODE=real"], "999", {LABEL: "shop"})
    host = made["HostConfig"]
    assert made["NetworkDisabled"] is True and host["NetworkMode"] == "none" and "ExposedPorts" not in made
    assert (host["Memory"], host["ShmSize"], host["Tmpfs"], host["RestartPolicy"]) == (1024, 64, {"/run": ""}, {"Name": "no"})


def test_it_sees_copies_and_files_that_nobody_writes_never_the_real_data(engine: FakeEngine, tmp_path: Path) -> None:
    with like(engine, tmp_path / "copy"):
        binds = engine.api.left[0]["HostConfig"]["Binds"]
    assert binds == [f"{tmp_path}/copy:/var/lib/postgresql/data:rw", f"{tmp_path}/secret:/run/secrets/password:ro"]


def test_another_command_takes_the_place_of_entry_point_and_command(engine: FakeEngine, tmp_path: Path) -> None:
    with like(engine, tmp_path, command=["sh", "-c", "exit"]):
        assert (engine.api.left[0]["Entrypoint"], engine.api.left[0]["Cmd"]) == (["sh"], ["-c", "exit"])


def test_it_is_stopped_in_order_and_removed_with_its_volumes(engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[int] = []
    monkeypatch.setattr(engine.api, "stop", lambda _one, timeout: given.append(timeout))
    with like(engine, tmp_path):
        pass
    assert given == [GRACE] and engine.did == ["start thrown1", "remove thrown1 with its volumes"] and engine.api.left == []


@pytest.mark.parametrize("error", [BackupError("no"), Killed(), KeyboardInterrupt()])
def test_it_goes_whatever_happens(error: BaseException, engine: FakeEngine, tmp_path: Path) -> None:
    with pytest.raises(type(error)), like(engine, tmp_path):
        raise error
    assert engine.api.left == [] and "stop thrown1" not in engine.did


def test_one_that_does_not_start_goes(engine: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.api, "start", lambda _one: fakes.throw(RuntimeError("no such runtime")))
    with pytest.raises(RuntimeError), like(engine, tmp_path):
        pass
    assert engine.api.left == []


def test_what_a_killed_run_left_goes_and_other_stacks_keep_theirs(engine: FakeEngine) -> None:
    for stack in ("shop", "blog"):
        engine.api.create_container(f"left-{stack}", {"Labels": {LABEL: stack}})
    scratch_container.remove_all(engine, "shop")  # type: ignore[arg-type]
    assert [one["name"] for one in engine.api.left] == ["left-blog"]


def wait(engine: FakeEngine, ready: Any, timeout: float = 10) -> list[str]:
    told: list[str] = []
    scratch_container.wait(engine, engine.api.left[0]["name"], ready, timeout, told.append)  # type: ignore[arg-type]
    return told


def test_it_is_waited_for_with_its_last_words(engine: FakeEngine, clock: Clock, tmp_path: Path) -> None:
    looks = [False, False, True]
    engine.api.words = b"one\ntwo\n"
    with like(engine, tmp_path) as name:
        assert wait(engine, lambda: looks.pop(0)) == [f"{name} is starting: one / two"] * 2


def test_one_that_is_ready_at_once_is_not_waited_for(engine: FakeEngine, clock: Clock, tmp_path: Path) -> None:
    with like(engine, tmp_path):
        assert wait(engine, lambda: True) == []


def test_one_that_ended_is_not_waited_for_until_the_time_is_up(engine: FakeEngine, clock: Clock, tmp_path: Path) -> None:
    engine.api.words = b"FATAL: \xff wrong\n"
    with like(engine, tmp_path):
        engine.api.dead = True
        began = clock.now
        with pytest.raises(BackupError, match=r"throwaway-shop-shop.database ended with exit code 1: FATAL: . wrong"):
            wait(engine, lambda: False, 3600)
        assert clock.now == began
        engine.api.dead = False


def test_one_that_never_gets_ready_is_given_up(engine: FakeEngine, clock: Clock, tmp_path: Path) -> None:
    began = clock.now
    with like(engine, tmp_path), pytest.raises(BackupError, match="was not ready within 10 s: ready"):
        wait(engine, lambda: False, 10)
    assert 10 <= clock.now - began <= 11
