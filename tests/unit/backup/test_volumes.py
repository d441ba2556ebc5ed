# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Volumes: where they are, and copies while nothing writes, after which everything goes on whatever happens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.backup import volumes
from ansible_collections.latentum.ops.plugins.module_utils.backup.settings import BackupError, Settings
from ansible_collections.latentum.ops.plugins.module_utils.backup.volumes import Source
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container
from ansible_collections.latentum.ops.plugins.module_utils.core.process import CommandError, Result

from . import fakes
from .fakes import Call, FakeEngine, Host, Programs, Volume, container, shop

host, programs = fakes.host, fakes.programs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "volumes" / "shop_files" / "_data"
    (made / "inner").mkdir(parents=True)
    (made / "inner" / "one").write_text("1")
    return made


@pytest.fixture
def engine(folder: Path) -> FakeEngine:
    made = FakeEngine(container("web", 1), container("web", 2), container("worker"), container("database"))
    made.api.volume("files", folder)
    return made


def read(engine: FakeEngine, *wanted: Volume) -> list[Source]:
    told: list[str] = []
    return list(volumes.read(engine, shop(volumes=wanted), told.append))  # type: ignore[arg-type]


def states(engine: FakeEngine) -> set[str]:
    return {one.state for one in engine.there}


# Where they are


def test_a_volume_is_found_by_its_name_in_the_compose_file(engine: FakeEngine, folder: Path) -> None:
    assert volumes.locate(engine, "shop", "files") == ("shop_files", folder)  # type: ignore[arg-type]


@pytest.mark.parametrize(("stack", "name"), [("shop", "other"), ("blog", "files")])
def test_a_volume_that_does_not_exist_is_refused_with_the_way_out(stack: str, name: str, engine: FakeEngine) -> None:
    with pytest.raises(BackupError, match=rf"the volume {name} of {stack} does not exist: .*`volumes: {{{name}: {{mode: skip}}}}`"):
        volumes.locate(engine, stack, name)  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{"Driver": "rexray"}, {"Options": {"type": "nfs", "device": ":/x"}}, {"Options": {"type": "tmpfs"}}])
def test_a_volume_that_is_kept_elsewhere_is_refused(changes: dict[str, Any], engine: FakeEngine, tmp_path: Path) -> None:
    engine.api.volume("far", tmp_path, **changes)
    with pytest.raises(BackupError, match="the volume far of shop is not kept on this host"):
        volumes.locate(engine, "shop", "far")  # type: ignore[arg-type]


def test_a_volume_that_is_a_folder_of_the_host_is_kept_on_this_host(engine: FakeEngine, tmp_path: Path) -> None:
    engine.api.volume("bound", tmp_path, Options={"type": "none", "device": "/srv/x", "o": "bind"})
    assert volumes.locate(engine, "shop", "bound")[1] == tmp_path  # type: ignore[arg-type]


# What is read of them


def test_a_live_volume_is_read_where_it_is(engine: FakeEngine, folder: Path, host: Host, programs: Programs) -> None:
    (source,) = read(engine, Volume("files", ("web",)))
    assert (source.docker, source.mountpoint, source.folder, source.still) == ("shop_files", folder, folder, False)
    assert engine.did == [] and programs.calls == []


def test_a_skipped_volume_is_not_even_looked_for(engine: FakeEngine, host: Host, programs: Programs) -> None:
    assert read(engine, Volume("unknown", ("web",), "skip")) == []


def test_a_paused_volume_is_copied_while_no_process_of_its_services_runs(
    engine: FakeEngine, folder: Path, host: Host, programs: Programs
) -> None:
    seen: list[set[str]] = []
    programs.on("cp --archive", do=lambda call: seen.append({one.id for one in engine.there if one.state == "paused"}))
    (source,) = read(engine, Volume("files", ("web", "worker"), "paused"))
    assert seen == [{"web1", "web2", "worker1"}] and states(engine) == {"running"}
    assert source.still and source.folder == host.backups / "shop" / "volumes" / "files"


def test_the_copy_is_whole_and_that_of_yesterday_is_gone(engine: FakeEngine, host: Host, programs: Programs) -> None:
    old = host.backups / "shop" / "volumes" / "files" / "inner"
    old.mkdir(parents=True)
    (old / "gone").write_text("yesterday")
    (source,) = read(engine, Volume("files", ("web",), "paused"))
    assert {str(one.relative_to(source.folder)) for one in source.folder.rglob("*")} == {"inner", "inner/one"}
    assert (source.folder / "inner" / "one").read_text() == "1"


