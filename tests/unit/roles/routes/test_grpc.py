# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""gRPC through a real nginx, as its own library speaks it."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .nginx_runs import Nginx, needs_nginx

grpc = pytest.importorskip("grpc")
pytestmark = needs_nginx
NAME = "rpc.example.com"


@pytest.fixture(scope="module")
def channel(nginx: Nginx) -> Iterator[Any]:
    """A connection with TLS to the site."""
    authority = (nginx.root / f"etc/latentum-ops/tls/{NAME}/fullchain.pem").read_bytes()
    credentials = grpc.ssl_channel_credentials(authority)
    options = [("grpc.ssl_target_name_override", NAME), ("grpc.enable_retries", 0)]
    with grpc.secure_channel(f"127.0.0.1:{nginx.ports['443']}", credentials, options) as channel:
        yield channel


def call(channel: Any, method: str, message: bytes = b"hello", **options: Any) -> bytes:
    answer: bytes = channel.unary_unary(method)(message, timeout=20, **options)
    return answer


def status(call: Callable[[], object]) -> str:
    with pytest.raises(grpc.RpcError) as failed:
        call()
    return str(failed.value.code().name)


def test_a_call(channel: Any) -> None:
    answer = call(channel, "/test.Service/Unary")
    assert answer.startswith(b"hello ") and b"x-forwarded-for=127.0.0.1" in answer and b"x-forwarded-proto=https" in answer


def test_a_client_cannot_say_who_it_is(channel: Any) -> None:
    forged = [
        ("x-forwarded-for", "198.51.100.1"),
        ("x-real-ip", "198.51.100.1"),
        ("forwarded", "for=198.51.100.1"),
        ("x-forwarded-prefix", "/evil"),
    ]
    answer = call(channel, "/test.Service/Unary", metadata=forged)
    assert b"198.51.100" not in answer and b"/evil" not in answer


def test_a_stream_in_both_directions(channel: Any) -> None:
    """Each message is answered before the next is sent: nothing is held back until the stream ends."""
    messages: queue.Queue[bytes | None] = queue.Queue()
    answers = channel.stream_stream("/test.Service/Stream")(iter(messages.get, None), timeout=60)
    for number in range(5):
        messages.put(b"%d" % number * 1000)
        assert next(answers) == b"%d" % number * 1000
    messages.put(None)
    assert list(answers) == []


def test_a_stream_is_longer_than_any_limit_of_bodies(channel: Any) -> None:
    sent = (bytes(100_000) for _message in range(30))
    assert sum(map(len, channel.stream_stream("/test.Service/Stream")(sent, timeout=60))) == 3_000_000


def test_errors_of_the_service_are_its_own(channel: Any) -> None:
    assert status(lambda: call(channel, "/test.Service/Unary", b"refuse")) == "FAILED_PRECONDITION"
    assert status(lambda: call(channel, "/test.Service/Unknown")) == "UNIMPLEMENTED"


def test_errors_of_nginx_are_errors_of_grpc(channel: Any) -> None:
    """A client reads a page with status 502 as a broken connection, or as UNKNOWN, and does not know whether to try again."""
    assert status(lambda: call(channel, "/test.Nobody/Unary")) == "UNAVAILABLE"
    assert status(lambda: [call(channel, "/test.Limited/Unary") for _again in range(3)]) == "RESOURCE_EXHAUSTED"
    assert status(lambda: call(channel, "/test.Inside/Unary")) == "PERMISSION_DENIED"
    assert status(lambda: call(channel, "/test.Service/Slow")) == "DEADLINE_EXCEEDED"
    assert status(lambda: list(channel.stream_stream("/test.Small/Stream")(iter([bytes(100_000)]), timeout=20))) == "RESOURCE_EXHAUSTED"


def test_the_error_says_what_it_is(channel: Any) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        call(channel, "/test.Nobody/Unary")
    assert failed.value.details() == "the service does not answer"
