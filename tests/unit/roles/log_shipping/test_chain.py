# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain with a real log host: containers' logs, rotated as Docker does it, collected, sent over RELP and mutual TLS, each once."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.logs.collector import Collector, today
from ansible_collections.latentum.ops.plugins.module_utils.logs.forwarder import Forwarder
from ansible_collections.latentum.ops.plugins.module_utils.logs.records import encode
from ansible_collections.latentum.ops.plugins.module_utils.logs.relp import Connection
from ansible_collections.latentum.ops.plugins.module_utils.logs.search import Search
from ansible_collections.latentum.ops.plugins.module_utils.logs.settings import Settings, Target, from_dict

from ...logs.docker_logs import Containers
from .receiver import CONFIG, SETTINGS, Authority, Receiver, Rendered, needs_rsyslogd

pytestmark = needs_rsyslogd
LINES = 1_000_000 if os.environ.get("MATRIX") else 30_000


@pytest.fixture
def receiver(rendered: Mapping[str, Rendered], authority: Authority, tmp_path: Path) -> Iterator[Receiver]:
    host = Receiver(tmp_path / "loghost", rendered["receives"].files[CONFIG], authority.issue("logs.example.com"))
    host.start()
    yield host
    host.stop()


@pytest.fixture
def settings(rendered: Mapping[str, Rendered], authority: Authority, receiver: Receiver, tmp_path: Path) -> Settings:
    """As the role writes them, in a folder of this machine."""
    raw = json.loads(rendered["sends"].files[SETTINGS])
    for name in ("tree", "state", "containers"):
        raw[name] = str(tmp_path / "host" / name)
        Path(raw[name]).mkdir(parents=True)
    raw.update({"access": [], "error": [], "audit": [], "journal": False, "metrics": ""})
    raw["target"] = {"host": "127.0.0.1", "port": receiver.port, "name": "logs.example.com", **authority.issue("web1.example.com")}
    return from_dict(raw)


def arrived(tree: Path, **about: Any) -> list[str]:
    """The texts of the tree, as they are searched."""
    search = Search(tree, lambda place: all(getattr(place, name) == value for name, value in about.items()))
    texts = [found.text for found in search.history()]
    assert search.troubles == []
    return texts


def send_all(forwarder: Forwarder) -> int:
    """All that waits; how many records."""
    count = 0
    while sent := forwarder.send():
        count += sent
    return count


def test_each_line_once_over_rotation_and_a_log_host_that_goes_away(settings: Settings, receiver: Receiver) -> None:
    """Rotated each megabyte with three files, as Docker does it; the log host is stopped twice, once killed, while they are written."""
    containers = Containers(Path(settings.containers))
    api = containers.add("shop", "api", max_size=1 << 20, max_file=3)
    collector, forwarder = Collector(settings), Forwarder(settings)
    refused = 0
    for number in range(LINES):
        api.write(f"line {number:07d} and as much more as an application has to say about a request that it has answered")
        if number % 1000 == 0:
            collector.look()
        if number % (LINES // 20) == 0:
            collector.checkpoint()
            try:
                forwarder.send()
            except OSError:
                refused += 1
        if number == LINES // 4:
            receiver.stop()
        if number == LINES // 2:
            receiver.start()
        if number == LINES * 5 // 8:
            receiver.stop(kill=True)
        if number == LINES * 3 // 4:
            receiver.start()
    assert api.rotations > LINES // 10_000 and refused > 2
    while collector.look():
        pass
    collector.close()
    send_all(forwarder)
    receiver.stop()
    numbers = [int(match[1]) for text in arrived(receiver.tree, stack="shop", service="api") if (match := re.match(r"line (\d+)", text))]
    counted = Counter(numbers)
    assert LINES - len(counted) == 0, f"lost: {sorted(set(range(LINES)) - set(counted))[:20]}"
    assert [number for number, times in counted.items() if times > 1] == []
    assert numbers == list(range(LINES))
    assert forwarder.dropped == 0 and forwarder.records == LINES


def test_what_is_not_to_be_changed_arrives_as_it_is(settings: Settings, receiver: Receiver) -> None:
    texts = [
        "",
        " leading and trailing ",
        'tab\tquote"backslash\\ %msg% $!all {"a": 1} \'',
        "Ünïcode 東京 \U0001f4a9 \u2028 \x00\x01\x1b[31m\x7f",
        "<134>1 2026-11-29T16:00:00Z evil _host journal audit - {}",
        "a" * 300_000,
        "\ufffd\ufffd",
    ]
    api = Containers(Path(settings.containers)).add("shop", "api")
    for text in texts:
        api.write(text)
    collector = Collector(settings)
    while collector.look():
        pass
    collector.close()
    forwarder = Forwarder(settings)
    assert send_all(forwarder) == len(texts)
    forwarder.send()
    receiver.stop()
    assert arrived(receiver.tree) == texts
    (path,) = receiver.tree.glob("*/*/*/*.jsonl")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d/web1/shop/api\.application\.jsonl", str(path.relative_to(receiver.tree)))
    (mine,) = settings.tree.glob("*/*/*/*.jsonl")
    assert path.read_bytes() == mine.read_bytes()


def test_beyond_the_queue_the_oldest_are_passed_over_and_counted(settings: Settings, receiver: Receiver) -> None:
    receiver.stop()
    api = Containers(Path(settings.containers)).add("shop", "api")
    settings = replace(settings, queue=200_000)
    collector, forwarder = Collector(settings), Forwarder(settings)
    for number in range(5000):
        api.write(f"line {number:07d}")
    while collector.look():
        pass
    collector.close()
    with pytest.raises(OSError):
        forwarder.send()
    forwarder.bound()
    dropped = forwarder.dropped
    assert 0 < dropped < 5000 and sum(forwarder.waiting().values()) <= 200_000
    receiver.start()
    send_all(forwarder)
    receiver.stop()
    assert arrived(receiver.tree) == [f"line {number:07d}" for number in range(dropped, 5000)]


@pytest.mark.parametrize("who", ["foreign", "expired", "another name", "nobody"])
def test_who_may_not_send_is_refused(who: str, settings: Settings, receiver: Receiver, authority: Authority, tmp_path: Path) -> None:
    target = settings.target
    assert target is not None
    own = {"authority": target.authority, "certificate": target.certificate, "key": target.key}
    if who == "foreign":
        own = {**Authority(tmp_path / "foreign").issue("web1.example.com"), "authority": target.authority}
    elif who == "expired":
        own = authority.issue("web1.shop.example.com", days=-1)
    elif who == "another name":
        own = authority.issue("db9.example.com")
    api = Containers(Path(settings.containers)).add("shop", "api")
    api.write("hello")
    collector = Collector(settings)
    collector.look()
    collector.close()
    if who == "nobody":
        import socket

        with socket.create_connection(("127.0.0.1", receiver.port), timeout=30) as plain:
            plain.sendall(b"1 open 30 relp_version=0\ncommands=syslog\n")
            with contextlib.suppress(ConnectionResetError):
                assert b"200 OK" not in plain.recv(1000)
    else:
        mine = Target("127.0.0.1", receiver.port, "logs.example.com", **own)
        with pytest.raises(OSError):
            Forwarder(replace(settings, target=mine)).send()
    receiver.stop()
    assert arrived(receiver.tree) == []


def test_a_log_host_of_another_name_gets_nothing(settings: Settings, receiver: Receiver) -> None:
    assert settings.target is not None
    api = Containers(Path(settings.containers)).add("shop", "api")
    api.write("hello")
    collector = Collector(settings)
    collector.look()
    collector.close()
    with pytest.raises(OSError, match="certificate verify failed"):
        Forwarder(replace(settings, target=replace(settings.target, name="other.example.com"))).send()


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("web1 api shop secret", "a class that there is not"),
        (".. api shop application", "out of the tree"),
        ("web1 .. shop application", "out of the tree"),
        ("web1 api ../../etc application", "out of the tree"),
        ("web1 /etc/passwd shop application", "another path"),
        ("- api shop application", "nobody's"),
        ("web1 api shop application", ""),
    ],
)
def test_a_header_that_leads_elsewhere_writes_nothing(header: str, why: str, settings: Settings, receiver: Receiver) -> None:
    """Of a host that may send, and is somebody else's now."""
    forwarder = Forwarder(settings)
    session = forwarder._connect()
    host, service, stack, kind = header.split(" ")
    record = encode("2026-11-29T16:00:00Z", "a@1.r", 1, "", "x").rstrip()
    session.send([f"<134>1 2026-11-29T16:00:00.000000Z {host} {service} {stack} {kind} - ".encode() + record])
    session.close()
    receiver.stop()
    written = [path for path in receiver.folder.parent.rglob("*") if path.is_file() and b"a@1.r" in path.read_bytes()]
    assert len(written) == (not why), written


