# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load that tells the truth about lost requests: no silent retry, every answer checked. Runs inside the client container.

Python's own library and, for the WebSocket class alone, `websockets`. Times are in milliseconds unless a name says otherwise.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib
import json
import math
import os
import random
import select
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CLASSES = ("keepalive", "new", "post", "slow", "websocket", "jobs")
# Seconds. A request that takes longer has failed; after a failure a connection waits, so that an outage is not counted by its own speed.
TIMEOUT, PAUSE, ECHO_INTERVAL = 30.0, 0.1, 0.2
ERRORS = 50
STOPPING = (signal.SIGTERM, signal.SIGINT)
# The codes by which a server that shuts down or restarts takes leave of a WebSocket.
ORDERLY = frozenset({1001, 1012})
# Their time is the application's own, by design seconds: they would hide the p99 of all others.
APART = frozenset({"slow", "websocket"})


class Malformed(Exception):
    """What came is not the HTTP that was promised."""


# --- counting ---------------------------------------------------------------------------------------------------------


def bucket(ms: float) -> int:
    """The bucket of a time in ms: 0.1 ms wide to 10 ms, 1 ms to 100 ms, 10 ms to 1 s, then 100 ms."""
    if ms < 10:
        return int(ms * 10)
    if ms < 100:
        return 90 + int(ms)
    if ms < 1000:
        return 180 + int(ms / 10)
    return 270 + min(int(ms / 100), 1000)


def upper_edge(index: int) -> float:
    """The upper edge of a bucket in ms."""
    if index < 100:
        return (index + 1) / 10
    if index < 190:
        return float(index - 90 + 1)
    if index < 280:
        return float((index - 180 + 1) * 10)
    return float((index - 270 + 1) * 100)


def percentile(histogram: Counter[int], share: float) -> float | None:
    """The time in ms (upper edge of its bucket) within which this share of the requests was answered."""
    rank, seen = math.ceil(sum(histogram.values()) * share), 0
    for index in sorted(histogram):
        seen += histogram[index]
        if seen >= rank:
            return upper_edge(index)
    return None


@dataclass
class Tally:
    """What one class, or one second, has come to. Memory is bounded by the number of buckets."""

    requests: int = 0
    failed: int = 0
    max_ms: float = 0.0
    histogram: Counter[int] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def raw(self) -> dict[str, Any]:
        return {"requests": self.requests, "failed": self.failed, "max_ms": self.max_ms, "histogram": self.histogram, "counts": self.counts}

    def add(self, raw: dict[str, Any]) -> None:
        """Add what another process has counted."""
        self.requests += raw["requests"]
        self.failed += raw["failed"]
        self.max_ms = max(self.max_ms, raw["max_ms"])
        self.histogram.update({int(key): count for key, count in raw["histogram"].items()})
        self.counts.update(raw["counts"])


