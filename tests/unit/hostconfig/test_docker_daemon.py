# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An engine that others have configured keeps its data, their settings and their containers; files as they are on real hosts."""

from __future__ import annotations

import json
import stat
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig import docker_daemon, transaction
from ansible_collections.latentum.ops.plugins.module_utils.hostconfig.docker_daemon import (
    Confirmed,
    Present,
    Running,
    config_set,
    flags,
    plan,
)

from .conftest import Systemd

RECORDED = Path(__file__).parent / "recorded/daemon"
# What role docker declares unless told otherwise.
OURS: dict[str, Any] = {
    "default-address-pools": [{"base": "10.201.0.0/16", "size": 24}],
    "default-ulimits": {"core": {"Name": "core", "Hard": 0, "Soft": 0}},
    "live-restore": True,
    "log-driver": "json-file",
    "log-opts": {"max-size": "10m", "max-file": "5"},
    "metrics-addr": "127.0.0.1:9323",
    "no-new-privileges": True,
    "userland-proxy": False,
}
WITHOUT_LIVE_RESTORE = {**OURS, "live-restore": False}
BUSY = Running(driver="overlay2", holds=True, foreign=("legacy",))
DATABASE = Running(root="/data/docker", driver="overlay2", holds=True, foreign=("shop-db-1",))


def text(name: str) -> str:
    """A daemon.json of somebody else."""
    return (RECORDED / f"{name}.json").read_text()


def said(**given: Any) -> str:
    """All problems of a plan."""
    return "\n".join(map(str, plan(given.pop("declared", OURS), **given).problems))


def test_core_dumps_are_off_beside_other_limits_of_others() -> None:
    """A limit of theirs stays, their core dumps go, and as dockerd reads limits at its start alone it is restarted."""
    theirs = {"default-ulimits": {"core": {"Name": "core", "Hard": -1, "Soft": -1}, "nofile": {"Name": "nofile", "Hard": 9, "Soft": 9}}}
    planned = plan(OURS, Present(json.dumps({**OURS, **theirs})))
    assert planned.options["default-ulimits"] == {**theirs["default-ulimits"], **OURS["default-ulimits"]}
    assert planned.changed == ["default-ulimits"] and planned.restart
    waiting = plan(OURS, Present(json.dumps({**OURS, **theirs}), running=BUSY), Confirmed(keep_foreign=True))
    assert waiting.deferred == ["default-ulimits"] and not waiting.changed


@pytest.mark.parametrize("name", ["data_root", "gpu", "mirrors", "kubernetes", "office_network", "remapped", "syslog", "empty"])
def test_settings_of_others_stay_and_ours_win(name: str) -> None:
    existing = json.loads(text(name) or "{}")
    planned = plan(OURS, Present(text(name)))
    assert planned.problems == []
    limits = {**existing.get("default-ulimits", {}), **OURS["default-ulimits"]}
    assert planned.options == {**existing, **OURS, "default-ulimits": limits}
    assert set(planned.kept) == set(existing) - set(OURS)
    again = plan(OURS, Present(json.dumps(planned.options), json.dumps(OURS)))
    assert again.changed == [] and again.activate == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("comments", "is no JSON, so its settings cannot be kept: Expecting"),
        ("trailing_comma", "line 3"),
        ("open_api", '(found hosts: ["tcp://0.0.0.0:2375", "unix:///var/run/docker.sock"])'),
        ("no_iptables", "iptables: false"),
    ],
)
def test_what_cannot_be_adopted_is_refused_by_name(name: str, words: str) -> None:
    assert words in said(present=Present(text(name)))


def test_what_is_declared_is_meant() -> None:
    assert said(declared={**OURS, "iptables": False, "seccomp-profile": "unconfined"}, present=Present(text("no_iptables"))) == ""


def test_options_of_a_mapping_stay_beside_ours() -> None:
    ours = {**OURS, "runtimes": {"gvisor": {"path": "/usr/bin/runsc"}}}
    planned = plan(ours, Present(text("gpu")))
    assert set(planned.options["runtimes"]) == {"nvidia", "gvisor"}
    assert "syslog-address" not in plan(OURS, Present(text("syslog"))).options["log-opts"], "json-file refuses it"


def test_what_is_declared_no_more_goes_and_nothing_else() -> None:
    last = {**OURS, "debug": True, "dns": ["192.0.2.1"], "runtimes": {"gvisor": {}}}
    host = {**last, "dns": ["192.0.2.2"], "data-root": "/srv", "runtimes": {"gvisor": {}, "nvidia": {}}}
    planned = plan(OURS, Present(json.dumps(host), json.dumps(last)))
    assert planned.options == {**OURS, "dns": ["192.0.2.2"], "data-root": "/srv", "runtimes": {"nvidia": {}}}
    assert planned.changed == ["debug", "runtimes"] and not planned.restart


