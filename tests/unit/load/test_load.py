# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The load tests' own parts: what counts as lost, how wrk's and hey's words are read, and the picture."""

from __future__ import annotations

import asyncio
import json
import sys
import xml.etree.ElementTree as ET
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "load"))

import client as load_client
import harness
import picture

VERSION = b'{"version": "1.0.0"}'
OK = b"HTTP/1.1 200 OK\r\nX-Version: 1.0.0\r\nContent-Length: 20\r\n\r\n" + VERSION
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def read(octets: bytes) -> load_client.Answer:
    """The answer in these octets, after which the server closes."""

    async def run() -> load_client.Answer:
        reader = asyncio.StreamReader()
        reader.feed_data(octets)
        reader.feed_eof()
        return await load_client.read_answer(reader)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("octets", "body", "last"),
    [
        (OK, VERSION, False),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0A\r\n0123456789\r\n0\r\nT: x\r\n\r\n",
            b"abc0123456789",
            False,
        ),
        (b"HTTP/1.1 200 OK\r\nconnection: Close\r\ncontent-length: 2\r\n\r\nok", b"ok", True),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", b"", False),
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", b"to the end", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", b"", True),
    ],
)
def test_answers_are_read(octets: bytes, body: bytes, last: bool) -> None:
    answer = read(octets)
    assert (answer.body, answer.last) == (body, last)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        OK[:20],
        OK[:-1],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nabcd",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
def test_half_an_answer_is_none(octets: bytes) -> None:
    with pytest.raises((EOFError, load_client.Malformed)):
        read(octets)


def run_load(handler: Handler, seconds: float = 0.6, **counts: int) -> load_client.Record:
    """What the load meets at a local server, without TLS."""

    async def run() -> load_client.Record:
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        record = load_client.Record()
        load = load_client.Load(load_client.Target(f"http://127.0.0.1:{port}", None), record, 20)
        await load.run(dict.fromkeys(load_client.CLASSES, 0) | counts, seconds, None, lambda: None)
        server.close()
        return record

    return asyncio.run(run())


def test_an_idle_connection_closed_by_the_server_is_replaced_without_loss() -> None:
    async def one_answer_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await writer.drain()
        writer.close()

    result = run_load(one_answer_each, keepalive=1).result()
    shown = result["classes"]["keepalive"]
    assert shown["requests"] == shown["connections"] >= 2
    assert shown["failed"] == 0


