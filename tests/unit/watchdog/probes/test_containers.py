# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The probes against real servers: HTTP, TCP, one that speaks Redis' protocol; commands and psql through an engine that is played."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Container, DockerUnavailable, Engine
from ansible_collections.latentum.ops.plugins.module_utils.contracts.watchdog_settings import ProbeSpec
from ansible_collections.latentum.ops.plugins.module_utils.core.masking import foreign
from ansible_collections.latentum.ops.plugins.module_utils.watchdog.probes.containers import Reading, read

from ...free_ports import free_port
from ..samples import container, probe

HERE = (("backend", "127.0.0.1"),)


class Runs:
    """An engine that runs commands: what it answers, and what it was asked."""

    def __init__(self, code: int = 0, said: str = "", error: Exception | None = None) -> None:
        self.answer, self.error = (code, said.encode()), error
        self.asked: list[tuple[str, list[str], float]] = []

    text = staticmethod(foreign)

    def run(self, one: Container, argv: Sequence[str], timeout: float) -> tuple[int, bytes]:
        self.asked.append((one.id, list(argv), timeout))
        if self.error:
            raise self.error
        return self.answer


def probed(spec: ProbeSpec, engine: Runs | None = None, **changes: Any) -> Reading:
    return read(spec, container(**{"addresses": HERE, **changes}), cast(Engine, engine))


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[None]:
    """A server in a thread."""
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


# HTTP and TCP


class Web(BaseHTTPRequestHandler):
    """Says `ready` at /health; /slow only after a moment; anything else is 503."""

    def do_GET(self) -> None:
        if self.path == "/slow":
            threading.Event().wait(0.15)
        if self.path == "/silent":
            threading.Event().wait(0.6)
            return
        self.send_response(302 if self.path == "/moved" else 503 if self.path == "/sick" else 200)
        self.send_header("Location", "/health")
        self.end_headers()
        self.wfile.write(b"status: ready")

    def log_message(self, *_given: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    server.daemon_threads = True
    with serving(server):
        yield server.server_port


def test_an_answer_over_http(web: int) -> None:
    found = probed(probe(name="http /health", port=web, path="/health", match="status: r"))
    assert (found.name, found.ok, found.reason, found.limit) == ("http /health", True, "", False) and found.latency > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": "/sick"}, "http: http://127.0.0.1:{port}/sick answered 503, expected 200"),
        ({"path": "/moved"}, "http: http://127.0.0.1:{port}/moved answered 302, expected 200"),
        ({"path": "/health", "status": 204}, "http: http://127.0.0.1:{port}/health answered 200, expected 204"),
        ({"path": "/health", "match": "^broken"}, "http: http://127.0.0.1:{port}/health answered without '^broken'"),
        ({"path": "/silent", "timeout": 0.2}, "http: http://127.0.0.1:{port}/silent did not answer: TimeoutError"),
    ],
)
def test_an_answer_that_is_not_as_declared(options: dict[str, Any], said: str, web: int) -> None:
    found = probed(probe(port=web, **options))
    assert (found.ok, found.reason, found.limit) == (False, said.format(port=web), False)


def test_a_status_may_be_another_one(web: int) -> None:
    assert probed(probe(port=web, path="/moved", status=302)).ok


def test_an_answer_that_comes_late_is_a_failure_where_that_is_declared(web: int) -> None:
    assert probed(probe(port=web, path="/slow", max_latency=0)).ok
    found = probed(probe(port=web, path="/slow", max_latency=0.1))
    assert not found.ok and re.fullmatch(r"http: took \d\.\d\d s, more than 0\.1 s", found.reason)


def test_a_port_that_takes_connections(web: int) -> None:
    assert probed(probe("tcp", port=web)).ok
    found = probed(probe("tcp", port=free_port()))
    assert not found.ok and "refused" in found.reason


@pytest.mark.parametrize("kind", ["http", "tcp", "redis_queue"])
def test_a_container_without_an_address(kind: str) -> None:
    found = probed(probe(kind, port=80, list="jobs", max=1), addresses=())
    assert not found.ok and found.reason.startswith(f"{kind}: has no address")


# Commands


