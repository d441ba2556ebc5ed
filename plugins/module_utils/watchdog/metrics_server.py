# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server of the metrics: on loopback, each scrape in a thread of its own, so that a slow one keeps no other from its answer."""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from ..metrics.exporter import Busy
from ..metrics.exposition import CONTENT_TYPE

CONTAINERS = "/metrics/containers"
SILENCE = 30.0  # seconds after which a client that says nothing is left
Environment = Mapping[str, Any]
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


def serve(address: str, port: int, watchdog: Application, containers: Callable[[], bytes | None]) -> WSGIServer:
    """Answer scrapes until `shutdown()` of what this returns.

    :param port: 0 for any that is free (`server_port`).
    :param watchdog: answers for every path but that of the containers.
    :param containers: gives the metrics of the containers; None where they are not wanted.
    :raises ValueError: not a loopback address: who may read this is for a proxy to say.
    :raises OSError: the port is taken.
    """
    plain = address.strip("[]")
    if not ipaddress.ip_address(plain).is_loopback:
        raise ValueError(f"metrics: {address} is not a loopback address: write 127.0.0.1 or ::1")

    def answer(environment: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environment.get("PATH_INFO") != CONTAINERS:
            return watchdog(environment, start)
        return _answer_containers(containers, start)

    server = (_Server6 if ":" in plain else _Server)((plain, port), _Handler)
    server.set_app(answer)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


def _answer_containers(containers: Callable[[], bytes | None], start: Any) -> Iterable[bytes]:
    try:
        status, body = "200 OK", containers()
    except Busy as busy:
        status, body = "503 Service Unavailable", f"{busy}\n".encode()
    if body is None:
        status, body = "404 Not Found", b"watchdog_container_metrics is false for this host\n"
    kind = CONTENT_TYPE if status.startswith("200") else "text/plain; charset=utf-8"
    start(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
    return [body]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(WSGIRequestHandler):
    timeout = SILENCE

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are no news."""
