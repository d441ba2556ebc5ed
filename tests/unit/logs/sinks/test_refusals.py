# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong for people who send logs to these servers, as their trackers tell it: retries for ever, losses that nobody is told of.

The numbers are issues: grafana/loki, elastic/beats, elastic/logstash, fluent/fluent-bit, rsyslog, VictoriaMetrics.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.logs.sinks.shipper import Later, Shipper

from .sites import BILLION, STORES, Site, ship, texts
from .stand_ins import Bulk, Loki, Reply, Server

Serve = Callable[..., Server]
KINDS = list(STORES)
BULK = ["elasticsearch", "opensearch"]
NUMBERED = [f"line {number:04d}" for number in range(200)]


def rejected(site: Site) -> list[dict[str, Any]]:
    path = site.folder / "state/sink.main.rejected.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize("kind", KINDS)
def test_a_body_that_is_too_large_is_sent_in_pieces(kind: str, site: Site, serve: Serve) -> None:
    """413, for ever (beats 14350), or the whole batch dropped (beats 29368)."""
    server = serve(kind)
    server.largest = 5000
    site.write(*NUMBERED)
    shipper = site.shipper(kind, server)
    ship(shipper)
    assert texts(server) == NUMBERED and rejected(site) == []
    assert shipper.limit < shipper.sink.batch  # the next ones are smaller from the beginning


def test_a_single_record_that_is_too_large_is_refused_alone(site: Site, serve: Serve) -> None:
    server = serve("loki")
    server.largest = 2000
    site.write("before", "x" * 9000, "after")
    shipper = site.shipper("loki", server)
    ship(shipper)
    assert texts(server) == ["before", "after"]
    (record,) = rejected(site)
    assert record["number"] == 2 and record["reason"].startswith("413") and "xxxx" not in json.dumps(record)
    assert shipper.queue.counts["rejected"] == 1


def test_what_loki_cannot_pass_on_is_sent_in_pieces(site: Site, serve: Serve) -> None:
    """500 and a message of gRPC: it looks as if it went over, and never does (loki 2271, 8154; vector 20169)."""
    server = serve("loki")
    message = "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5229930 vs. 4194304)"
    server.replies = [Reply(500, message), Reply(500, message)]
    site.write(*NUMBERED)
    ship(site.shipper("loki", server))
    assert texts(server) == NUMBERED and server.requests >= 4


def test_a_batch_that_takes_too_long_gets_smaller(site: Site, serve: Serve) -> None:
    server = serve("loki")
    site.write(*["y" * 1000] * 1000)
    server.replies = [Reply(), Reply(504, "upstream timed out"), Reply(429, "ingestion rate limit exceeded")]
    shipper = site.shipper("loki", server)
    ship(shipper, tries=3)
    assert server.sizes[-1] * 4 < server.sizes[0] and len(texts(server)) == 1000


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_server_that_has_too_much_is_waited_for(kind: str, status: int, site: Site, serve: Serve) -> None:
    server = serve(kind)
    server.replies = [Reply(status, "not now", {"Retry-After": "7"})]
    site.write(*NUMBERED)
    shipper = site.shipper(kind, server)
    with pytest.raises(Later, match=f"{status} not now") as away:
        shipper.step()
    assert away.value.after == 7 and not shipper.answers and rejected(site) == []
    ship(shipper)
    assert texts(server) == NUMBERED and shipper.answers and shipper.queue.counts["failures"] == 1


@pytest.mark.parametrize("value", ["-1", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 30])
def test_a_time_to_wait_that_is_none(value: str, site: Site, serve: Serve) -> None:
    server = serve("loki")
    server.replies = [Reply(503, "", {"Retry-After": value})]
    site.write("x")
    with pytest.raises(Later) as away:
        site.shipper("loki", server).step()
    assert away.value.after == 0


