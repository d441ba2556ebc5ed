# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who serves while a rollout is under way, and when everybody has left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.contracts.upstreams import Upstream
from ansible_collections.latentum.ops.plugins.module_utils.nginx import drain, members
from ansible_collections.latentum.ops.plugins.module_utils.nginx import sync as upstreams
from ansible_collections.latentum.ops.plugins.module_utils.nginx.sync import MAINTENANCE, plan, render, servers
from ansible_collections.latentum.ops.plugins.module_utils.nginx.traffic_plan import Traffic

from .samples import container

UPSTREAM = Upstream("shop_api_80", "shop", "api", 80)


def test_a_new_container_waits_for_its_turn() -> None:
    there = [container(1), container(2)]
    assert servers(UPSTREAM, there, None, Traffic({"api1": 1})) == ["10.0.0.1:80"]
    assert servers(UPSTREAM, there, None) == ["10.0.0.1:80", "10.0.0.2:80"]


def test_weights_of_a_trial() -> None:
    there = [container(1), container(2)]
    shown = servers(UPSTREAM, there, None, Traffic({"api1": 9, "api2": 1}))
    assert shown == ["10.0.0.1:80 weight=9", "10.0.0.2:80"]
    text = render(UPSTREAM, shown)
    assert "server 10.0.0.1:80 weight=9 max_fails=0;" in text
    assert "least_conn" not in text  # by which a slow version would get fewer requests than its share
    assert "least_conn" in render(UPSTREAM, ["10.0.0.1:80"])


def test_when_nobody_of_the_plan_is_left_whoever_is_healthy_serves() -> None:
    there = [container(1, health="unhealthy"), container(2)]
    assert servers(UPSTREAM, there, None, Traffic({"api1": 1})) == ["10.0.0.2:80"]


def test_maintenance() -> None:
    assert servers(UPSTREAM, [container(1)], None, Traffic(maintenance=True)) == [MAINTENANCE]


def test_a_load_balancer_leaves_out_who_is_drained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drained = tmp_path / "drained.json"
    monkeypatch.setattr(upstreams, "DRAINED", drained)
    edge = Upstream.from_dict({"name": "edge", "members": [{"name": "a", "address": "192.0.2.1"}, {"name": "b", "address": "192.0.2.2"}]})

    def written() -> str:
        return plan(None, [edge])[0].content.decode()

    assert "192.0.2.1:443" in written() and "192.0.2.2:443" in written()
    drained.write_text(json.dumps(["a"]))
    assert "192.0.2.1:443" not in written() and "192.0.2.2:443" in written()
    drained.write_text(json.dumps(["a", "b"]))
    assert "192.0.2.1:443" in written()


def test_the_last_member_is_never_taken_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upstreams, "DRAINED", tmp_path / "drained.json")
    edge = Upstream.from_dict({"name": "edge", "members": [{"name": "a", "address": "192.0.2.1"}]})
    monkeypatch.setattr(upstreams, "load", lambda: [edge])
    with pytest.raises(members.DrainError, match="last one"):
        members.set_member("a", "drained", 1)
    with pytest.raises(members.DrainError, match="write one of a"):
        members.set_member("c", "drained", 1)


def test_an_upstream_that_leads_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="or members"):
        Upstream.from_dict({"name": "x"})


