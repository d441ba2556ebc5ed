# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A service that speaks gRPC, where the library for it is there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent import futures
from typing import Any

try:
    import grpc
except ImportError:
    grpc = None


class GrpcService:
    """Answers every method with what it was sent and told, in bytes; nowhere without the library."""

    def __init__(self) -> None:
        self.address = "127.0.0.1:9"
        self.server: Any = None
        if grpc is None:
            return
        self.server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[_handler()])
        self.address = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.server.start()

    def close(self) -> None:
        if self.server:
            self.server.stop(None)


def _handler() -> Any:
    class Handler(grpc.GenericRpcHandler):  # type: ignore[misc,name-defined]
        def service(self, details: Any) -> Any:
            method = details.method.rpartition("/")[2]
            if method == "Unary":
                return grpc.unary_unary_rpc_method_handler(unary)
            if method == "Stream":
                return grpc.stream_stream_rpc_method_handler(stream)
            return grpc.unary_unary_rpc_method_handler(slow) if method == "Slow" else None

    return Handler()


def unary(message: bytes, context: Any) -> bytes:
    """What it was told of its client."""
    if message == b"refuse":
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "refused")
    told = sorted(f"{name}={value}" for name, value in context.invocation_metadata() if name.startswith(("x-", "forwarded")))
    return message + b" " + " ".join(told).encode()


def stream(messages: Iterator[bytes], _context: Any) -> Iterator[bytes]:
    """Each message, as it comes."""
    yield from messages


def slow(message: bytes, _context: Any) -> bytes:
    """Later than nginx waits."""
    time.sleep(5)
    return message
