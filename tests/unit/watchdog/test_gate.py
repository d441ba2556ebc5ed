# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What root does for the watchdog, and what it refuses, whoever asks."""

from __future__ import annotations

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.core import locks
from ansible_collections.latentum.ops.plugins.module_utils.nginx import out_of_rotation
from ansible_collections.latentum.ops.plugins.module_utils.watchdog import access, credentials, gate, privileged_requests, settings
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.privileged_requests import Refused
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes import containers as container_probes
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.containers import Reading

from . import samples
from .samples import FakeEngine, Host, container, probe, throw

host = samples.host

QUEUE = {"kind": "redis_queue", "name": "queue jobs", "timeout": 1, "interval": 5, "list": "jobs", "max": 5, "port": 6379}


@pytest.fixture
def shop(host: Host) -> Host:
    """Stack shop: an API that may be recreated, and a queue behind a password."""
    queue = {"service": "queue", "replicas": 1, "probes": [{**QUEUE, "password_file": "/secret"}, {**QUEUE, "name": "open"}]}
    host.watch("shop", services=[{"service": "api", "replicas": 2, "escalate": ["recreate"]}, queue])
    host.engine = FakeEngine(container(1), container(2), container(1, "queue"), container(7, project="blog"))
    return host


def refused(question: Any) -> str:
    with pytest.raises(Refused) as raised:
        privileged_requests.call(question)
    return str(raised.value)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\n",
        b"{",
        b"[]",
        b"5",
        b"null",
        b'"remedy"',
        b"{}",
        b'{"shell": {}}',
        b'{"remedy": []}',
        b'{"a": 1, "b": 2}',
        b"\xff\xfe",
        b"[" * 5000,
    ],
)
def test_what_is_no_question_is_refused(raw: bytes, shop: Host) -> None:
    assert shop.gate.answer(raw)["ok"] is False


# Remedies


@pytest.mark.parametrize("remedy", ["replace", "recreate"])
def test_a_remedy_that_is_declared_waits_for_the_helper_once(remedy: str, shop: Host) -> None:
    for _time in range(2):
        privileged_requests.ask("shop", "api", remedy)
    (waiting,) = privileged_requests.REQUESTS.iterdir()
    asked = json.loads(waiting.read_text())
    assert waiting.name == f"shop.api.{remedy}.json" and (asked["stack"], asked["service"], asked["remedy"]) == ("shop", "api", remedy)


@pytest.mark.parametrize(
    ("stack", "service", "remedy"),
    [
        ("blog", "api", "replace"),
        ("../../etc", "api", "replace"),
        ("shop", "../api", "replace"),
        ("shop", "web", "replace"),
        ("shop", "queue", "recreate"),
        ("shop", "api", "rollback"),
        ("shop", "api", "restart"),
        ("shop", "api", "../../../etc/cron.d/x"),
        ("shop", "api", ""),
    ],
)
def test_a_remedy_that_is_not_declared_is_refused(stack: str, service: str, remedy: str, shop: Host) -> None:
    with pytest.raises(Refused):
        privileged_requests.ask(stack, service, remedy)
    assert list(privileged_requests.REQUESTS.iterdir()) == []


def test_answers_are_given_once(shop: Host) -> None:
    assert list(privileged_requests.answers()) == []
    (privileged_requests.ANSWERS / "shop.api.replace.json").write_text('{"stack": "shop", "service": "api", "said": "brought it"}')
    assert list(privileged_requests.answers()) == [("shop/api", "brought it")]
    assert list(privileged_requests.answers()) == []


# Who gets no traffic


def test_who_is_out_of_rotation_is_written_and_nginx_told_once(shop: Host) -> None:
    told: list[str] = []
    shop.synced = lambda: bool(told.append("nginx")) or True
    assert privileged_requests.put_out("shop", {"api1": "it died\nnobody knows why"})
    assert out_of_rotation.load("shop") == {"api1": "it died nobody knows why"} and told == ["nginx"]
    assert not privileged_requests.put_out("shop", {"api1": "it died nobody knows why"}) and told == ["nginx"]


@pytest.mark.parametrize(
    "out",
    [
        {"api1; } access_log /etc/cron.d/x": "why"},
        {"../../etc/passwd": "why"},
        {"": "why"},
        {"a" * 65: "why"},
        {f"api{number}": "why" for number in range(1001)},
        ["api1"],
        "api1",
        None,
    ],
)
def test_what_is_no_container_is_not_written(out: Any, shop: Host) -> None:
    refused({"rotation": {"stack": "shop", "out": out}})
    assert out_of_rotation.stacks() == []


def test_a_stack_that_nobody_watches_only_gets_its_traffic_back(shop: Host) -> None:
    refused({"rotation": {"stack": "blog", "out": {"api7": "why"}}})
    refused({"rotation": {"stack": "../blog", "out": {}}})
    out_of_rotation.put("blog", {"api7": "it died"})
    assert privileged_requests.put_out("blog", {}) and out_of_rotation.load("blog") == {}