@pytest.mark.parametrize("kind", BULK)
def test_of_a_bulk_only_what_was_not_taken_is_sent_again(kind: str, site: Site, serve: Serve) -> None:
    """200 with errors in it: lost in silence (logstash 1631), or all of it sent again (fluent-bit 6342)."""
    busy = {"line 0007", "line 0100"}
    store = Bulk(
        item=lambda document: (429, "es_rejected_execution_exception", "queue capacity = 200") if document["message"] in busy else None
    )
    server = serve(store)
    site.write(*NUMBERED)
    shipper = site.shipper(kind, server)
    with pytest.raises(Later, match="es_rejected_execution_exception"):
        shipper.step()
    assert store.items == 200
    busy.clear()
    ship(shipper)
    assert store.items == 202 and sorted(texts(server)) == NUMBERED and rejected(site) == []


@pytest.mark.parametrize("kind", BULK)
def test_a_record_that_does_not_fit_the_mapping_is_put_aside(kind: str, site: Site, serve: Serve) -> None:
    """It is refused for ever, and those beside it are not (fluent-bit 4905)."""
    asked: Counter[str] = Counter()

    def item(document: dict[str, Any]) -> tuple[int, str, str] | None:
        asked[document["message"]] += 1
        wrong = document["message"] in ("line 0003", "line 0150")
        return (400, "document_parsing_exception", "failed to parse field [labels.stack]") if wrong else None

    server = serve(Bulk(item=item))
    site.write(*NUMBERED)
    shipper = site.shipper(kind, server)
    ship(shipper)
    assert texts(server) == [line for line in NUMBERED if line not in ("line 0003", "line 0150")] and set(asked.values()) == {1}
    assert [(record["number"], record["source"]) for record in rejected(site)] == [(4, "api-1@abc"), (151, "api-1@abc")]
    assert "failed to parse field" in rejected(site)[0]["reason"] and shipper.queue.counts["rejected"] == 2


@pytest.mark.parametrize("kind", BULK)
@pytest.mark.parametrize(
    ("status", "type_", "reason"),
    [
        (429, "cluster_block_exception", "TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark"),
        (403, "cluster_block_exception", "FORBIDDEN/12/index read-only / allow delete (api)"),
        (403, "security_exception", "action [indices:admin/auto_create] is unauthorized"),
        (404, "index_not_found_exception", "no such index and [action.auto_create_index] is [false]"),
        (
            400,
            "validation_exception",
            "this action would add [2] shards, but this cluster currently has [1000]/[1000] maximum normal shards open",
        ),
        (400, "illegal_argument_exception", "no write index is defined for alias [latentum]"),
    ],
)
def test_what_an_operator_puts_right_loses_nothing(kind: str, status: int, type_: str, reason: str, site: Site, serve: Serve) -> None:
    """An index that is read-only since the disk was full (rsyslog 3691), or that may not be made: each record would be put aside."""
    wrong = [(status, type_, reason)]
    server = serve(Bulk(item=lambda _document: wrong[0] if wrong else None))
    site.write(*NUMBERED)
    shipper = site.shipper(kind, server)
    with pytest.raises(Later, match=type_):
        shipper.step()
    wrong.clear()
    ship(shipper)
    assert texts(server) == NUMBERED and rejected(site) == []


def test_an_application_cannot_hold_up_the_sink_by_what_it_writes(site: Site, serve: Serve) -> None:
    """A reason quotes the field: it is judged by its type, and not by words of a log."""
    reason = "failed to parse. Preview of field's value: 'cluster_block_exception no write index is defined maximum shards open'"
    server = serve(Bulk(item=lambda document: (400, "mapper_parsing_exception", reason) if "evil" in document["message"] else None))
    site.write("before", "evil", "after")
    ship(site.shipper("elasticsearch", server))
    assert texts(server) == ["before", "after"] and len(rejected(site)) == 1