def test_hooks_run_around_it_in_the_first_container_of_the_first_service(engine: FakeEngine, host: Host, programs: Programs) -> None:
    read(engine, Volume("files", ("web", "worker"), "paused", before=(("flush", "--all"), ("lock",)), after=(("unlock",),)))
    hooks = [one.line for one in programs.calls]
    assert hooks[:2] == ["docker exec shop-web-1 flush --all", "docker exec shop-web-1 lock"]
    assert hooks[2].startswith("cp ") and hooks[3:] == ["docker exec shop-web-1 unlock"]
    assert engine.did[:3] == ["pause web1", "pause web2", "pause worker1"]


def test_hooks_alone_are_stillness_enough(engine: FakeEngine, host: Host, programs: Programs) -> None:
    (source,) = read(engine, Volume("files", ("web",), before=(("lock",),), after=(("unlock",),)))
    assert source.still and engine.did == []


def test_a_container_that_somebody_else_paused_is_left_paused(engine: FakeEngine, host: Host, programs: Programs) -> None:
    engine.change("web2", state="paused")
    read(engine, Volume("files", ("web",), "paused"))
    assert engine.did == ["pause web1", "unpause web1"]


@pytest.mark.parametrize("error", [CommandError(Result((), 1, "", "no space"), "failed"), fakes.Killed(), KeyboardInterrupt()])
def test_whatever_happens_to_the_copy_they_go_on(error: BaseException, engine: FakeEngine, host: Host, programs: Programs) -> None:
    programs.on("cp --archive", do=lambda _call: fakes.throw(error))
    with pytest.raises(type(error)):
        read(engine, Volume("files", ("web",), "paused", after=(("unlock",),)))
    assert states(engine) == {"running"} and programs.lines("unlock")


def test_a_hook_that_fails_is_taken_back_and_nothing_is_paused(engine: FakeEngine, host: Host, programs: Programs) -> None:
    programs.on(" lock", rc=1)
    with pytest.raises(CommandError, match="lock"):
        read(engine, Volume("files", ("web",), "paused", before=(("lock",),), after=(("release",),)))
    assert engine.did == [] and programs.lines(" release") and not programs.lines("cp ")


def test_a_pause_that_fails_lets_those_before_it_go_on(
    engine: FakeEngine, host: Host, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = engine.api.pause

    def fails(one: str) -> None:
        if one == "web2":
            raise RuntimeError("gone")
        pause(one)

    monkeypatch.setattr(engine.api, "pause", fails)
    with pytest.raises(RuntimeError):
        read(engine, Volume("files", ("web",), "paused"))
    assert states(engine) == {"running"}


def test_one_that_cannot_go_on_does_not_hold_up_the_others(
    engine: FakeEngine, host: Host, programs: Programs, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpause = engine.unpause

    def gone(one: Container) -> None:
        if one.id == "web1":
            raise RuntimeError("404: no such container")
        unpause(one)

    monkeypatch.setattr(engine, "unpause", gone)
    with pytest.raises(RuntimeError, match="404"):
        read(engine, Volume("files", ("web",), "paused", after=(("unlock",),)))
    assert next(one.state for one in engine.there if one.id == "web2") == "running" and programs.lines("unlock")


def test_one_hook_that_fails_afterwards_does_not_hold_up_the_next(engine: FakeEngine, host: Host, programs: Programs) -> None:
    programs.on(" first", rc=1)
    with pytest.raises(CommandError):
        read(engine, Volume("files", ("web",), "paused", after=(("first",), ("second",))))
    assert programs.lines(" second")


def test_hooks_need_a_container_that_runs(engine: FakeEngine, host: Host, programs: Programs) -> None:
    for one in ("web1", "web2"):
        engine.change(one, state="exited")
    with pytest.raises(BackupError, match=r"volume files: no container of web is running, in which `lock now` could be run"):
        read(engine, Volume("files", ("web", "worker"), "paused", before=(("lock", "now"),)))
    assert engine.did == []


def test_volumes_come_one_after_the_other(engine: FakeEngine, host: Host, programs: Programs, tmp_path: Path) -> None:
    """While one is copied nobody stands still for another."""
    (tmp_path / "second").mkdir()
    engine.api.volume("second", tmp_path / "second")
    paused: list[set[str]] = []

    def look(_call: Call) -> None:
        paused.append({one.service for one in engine.there if one.state == "paused"})

    programs.on("cp --archive", do=look)
    found = read(engine, Volume("files", ("web",), "paused"), Volume("second", ("worker",), "paused"))
    assert paused == [{"web"}, {"worker"}] and [one.volume.name for one in found] == ["files", "second"]


def test_nothing_declared_is_nothing_read(engine: FakeEngine, host: Host) -> None:
    assert list(volumes.read(engine, Settings("shop", "/opt/shop", ()), lambda _line: None)) == []  # type: ignore[arg-type]