class Proc:
    """A /proc with an nginx in it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder / "proc"
        (self.folder / "net").mkdir(parents=True)
        (folder / "nginx.pid").write_text("10\n")
        monkeypatch.setattr(drain, "PROC", self.folder)
        monkeypatch.setattr(drain, "PID_FILE", folder / "nginx.pid")
        monkeypatch.setattr(drain, "CONFIGURATION", (folder / "nginx.conf",))
        monkeypatch.setattr(drain, "MARGIN", 0.1)
        self.connections()

    def worker(self, pid: int, title: str = "nginx: worker process", start: int = 7) -> None:
        folder = self.folder / str(pid)
        folder.mkdir(exist_ok=True)
        (folder / "stat").write_text(f"{pid} (nginx) S 10 " + "0 " * 17 + f"{start} 0\n")
        (folder / "cmdline").write_text(title)
        self.children()

    def gone(self, pid: int) -> None:
        for file in (self.folder / str(pid)).iterdir():
            file.unlink()
        self.children()

    def children(self) -> None:
        """What the kernel lists for the master."""
        file = self.folder / "10/task/10/children"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(" ".join(stat.parent.name for stat in self.folder.glob("*/stat")) + " ")

    def connections(self, *remote: str) -> None:
        lines = [f"   {n}: 0100007F:1F90 {one} 01 00000000:00000000" for n, one in enumerate(remote)]
        (self.folder / "net/tcp").write_text("\n".join(["  sl  local_address rem_address   st", *lines]) + "\n")


@pytest.fixture
def proc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Proc:
    return Proc(tmp_path, monkeypatch)


def test_drained_is_when_the_old_workers_are_gone(proc: Proc) -> None:
    proc.worker(11)
    before = drain.workers()
    proc.gone(11)
    proc.worker(12)
    proc.worker(11, start=9)  # the number is used again by a new worker
    proc.connections("0200000A:0050")
    assert drain.wait(before, ["10.0.0.2:80"], 5) is None


def test_a_kernel_that_lists_no_children_is_asked_for_all_processes(proc: Proc) -> None:
    proc.worker(11)
    listed = drain.workers()
    (proc.folder / "10/task/10/children").unlink()
    (proc.folder / "20").mkdir()
    (proc.folder / "20/stat").write_text("20 (sh) S 1 " + "0 " * 17 + "7 0\n")
    assert drain.workers() == listed == {(11, "7")}


def test_an_old_worker_with_a_connection_is_waited_for(proc: Proc) -> None:
    proc.worker(11, "nginx: worker process is shutting down")
    proc.connections("0200000A:0050")
    seen: list[drain.Remaining] = []
    left = drain.wait(set(), ["10.0.0.2:80"], 0.4, seen.append)
    assert left == drain.Remaining(1, 1)
    assert seen


def test_an_old_worker_that_stays_for_another_service_is_not_waited_for(proc: Proc) -> None:
    proc.worker(11, "nginx: worker process is shutting down")
    proc.connections("0300000A:0050")
    assert drain.wait(set(), ["10.0.0.2:80"], 5) is None


def test_while_old_workers_may_take_requests_no_connection_says_nothing(proc: Proc, tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("http {\n    keepalive_min_timeout 2s;\n}\n")
    proc.worker(11, "nginx: worker process is shutting down")
    assert drain.floor() == 2.0
    assert drain.wait(set(), ["10.0.0.2:80"], 0.3) == drain.Remaining(1, 0)


def test_a_process_that_ends_while_it_is_looked_at_is_gone(proc: Proc, monkeypatch: pytest.MonkeyPatch) -> None:
    proc.worker(11)
    proc.worker(12)
    read = Path.read_text

    def ends(path: Path, *given: Any, **more: Any) -> str:
        if "11" in path.parts:
            raise ProcessLookupError(3, "No such process")
        return read(path, *given, **more)

    monkeypatch.setattr(Path, "read_text", ends)
    assert {pid for pid, _start in drain.workers()} == {12}
    assert drain.leaving({(11, "7")}) == set()


def test_containers_that_are_reached_at_unknown_addresses_are_drained_by_the_end_of_the_workers(proc: Proc) -> None:
    """Those of a project that is taken over: a site of somebody else led to them, and no connection of theirs is known."""
    proc.worker(11)
    before = drain.workers()
    left = drain.wait(before, None, timeout=0.5)
    assert left is not None and left.workers == 1
    assert drain.wait(before, [], timeout=0.5) is None
    proc.gone(11)
    assert drain.wait(before, None, timeout=0.5) is None


def test_the_floor_is_read_wherever_role_nginx_has_written_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside sites of others nginx.conf is theirs, and a drain that did not know ours would end too early."""
    main, ours = tmp_path / "nginx.conf", tmp_path / "latentum-server.conf"
    monkeypatch.setattr(drain, "CONFIGURATION", (main, ours))
    assert drain.floor() == 0
    main.write_text("http {\n  keepalive_timeout 65s;\n}\n")
    ours.write_text("    keepalive_min_timeout 2s;\n")
    assert drain.floor() == 2
    main.write_text("http {\n  keepalive_min_timeout 5s;\n}\n")
    assert drain.floor() == 5
    template = Path(__file__).parents[3] / "roles/nginx/templates/etc/nginx/snippets/latentum-server.conf.j2"
    assert template.exists() and drain.__file__ and "snippets/latentum-server.conf" in Path(drain.__file__).read_text()