@pytest.mark.parametrize(
    "body", ["", "null", "[]", "{}", '{"items": []}', '{"errors": false}', "<html>a proxy's own page</html>", '{"items": [{}]}']
)
def test_a_bulk_that_is_not_answered_record_by_record_was_not_taken(body: str, site: Site, serve: Serve) -> None:
    """A whole batch was gone in silence (rsyslog 2757)."""
    server = serve("elasticsearch")
    server.replies = [Reply(200, body)]
    site.write(*NUMBERED)
    shipper = site.shipper("elasticsearch", server)
    with pytest.raises(Later, match="without what became of each record"):
        shipper.step()
    ship(shipper)
    assert texts(server) == NUMBERED


def test_texts_make_no_fields(site: Site, serve: Serve) -> None:
    """A mapping for each key that an application ever wrote: an index of thousands of fields takes no more."""
    server = serve(Bulk(fields=12))
    said = [json.dumps({f"key{number}_{turn}": turn for turn in range(20)}) for number in range(100)]
    site.write(*said)
    ship(site.shipper("elasticsearch", server))
    assert texts(server) == said and len(next(iter(server.store.mapped.values()))) <= 12  # type: ignore[attr-defined]


def test_containers_and_requests_make_no_streams(site: Site, serve: Serve) -> None:
    """A stream for each value of a label: Loki's index is as large as its logs then."""
    server = serve("loki")
    for number in range(300):
        site.write(f'{{"request": "{number}"}}', source=f"api-{number}@{number:012x}", stream=("stdout", "stderr")[number % 2])
    ship(site.shipper("loki", server))
    assert len(texts(server)) == 300 and len(server.store.streams) == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", KINDS)
def test_programs_of_the_journal_make_no_streams(kind: str, site: Site, serve: Serve) -> None:
    """Anybody may write there under any name (logger -t)."""
    server = serve(kind)
    for number in range(50):
        site.write("x", service="journal", kind="system", stream=f"program-{number}")
    ship(site.shipper(kind, server))
    assert len({tuple(sorted(kept.labels.items())) for kept in server.store.kept}) == 1
    where = (lambda document: document["process"]["name"]) if kind in BULK else (lambda document: document["program"])
    assert [where(kept.whole) for kept in server.store.kept] == [f"program-{number}" for number in range(50)]


def test_a_label_that_is_not_chosen_stands_in_the_line(site: Site, serve: Serve) -> None:
    server = serve("loki")
    site.write("x", stream="stderr")
    ship(site.shipper("loki", server, labels=["host"], static={"environment": "production"}))
    (kept,) = server.store.kept
    assert kept.labels == {"host": "web1", "environment": "production"}
    assert kept.whole["service"] == "api" and kept.whole["stream"] == "stderr" and kept.whole["class"] == "application"


def test_two_equal_lines_of_one_time_are_two(site: Site, serve: Serve) -> None:
    """Loki keeps one of equal lines, whatever else goes with them (loki 8943, 15425)."""
    server = serve("loki")
    at = time.time_ns()
    for _turn in range(3):
        site.write("the same", at=at)
    ship(site.shipper("loki", server))
    assert texts(server) == ["the same"] * 3


def test_what_is_too_old_is_put_aside_and_the_rest_is_taken(site: Site, serve: Serve) -> None:
    """Entry too far behind: sent again for ever, with what is new (loki 9869), or given up with all that came along (loki 4694)."""
    server = serve("loki")
    site.write("now", service="api")
    shipper = site.shipper("loki", server)
    ship(shipper)
    old = time.time_ns() - 5 * 3600 * BILLION
    site.write(*[f"old {number}" for number in range(50)], at=old)
    site.write(*NUMBERED)
    site.write("of another stream", service="web")
    ship(shipper)
    assert sorted(texts(server)) == sorted(["now", *NUMBERED, "of another stream"])
    assert len(rejected(site)) == 50 and "too far behind" in rejected(site)[0]["reason"]
    assert server.requests <= 8  # and not one for each record