def test_a_request_lost_on_a_kept_connection_is_counted_and_never_sent_twice() -> None:
    received = 0

    async def second_is_lost(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal received
        for answer in (OK, b""):
            await reader.readuntil(b"\r\n\r\n")
            received += 1
            writer.write(answer)
            await writer.drain()
        writer.close()

    result = run_load(second_is_lost, keepalive=1).result()
    assert result["totals"]["requests"] == received
    assert abs(received - 2 * result["totals"]["failed"]) <= 1
    assert list(result["failures"]) == ["keepalive: closed before the answer on a kept connection"]
    assert result["errors"][0]["class"] == "keepalive"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (OK[:-3], "closed within the answer on a new connection"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "status 502"),
        (b"HTTP/1.1 429 Too Many\r\nContent-Length: 0\r\n\r\n", "status 429"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nother", "wrong body"),
        (b"no HTTP at all\r\n\r\n", "malformed on a new connection"),
    ],
)
def test_what_is_failed(answer: bytes, kind: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    result = run_load(serve, 0.3, new=1).result()
    assert result["totals"]["failed"] == result["totals"]["requests"] > 0
    assert set(result["failures"]) == {f"new: {kind}"}


def test_a_body_that_comes_back_otherwise_is_found() -> None:
    assert load_client.unlike(b"abc", b"abc") == ""
    assert load_client.unlike(b"abc", b"abd") == "3 octets for 3, other from octet 2"
    assert load_client.unlike(b"abc", b"ab") == "2 octets for 3, other from octet 2"


def test_jobs_are_kept_by_their_acknowledged_ids() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        n = json.loads(await reader.readexactly(length))["n"]
        body = json.dumps({"id": f"job-{n}"}).encode()
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    record = run_load(serve, 0.3, jobs=1)
    assert record.job_ids == [f"job-{n}" for n in range(1, len(record.job_ids) + 1)]
    assert len(record.job_ids) == record.classes["jobs"].requests > 0


@pytest.mark.parametrize("ms", [0.0, 0.04, 9.99, 10, 99.5, 100, 999, 1000, 5062.8, 30000])
def test_a_time_lies_below_the_edge_of_its_bucket_and_not_far(ms: float) -> None:
    edge = load_client.upper_edge(load_client.bucket(ms))
    assert ms < edge <= ms + max(0.1001, ms * 0.1001 + 0.1)


def test_records_of_processes_add_up() -> None:
    parts = []
    for ms in (5.0, 50.0):
        part = load_client.Record()
        for _index in range(10):
            part.answered("post", ms, "1.0.0")
        part.failure("post", "timeout")
        part.stopped = part.ended = part.started + 1
        parts.append(json.loads(json.dumps(part.raw())))
    total = load_client.Record()
    for raw in parts:
        total.add(raw)
    result = harness.Result.parse(json.dumps(total.result()))
    assert (result.requests, result.failed, result.versions) == (22, 2, {"1.0.0": 20})
    assert (result.classes["post"].p50_ms, result.classes["post"].p99_ms) == (5.1, 51.0)
    assert result.failures == {"post: timeout": 2}


WRK = """Running 2s test @ https://latentum.example.test/version
  1 threads and 5 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     3.84ms   13.77ms 113.04ms   95.55%
    Req/Sec     5.53k     1.60k    8.48k    70.00%
  10995 requests in 2.00s, 7.26MB read
"""
WRK_END = "Requests/sec:   5495.25\nTransfer/sec:      3.63MB\n"
HEY = """
Summary:
  Total:\t2.0021 secs
  Requests/sec:\t2623.6963

Response time histogram:
  0.000 [1]\t|
  0.005 [5209]\t|■■■■

Status code distribution:
  [200]\t5253 responses
  [502]\t7 responses

"""


def test_wrk_is_read() -> None:
    assert harness.parse_wrk(WRK + WRK_END) == harness.Wrk(10995, 2.0, 0, 0, 0, 0, 0)
    said = "  Socket errors: connect 1, read 12, write 3, timeout 4\n  Non-2xx or 3xx responses: 120\n"
    shown = harness.parse_wrk(WRK.replace("2.00s,", "1.00m,") + said + WRK_END)
    assert shown == harness.Wrk(10995, 60.0, 1, 12, 3, 4, 120)
    assert shown.failed == 140
    with pytest.raises(harness.HostsError, match="unable to resolve"):
        harness.parse_wrk("unable to resolve nowhere:https Name or service not known")


def test_hey_is_read() -> None:
    assert harness.parse_hey(HEY).failed == 7
    errors = 'Error distribution:\n  [3]\tGet "https://a.example/": EOF\n  [2]\tGet "https://a.example/": dial tcp [fd6c::2]:443: refused\n'
    shown = harness.parse_hey(HEY + errors)
    assert shown.statuses == {200: 5253, 502: 7}
    assert shown.errors == {'Get "https://a.example/": EOF': 3, 'Get "https://a.example/": dial tcp [fd6c::2]:443: refused': 2}
    assert (shown.requests, shown.failed, shown.seconds) == (5265, 12, 2.0021)
    with pytest.raises(harness.HostsError):
        harness.parse_hey("usage")


def seconds(first: int, requests: list[int], failed: int = 0) -> list[picture.Second]:
    """Seconds as client.py writes them; the third one loses requests."""
    return [
        {
            "t": first + index,
            "requests": count,
            "failed": failed * (index == 2),
            "p99_ms": 12.0 if count else None,
            "versions": {},
            "draining": False,
        }
        for index, count in enumerate(requests)
    ]


def drawn(path: Path) -> ET.Element:
    """The picture as XML; what is not well-formed is refused."""
    return ET.fromstring(path.read_text())  # noqa: S314 - written by the test itself


def test_the_picture_is_well_formed_and_shows_marks_and_failures(tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    picture.timeline(path, seconds(1000, [100, 120, 0, 90], failed=3), [(1001.5, "replica <1> & 2"), (1001.6, "healthy")], "Rollout <b>")
    root = drawn(path)
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"replica <1> & 2", "healthy", "Rollout <b>", "requests per second (1/s)", "p99 (ms, log)"} <= set(texts)
    assert "310 requests, 3 failed" in texts
    marks = [line for line in root.iter("{http://www.w3.org/2000/svg}line") if line.get("class") == "mark"]
    assert len(marks) == 2
    assert marks[0].get("y1") != marks[1].get("y1"), "labels that would meet stand in different rows"
    assert len([rect for rect in root.iter("{http://www.w3.org/2000/svg}rect") if rect.get("class") == "failed"]) == 1


def test_panels_share_their_scales_and_leave_out_the_draining(tmp_path: Path) -> None:
    path = tmp_path / "b.svg"
    drained = [{**second, "draining": True} for second in seconds(2003, [1])]
    panels = [picture.Panel("ours", seconds(1000, [100] * 10)), picture.Panel("theirs", seconds(2000, [400] * 3) + drained)]
    picture.timeline(path, title="Both", panels=panels)
    root = drawn(path)
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert texts.count("400") == 2
    assert "1\u202f200 requests, 0 failed" in texts


def test_an_empty_run_has_a_picture_too(tmp_path: Path) -> None:
    picture.timeline(tmp_path / "c.svg", [], [], "Nothing")
    drawn(tmp_path / "c.svg")