def test_a_command_in_the_container() -> None:
    engine = Runs()
    assert probed(probe("command", timeout=7, argv=["pg_isready", "-t", 3]), engine).ok
    assert engine.asked == [("api1", ["pg_isready", "-t", "3"], 7)]


@pytest.mark.parametrize(
    ("engine", "said"),
    [
        (Runs(2, "x" * 500 + " the end\n"), "command: check exited with 2: " + "x" * 192 + " the end"),
        (Runs(124, "no end within 5 s"), "command: check came to no answer in 5 s"),
        (Runs(error=DockerUnavailable("the engine is gone")), "command: the engine is gone"),
        (Runs(error=TimeoutError("timed out")), "command: timed out"),
    ],
)
def test_a_command_that_fails(engine: Runs, said: str) -> None:
    found = probed(probe("command", argv=["check"]), engine)
    assert (found.ok, found.reason, found.limit) == (False, said, False)


@pytest.mark.parametrize("spec", [probe("command", argv=["check"]), probe("postgresql", user="app", database="app")])
@pytest.mark.parametrize("code", [0, 2])
def test_what_a_command_wrote_is_shown_as_the_way_to_the_engine_has_it(spec: ProbeSpec, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the proxy it is masked already; root, who asks the engine itself, masks by the stores."""
    engine = Runs(code, "FATAL: words")
    monkeypatch.setattr(engine, "text", lambda raw: raw.decode().replace("words", "shown"), raising=False)
    found = probed(spec, engine)
    assert found.ok if (spec.kind, code) == ("command", 0) else "shown" in found.reason and "words" not in found.reason


# A queue in Redis


class Resp(socketserver.StreamRequestHandler):
    """As much of Redis as a queue needs (Redis serialization protocol, version 2)."""

    server: Redis

    def handle(self) -> None:
        known = not self.server.password
        while words := self.command():
            if words[0] == "AUTH":
                known = words[1] == self.server.password
                said = "+OK" if known else "-WRONGPASS invalid username-password pair or user is disabled."
            elif not known:
                said = "-NOAUTH Authentication required."
            elif self.server.says:
                said = self.server.says
            else:
                said = f":{self.server.lists.get(words[1], 0)}" if words[0] == "LLEN" else "-ERR unknown command"
            self.server.heard.append(words[0])
            self.wfile.write(said.encode() + b"\r\n")

    def command(self) -> list[str]:
        count = self.rfile.readline()
        words = []
        for _word in range(int(count[1:] or 0)):
            size = int(self.rfile.readline()[1:])
            word = self.rfile.read(size + 2)
            assert word.endswith(b"\r\n")
            words.append(word[:-2].decode())
        return words


class Redis(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Resp)
        self.password, self.says = "", ""
        self.lists: dict[str, int] = {}
        self.heard: list[str] = []


@pytest.fixture
def redis() -> Iterator[Redis]:
    server = Redis()
    with serving(server):
        yield server


def queue(server: Redis, **options: Any) -> ProbeSpec:
    return probe("redis_queue", "queue jobs", port=server.server_address[1], **{"list": "jobs", "max": 1000, **options})


@pytest.mark.parametrize(("waiting", "well"), [(0, True), (1000, True), (1001, False)])
def test_a_queue_that_is_short_enough(waiting: int, well: bool, redis: Redis) -> None:
    redis.lists["jobs"] = waiting
    found = probed(queue(redis))
    assert (found.ok, found.limit) == (well, not well)
    assert well or found.reason == "queue jobs: 1001 wait in jobs, more than 1000"


def test_the_name_of_a_list_may_be_any(redis: Redis) -> None:
    redis.lists["jöbs to do"] = 2
    assert probed(queue(redis, list="jöbs to do", max=1)).limit


def test_the_password_comes_from_its_file(redis: Redis, tmp_path: Path) -> None:
    redis.password = "schlüssel zwei"
    file = tmp_path / "password"
    file.write_text("schlüssel zwei\n")
    assert probed(queue(redis, password_file=str(file))).ok and redis.heard == ["AUTH", "LLEN"]


def test_a_wrong_password_is_said_but_never_shown(redis: Redis, tmp_path: Path) -> None:
    redis.password, file = "right", tmp_path / "password"
    file.write_text("hush hush\n")
    found = probed(queue(redis, password_file=str(file)))
    assert (found.ok, found.limit) == (False, True) and "hush" not in found.reason
    assert found.reason == "queue jobs: Redis says WRONGPASS invalid username-password pair or user is disabled. to AUTH"
    assert redis.heard == ["AUTH"]
    assert "NOAUTH" in probed(queue(redis)).reason
    assert "No such file" in probed(queue(redis, password_file=str(tmp_path / "none"))).reason


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ("-WRONGTYPE Operation against a key", "queue jobs: Redis says WRONGTYPE Operation against a key to LLEN"),
        (
            "-LOADING Redis is loading the dataset in memory",
            "queue jobs: Redis says LOADING Redis is loading the dataset in memory to LLEN",
        ),
        ("+QUEUED", "queue jobs: jobs is not a list"),
        (":many", "queue jobs: invalid literal"),
    ],
)
def test_an_answer_that_is_no_length(says: str, said: str, redis: Redis) -> None:
    redis.says = says
    found = probed(queue(redis))
    assert (found.ok, found.limit) == (False, says.startswith("-")) and found.reason.startswith(said)


def test_a_server_that_hangs_up() -> None:
    class Rude(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1024)

    with serving(server := socketserver.TCPServer(("127.0.0.1", 0), Rude)):
        spec = probe("redis_queue", port=server.server_address[1], list="jobs", max=1)
        assert probed(spec).reason == "redis_queue: Redis says nothing to LLEN"


# PostgreSQL


def database(**options: Any) -> ProbeSpec:
    return probe("postgresql", "postgresql shop", timeout=9, **{"user": "ada", "database": "shopdb", **options})


def test_psql_is_asked_by_the_socket_inside_and_without_a_password() -> None:
    engine = Runs(0, "12 0\n")
    assert probed(database(max_connections_percent=85, max_lag=60), engine).ok
    ((identity, argv, timeout),) = engine.asked
    assert (identity, argv[0], timeout) == ("api1", "psql", 9)
    assert argv[argv.index("-U") + 1] == "ada" and argv[argv.index("-d") + 1] == "shopdb" and "-h" not in argv
    assert {"-X", "-A", "-t"} <= set(argv) and "ON_ERROR_STOP=1" in argv and "\n" not in argv[-1]
    # A receiver of WAL reports a lag, and nothing replayed: beside backups a quiet database would be late for ever.
    assert "max(extract(epoch from replay_lag)) from pg_stat_replication where replay_lsn is not null" in argv[-1]


@pytest.mark.parametrize(
    ("said", "options", "reason"),
    [
        ("85 60", {"max_connections_percent": 85, "max_lag": 60}, ""),
        ("86 0", {"max_connections_percent": 85, "max_lag": 60}, "86 % of the connections are used, more than 85 %"),
        ("12 61", {"max_connections_percent": 85, "max_lag": 60}, "replication is 61 s behind, more than 60 s"),
        ("12 9999", {"max_connections_percent": 85, "max_lag": 0}, ""),
        ("12 -1", {"max_lag": 60}, ""),
        ("100 0", {}, ""),
        ("NOTICE: something\n12 0\n", {}, ""),
    ],
)
def test_what_psql_says_is_held_against_the_limits(said: str, options: dict[str, Any], reason: str) -> None:
    found = probed(database(**options), Runs(0, said))
    assert (found.ok, found.limit) == (not reason, bool(reason))
    assert found.reason == (f"postgresql shop: {reason}" if reason else "")


@pytest.mark.parametrize("said", ["", "12", "12|0", "twelve 0", "psql: warning"])
def test_what_is_no_answer_of_psql(said: str) -> None:
    found = probed(database(), Runs(0, said))
    assert (found.ok, found.limit, found.reason) == (False, False, f"postgresql shop: psql said {said!r}")


def test_a_database_that_takes_nobody() -> None:
    found = probed(database(), Runs(2, "psql: error: FATAL: the database system is starting up"))
    assert (found.ok, found.limit) == (False, True)
    assert found.reason == "postgresql shop: PostgreSQL says the database system is starting up"
