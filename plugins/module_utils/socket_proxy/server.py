# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server of the proxy: a unix socket for one user of the host, a connection a request, an end to whatever a client can drag out."""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus

from ..containers.api import SOCKET, EngineError
from ..core.journal import log
from ..core.masking import clean
from .http_request import PATIENCE, Refused, Request, read
from .operations import Answer, Operations
from .session import Session

MOST = 64  # connections at one time: the watchdog has 36 threads for looks and remedies, a stream of events, and scrapes
STREAMS = 4  # of events at one time
TIMEOUT = 60.0  # seconds for an answer of the engine
SENDING = 10.0  # seconds in which a client must take what it is sent
AGAIN = 60.0  # seconds after which the same refusal is logged again
_CREDENTIALS = struct.Struct("3i")


class Server:
    """Answers whoever connects, in a thread each.

    :param peer: number of the user that may ask; others are sent away unread.
    :param engine: path of the engine's socket.
    :param patience: seconds for a request to arrive.
    """

    def __init__(
        self, listening: socket.socket, operations: Operations, peer: int, engine: str = SOCKET, patience: float = PATIENCE
    ) -> None:
        self.operations = operations
        self.patience = patience
        self._listening, self._peer, self._engine = listening, peer, engine
        self._places, self._streams = threading.BoundedSemaphore(MOST), threading.BoundedSemaphore(STREAMS)
        self._watched = select.epoll()
        self._sessions: dict[int, Session] = {}
        self._mutex = threading.Lock()
        self._refusals: dict[str, float] = {}

    def start(self) -> None:
        """From now on, in threads of its own."""
        threading.Thread(target=self._accept, name="accept", daemon=True).start()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                channel, _address = self._listening.accept()
            except OSError:
                return
            if not self._places.acquire(blocking=False):
                self._refuse(channel, Refused(503, f"{MOST} requests are under way"))
                channel.close()
                continue
            threading.Thread(target=self._serve, args=(channel,), name="request", daemon=True).start()

    def _serve(self, channel: socket.socket) -> None:
        with channel:
            try:
                self._answer(channel)
            except Refused as refused:
                self._refuse(channel, refused)
            except EngineError as error:
                self._fail(channel, error.status or 502, str(error))
            except OSError as error:
                self._fail(channel, 503, f"the Docker engine does not answer: {error}")
            except Exception as error:  # whatever one request does, the others go on
                log(f"socket proxy: a request broke: {error!r}")
                self._fail(channel, 500, "the socket proxy failed; look at `journalctl -u latentum-ops-socket-proxy`")
            finally:
                self._places.release()

    def _answer(self, channel: socket.socket) -> None:
        _pid, user, _group = _CREDENTIALS.unpack(channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
        if user != self._peer:
            raise Refused(403, f"user {user} may not ask")
        try:
            request = read(channel, self.patience)
        except OSError:
            return
        if request is None:
            return
        channel.settimeout(SENDING)
        session = Session(TIMEOUT, self._engine)
        session.version = self.operations.version
        if not session.version and request.path != "/_ping":
            session.ping()
            self.operations.version = session.version
        with self._followed(channel, session, request):
            answer = self.operations.carry_out(request, session)
            if answer.parts is None:
                _send(channel, answer)
                return
            with self._stream():
                _send_parts(channel, answer, answer.parts)

    # Clients that go away

    @contextmanager
    def _followed(self, channel: socket.socket, session: Session, request: Request) -> Iterator[None]:
        """End the session when the client is gone; what acts on a container is carried out all the same."""
        if request.method == "POST" and not request.path.startswith("/exec/"):
            yield
            return
        number = channel.fileno()
        with self._mutex:
            self._sessions[number] = session
        self._watched.register(number, select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLONESHOT)
        try:
            yield
        finally:
            with self._mutex:
                del self._sessions[number]
            self._watched.unregister(number)

    def _watch(self) -> None:
        while True:
            for number, _event in self._watched.poll():
                with self._mutex:
                    session = self._sessions.get(number)
                    if session:
                        session.end()

    @contextmanager
    def _stream(self) -> Iterator[None]:
        if not self._streams.acquire(blocking=False):
            raise Refused(503, f"{STREAMS} streams of events are under way")
        try:
            yield
        finally:
            self._streams.release()

    # Refusals

    def _refuse(self, channel: socket.socket, refused: Refused) -> None:
        now, text = time.monotonic(), clean(refused, 300)
        if refused.status != HTTPStatus.NOT_FOUND and now - self._refusals.get(text, -AGAIN) >= AGAIN:
            if len(self._refusals) > MOST:
                self._refusals.clear()
            self._refusals[text] = now
            log(f"socket proxy: refused: {text}")
        self._fail(channel, refused.status, text)

    def _fail(self, channel: socket.socket, status: int, message: str) -> None:
        answer = Answer(status, json.dumps({"message": clean(message)}).encode())
        with suppress(OSError):
            channel.settimeout(SENDING)
            _send(channel, answer)


def _head(answer: Answer, more: str) -> bytes:
    phrase = HTTPStatus(answer.status).phrase if answer.status in HTTPStatus._value2member_map_ else "Refused"
    lines = [f"HTTP/1.1 {answer.status} {phrase}", f"Content-Type: {answer.kind}", "Connection: close", more]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in answer.headers.items()), "", ""]).encode()


def _send(channel: socket.socket, answer: Answer) -> None:
    channel.sendall(_head(answer, f"Content-Length: {len(answer.body)}") + answer.body)


def _send_parts(channel: socket.socket, answer: Answer, parts: Iterator[bytes]) -> None:
    """In chunks (RFC 9112, section 7.1). What the engine breaks off has no last chunk."""
    channel.sendall(_head(answer, "Transfer-Encoding: chunked"))
    try:
        for part in parts:
            channel.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        channel.sendall(b"0\r\n\r\n")
    except OSError:
        return  # the head is sent: whoever reads sees that it ends