def test_what_nginx_has_not_taken_over_is_tried_again(shop: Host) -> None:
    outcomes = iter([False, False, True])
    tries: list[bool] = []
    shop.synced = lambda: tries.append(next(outcomes)) or tries[-1]
    assert privileged_requests.put_out("shop", {"api1": "it died"})
    for _round in range(4):
        shop.gate.look()
    assert tries == [False, False, True]


# Probes that take a secret, and logs


def test_a_declared_probe_with_a_secret_is_carried_out_by_root(shop: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def read(spec: Any, one: Any, _engine: Any) -> Reading:
        asked.append((str(spec.options["password_file"]), one.id))
        return Reading(spec.name, False, 0.5, "queue jobs: 7 wait", limit=True)

    monkeypatch.setattr(container_probes, "read", read)
    seen = privileged_requests.probe("shop", "queue", "queue jobs", "queue1", 1)
    assert asked == [("/secret", "queue1")] and seen["reason"] == "queue jobs: 7 wait" and seen["limit"]


@pytest.mark.parametrize(
    ("service", "name", "one"),
    [
        ("queue", "open", "queue1"),  # it takes no secret: the watchdog asks itself
        ("queue", "queue jobs", "api1"),  # the password goes to nobody else
        ("queue", "queue jobs", "api7"),
        ("queue", "queue jobs", "none"),
        ("queue", "queue jobs", "../../containers"),
        ("queue", "other", "queue1"),
        ("api", "queue jobs", "queue1"),
    ],
)
def test_no_other_probe_is(service: str, name: str, one: str, shop: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_probes, "read", lambda *_given: pytest.fail("it was asked"))
    with pytest.raises(Refused):
        privileged_requests.probe("shop", service, name, one, 1)


def test_the_watchdog_leaves_what_takes_a_secret_to_root(shop: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = probe("redis_queue", "queue jobs", password_file="/secret", list="jobs", max=5)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    monkeypatch.setattr(
        privileged_requests, "call", lambda question, _patience: {"reading": {"ok": True, "latency": 0.1, "said": question}}
    )
    assert container_probes.read(spec, container(1, "queue"), shop.engine) == Reading("queue jobs", True, 0.1)
    monkeypatch.setattr(privileged_requests, "call", lambda *_given: throw(Refused("the gate refuses")))
    reading = container_probes.read(spec, container(1, "queue"), shop.engine)
    assert not reading.ok and reading.limit and reading.reason == "queue jobs: nobody could ask: the gate refuses"


# What is there for the watchdog


def test_a_stack_that_is_declared_gets_its_lock(shop: Host) -> None:
    shop.gate.look()
    lock = locks.FOLDER / "shop.lock"
    assert lock.is_file() and lock.stat().st_mode & 0o777 == 0o640


def test_settings_that_cannot_be_read_leave_what_was_known(shop: Host) -> None:
    shop.gate.look()
    (settings.FOLDER / "shop.json").write_text("{")
    with pytest.raises(ValueError, match=r"shop\.json"):
        shop.gate.look()
    assert shop.gate.settings.stack("shop") is not None


def test_the_credentials_of_receivers_and_no_others_are_copied_and_follow_the_store(host: Host, tmp_path: Path) -> None:
    store = tmp_path / "store"
    store.mkdir()
    for name in ("hook", "mail", "switch", "database"):
        (store / name).write_text(f"{name}-secret\n")
    alerts = [
        {"name": "chat", "kind": "slack", "url_file": str(store / "hook"), "severities": ["critical"]},
        {"name": "mail", "kind": "email", "password_file": str(store / "mail"), "severities": ["critical"]},
        {"name": "away", "kind": "slack", "url_file": str(store / "none"), "severities": ["critical"]},
    ]
    queue = {"service": "queue", "replicas": 1, "probes": [{**QUEUE, "password_file": str(store / "database")}]}
    host.watch("shop", services=[queue], alerts=alerts, deadman={"url_file": str(store / "switch"), "interval": 60})
    host.gate.look()
    there = {path.read_text().strip() for path in credentials.FOLDER.iterdir()}
    assert there == {"hook-secret", "mail-secret", "switch-secret"}
    assert {path.stat().st_mode & 0o777 for path in credentials.FOLDER.iterdir()} == {0o640}
    (store / "hook").write_text("another")
    (store / "mail").unlink()
    host.gate.look()
    assert {path.read_text().strip() for path in credentials.FOLDER.iterdir()} == {"another", "switch-secret"}
    host.watch("shop", services=[])
    host.gate.look()
    assert list(credentials.FOLDER.iterdir()) == []


@pytest.mark.parametrize(("user", "file"), [(0, "store"), (4711, "copy")])
def test_root_reads_the_store_and_the_watchdog_the_copies(user: int, file: str, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    path = credentials.path_of("/etc/latentum-ops/secrets/shop/hook")
    assert (path.parent == credentials.FOLDER) == (file == "copy")


# Owners and modes


def granted(root: Path, path: str, mode: int) -> Path:
    made = root / path
    made.parent.mkdir(parents=True, exist_ok=True)
    if path.endswith("/"):
        made.mkdir(exist_ok=True)
    else:
        made.write_text("{}")
    made.chmod(mode)
    return made


@pytest.mark.parametrize(
    ("path", "mode"),
    [
        ("etc/latentum-ops/watchdog/", 0o750),
        ("etc/latentum-ops/watchdog/shop.json", 0o640),
        ("var/lib/latentum-ops/stacks/shop/", 0o710),
        ("var/lib/latentum-ops/stacks/shop/live.json", 0o640),
        ("var/lib/latentum-ops/stacks/shop/journal.jsonl", 0o640),
        ("var/lib/latentum-ops/stacks/shop/traffic.json", 0o640),
        ("var/lib/latentum-ops/jobs/shop/report.json", 0o640),
        ("var/lib/latentum-ops/backups/", 0o750),
        ("run/latentum-ops/shop.lock", 0o640),
    ],
)
def test_what_the_watchdog_reads_is_put_right(path: str, mode: int, tmp_path: Path) -> None:
    made = granted(tmp_path, path, 0o700 if path.endswith("/") else 0o600)
    access.grant(tmp_path)
    assert made.stat().st_mode & 0o7777 == mode


@pytest.mark.parametrize(
    "path",
    [
        "var/lib/latentum-ops/stacks/shop/releases/1/environment",
        "var/lib/latentum-ops/stacks/shop/releases/1/compose.yaml",
        "var/lib/latentum-ops/stacks/shop/other.json",
        "etc/latentum-ops/secrets/shop/password",
    ],
)
def test_nothing_else_is(path: str, tmp_path: Path) -> None:
    made = granted(tmp_path, path, 0o600)
    access.grant(tmp_path)
    assert made.stat().st_mode & 0o7777 == 0o600


@pytest.mark.parametrize("how", ["link", "second name"])
def test_a_link_that_an_earlier_watchdog_may_have_left_is_not_followed(how: str, tmp_path: Path) -> None:
    victim = granted(tmp_path, "etc/shadow", 0o600)
    lock = tmp_path / "run/latentum-ops/shop.lock"
    lock.parent.mkdir(parents=True)
    if how == "link":
        lock.symlink_to(victim)
    else:
        os.link(victim, lock)
    access.grant(tmp_path)
    assert victim.stat().st_mode & 0o7777 == 0o600


def test_the_folders_of_requests_of_before_are_gone(tmp_path: Path) -> None:
    granted(tmp_path, "run/latentum-ops-watchdog/requests/x.json", 0o600)
    kept = granted(tmp_path, "run/latentum-ops-watchdog/status.json", 0o640)
    access.grant(tmp_path)
    assert kept.exists() and not (kept.parent / "requests").exists()


# The socket


@pytest.fixture
def listening(shop: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = Path(f"/tmp/latentum-gate-{os.getpid()}") / "socket"
    monkeypatch.setattr(privileged_requests, "SOCKET", path)
    shop.gate.open()
    return path


def spoken(path: Path, raw: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as channel:
        channel.settimeout(10)
        channel.connect(str(path))
        channel.sendall(raw)
        return channel.makefile("rb").readline()


def test_a_question_goes_through_the_socket(listening: Path, shop: Host) -> None:
    assert json.loads(spoken(listening, b'{"answers": {}}\n')) == {"ok": True, "answers": []}
    assert json.loads(spoken(listening, b"{}\n"))["ok"] is False


def test_whoever_is_neither_root_nor_the_watchdog_gets_no_answer(listening: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Peer:
        size = 12

        @staticmethod
        def unpack(_raw: bytes) -> tuple[int, int, int]:
            return 1, 65534, 65534

    monkeypatch.setattr(gate, "_PEER", Peer)
    with pytest.raises(ConnectionError):
        assert spoken(listening, b'{"answers": {}}\n') == b""
        raise ConnectionError("closed without a word")


def test_many_who_say_nothing_keep_nobody_waiting_for_long(listening: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate, "LISTEN", 0.2)
    silent = [socket.socket(socket.AF_UNIX) for _one in range(gate.AT_ONCE)]
    for channel in silent:
        channel.connect(str(listening))
    answers: list[bytes] = []
    asking = threading.Thread(target=lambda: answers.append(spoken(listening, b'{"answers": {}}\n')))
    asking.start()
    asking.join(8)
    for channel in silent:
        channel.close()
    assert answers and json.loads(answers[0])["ok"]