RELOADS = {"debug": True, "registry-mirrors": ["https://mirror.example.test"]}
RESTARTS = {"dns": ["192.0.2.1"]}


@pytest.mark.parametrize("key", [*RELOADS, *RESTARTS])
def test_a_reload_is_all_where_it_suffices(key: str) -> None:
    value = {**RELOADS, **RESTARTS}[key]
    planned = plan({**OURS, key: value}, Present(json.dumps(OURS), json.dumps(OURS), running=BUSY))
    assert planned.problems == []
    assert [argv[1] for argv in planned.activate] == ["reload", *(["-c", "restart"] if key in RESTARTS else [])]


@pytest.mark.parametrize("answers", [["false", "", "true"], ["true"]])
def test_the_restart_waits_until_live_restore_is_on(tmp_path: Path, answers: list[str]) -> None:
    """The engine takes a reload up when it comes to it."""
    _reload, wait, restart = plan({**OURS, **RESTARTS}, Present("{}", running=BUSY)).activate
    assert restart[1] == "restart"
    (tmp_path / "answers").write_text("".join(f"{answer}\n" for answer in answers))
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\ncd {tmp_path}; head -n 1 answers; sed -i 1d answers\n")
    docker.chmod(0o755)
    subprocess.run(wait, check=True, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, timeout=30)
    assert (tmp_path / "answers").read_text() == "", "asked until it is on, and no further"


def test_without_live_restore_nothing_is_waited_for() -> None:
    planned = plan(WITHOUT_LIVE_RESTORE, Present("{}", running=BUSY), Confirmed(restart=True))
    assert [argv[1] for argv in planned.activate] == ["reload", "restart"]


def test_data_never_move_silently() -> None:
    moved = {**OURS, "data-root": "/srv/docker"}
    refused = said(declared=moved, present=Present(text("data_root"), running=DATABASE))
    assert "data-root would change from /data/docker to /srv/docker" in refused and "docker_confirm_move: true" in refused
    assert said(declared=moved, present=Present(text("data_root"), running=DATABASE), confirmed=Confirmed(move=True)) == ""
    assert said(declared=moved, present=Present("", running=Running())) == "", "an engine that holds nothing"
    # Declared once, and now no more.
    assert "from /data/docker to /var/lib/docker" in said(present=Present(text("data_root"), text("data_root"), running=DATABASE))
    remapped = said(declared={**OURS, "userns-remap": "default"}, present=Present("", running=Running(holds=True)))
    assert "userns-remap would change from none to default" in remapped


def test_a_root_of_the_command_line_stays() -> None:
    unit = "ExecStart={ path=/usr/bin/dockerd ; argv[]=/usr/bin/dockerd -H fd:// --data-root /data/docker ; ignore_errors=no ; }"
    assert said(present=Present("", unit=unit, running=DATABASE)) == ""


def test_a_root_behind_a_link_does_not_move(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "docker").symlink_to("data")
    declared = {**OURS, "data-root": f"{tmp_path}/docker"}
    assert said(declared=declared, present=Present("{}", running=Running(root=f"{tmp_path}/data", holds=True))) == ""


def test_a_restart_under_containers_of_others_is_asked_for() -> None:
    present = Present("{}", running=BUSY)
    refused = said(declared=WITHOUT_LIVE_RESTORE, present=present)
    assert "that stops legacy" in refused and "docker_confirm_restart: true" in refused
    assert said(declared=WITHOUT_LIVE_RESTORE, present=present, confirmed=Confirmed(restart=True)) == ""
    assert said(present=present) == "", "with live-restore they survive"


def test_a_swarm_has_no_live_restore() -> None:
    running = Running(swarm=True)
    assert "docker_live_restore: the engine is part of a swarm" in said(present=Present("{}", running=running))
    assert said(declared=WITHOUT_LIVE_RESTORE, present=Present("{}", running=running)) == ""


COMMAND_LINES: dict[str, tuple[str, str, dict[str, str]]] = {
    "as packaged": ("-H fd:// --containerd=/run/c.sock", "", {"hosts": "fd://", "containerd": "/run/c.sock"}),
    "of Debian": (
        "-H fd:// $DOCKER_OPTS",
        'DOCKER_OPTS="--log-driver=local -g /x"',
        {"hosts": "fd://", "log-driver": "local", "data-root": "/x"},
    ),
    "a comment": ("--live-restore $DOCKER_OPTS", "#DOCKER_OPTS='--dns 192.0.2.8'", {"live-restore": ""}),
    "in the plural": ("--insecure-registry 192.0.2.1:5000 --graph=/x", "", {"insecure-registries": "192.0.2.1:5000", "data-root": "/x"}),
}


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_options_of_the_command_line(name: str) -> None:
    words, opts, expected = COMMAND_LINES[name]
    unit = f"ExecStart={{ path=/usr/bin/dockerd ; argv[]=/usr/bin/dockerd {words} ; ignore_errors=no ; start_time=[n/a] }}\nEnvironment="
    assert flags(unit, opts) == expected


