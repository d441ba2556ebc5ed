# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each record reaches each kind of sink, in the order of its stream: over servers that go away, answers that are lost, and a crash."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable

import pytest

from .sites import STORES, Site, day, of_stream, ship, texts
from .stand_ins import Reply, Server

LINES = 60_000 if os.environ.get("MATRIX") else 3000
Serve = Callable[..., Server]
KINDS = [kind for kind in STORES if kind != "opensearch"]  # it is spoken to as the one beside it
ONCE = [kind for kind in KINDS if kind != "victorialogs"]  # they know a record that comes twice


@pytest.mark.parametrize("kind", KINDS)
def test_numbered_lines_once_each_while_the_server_comes_and_goes(kind: str, site: Site, serve: Serve) -> None:
    server = serve(kind)
    shipper = site.shipper(kind, server, batch="64K")
    refused = 0
    for turn in range(60):
        lines = range(turn * LINES // 60, (turn + 1) * LINES // 60)
        for service in ("api", "web"):
            site.write(*[f"line {number:07d} of a request, with what it was answered" for number in lines], service=service)
        if turn in (10, 30):
            server.stop()
        if turn in (20, 45):
            server.start()
        try:
            shipper.step()
        except OSError:
            refused += 1
        if turn == 40:  # as systemd does it, while the server is away
            shipper.close()
            shipper = site.shipper(kind, server, batch="64K")
    assert refused > 10
    ship(shipper)
    wanted = [f"line {number:07d} of a request, with what it was answered" for number in range(LINES)]
    for service in ("api", "web"):
        assert [kept.text for kept in of_stream(server, service=service)] == wanted
    assert server.problems == [] and shipper.queue.counts["accepted"] == 2 * LINES and shipper.queue.backlog.dropped == 0


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_that_is_lost(kind: str, site: Site, serve: Serve) -> None:
    """The server has it, and nobody knows: it is sent again. At least once is what VictoriaLogs shows then."""
    server = serve(kind)
    site.write(*[f"line {number}" for number in range(100)])
    server.replies = [Reply(store=True), Reply(store=True)]
    shipper = site.shipper(kind, server)
    ship(shipper, tries=2)
    counted = Counter(texts(server))
    assert set(counted) == {f"line {number}" for number in range(100)}
    assert set(counted.values()) == ({1} if kind in ONCE else {3})
    assert shipper.queue.counts["accepted"] == 100 and not shipper.queue.counts["rejected"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_crash_before_the_state_is_written(kind: str, site: Site, serve: Serve) -> None:
    server = serve(kind)
    site.write(*[f"line {number}" for number in range(10)])
    shipper = site.shipper(kind, server)
    state = site.folder / "state/sink.main.json"
    ship(shipper)
    before = state.read_bytes()
    site.write("the next")
    ship(shipper)
    state.write_bytes(before)
    ship(site.shipper(kind, server))
    counted = Counter(texts(server))
    assert counted == {**{f"line {number}": 1 for number in range(10)}, "the next": 1 if kind in ONCE else 2}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_to_be_changed_arrives_as_it_is(kind: str, site: Site, serve: Serve) -> None:
    server = serve(kind)
    said = ["a", " leading ", 'tab\tquote"backslash\\', "東京 \U0001f4a9 \u2028\u0085", "\x00\x1b[31m\x7f\r", "{}", "\\ud83d"]
    site.write(*said, stream="stderr")
    ship(site.shipper(kind, server))
    assert texts(server) == said
    (kept, *_rest) = server.store.kept
    labels = {"host": "web1", "stack": "shop", "service": "api", "class": "application", "stream": "stderr"}
    assert labels.items() <= kept.labels.items() and kept.source == "api-1@abc" and kept.number == 1


@pytest.mark.parametrize("kind", KINDS)
def test_times_are_as_exact_as_they_came(kind: str, site: Site, serve: Serve) -> None:
    server = serve(kind)
    at = 1_796_000_000_123_456_789
    site.write("x", at=at)
    ship(site.shipper(kind, server))
    assert [kept.at for kept in server.store.kept] == [at]


@pytest.mark.parametrize("kind", KINDS)
def test_half_a_character_of_an_application_harms_nobody(kind: str, site: Site, serve: Serve) -> None:
    """JSON may write one, and no server reads it."""
    server = serve(kind)
    site.write("before", "\ud83d and more", "after")
    ship(site.shipper(kind, server))
    assert texts(server) == ["before", "\ufffd and more", "after"]


def test_a_record_without_a_time_gets_that_of_its_reading(site: Site, serve: Serve) -> None:
    server = serve("loki")
    path = site.tree / day() / "web1/_host/auditd.audit.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"at": "", "source": "a", "number": 1, "stream": "", "text": "x"}\n')
    site.sure()
    ship(site.shipper("loki", server))
    assert texts(server) == ["x"] and "stream" not in server.store.kept[0].labels


def test_lines_that_are_no_records_are_passed_over_and_counted(site: Site, serve: Serve) -> None:
    server = serve("loki")
    site.write("before")
    path = site.tree / day() / "web1/shop/api.application.jsonl"
    path.write_bytes(path.read_bytes() + b'nonsense\n{"at": "half a record \n[]\n')
    site.write("after")
    shipper = site.shipper("loki", server)
    ship(shipper)
    assert texts(server) == ["before", "after"] and shipper.queue.counts["rejected"] == 3


def test_what_the_collector_is_not_sure_of_is_not_sent(site: Site, serve: Serve) -> None:
    """It may cut that back after a crash, and write something else there."""
    server = serve("loki")
    site.write("sure")
    path = site.tree / day() / "web1/shop/api.application.jsonl"
    sure = path.read_bytes()
    site.write("not sure")
    grown = path.read_bytes()
    path.write_bytes(sure)
    site.sure()
    path.write_bytes(grown)
    shipper = site.shipper("loki", server)
    ship(shipper)
    assert texts(server) == ["sure"]
    site.sure()
    ship(shipper)
    assert texts(server) == ["sure", "not sure"]


def test_what_a_log_host_has_twice_is_sent_once(site: Site, serve: Serve) -> None:
    """RELP may send twice, also over midnight; each source numbers its records."""
    server = serve("victorialogs")
    site.write("one", "two", host="web2", ago=1)
    site.write("two", host="web2", ago=1, number=2)
    shipper = site.shipper("victorialogs", server)
    ship(shipper)
    site.write("two", host="web2", number=2)
    site.write("three", host="web2", number=3)
    site.write("other", host="web2", source="another@abc")
    ship(shipper)
    assert sorted(texts(server)) == sorted(["one", "two", "three", "other"])


@pytest.mark.parametrize("own", [False, True])
def test_a_log_host_sends_all_or_its_own(own: bool, site: Site, serve: Serve) -> None:
    server = serve("loki")
    site.write("mine")
    site.write("another's", host="web2")
    ship(site.shipper("loki", server, own=own))
    assert sorted(texts(server)) == (["mine"] if own else ["another's", "mine"])


def test_classes_that_are_not_chosen_stay(site: Site, serve: Serve) -> None:
    server = serve("loki")
    site.write("application")
    site.write("audit", kind="audit")
    ship(site.shipper("loki", server, classes=["application", "access"]))
    assert texts(server) == ["application"]


def test_a_power_cut_that_took_the_end_of_a_file(site: Site, serve: Serve) -> None:
    """Of another host's on a log host: what is written behind it is new, and half a record of a day that is over holds up nothing."""
    server = serve("loki")
    site.write("one", "two", host="web2")
    shipper = site.shipper("loki", server)
    ship(shipper)
    path = site.tree / day() / "web2/shop/api.application.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    ship(shipper)
    site.write("three", host="web2")
    ship(shipper)
    assert texts(server) == ["one", "two", "three"]
    old = site.tree / day(2) / "web2/shop/api.application.jsonl"
    old.parent.mkdir(parents=True)
    old.write_bytes(b'{"at": "2026-')
    ship(site.shipper("loki", server))
    assert site.shipper("loki", server).queue.waiting() == {}


def test_a_loud_service_keeps_no_other_waiting(site: Site, serve: Serve) -> None:
    server = serve("loki")
    site.write(*["much " * 100] * 5000, service="loud")
    for service in ("a", "z"):
        site.write("something", service=service)
    shipper = site.shipper("loki", server, batch="256K")
    shipper.step()
    assert {"a", "loud", "z"} <= {kept.labels["service"] for kept in server.store.kept}
    assert len(server.store.kept) < 2000


def test_state_holds_no_text(site: Site, serve: Serve) -> None:
    server = serve("loki")
    site.write("a text that stays where it is")
    ship(site.shipper("loki", server))
    state = json.loads((site.folder / "state/sink.main.json").read_text())
    assert set(state) == {"version", "sent", "numbers", "counts"} and "a text" not in json.dumps(state)