class Record:
    """All that is counted in one run: by class, by second, errors and acknowledged jobs."""

    def __init__(self) -> None:
        self.classes: dict[str, Tally] = {}
        self.by_second: dict[int, Tally] = {}
        self.kinds: Counter[str] = Counter()
        self.errors: list[dict[str, Any]] = []
        self.job_ids: list[str] = []
        self.started = time.time()
        self.stopped: float | None = None
        self.ended = self.started

    def of_class(self, name: str) -> Tally:
        return self.classes.setdefault(name, Tally())

    def second(self) -> Tally:
        return self.by_second.setdefault(int(time.time()), Tally())

    def answered(self, name: str, ms: float, version: str = "") -> None:
        """A request that was answered as it should be, after so many ms."""
        index, tally, second = bucket(ms), self.of_class(name), self.second()
        tally.requests += 1
        tally.max_ms = max(tally.max_ms, ms)
        tally.histogram[index] += 1
        second.requests += 1
        if name not in APART:
            second.histogram[index] += 1
        if version:
            second.counts[version] += 1

    def failure(self, name: str, kind: str, text: str = "") -> None:
        """A request that was lost; kind comes from a small set, text says more."""
        for tally in (self.of_class(name), self.second()):
            tally.requests += 1
            tally.failed += 1
        self.kinds[f"{name}: {kind}"] += 1
        if len(self.errors) < ERRORS:
            self.errors.append({"time": round(time.time(), 3), "class": name, "text": f"{kind}: {text}" if text else kind})

    def unanswered(self) -> None:
        """A WebSocket message that an orderly close overtook."""
        for tally in (self.of_class("websocket"), self.second()):
            tally.requests += 1
        self.of_class("websocket").counts["unanswered"] += 1

    def raw(self) -> dict[str, Any]:
        """As another process can add it."""
        return {
            "classes": {name: tally.raw() for name, tally in self.classes.items()},
            "by_second": {second: tally.raw() for second, tally in self.by_second.items()},
            "kinds": self.kinds, "errors": self.errors, "job_ids": self.job_ids,
            "started": self.started, "stopped": self.stopped, "ended": self.ended,
        }  # fmt: skip

    def add(self, raw: dict[str, Any]) -> None:
        """Add what another process has recorded."""
        for name, tally in raw["classes"].items():
            self.of_class(name).add(tally)
        for second, tally in raw["by_second"].items():
            self.by_second.setdefault(int(second), Tally()).add(tally)
        self.kinds.update(raw["kinds"])
        self.errors = sorted([*self.errors, *raw["errors"]], key=lambda error: float(error["time"]))[:ERRORS]
        self.job_ids += raw["job_ids"]
        self.started, self.ended = min(self.started, raw["started"]), max(self.ended, raw["ended"])
        self.stopped = max(self.stopped or raw["stopped"], raw["stopped"])

    def result(self) -> dict[str, Any]:
        """The result file: totals, classes, errors, and a line for every second, also for those in which nothing was answered."""
        stopped = self.stopped or self.ended
        totals = {key: sum(getattr(tally, key) for tally in self.classes.values()) for key in ("requests", "failed")}
        return {
            "started": self.started, "stopped": stopped, "ended": self.ended, "totals": totals,
            "classes": {name: self.class_result(self.classes[name]) for name in CLASSES if name in self.classes},
            "failures": dict(self.kinds), "errors": self.errors, "job_ids": self.job_ids,
            "seconds": [self.second_result(second, stopped) for second in range(int(self.started), int(self.ended) + 1)],
        }  # fmt: skip

    @staticmethod
    def class_result(tally: Tally) -> dict[str, Any]:
        times = {f"p{share}_ms": percentile(tally.histogram, share / 100) for share in (50, 95, 99)}
        return {"requests": tally.requests, "failed": tally.failed, **times, "max_ms": round(tally.max_ms, 1), **tally.counts}

    def second_result(self, second: int, stopped: float) -> dict[str, Any]:
        tally = self.by_second.get(second, Tally())
        shown = {"t": second, "requests": tally.requests, "failed": tally.failed, "p99_ms": percentile(tally.histogram, 0.99)}
        return {**shown, "versions": dict(tally.counts), "draining": second >= int(stopped)}


# --- HTTP/1.1 ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; header names in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    last: bool


async def read_answer(reader: asyncio.StreamReader) -> Answer:
    """Read one answer; EOFError when the server closes before its end, Malformed when it is none."""
    status, version = 100, ""
    while 100 <= status < 200:
        version, status, headers = parse_head(await reader.readuntil(b"\r\n\r\n"))
    tokens = {token.strip().lower() for token in headers.get("connection", "").split(",")}
    last = "close" in tokens or (version == "HTTP/1.0" and "keep-alive" not in tokens)
    if status in (204, 304):
        return Answer(status, headers, b"", last)
    if "transfer-encoding" in headers:
        return Answer(status, headers, await read_chunks(reader, headers["transfer-encoding"]), last)
    if "content-length" in headers:
        return Answer(status, headers, await reader.readexactly(number(headers["content-length"], 10)), last)
    return Answer(status, headers, await reader.read(-1), True)


