# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy before an engine, and a client that may send any bytes."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.latentum.ops.plugins.module_utils.containers.client import Engine as Client
from ansible_collections.latentum.ops.plugins.module_utils.core.masking import Masker
from ansible_collections.latentum.ops.plugins.module_utils.socket_proxy.operations import Operations
from ansible_collections.latentum.ops.plugins.module_utils.socket_proxy.policy import Policy
from ansible_collections.latentum.ops.plugins.module_utils.socket_proxy.server import Server

from .engine import SECRET, Engine, answers

POLICY = Policy(
    stacks=frozenset({"shop"}),
    healed=frozenset({("shop", "web"), ("shop", "db")}),
    commands={("shop", "db"): {("pg_isready", "-q")}},
    files={("shop", "db"): {"/data/newest"}},
    metrics=True,
)


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Proxy:
    """What a test has in its hands."""

    path: Path
    engine: Engine
    operations: Operations
    policy: Policy = POLICY
    open: list[socket.socket] = field(default_factory=list)
    server: Server | None = None

    def be_impatient(self) -> None:
        """Requests have half a second."""
        assert self.server is not None
        self.server.patience = 0.5

    def connect(self) -> socket.socket:
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(60)
        channel.connect(str(self.path))
        self.open.append(channel)
        return channel

    def send(self, raw: bytes) -> Reply:
        """These bytes as they are."""
        channel = self.connect()
        with suppress(BrokenPipeError):  # refused before it was asked
            channel.sendall(raw)
        head, _blank, body = b"".join(answers(channel)).partition(b"\r\n\r\n")
        line, *rows = head.decode().split("\r\n")
        headers = dict(row.lower().split(": ", 1) for row in rows)
        if headers.get("transfer-encoding") == "chunked":
            body = _unchunked(body)
        return Reply(int(line.split()[1]), headers, body)

    def ask(self, method: str, target: str, body: object = None, headers: str = "") -> Reply:
        content = b"" if body is None else json.dumps(body).encode()
        more = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if content else ""
        head = f"{method} {target} HTTP/1.1\r\nHost: docker\r\nAccept-Encoding: identity\r\n{more}{headers}Connection: close\r\n\r\n"
        return self.send(head.encode() + content)

    def client(self) -> Client:
        """The client of the watchdog."""
        return Client(5, str(self.path))


def _unchunked(raw: bytes) -> bytes:
    body = b""
    while raw:
        size, _line, raw = raw.partition(b"\r\n")
        body += raw[: int(size, 16)]
        raw = raw[int(size, 16) + 2 :]
    return body


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = Engine(tmp_path / "docker.sock")
    yield made
    made.close()


@pytest.fixture
def proxy(engine: Engine, tmp_path: Path) -> Iterator[Proxy]:
    made = Proxy(tmp_path / "proxy.sock", engine, Operations(lambda: made.policy, Masker([SECRET]).mask))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(made.path))
        listening.listen(64)
        made.server = Server(listening, made.operations, os.getuid(), str(engine.path), patience=30)
        made.server.start()
        yield made
        for channel in made.open:
            channel.close()
        listening.shutdown(socket.SHUT_RDWR)
