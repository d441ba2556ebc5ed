# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A login to a PostgreSQL server over the network, to know whether a password is good: as a client would, and nothing more.

The server's own psql would be let in by its socket whatever the password is, and has no way to take one that is in neither its
environment nor a file of the container.

Sources: PostgreSQL's documentation, "Message Formats", "SASL Authentication"; RFC 5802, RFC 7677.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct
from dataclasses import dataclass

_SSL_REQUEST, _PROTOCOL = 80877103, 196608
_OK, _CLEAR, _SASL, _CONTINUE, _FINAL = 0, 3, 10, 11, 12
_REFUSED = ("28P01", "28000")  # invalid_password, invalid_authorization_specification


class LoginUnknown(Exception):
    """Nobody answers, or not in a way that says whether the password is good."""


@dataclass(frozen=True)
class Answer:
    """Whether a server lets somebody in; its own words where it does not."""

    let_in: bool
    reason: str = ""


def try_login(address: str, port: int, user: str, password: str, database: str, timeout: float = 10) -> Answer:
    """One login, which ends at once.

    :raises LoginUnknown: the server is away, or asks for something else than a password.
    """
    try:
        with socket.create_connection((address, port), timeout) as plain, _encrypted(plain) as channel:
            return _Login(channel, user, password).carry_out(database)
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise LoginUnknown(f"{address}:{port} does not answer: {error}") from None


def _encrypted(plain: socket.socket) -> socket.socket:
    """With TLS where the server has it, as a rule may ask for it. Its certificate is not looked at: it is a container of this host."""
    plain.sendall(struct.pack("!II", 8, _SSL_REQUEST))
    if plain.recv(1) != b"S":
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


class _Login:
    """The messages of one login."""

    def __init__(self, channel: socket.socket, user: str, password: str) -> None:
        self.channel, self.user, self.password = channel, user, password
        self.file = channel.makefile("rb")
        self.nonce = base64.b64encode(os.urandom(18)).decode()
        self.first = f"n=,r={self.nonce}"

    def carry_out(self, database: str) -> Answer:
        """To the first message that says yes or no: a role that may not log in is refused after its password was taken."""
        pairs = ("user", self.user, "database", database, "application_name", "latentum.ops")
        words = b"".join(word.encode() + b"\0" for word in pairs) + b"\0"
        self.channel.sendall(struct.pack("!II", 8 + len(words), _PROTOCOL) + words)
        while True:
            kind, body = self._message()
            if kind == b"E":
                return self._error(body)
            if kind == b"Z":  # ready for a query
                self.channel.sendall(b"X" + struct.pack("!I", 4))
                return Answer(True)
            if kind == b"R":
                (code,) = struct.unpack("!I", body[:4])
                self._answer(code, body[4:])

    def _answer(self, code: int, body: bytes) -> None:
        if code == _CLEAR:
            self._send(self.password.encode() + b"\0")
        elif code == _SASL and b"SCRAM-SHA-256" in body.split(b"\0"):
            opening = f"n,,{self.first}".encode()
            self._send(b"SCRAM-SHA-256\0" + struct.pack("!I", len(opening)) + opening)
        elif code == _CONTINUE:
            self._send(self._proof(body.decode()))
        elif code not in (_OK, _FINAL):
            raise LoginUnknown(f"the server asks {self.user} for something else than a password (authentication {code})")

    def _proof(self, server: str) -> bytes:
        given = dict(part.split("=", 1) for part in server.split(","))
        if not given["r"].startswith(self.nonce):
            raise LoginUnknown("the server answers somebody else's question")
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), base64.b64decode(given["s"]), int(given["i"]))
        key = hmac.digest(salted, b"Client Key", "sha256")
        last = f"c=biws,r={given['r']}"
        signature = hmac.digest(hashlib.sha256(key).digest(), f"{self.first},{server},{last}".encode(), "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return f"{last},p={base64.b64encode(proof).decode()}".encode()

    def _send(self, body: bytes) -> None:
        self.channel.sendall(b"p" + struct.pack("!I", 4 + len(body)) + body)

    def _message(self) -> tuple[bytes, bytes]:
        kind, length = self.file.read(1), self.file.read(4)
        if not kind or len(length) < 4:
            raise LoginUnknown("the server has hung up")
        return kind, self.file.read(struct.unpack("!I", length)[0] - 4)

    def _error(self, body: bytes) -> Answer:
        fields = {part[:1].decode(): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
        code, words = fields.get("C", ""), fields.get("M", "")
        if code not in _REFUSED:
            raise LoginUnknown(f"the server takes no login now: {words} ({code})")
        return Answer(False, words)