def parse_head(head: bytes) -> tuple[str, int, dict[str, str]]:
    """Version, status and headers of an answer."""
    start, *lines = head.decode("latin-1")[:-4].split("\r\n")
    version, _space, rest = start.partition(" ")
    if not version.startswith("HTTP/1.") or not rest[:3].isdigit():
        raise Malformed(f"no status line: {start[:80]!r}")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed(f"no header: {line[:80]!r}")
        headers[name.lower()] = value.strip()
    return version, int(rest[:3]), headers


def number(text: str, base: int) -> int:
    """A length in octets."""
    try:
        value = int(text, base)
    except ValueError:
        value = -1
    if value < 0:
        raise Malformed(f"no length: {text[:80]!r}")
    return value


async def read_chunks(reader: asyncio.StreamReader, encoding: str) -> bytes:
    """The body that came in chunks; trailers are read and dropped."""
    if encoding.lower() != "chunked":
        raise Malformed(f"unknown transfer encoding {encoding!r}")
    parts = []
    while size := number((await reader.readuntil(b"\r\n")).partition(b";")[0].strip().decode("latin-1"), 16):
        parts.append(await reader.readexactly(size))
        if await reader.readexactly(2) != b"\r\n":
            raise Malformed("a chunk is longer than it said")
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return b"".join(parts)


class Target:
    """Where the load goes. The name is resolved once: a name server's trouble is not the application's."""

    def __init__(self, url: str, ca: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SystemExit(f"no http(s) URL: {url}")
        self.host, self.tls = parts.hostname, parts.scheme == "https"
        self.port = parts.port or (443 if self.tls else 80)
        self.authority = parts.netloc
        self.address = str(socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0][4][0])
        self.context = ssl.create_default_context(cafile=ca) if self.tls else None

    async def dial(self) -> Connection:
        """A new connection; over TLS with the certificate verified."""
        name = self.host if self.tls else None
        reader, writer = await asyncio.open_connection(self.address, self.port, ssl=self.context, server_hostname=name, limit=1 << 18)
        return Connection(reader, writer)

    def request(self, method: str, path: str, body: bytes = b"", kind: str = "application/octet-stream", close: bool = False) -> bytes:
        """The octets of a request."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.authority}", "User-Agent: latentum-load", "Accept: */*"]
        if body:
            lines += [f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
        if close:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode() + body


class Connection:
    """One connection: a request at a time, never sent twice."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.used = 0

    async def closed(self) -> bool:
        """The server has closed it already. Asked right before a request, as careful clients do: nothing is lost by what was not sent."""
        descriptor = self.writer.get_extra_info("socket").fileno()
        if descriptor >= 0:
            waiting = select.poll()
            waiting.register(descriptor, select.POLLIN | select.POLLHUP)
            if waiting.poll(0):
                # Something has come unasked: two turns of the loop read it.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
        return descriptor < 0 or self.reader.at_eof() or self.writer.is_closing() or self.reader.exception() is not None

    async def exchange(self, request: bytes) -> Answer:
        """Send a request and read its answer."""
        self.writer.write(request)
        self.used += 1
        await self.writer.drain()
        return await read_answer(self.reader)

    def close(self) -> None:
        self.writer.close()

    def abort(self) -> None:
        self.writer.transport.abort()


# --- the classes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Exchange:
    """A request, and what is wrong with an answer to it ("" when nothing is)."""

    request: bytes
    wrong: Callable[[Answer], str]


def judged(answer: Answer, status: int, wrong: Callable[[Answer], str]) -> tuple[str, str]:
    """The kind of failure and its text, or two empty ones."""
    if answer.status != status:
        return f"status {answer.status}", answer.body[:120].decode("utf-8", "replace")
    reason = wrong(answer)
    return ("wrong body", reason) if reason else ("", "")