def test_after_days_away_nothing_is_too_old(site: Site, serve: Serve) -> None:
    """The next day of a stream waits for the end of the day before, however much that is."""
    server = serve("loki")
    server.stop()
    for ago in (2, 1, 0):
        at = time.time_ns() - ago * 86400 * BILLION - 600 * BILLION
        site.write(*[f"{ago} days ago {'x' * 100} {number:05d}" for number in range(3000)], ago=ago, at=at)
    shipper = site.shipper("loki", server, batch="64K")
    with pytest.raises(OSError):
        shipper.step()
    server.start()
    ship(shipper)
    assert texts(server) == [f"{ago} days ago {'x' * 100} {number:05d}" for ago in (2, 1, 0) for number in range(3000)]
    assert rejected(site) == [] and shipper.queue.backlog.dropped == 0


def test_one_record_that_cannot_be_read_does_not_take_the_others_along(site: Site, serve: Serve) -> None:
    server = serve(Loki(poison="unreadable"))
    site.write(*NUMBERED[:150], "unreadable", *NUMBERED[150:])
    ship(site.shipper("loki", server))
    assert texts(server) == NUMBERED and [record["number"] for record in rejected(site)] == [151]


def test_the_search_for_it_is_no_storm(site: Site, serve: Serve) -> None:
    server = serve(Loki(poison="unreadable"))
    site.write(*["unreadable"] * 100)
    settings = site.settings({"name": "main", "kind": "loki", "url": server.url})
    paces: list[float] = []
    ship(Shipper(settings, settings.sinks[0], pace=paces.append))
    assert len(rejected(site)) == 100 and server.requests < 220 and sum(paces) > 10


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_line_is_cut_and_told(kind: str, site: Site, serve: Serve) -> None:
    """VictoriaLogs drops it and answers 200 (VictoriaLogs 430), Loki refuses the request for it."""
    server = serve(kind)
    site.write("before", "ä\x01" * 400_000, "after")
    shipper = site.shipper(kind, server)
    ship(shipper)
    before, cut, after = texts(server)
    assert (before, after) == ("before", "after") and cut.endswith("of 800000 characters; the tree has all of them]")
    assert shipper.queue.counts["cut"] == 1 and rejected(site) == []
    assert 200_000 < len(json.dumps({"text": cut}, ensure_ascii=False).encode()) <= 250_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_path_that_leads_elsewhere_loses_nothing(kind: str, site: Site, serve: Serve) -> None:
    server = serve(kind, prefix="/logs")
    site.write(*NUMBERED)
    wrong = site.shipper(kind, server, url=server.url.replace("/logs", "/elsewhere"))
    server.replies = [Reply(404, "404 page not found")]
    with pytest.raises(Later, match="url does not lead to this kind of server: 404"):
        wrong.step()
    ship(site.shipper(kind, server))
    assert texts(server) == NUMBERED


def test_a_redirect_is_not_followed(site: Site, serve: Serve) -> None:
    """The password would go to whom nobody has declared."""
    elsewhere, server = serve("loki"), serve("loki")
    server.always = Reply(307, "", {"Location": f"{elsewhere.url}/loki/api/v1/push"})
    site.write("x")
    with pytest.raises(Later, match="307"):
        site.shipper("loki", server).step()
    assert elsewhere.requests == 0


def test_what_was_put_aside_does_not_grow_for_ever(site: Site, serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ansible_collections.latentum.ops.plugins.module_utils.logs.sinks.rejected.LARGEST", 10_000)
    server = serve(Bulk(item=lambda _document: (400, "document_parsing_exception", "no " * 300)))
    shipper = site.shipper("opensearch", server)
    for _turn in range(20):
        site.write(*NUMBERED[:20])
        ship(shipper)
    files = list((site.folder / "state").glob("sink.main.rejected*"))
    assert len(files) == 2 and sum(path.stat().st_size for path in files) < 60_000 and shipper.queue.counts["rejected"] == 400
