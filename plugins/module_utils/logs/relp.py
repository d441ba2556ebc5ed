# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""RELP, the client's side: syslog messages over TLS that the other side confirms one by one.

Source: the RELP specification (librelp, doc/relp.html): frames ``TXNR COMMAND LENGTH[ DATA]\\n``; the answer to each is ``rsp`` with the
same number, and data that begin with 200.
"""

from __future__ import annotations

import socket
import ssl
from collections import deque
from pathlib import Path

from .settings import Target

TIMEOUT = 30.0  # seconds
WINDOW = 1000  # frames that may wait for their confirmation
LARGEST_NUMBER = 999_999_999
_OFFER = b"relp_version=0\nrelp_software=latentum.ops\ncommands=syslog"


class Refused(OSError):
    """The other side does not take a message, or speaks something else."""


class Connection:
    """A session with a log host.

    :raises OSError: it cannot be reached, or one does not trust the other.
    """

    def __init__(self, target: Target, timeout: float = TIMEOUT) -> None:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=target.authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(target.certificate, target.key)
        plain = socket.create_connection((target.host, target.port), timeout=timeout)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket = context.wrap_socket(plain, server_hostname=target.name)
        except BaseException:
            plain.close()
            raise
        self._number = 0
        self._input = bytearray()
        self._waiting: deque[int] = deque()
        self._send(b"open", _OFFER)
        self.confirmed(0)

    def _send(self, command: bytes, data: bytes) -> None:
        self._number = self._number % LARGEST_NUMBER + 1
        self._socket.sendall(b"%d %s %d %s\n" % (self._number, command, len(data), data))
        self._waiting.append(self._number)

    def send(self, messages: list[bytes]) -> None:
        """Send messages, and wait until all of them are confirmed.

        :raises OSError: the session broke; some may have been taken.
        """
        for begin in range(0, len(messages), WINDOW):
            frames = []
            for message in messages[begin : begin + WINDOW]:
                self._number = self._number % LARGEST_NUMBER + 1
                frames.append(b"%d syslog %d %s\n" % (self._number, len(message), message))
                self._waiting.append(self._number)
            self._socket.sendall(b"".join(frames))
            self.confirmed(0)

    def confirmed(self, left: int) -> None:
        """Wait until no more than so many messages wait."""
        while len(self._waiting) > left:
            number, command, data = self._frame()
            if command == b"serverclose":
                raise Refused("the log host has closed the session")
            if command != b"rsp" or number != self._waiting[0]:
                raise Refused(f"the log host answers {command[:40]!r} to message {number}, and {self._waiting[0]} is waited for")
            if not data.startswith(b"200"):
                raise Refused(f"the log host refuses: {data[:200].decode(errors='replace')}")
            self._waiting.popleft()

    def _frame(self) -> tuple[int, bytes, bytes]:
        header = self._until_header()
        number, command, length = header
        while len(self._input) < length + 1:
            self._more()
        data = bytes(self._input[:length])
        del self._input[: length + 1]
        return number, command, data

    def _until_header(self) -> tuple[int, bytes, int]:
        """The three words before the data; without data the line ends after the third."""
        while True:
            words = self._input[:64].split(b" ", 3)
            if len(words) >= 3:
                end = len(words[0]) + len(words[1]) + 2
                third = bytes(self._input[end : end + 12])
                digits = third[: len(third) - len(third.lstrip(b"0123456789"))]
                if len(digits) < len(third):
                    if not words[0].isdigit() or not digits:
                        raise Refused("the log host does not speak RELP")
                    length = int(digits)
                    del self._input[: end + len(digits) + (1 if length else 0)]
                    return int(words[0]), bytes(words[1]), length
            if len(self._input) > 64:
                raise Refused("the log host does not speak RELP")
            self._more()

    def _more(self) -> None:
        part = self._socket.recv(1 << 16)
        if not part:
            raise Refused("the log host has closed the connection")
        self._input += part

    def close(self) -> None:
        """End the session, as far as the other side is still there."""
        try:
            self._send(b"close", b"")
            self.confirmed(0)
        except OSError:
            pass
        self._socket.close()


def require_readable(target: Target) -> None:
    """Files that TLS needs.

    :raises ValueError: one is not there, or not for this user.
    """
    for name in ("authority", "certificate", "key"):
        path = Path(getattr(target, name))
        try:
            path.open("rb").close()
        except OSError as error:
            raise ValueError(f"log_shipping_{name}: {path}: {error.strerror}") from error