class Pace:
    """At most so many requests per second for a class, evenly spaced."""

    def __init__(self, rate: float, stop: asyncio.Event) -> None:
        self.interval, self.next, self.stop = 1 / rate if rate else 0.0, 0.0, stop

    async def turn(self) -> None:
        if self.interval:
            now = time.monotonic()
            self.next = max(now, self.next + self.interval)
            await rest(self.stop, self.next - now)


async def rest(stop: asyncio.Event, seconds: float) -> None:
    """Sleep, but not beyond the order to stop."""
    if seconds > 0:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)


class Load:
    """The running load of one process."""

    def __init__(self, target: Target, record: Record, rate: float) -> None:
        self.target, self.record, self.rate = target, record, rate
        self.stop = asyncio.Event()
        self.noise = os.urandom(1 << 20)

    def version(self, close: bool) -> Iterator[Exchange]:
        request = self.target.request("GET", "/version", close=close)
        exchange = Exchange(request, lambda answer: "" if b'"version"' in answer.body else f"{answer.body[:120]!r}")
        while True:
            yield exchange

    def slow(self) -> Iterator[Exchange]:
        request = self.target.request("GET", "/slow?s=5")
        while True:
            yield Exchange(request, lambda answer: "" if answer.body else "empty")

    def post(self) -> Iterator[Exchange]:
        """Bodies of 1 to 64 KiB, each another one."""
        while True:
            size = random.randint(1 << 10, 1 << 16)  # noqa: S311 - a size, not a secret
            start = random.randrange(len(self.noise) - size)  # noqa: S311 - a place, not a secret
            body = self.noise[start : start + size]
            yield Exchange(self.target.request("POST", "/echo", body), lambda answer, body=body: unlike(body, answer.body))  # type: ignore[misc]

    def jobs(self) -> Iterator[Exchange]:
        """Jobs; the id of each that was acknowledged is kept."""
        n = 0
        while True:
            n += 1
            body = json.dumps({"n": n}).encode()
            yield Exchange(self.target.request("POST", "/jobs", body, "application/json"), self.keep_id)

    def keep_id(self, answer: Answer) -> str:
        try:
            self.record.job_ids.append(str(json.loads(answer.body)["id"]))
        except (ValueError, KeyError, TypeError):
            return f"no id in {answer.body[:120]!r}"
        return ""

    async def http(self, name: str, exchanges: Iterator[Exchange], pace: Pace, status: int = 200, keep: bool = True) -> None:
        """One connection's worth of a class, one request after the other until the stop."""
        connection: Connection | None = None
        while True:
            await pace.turn()
            if self.stop.is_set():
                break
            if connection and await connection.closed():
                connection.close()
                connection = None
            exchange = next(exchanges)
            begun = time.perf_counter()
            try:
                async with asyncio.timeout(TIMEOUT):
                    if connection is None:
                        connection = await self.target.dial()
                        self.record.of_class(name).counts["connections"] += 1
                    answer = await connection.exchange(exchange.request)
                kind, text = judged(answer, status, exchange.wrong)
            except (OSError, EOFError, ValueError, Malformed, asyncio.LimitOverrunError) as error:
                kind, text = self.told(error, connection), f"{type(error).__name__} {error}".strip()
            if kind:
                self.record.failure(name, kind, text)
                if connection:
                    connection.abort()
                    connection = None
                await rest(self.stop, PAUSE)
                continue
            self.record.answered(name, (time.perf_counter() - begun) * 1000, answer.headers.get("x-version", ""))
            if connection and (not keep or answer.last):
                connection.close()
                connection = None
        if connection:
            connection.close()

    @staticmethod
    def told(error: Exception, connection: Connection | None) -> str:
        """The kind of a failure: what it was, and where it hit."""
        if isinstance(error, TimeoutError):
            what = "timeout"
        elif isinstance(error, asyncio.IncompleteReadError):
            what = "closed within the answer" if error.partial else "closed before the answer"
        else:
            what = "malformed" if isinstance(error, ValueError | Malformed | asyncio.LimitOverrunError) else "reset"
        if connection is None:
            return f"connect ({what})"
        return f"{what} on a {'kept' if connection.used > 1 else 'new'} connection"

    async def websocket(self) -> None:
        """One WebSocket, connected again whenever it was closed, with an echo each 0.2 s."""
        library = importlib.import_module("websockets.asyncio.client")
        url = f"{'wss' if self.target.tls else 'ws'}://{self.target.authority}/ws"
        options = {"host": self.target.address, "port": self.target.port, "open_timeout": TIMEOUT, "ping_interval": None, "proxy": None}
        left = False
        while not self.stop.is_set():
            begun = time.perf_counter()
            try:
                connected = await library.connect(url, ssl=self.target.context, **options)
            except Exception as error:  # whatever the library says, the user has no connection
                self.record.failure("websocket", "connect", f"{type(error).__name__} {error}")
                left = False
                await rest(self.stop, PAUSE)
                continue
            counts = self.record.of_class("websocket").counts
            counts["connections"] += 1
            counts["reconnected"] += left
            self.record.answered("websocket", (time.perf_counter() - begun) * 1000)
            left = await self.echo(connected)
            with contextlib.suppress(Exception):
                await asyncio.wait_for(connected.close(), 5)
            if not left:
                await rest(self.stop, PAUSE)

    async def echo(self, connected: Any) -> bool:
        """Echo until the stop or a close; True when the server took leave in order."""
        closed = importlib.import_module("websockets.exceptions").ConnectionClosed
        while not self.stop.is_set():
            text, begun, sent = f"{random.getrandbits(64):x}", time.perf_counter(), False
            try:
                async with asyncio.timeout(TIMEOUT):
                    await connected.send(text)
                    sent = True
                    got = await connected.recv()
            except closed as error:
                code = error.rcvd.code if error.rcvd else 1006
                if code not in ORDERLY:
                    self.record.failure("websocket", f"closed by {code}")
                elif sent:
                    self.record.unanswered()
                return code in ORDERLY
            except (OSError, EOFError) as error:
                self.record.failure("websocket", "timeout" if isinstance(error, TimeoutError) else "reset", f"{error}")
                return False
            if got != text:
                self.record.failure("websocket", "wrong body", f"{got!r:.120}")
                return False
            self.record.answered("websocket", (time.perf_counter() - begun) * 1000)
            await rest(self.stop, ECHO_INTERVAL)
        return False

    async def run(self, counts: dict[str, int], seconds: float, until: Path | None, ready: Callable[[], None]) -> None:
        """Run until told to stop; then let every request that is under way come to its end."""
        loop = asyncio.get_running_loop()
        for number_ in STOPPING:
            loop.add_signal_handler(number_, self.stop.set)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
        paces = {name: Pace(self.rate, self.stop) for name in CLASSES}
        starts: dict[str, Callable[[], Any]] = {
            "keepalive": lambda: self.http("keepalive", self.version(False), paces["keepalive"]),
            "new": lambda: self.http("new", self.version(True), paces["new"], keep=False),
            "post": lambda: self.http("post", self.post(), paces["post"]),
            "slow": lambda: self.http("slow", self.slow(), paces["slow"]),
            "jobs": lambda: self.http("jobs", self.jobs(), paces["jobs"], status=202),
            "websocket": self.websocket,
        }
        self.record.started = time.time()
        tasks = [asyncio.create_task(starts[name]()) for name in CLASSES for _index in range(counts[name])]
        ready()
        end = time.monotonic() + seconds if seconds else math.inf
        while not self.stop.is_set() and time.monotonic() < end and not (until and until.exists()):
            await rest(self.stop, min(0.2, max(end - time.monotonic(), 0.01)))
        self.record.stopped = time.time()
        self.stop.set()
        await asyncio.gather(*tasks)
        self.record.ended = time.time()


