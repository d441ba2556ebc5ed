# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says what reached it: HTTP on 8080 and 8081, TCP behind the PROXY protocol on 9000, gRPC on 9001.

Under `/decide` it is also the service that another route asks (forward): by the cookie `session`, who is logged in. The file
`/tmp/broken` makes its healthcheck fail, for tests in which a release goes bad.
"""

from __future__ import annotations

import json
import signal
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc

NAME = socket.gethostname()
BROKEN = Path("/tmp/broken")
SESSIONS = {"ada": 200, "suspended": 403}


class Http(BaseHTTPRequestHandler):
    """Every request is answered with its path, its headers and the container's name."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/health":
            self.answer(500 if BROKEN.exists() else 200, {})
        elif self.path.startswith("/decide"):
            cookies = dict(cookie.strip().partition("=")[::2] for cookie in self.headers.get("Cookie", "").split(";"))
            who = cookies.get("session", "")
            self.answer(SESSIONS.get(who, 401), {}, ("Remote-User", who))
        else:
            self.answer(200, {"container": NAME, "path": self.path, "headers": {name.lower(): text for name, text in self.headers.items()}})

    do_POST = do_GET

    def answer(self, status: int, document: dict[str, Any], *headers: tuple[str, str]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing: the log of the proxy is looked at."""


class Tcp(socketserver.StreamRequestHandler):
    """One line after that of the PROXY protocol is answered with both."""

    def handle(self) -> None:
        header, line = self.rfile.readline(110), self.rfile.readline(200)
        self.wfile.write(json.dumps({"container": NAME, "proxy": header.decode().strip(), "line": line.decode().strip()}).encode() + b"\n")


class Rpc(grpc.GenericRpcHandler):
    """`Unary` answers with what it was sent and told, `Stream` with each message as it comes, `Refuse` with a status of its own."""

    def service(self, details: Any) -> Any:
        method = details.method.rpartition("/")[2]
        if method == "Unary":
            return grpc.unary_unary_rpc_method_handler(unary)
        if method == "Refuse":
            return grpc.unary_unary_rpc_method_handler(refuse)
        return grpc.stream_stream_rpc_method_handler(stream) if method == "Stream" else None


def unary(message: bytes, context: Any) -> bytes:
    """The metadata of the call."""
    return json.dumps({"container": NAME, "message": message.decode(), "metadata": dict(context.invocation_metadata())}).encode()


def refuse(_message: bytes, context: Any) -> bytes:
    """A status that only the service has."""
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today")
    return b""


def stream(messages: Iterator[bytes], _context: Any) -> Iterator[bytes]:
    """Each message, as it comes."""
    for message in messages:
        yield NAME.encode() + b" " + message


def main() -> None:
    """Until SIGTERM, then what is under way is finished."""
    http = [ThreadingHTTPServer(("0.0.0.0", port), Http) for port in (8080, 8081)]
    socketserver.ThreadingTCPServer.allow_reuse_address = True
    tcp = socketserver.ThreadingTCPServer(("0.0.0.0", 9000), Tcp)
    rpc = grpc.server(futures.ThreadPoolExecutor(16), handlers=[Rpc()])
    rpc.add_insecure_port("0.0.0.0:9001")
    rpc.start()
    for server in (*http, tcp):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    rpc.stop(5).wait()
    sys.exit(0)


if __name__ == "__main__":
    main()