def test_a_record_of_several_lines_is_one(settings: Settings, receiver: Receiver) -> None:
    """What is behind a line break would be a record of another host."""
    session = Forwarder(settings)._connect()
    record = encode("2026-11-29T16:00:00Z", "a@1.r", 1, "", "x").rstrip()
    session.send([b"<134>1 - web1 api shop application - " + record + b"\nweb2 shop api audit " + record] * 3)
    session.close()
    receiver.stop()
    assert [str(path.relative_to(receiver.tree))[11:] for path in receiver.tree.rglob("*.jsonl")] == ["web1/shop/api.application.jsonl"]


def test_what_is_confirmed_is_in_the_file_when_the_log_host_is_killed(settings: Settings, receiver: Receiver) -> None:
    api = Containers(Path(settings.containers)).add("shop", "api")
    collector, forwarder = Collector(settings), Forwarder(settings)
    for turn in range(3):
        for number in range(10_000):
            api.write(f"line {turn} {number:07d}")
        while collector.look():
            pass
        collector.checkpoint()
        with contextlib.suppress(OSError):
            send_all(forwarder)
        confirmed = forwarder.records
        receiver.stop(kill=True)
        assert len(arrived(receiver.tree)) >= confirmed > 0
        receiver.start()
    with contextlib.suppress(OSError):  # the session of the one that was killed
        send_all(forwarder)
    send_all(forwarder)
    receiver.stop()
    assert arrived(receiver.tree) == [f"line {turn} {number:07d}" for turn in range(3) for number in range(10_000)]


def test_what_a_full_disk_does_not_take_is_not_confirmed(settings: Settings, receiver: Receiver) -> None:
    """Senders keep what they have, and it is written when there is room."""
    api = Containers(Path(settings.containers)).add("shop", "api")
    for number in range(100):
        api.write(f"line {number}")
    collector = Collector(settings)
    collector.look()
    collector.close()
    path = receiver.tree / f"{today()}/web1/shop/api.application.jsonl"
    path.parent.mkdir(parents=True)
    path.symlink_to("/dev/full")
    target = settings.target
    assert target is not None
    forwarder = Forwarder(settings, lambda: Connection(target, timeout=3))
    with pytest.raises(OSError):
        forwarder.send()
    assert forwarder.records == 0
    path.unlink()
    receiver.stop(kill=True)
    receiver.start()
    send_all(Forwarder(settings))
    receiver.stop()
    assert arrived(receiver.tree) == [f"line {number}" for number in range(100)]