def unlike(sent: bytes, got: bytes) -> str:
    """Where two bodies differ, "" when they do not."""
    if sent == got:
        return ""
    where = next((index for index, (a, b) in enumerate(zip(sent, got, strict=False)) if a != b), min(len(sent), len(got)))
    return f"{len(got)} octets for {len(sent)}, other from octet {where}"


# --- the command ------------------------------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    """What the command takes; times in seconds, rates in requests per second."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--url", required=True, help="scheme and authority of the application")
    made.add_argument("--ca", help="PEM file of the roots to trust")
    made.add_argument("--seconds", type=float, default=0, help="stop after so many seconds")
    made.add_argument("--until", type=Path, help="stop when this file exists")
    for name in CLASSES:
        made.add_argument(f"--{name}", type=int, default=0, metavar="N", help=f"connections of the class {name}")
    made.add_argument("--rate", type=float, default=0, help="at most so many requests per second for each class")
    made.add_argument("--processes", type=int, default=1, help="share the connections among so many processes")
    made.add_argument("--out", type=Path, required=True, help="where the result is written; FILE.ready appears when the load runs")
    made.add_argument("--raw", action="store_true", help=argparse.SUPPRESS)
    return made


def write(path: Path, content: dict[str, Any]) -> None:
    """Whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content))
    part.replace(path)


def beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def alone(options: argparse.Namespace, record: Record) -> None:
    """The load of this process."""

    async def run() -> None:
        load = Load(Target(options.url, options.ca), record, options.rate)
        counts = {name: getattr(options, name) for name in CLASSES}
        await load.run(counts, options.seconds, options.until, beside(options.out, ".ready").touch)

    asyncio.run(run())


def shared(options: argparse.Namespace, record: Record) -> None:
    """The load of several processes, added up."""
    children: list[tuple[Path, subprocess.Popen[bytes]]] = []

    def forward(*_given: object) -> None:
        for _path, process in children:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()

    # The children inherit this, and unblock when they can stop in order.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    for index in range(options.processes):
        out = beside(options.out, f".{index}")
        argv = [sys.executable, __file__, "--raw", "--url", options.url, "--out", str(out), "--rate", str(options.rate / options.processes)]
        argv += ["--seconds", str(options.seconds)]
        for name in CLASSES:
            argv += [f"--{name}", str(getattr(options, name) // options.processes + (index < getattr(options, name) % options.processes))]
        for name in ("ca", "until"):
            argv += [f"--{name}", str(getattr(options, name))] if getattr(options, name) else []
        children.append((out, subprocess.Popen(argv)))
    for number_ in STOPPING:
        signal.signal(number_, forward)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    processes = [process for _out, process in children]
    while not all(beside(out, ".ready").exists() for out, _process in children) and all(process.poll() is None for process in processes):
        time.sleep(0.05)
    if not all(beside(out, ".ready").exists() for out, _process in children):
        forward()
    beside(options.out, ".ready").touch()
    codes = [process.wait() for process in processes]
    if any(codes):
        raise SystemExit(f"a process of the load failed: {codes}")
    for out, _process in children:
        record.add(json.loads(out.read_text()))
        out.unlink()
        beside(out, ".ready").unlink(missing_ok=True)


def main(argv: list[str] | None = None) -> int:
    """Run the load and write its result; one line says what it came to."""
    options = parser().parse_args(argv)
    record = Record()
    (shared if options.processes > 1 else alone)(options, record)
    result = record.result()
    write(options.out, record.raw() if options.raw else result)
    if not options.raw:
        beside(options.out, ".ready").unlink(missing_ok=True)
        took, totals = result["stopped"] - result["started"], result["totals"]
        speed = totals["requests"] / took if took > 0 else 0
        print(f"{totals['requests']} requests in {took:.1f} s ({speed:.0f}/s), {totals['failed']} failed", flush=True)
    return 0


if __name__ == "__main__":
    # The default limit of open files is often 1024: the hard one is for us to use.
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.umask(0o077)
    sys.exit(main())
