# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the test hosts must never do to a contributor's machine, and how they cope with what an earlier run left."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import FakeEngine

HOSTS = Path(__file__).resolve().parents[2] / "hosts"


def test_a_container_of_somebody_else_is_refused(fake_engine: FakeEngine) -> None:
    import host
    from engine import HostsError

    fake_engine.answer = lambda argv: (0, '{"owner": "somebody"}') if argv[:2] == ("container", "inspect") else None
    with pytest.raises(HostsError, match="web-a exists that is not ours"):
        host.remove("web-a")
    assert not fake_engine.called("rm")


def test_a_leftover_of_ours_is_replaced_with_its_volumes(fake_engine: FakeEngine) -> None:
    import host

    fake_engine.answer = lambda argv: (0, '{"latentum.ops.test": "1"}') if argv[:2] == ("container", "inspect") else None
    assert host.remove("web-a")
    assert fake_engine.called("rm") == [("rm", "--force", "--volumes", "web-a")]


@pytest.mark.parametrize("publish", ["8443:443", "0.0.0.0:8443:443", "192.0.2.1:8443:443"])
def test_only_loopback_is_published(fake_engine: FakeEngine, publish: str) -> None:
    import host
    from engine import HostsError

    with pytest.raises(HostsError, match=r"127\.0\.0\.1 only"):
        host.up("web-a", "trixie", [], [publish])
    assert fake_engine.calls == []


@pytest.mark.parametrize("name", ["Web", "web_a", "-web", "web;id", ""])
def test_names_are_host_names(fake_engine: FakeEngine, name: str) -> None:
    import host
    from engine import HostsError

    with pytest.raises(HostsError, match="cannot be a host's name"):
        host.up(name, "trixie", [], [])
    assert fake_engine.calls == []


def test_a_platform_must_be_known() -> None:
    import rootfs
    from engine import HostsError

    with pytest.raises(HostsError, match="'sid' is not known: write one of trixie, forky"):
        rootfs.base_name("sid")


def test_a_network_of_somebody_else_is_refused(fake_engine: FakeEngine) -> None:
    import network
    from engine import HostsError

    fake_engine.answer = lambda argv: (0, '[{"Labels": {}}]') if argv[:2] == ("network", "inspect") else None
    with pytest.raises(HostsError, match="not ours"):
        network.ensure()
    assert not fake_engine.called("network", "create")


def test_the_network_steps_aside_for_a_subnet_in_use(fake_engine: FakeEngine) -> None:
    import network

    def answer(argv: tuple[str, ...]) -> tuple[int, str] | None:
        if argv[:2] == ("network", "inspect"):
            return 1, "no such network"
        return (1, "Pool overlaps with other one") if network.SUBNETS[0] in argv else None

    fake_engine.answer = answer
    network.ensure()
    created = fake_engine.called("network", "create")
    assert network.SUBNETS[1] in created[-1]
    assert all(call[2:4] == ("--label", "latentum.ops.test=1") for call in created)


def test_a_recipe_has_a_new_name_when_any_part_changes(tmp_path: Path) -> None:
    from rootfs import Recipe

    (tmp_path / "Dockerfile").write_text("FROM x\n")
    first = Recipe("host", tmp_path, "base:1", {"authorized_keys": "a"})
    names = {first.image, Recipe("host", tmp_path, "base:2", {"authorized_keys": "a"}).image}
    names.add(Recipe("host", tmp_path, "base:1", {"authorized_keys": "b"}).image)
    (tmp_path / "Dockerfile").write_text("FROM y\n")
    names.add(first.image)
    assert len(names) == 4


def test_capabilities_are_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    import host

    # All but bit 24, SYS_RESOURCE.
    monkeypatch.setattr(Path, "read_text", lambda self: "Name:\tinit\nCapBnd:\t000001fffeffffff\n")
    monkeypatch.setattr(Path, "exists", lambda self: True)
    found = host.capabilities()
    assert "SYS_RESOURCE" not in found
    assert {"SYS_ADMIN", "NET_ADMIN", "AUDIT_READ"} <= set(found)
    assert len(found) == len(host.CAPABILITIES) - 1


def test_ports_are_the_same_next_time() -> None:
    import host

    assert host.free_port("web-a") == host.free_port("web-a")
    assert host.free_port("web-a") in host.PORTS


def test_prerequisites_need_nothing_but_python() -> None:
    """They run before the virtual environment exists: no site-packages, no module of ours beside them."""
    code = "import runpy, sys; sys.argv = ['x']; runpy.run_path(sys.orig_argv[-1], run_name='imported')"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(HOSTS / "prerequisites.py")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ},
    )
    assert done.returncode == 0, done.stderr


def test_prerequisites_name_what_only_root_can_install(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import prerequisites

    monkeypatch.setattr(prerequisites.shutil, "which", lambda name: None if name == "mmdebstrap" else f"/usr/bin/{name}")
    monkeypatch.setattr(prerequisites.os, "geteuid", lambda: 1000)
    assert prerequisites.main() == 1
    assert "mmdebstrap" in capsys.readouterr().err


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """A machine where we are root, no engine answers, and starting one makes it answer; what was started is returned."""
    import cache
    import engine

    started: list[list[str]] = []

    class Started:
        def __init__(self, argv: list[str], **_: object) -> None:
            started.append(argv)

        def poll(self) -> None:
            return None

    monkeypatch.setattr(cache, "CACHE", tmp_path)
    monkeypatch.setattr(engine, "answers", lambda: bool(started))
    monkeypatch.setattr(engine.os, "geteuid", lambda: 0)
    monkeypatch.setattr(engine.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(engine.subprocess, "Popen", Started)
    monkeypatch.setattr(engine, "PID_FILE", tmp_path / "docker.pid")
    monkeypatch.setattr(engine, "INOTIFY", tmp_path / "max_user_instances")
    return started


@pytest.mark.parametrize("left", ["99999999", "", str(os.getpid())], ids=["nobody", "empty", "somebody-else"])
def test_the_pid_file_of_a_dead_engine_is_removed(no_engine: list[list[str]], tmp_path: Path, left: str) -> None:
    import engine

    (tmp_path / "docker.pid").write_text(left)
    engine.ensure(tmp_path / "dockerd.log")
    assert no_engine == [["dockerd"]]
    assert not (tmp_path / "docker.pid").exists()


def test_without_root_no_engine_is_started(no_engine: list[list[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import engine

    monkeypatch.setattr(engine.os, "geteuid", lambda: 1000)
    with pytest.raises(engine.HostsError, match="start Docker and try again"):
        engine.ensure(tmp_path / "dockerd.log")
    assert no_engine == []


def test_room_for_many_hosts_is_made_once(no_engine: list[list[str]], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import engine

    (tmp_path / "max_user_instances").write_text("128\n")
    engine.ensure(tmp_path / "dockerd.log")
    engine.ensure(tmp_path / "dockerd.log")
    assert (tmp_path / "max_user_instances").read_text() == "1024\n"
    assert capsys.readouterr().err.count("raising") == 1