def test_an_option_of_the_command_line_is_refused_in_the_file() -> None:
    unit = "ExecStart={ path=/usr/bin/dockerd ; argv[]=/usr/bin/dockerd -H fd:// --log-driver=journald ; ignore_errors=no ; }"
    assert "/etc/docker/daemon.json: log-driver: the unit of the engine" in said(present=Present("", unit=unit))
    other = unit.replace("--log-driver=journald", "--config-file /etc/other.json")
    assert "names another file" in said(present=Present("", unit=other))


def test_what_the_engine_says_of_itself() -> None:
    ours = {"Names": ["/app-web-1"], "Labels": {"com.latentum.ops.definition": "x"}}
    foreign = {"Names": ["/legacy"], "Labels": {}}
    info = {"DockerRootDir": "/data/docker/100000.100000", "Driver": "overlay2", "Swarm": {"LocalNodeState": "inactive"}, "Containers": 2}
    api = SimpleNamespace(info=lambda: info, containers=lambda: [ours, foreign], volumes=lambda: {"Volumes": None})
    engine: Any = SimpleNamespace(api=api)
    assert Running.ask(engine) == Running("/data/docker", "overlay2", False, True, ["legacy"])


def test_the_file_of_others_is_kept_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, systemd: Systemd) -> None:
    file = tmp_path / "daemon.json"
    monkeypatch.setattr(docker_daemon, "FILE", file)
    monkeypatch.setattr(docker_daemon, "BEFORE", tmp_path / "before")
    monkeypatch.setattr(docker_daemon, "DECLARED", tmp_path / "declared")
    monkeypatch.setattr(transaction, "run", lambda *_args, **_options: SimpleNamespace(rc=0))
    file.write_text(text("data_root"))
    file.chmod(0o600)

    def converge(declared: dict[str, Any]) -> list[str]:
        declared_text = (tmp_path / "declared").read_text() if (tmp_path / "declared").exists() else ""
        present = Present(file.read_text(), declared_text)
        return transaction.apply(config_set(plan(declared, present), present)).paths

    assert len(converge(OURS)) == 3 and converge(OURS) == []
    assert json.loads(file.read_text())["data-root"] == "/data/docker" and stat.S_IMODE(file.stat().st_mode) == 0o600
    converge({**OURS, "debug": True})
    assert (tmp_path / "before").read_text() == text("data_root") and stat.S_IMODE((tmp_path / "before").stat().st_mode) == 0o600


def test_containers_of_others_go_before_options_that_restart_the_engine() -> None:
    """What only needs a reload is taken up; the rest waits, is named, and is not recorded as ours until it is written."""
    theirs = json.dumps({"labels": ["owner=somebody"], "userland-proxy": True})
    waiting = plan(OURS, Present(theirs, running=BUSY), Confirmed(keep_foreign=True))
    assert waiting.problems == [] and waiting.activate == [["systemctl", "reload", "docker.service"]]
    assert waiting.options == {"labels": ["owner=somebody"], "userland-proxy": True, "live-restore": True}
    assert waiting.deferred == sorted(set(OURS) - {"live-restore"})
    assert waiting.declared == {"live-restore": True}
    again = plan(OURS, Present(json.dumps(waiting.options), json.dumps(waiting.declared), running=BUSY), Confirmed(keep_foreign=True))
    assert again.changed == [] and again.deferred == waiting.deferred and again.declared == waiting.declared
    for confirmed, running in (
        (Confirmed(restart=True, keep_foreign=True), BUSY),
        (Confirmed(keep_foreign=True), Running(driver="overlay2")),
    ):
        written = plan(OURS, Present(json.dumps(waiting.options), json.dumps(waiting.declared), running=running), confirmed)
        assert written.deferred == [] and written.restart and written.options == {"labels": ["owner=somebody"], **OURS}


def test_what_is_declared_no_more_waits_for_a_restart_too() -> None:
    """It stays in the file, and stays ours, so that the run that restarts takes it away."""
    before = Present(json.dumps(OURS), json.dumps(OURS), running=BUSY)
    fewer = {key: value for key, value in OURS.items() if key != "metrics-addr"}
    waiting = plan(fewer, before, Confirmed(keep_foreign=True))
    assert waiting.changed == [] and waiting.deferred == ["metrics-addr"] and waiting.options == OURS == waiting.declared
    assert "metrics-addr" not in plan(fewer, before, Confirmed(restart=True, keep_foreign=True)).options


def test_a_move_of_data_waits_as_well_but_is_refused_when_it_would_come() -> None:
    moved = {**OURS, "data-root": "/data/docker"}
    assert plan(moved, Present(running=BUSY), Confirmed(keep_foreign=True)).problems == []
    assert "would start without what it holds" in said(
        declared=moved, present=Present(running=BUSY), confirmed=Confirmed(False, True, True)
    )
