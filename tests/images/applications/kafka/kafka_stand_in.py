# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for Kafka: a broker that lets clients sign in (SASL PLAIN), says what it can do and which topics there are, and keeps nothing.

It reads its accounts where Kafka would, from its properties. ``kafka_stand_in.py check`` is a client that signs in and asks.
Protocol: https://kafka.apache.org/protocol (ApiVersions 0, Metadata 0 and 1, SaslHandshake 0 and 1, SaslAuthenticate 0 and 1).
"""

from __future__ import annotations

import asyncio
import hmac
import os
import re
import signal
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path

PORT = int(os.environ.get("PORT", "9092"))
API_VERSIONS, METADATA, SASL_HANDSHAKE, SASL_AUTHENTICATE = 18, 3, 17, 36
SUPPORTED = {METADATA: (0, 1), SASL_HANDSHAKE: (0, 1), API_VERSIONS: (0, 0), SASL_AUTHENTICATE: (0, 1)}
UNSUPPORTED_VERSION, UNSUPPORTED_MECHANISM, AUTHENTICATION_FAILED = 35, 33, 58
LARGEST = 1 << 20
HOST = os.environ.get("ADVERTISED_HOST", "kafka")


def accounts(properties: str) -> dict[str, str]:
    """Users and passwords of the JAAS line in Kafka's properties."""
    return dict(re.findall(r'\buser_(\w+)="([^"]*)"', properties))


def text(value: str | None) -> bytes:
    """A string with its length; no string has length -1."""
    return struct.pack(">h", -1) if value is None else struct.pack(">h", len(value.encode())) + value.encode()


class Session:
    """What one connection may do: nothing but signing in, until it has."""

    def __init__(self, users: dict[str, str]) -> None:
        self.users = users
        self.user: str | None = None
        self.ends = False

    def answer(self, request: bytes) -> bytes:
        """The body of the answer to a request, with its correlation id."""
        key, version, correlation = struct.unpack_from(">hhi", request)
        (length,) = struct.unpack_from(">h", request, 8)
        body = request[10 + max(length, 0) :]
        low, high = SUPPORTED.get(key, (0, -1))
        if key == API_VERSIONS:
            return struct.pack(">i", correlation) + self.api_versions(0 if low <= version <= high else UNSUPPORTED_VERSION)
        handlers: dict[int, Callable[[bytes, int], bytes]] = {
            SASL_HANDSHAKE: self.handshake,
            SASL_AUTHENTICATE: self.authenticate,
            METADATA: self.metadata,
        }
        if not low <= version <= high or (key == METADATA and self.user is None):
            self.ends = True
            return b""
        return struct.pack(">i", correlation) + handlers[key](body, version)

    def api_versions(self, error: int) -> bytes:
        """Which requests are known."""
        listed = b"".join(struct.pack(">hhh", key, *versions) for key, versions in sorted(SUPPORTED.items()))
        return struct.pack(">hi", error, len(SUPPORTED)) + listed

    def handshake(self, body: bytes, _version: int) -> bytes:
        """Which way of signing in."""
        (length,) = struct.unpack_from(">h", body)
        error = 0 if body[2 : 2 + length] == b"PLAIN" else UNSUPPORTED_MECHANISM
        return struct.pack(">hi", error, 1) + text("PLAIN")

    def authenticate(self, body: bytes, version: int) -> bytes:
        """A user and a password (RFC 4616)."""
        (length,) = struct.unpack_from(">i", body)
        parts = body[4 : 4 + length].split(b"\0")
        user = parts[1].decode(errors="replace") if len(parts) == 3 else ""
        good = user in self.users and hmac.compare_digest(self.users[user].encode(), parts[2])
        self.user = user if good else None
        self.ends = not good
        lifetime = struct.pack(">q", 0) if version else b""
        return (
            struct.pack(">h", 0 if good else AUTHENTICATION_FAILED)
            + text(None if good else "wrong user or password")
            + struct.pack(">i", 0)
            + lifetime
        )

    def metadata(self, _body: bytes, version: int) -> bytes:
        """One broker and no topics."""
        broker = struct.pack(">i", 1) + struct.pack(">i", 1) + text(HOST) + struct.pack(">i", PORT)
        if version:
            broker += text(None) + struct.pack(">i", 1)
        return broker + struct.pack(">i", 0)


async def serve(properties: Path) -> None:
    """Until SIGTERM."""
    users = accounts(properties.read_text(encoding="utf-8"))
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(users)
        try:
            while not session.ends:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                if not 10 <= size <= LARGEST:
                    break
                if answer := session.answer(await reader.readexactly(size)):
                    writer.write(struct.pack(">i", len(answer)) + answer)
                    await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, struct.error):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, None, PORT)
    print(f"stand-in for Kafka: accounts {', '.join(sorted(users))}", flush=True)
    await stopping.wait()
    server.close()


def request(connection: socket.socket, key: int, version: int, body: bytes) -> bytes:
    """The body of the answer."""
    head = struct.pack(">hhi", key, version, 1) + text("check")
    connection.sendall(struct.pack(">i", len(head) + len(body)) + head + body)
    (size,) = struct.unpack(">i", _exactly(connection, 4))
    return _exactly(connection, size)[4:]


def _exactly(connection: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        if not (piece := connection.recv(size - len(received))):
            raise OSError("the connection was closed")
        received += piece
    return received


def check(properties: Path) -> str:
    """Sign in by the properties of a client, and ask for the brokers; what is wrong, empty for nothing."""
    match = re.search(r'username="([^"]*)"\s*\\?\s*password="([^"]*)"', properties.read_text(encoding="utf-8"))
    if match is None:
        return f"{properties} names no account"
    try:
        with socket.create_connection(("127.0.0.1", PORT), timeout=4) as connection:
            request(connection, SASL_HANDSHAKE, 1, text("PLAIN"))
            token = f"\0{match[1]}\0{match[2]}".encode()
            (error,) = struct.unpack_from(">h", request(connection, SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token))
            if error:
                return f"the account {match[1]} is refused"
            (brokers,) = struct.unpack_from(">i", request(connection, METADATA, 1, struct.pack(">i", -1)))
    except OSError as error:
        return f"no answer: {error}"
    return "" if brokers else "there is no broker"


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"]:
        problem = check(Path(sys.argv[2]))
        print(problem or "a client signs in")
        sys.exit(1 if problem else 0)
    asyncio.run(serve(Path(sys.argv[1])))
