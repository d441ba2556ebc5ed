# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sinks of a real log host: from a container on another host, over RELP and mutual TLS into the tree, and from there to each sink.

The servers are stand-ins (tests/unit/logs/sinks); rsyslogd, the tree and what is between are real.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.logs.collector import Collector
from ansible_collections.latentum.ops.plugins.module_utils.logs.forwarder import Forwarder
from ansible_collections.latentum.ops.plugins.module_utils.logs.search import Search
from ansible_collections.latentum.ops.plugins.module_utils.logs.settings import Settings, Target, from_dict
from ansible_collections.latentum.ops.plugins.module_utils.logs.sinks.shipper import Shipper

from ...logs.docker_logs import Containers
from ...logs.sinks.sites import STORES, ship
from ...logs.sinks.stand_ins import Server
from .receiver import CONFIG, Authority, Receiver, Rendered, needs_rsyslogd

pytestmark = needs_rsyslogd
LINES = 2400
PASSWORD = "postgresql://shop:Ver1-secret-9@db/shop"


@pytest.fixture
def receiver(rendered: Mapping[str, Rendered], authority: Authority, tmp_path: Path) -> Iterator[Receiver]:
    host = Receiver(tmp_path / "loghost", rendered["receives"].files[CONFIG], authority.issue("logs.example.com"))
    host.start()
    yield host
    host.stop()


@pytest.fixture
def sender(authority: Authority, receiver: Receiver, tmp_path: Path) -> Settings:
    raw = {name: str(tmp_path / "web1" / name) for name in ("tree", "state", "containers")}
    for path in raw.values():
        Path(path).mkdir(parents=True)
    files = authority.issue("web1.example.com")
    target = Target("127.0.0.1", receiver.port, "logs.example.com", files["authority"], files["certificate"], files["key"])
    return from_dict({"host": "web1", **raw, "target": target.__dict__})


def test_a_line_of_a_container_reaches_each_sink_of_the_log_host_once(receiver: Receiver, sender: Settings) -> None:
    """rsyslogd is killed and sinks go away while lines are written; none waits for another, and the tree has all of them."""
    servers = {kind: Server(store()).start() for kind, store in STORES.items()}
    declared = [{"name": kind, "kind": kind, "url": server.url, "batch": "128K"} for kind, server in servers.items()]
    raw = {"host": "logs", "tree": str(receiver.tree), "state": str(receiver.state), "sinks": declared}
    log_host = from_dict(raw)
    shippers = {sink.name: Shipper(log_host, sink) for sink in log_host.sinks}
    api = Containers(Path(sender.containers)).add("shop", "api")
    collector, forwarder = Collector(sender), Forwarder(sender)
    kinds = list(STORES)
    for number in range(LINES):
        api.write(f"line {number:07d} of {PASSWORD}")
        if number % (LINES // 12):
            continue
        turn = number // (LINES // 12)
        away = kinds[turn % len(kinds)]
        servers[away].stop()
        while collector.look():
            pass
        collector.checkpoint()
        if turn == 5:
            receiver.stop(kill=True)
        with contextlib.suppress(OSError):
            forwarder.send()
        if turn == 8:
            receiver.start()
        for shipper in shippers.values():
            with contextlib.suppress(OSError):
                shipper.step()
        servers[away].start()
    while collector.look():
        pass
    collector.close()
    for _turn in range(3):  # the session of the one that was killed
        with contextlib.suppress(OSError):
            while forwarder.send():
                pass
    receiver.stop()
    in_tree = [found.text for found in Search(receiver.tree, lambda place: place.service == "api").history()]
    wanted = [f"line {number:07d} of postgresql://shop:********@db/shop" for number in range(LINES)]
    assert in_tree == wanted
    for kind, shipper in shippers.items():
        ship(shipper, tries=5)
        server = servers[kind]
        server.stop()
        assert server.problems == [] and [kept.text for kept in server.store.kept] == wanted, kind
        assert Counter(kept.labels["host"] for kept in server.store.kept) == {"web1": LINES}
        assert shipper.queue.counts.get("rejected", 0) == shipper.queue.backlog.dropped == 0
