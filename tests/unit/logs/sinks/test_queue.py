# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may wait for a sink, and that neither the tree nor its closing waits for one."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.logs.__main__ import main
from ansible_collections.latentum.ops.plugins.module_utils.logs.sinks.shipper import Shipper

from .sites import Site, day, ship, texts
from .stand_ins import Reply, Server

Serve = Callable[..., Server]


def small(site: Site, server: Server, queue: int, **more: object) -> Shipper:
    """A shipper with a queue that is less than may be declared."""
    settings = site.settings({"name": "main", "kind": "loki", "url": server.url, **more})
    return Shipper(settings, replace(settings.sinks[0], queue=queue), pace=lambda _seconds: None)


def test_beyond_the_queue_the_oldest_are_passed_over_and_counted(site: Site, serve: Serve) -> None:
    server = serve("loki")
    server.stop()
    shipper = small(site, server, 100_000)
    for turn in range(10):
        site.write(*[f"line {turn * 500 + number:05d}" for number in range(500)])
        with pytest.raises(OSError):
            shipper.step()
    path = site.tree / day() / "web1/shop/api.application.jsonl"
    assert len(path.read_bytes().splitlines()) == 5000  # the tree has all of them
    dropped = shipper.queue.backlog.dropped
    assert 0 < dropped < 5000 and sum(shipper.queue.waiting().values()) <= 100_000
    server.start()
    ship(shipper)
    assert texts(server) == [f"line {number:05d}" for number in range(dropped, 5000)]
    shipper.report()
    again = small(site, server, 100_000)
    assert again.queue.backlog.dropped == dropped and again.queue.counts["accepted"] == 5000 - dropped


def test_a_batch_that_waits_goes_with_the_queue(site: Site, serve: Serve) -> None:
    """Of what was passed over nothing is sent any more: it is counted once, and not as taken."""
    server = serve("loki")
    server.replies = [Reply(503, "")]
    shipper = small(site, server, 20_000)
    site.write(*[f"line {number:05d}" for number in range(100)])
    with pytest.raises(OSError):
        shipper.step()
    site.write(*[f"line {number:05d}" for number in range(100, 1000)])
    ship(shipper)
    dropped = shipper.queue.backlog.dropped
    assert dropped > 100 and texts(server) == [f"line {number:05d}" for number in range(dropped, 1000)]
    assert shipper.queue.counts["accepted"] == 1000 - dropped


def test_days_beyond_the_queue_are_passed_over(site: Site, serve: Serve) -> None:
    server = serve("victorialogs")
    for ago in (9, 3, 2, 0):
        site.write(*[f"{ago} days ago {number}" for number in range(10)], ago=ago)
    shipper = site.shipper("victorialogs", server, queue_days=2)
    ship(shipper)
    assert texts(server) == [f"{ago} days ago {number}" for ago in (2, 0) for number in range(10)]
    assert shipper.queue.backlog.dropped == 20


def closed(site: Site) -> list[str]:
    return sorted(str(path.relative_to(site.tree))[:10] for path in site.tree.rglob("*.gz"))


def settings(site: Site, url: str) -> str:
    path = site.folder / "settings.json"
    path.write_text(json.dumps(site.raw({"name": "main", "kind": "loki", "url": url, "queue_days": 3})))
    return str(path)


def test_a_day_is_closed_when_it_was_taken_or_waits_no_more(site: Site, serve: Serve) -> None:
    """A sink that is away for ever holds up the closing of a day for the days of its queue."""
    server = serve("loki")
    for ago in (5, 3, 1, 0):
        site.write(f"{ago} days ago", ago=ago)
    away = settings(site, "http://127.0.0.1:1")
    assert main(["close", away]) == 0
    assert closed(site) == [day(5)]
    ship(site.shipper("loki", server, queue_days=3))
    assert texts(server) == ["3 days ago", "1 days ago", "0 days ago"]
    assert main(["close", away]) == 0
    assert closed(site) == [day(5), day(3), day(1)]


def test_a_file_that_was_closed_in_between_harms_nothing(site: Site, serve: Serve) -> None:
    server = serve("loki")
    site.write("old", ago=9)
    site.write("new")
    shipper = site.shipper("loki", server)
    waiting = shipper.queue.waiting()
    (site.tree / day(9) / "web1/shop/api.application.jsonl").unlink()
    with pytest.raises(FileNotFoundError):
        shipper.queue.bound(waiting)
    ship(shipper)
    assert texts(server) == ["new"]


def test_two_sinks_have_a_queue_each(site: Site, serve: Serve) -> None:
    first, second = serve("loki"), serve("opensearch")
    site.write("one", "two")
    settings = site.settings({"name": "a", "kind": "loki", "url": first.url}, {"name": "b", "kind": "opensearch", "url": second.url})
    shippers = [Shipper(settings, sink) for sink in settings.sinks]
    second.stop()
    ship(shippers[0])
    with pytest.raises(OSError):
        shippers[1].step()
    assert texts(first) == ["one", "two"] and texts(second) == []
    second.start()
    ship(shippers[1])
    assert texts(second) == ["one", "two"]


def test_a_damaged_state_is_put_aside_and_the_day_sent_anew(site: Site, serve: Serve) -> None:
    server = serve("loki")
    site.write("one")
    (site.folder / "state/sink.main.json").write_text('{"sent": ')
    ship(site.shipper("loki", server))
    assert texts(server) == ["one"] and (site.folder / "state/sink.main.json.damaged").exists()


def test_what_is_remembered_of_sources_is_bounded(site: Site, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.latentum.ops.plugins.module_utils.logs.sinks.queue.SOURCES", 10)
    server = serve("loki")
    for number in range(50):
        site.write("x", source=f"job-{number}@a")
    ship(site.shipper("loki", server))
    state = json.loads((site.folder / "state/sink.main.json").read_text())
    assert list(state["numbers"]["web1/shop/api.application.jsonl"]) == [f"job-{number}@a" for number in range(40, 50)]


def test_the_present_day_is_looked_at_and_those_that_are_over_are_not(site: Site, serve: Serve) -> None:
    """A tree of a year is not listed each second."""
    server = serve("loki")
    for ago in (6, 5, 1):
        site.write("x", ago=ago)
    shipper = site.shipper("loki", server)
    ship(shipper)
    looked: list[str] = []
    original = Path.glob

    def glob(path: Path, pattern: str) -> object:
        looked.append(path.name)
        return original(path, pattern)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "glob", glob)
        shipper.queue.waiting()
    assert looked == [day(1)]
