# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers from a Prometheus: a real one, and everything else that may answer in its place."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.slo.budget import BudgetState
from ansible_collections.latentum.ops.plugins.module_utils.slo.measured import measure
from ansible_collections.latentum.ops.plugins.module_utils.slo.source import Source, SourceError

from . import recorded_prometheus
from .judge import needs_prometheus, objective
from .recorded_prometheus import Recorded, budget, now

Answer = Callable[[Mapping[str, str]], bytes]


@contextmanager
def serving(answer: Answer, status: int = 200) -> Iterator[str]:
    """The address of a server that answers what is asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
            body = answer(asked)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def answering(status: int, body: bytes, delay: float = 0) -> AbstractContextManager[str]:
    """The address of a server that answers everything alike."""

    def answer(_asked: Mapping[str, str]) -> bytes:
        time.sleep(delay)
        return body

    return serving(answer, status)


def vector(*values: object) -> bytes:
    result = [{"metric": {"slo": str(number)}, "value": [1.0, value]} for number, value in enumerate(values)]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"<html>Welcome to nginx", "is not that of a Prometheus"),
        (200, b"[]", "is not that of a Prometheus"),
        (200, b'{"status": "success"}', "is not that of a Prometheus"),
        (200, b'{"status": "error", "error": "query timed out"}', "query timed out"),
        (400, b'{"status": "error", "errorType": "bad_data", "error": "parse error"}', "bad_data: parse error"),
        (404, b"not found", "HTTP 404: nothing there speaks the API of Prometheus"),
        (401, b"", "HTTP 401: it does not let this machine in"),
        (500, b"[1]", "HTTP 500"),
        (503, b"Service Unavailable", "HTTP 503: it is not ready"),
        (200, b'{"status": "success", "data": {"resultType": "matrix", "result": []}}', "not numbers at one time"),
    ],
)
def test_an_answer_that_is_none_says_what_to_look_at(status: int, body: bytes, message: str) -> None:
    with answering(status, body) as address, pytest.raises(SourceError, match=message) as error:
        Source(address).query("up")
    assert address in str(error.value)


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:9090", "ftp://a/b", "file:///etc/passwd", "http://", "http://a/?x=1", "http://u:secret@a:9090"]
)
def test_an_address_that_is_none_is_refused_without_its_password(address: str) -> None:
    with pytest.raises(SourceError) as error:
        Source(address)
    assert "secret" not in str(error.value)


def test_a_server_that_is_slow_or_away_is_said() -> None:
    with answering(200, vector(), delay=2) as address, pytest.raises(SourceError, match=r"no answer within 0\.2 s"):
        Source(address, timeout=0.2).query("up")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(SourceError, match="cannot be asked"):
        Source(f"http://127.0.0.1:{port}").query("up")


def test_a_proxy_is_not_asked_about_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with answering(200, vector("1")) as address:
        assert Source(address).query("up") and Source(address.replace("127.0.0.1", "localhost")).query("up")


def test_what_is_no_number_is_no_measurement() -> None:
    with answering(200, vector("1.5", "NaN", "+Inf")) as address:
        assert [(sample.labels["slo"], sample.value) for sample in Source(address).query("up")] == [("0", 1.5), ("2", float("inf"))]


def test_the_address_may_have_a_path_and_may_go_on_to_the_api() -> None:
    for written in ("http://a:8481/select/0/prometheus/", "http://a:8481/select/0/prometheus/api/v1"):
        assert Source(written).address == "http://a:8481/select/0/prometheus"


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A real Prometheus that has a day of what the rules record, and the time at which that ends."""
    end = now()
    left = [(at, 1 - number * 0.004) for number, at in enumerate(range(end - 80000, end + 1, 800))]
    history = Recorded("slo:budget_remaining:ratio", {"stack": "shop", "slo": "api", "service": "web"}, left)
    with recorded_prometheus.prometheus(tmp_path, [*budget("api", 20000, 8, {"6h": 0.004}), history]) as address:
        yield address, end


@needs_prometheus
def test_a_real_prometheus_is_asked(prometheus: tuple[str, int]) -> None:
    address, end = prometheus
    source = Source(address)
    with pytest.raises(SourceError, match=r"bad_data: .*parse error"):
        source.query("sum(")
    assert [sample.value for sample in source.query("vector(2)")] == [2] and source.query("scalar(vector(3))")[0].value == 3
    known, unknown = measure([objective(window=86400), objective(name="other", window=86400)], source, end, history=True)
    assert known.budget.events == 20000 and known.budget.failed == 8
    assert known.budget.remaining == pytest.approx(0.6) and known.state is BudgetState.NORMAL
    assert known.spent_in == pytest.approx(0.6 * 86400 / 4)
    assert len(known.history) > 90 and known.history[0][1] > known.history[-1][1] == pytest.approx(0.6)
    assert unknown.budget.remaining is None and unknown.state is BudgetState.UNKNOWN and unknown.history == ()
