# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service that nginx asks: HTTP on a socket of systemd's, answered by the judge.

    GET /check   X-Ops-Policy, X-Ops-Credential               204 with X-Ops-User and claims, 401, or 403 over a limit
    GET /login   X-Ops-Policy, X-Ops-Host, X-Ops-Path, …      302 to the login page for a browser that asks for a page, else 401

Nothing that a caller sends is logged here; nginx logs the name and the reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from ..contracts.route_authentication import SOCKET, RouteAuthentication
from .answers import NotAccepted, Reason
from .judge import Judge
from .key_sets import NotYet

LOG = logging.getLogger(__name__)
LARGEST = 64 * 1024  # bytes of a request
IDLE = 90.0  # seconds; nginx closes its idle connections after 60
_FIRST_DESCRIPTOR = 3  # sd_listen_fds(3)


def answer(judge: Judge, path: str, headers: Mapping[str, str]) -> bytes:
    """The answer to a request; headers by their lower-case names."""
    reference = headers.get("x-ops-policy", "")
    try:
        if path == "/check":
            accepted = judge.check(reference, headers.get("x-ops-credential", ""))
            claims = [f"X-Ops-Claim-{name}: {value}" for name, value in accepted.claims.items()]
            return _response("204 No Content", [f"X-Ops-User: {accepted.user}", *claims])
        if path == "/login":
            page = headers.get("x-ops-method") in ("GET", "HEAD") and "text/html" in headers.get("x-ops-accept", "")
            if page:
                location = judge.login(reference, headers.get("x-ops-host", ""), headers.get("x-ops-path", ""))
                return _response("302 Found", [f"Location: {location}", "Cache-Control: no-store"])
            raise NotAccepted(Reason.MISSING)
    except NotAccepted as error:
        return _refusal(judge, reference, error.reason)
    return _response("404 Not Found", [])


def _refusal(judge: Judge, reference: str, reason: Reason) -> bytes:
    if reason is Reason.LIMITED:
        return _response("403 Forbidden", ["X-Ops-Refused: limited"])
    try:
        challenge = _challenge(judge.policy(reference).spec, reason)
    except NotAccepted:
        challenge = []
    return _response("401 Unauthorized", [f"X-Ops-Refused: {reason.value}", *challenge])


def _challenge(spec: RouteAuthentication, reason: Reason) -> list[str]:
    """How to do better (RFC 9110, 11.6.1; RFC 6750, 3)."""
    if spec.kind == "jwt":
        error = "" if reason is Reason.MISSING else ', error="invalid_token"'
        return [f'WWW-Authenticate: Bearer realm="{spec.realm}"{error}']
    if spec.kind == "api_key":
        scheme = "Bearer" if spec.header.lower() == "authorization" else "ApiKey"
        return [f'WWW-Authenticate: {scheme} realm="{spec.realm}"' + ("" if scheme == "Bearer" else f', header="{spec.header}"')]
    return []


def _response(status: str, headers: list[str]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *headers, *([] if status.startswith("204") else ["Content-Length: 0"])]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", errors="replace")


def parse(head: bytes) -> tuple[str, dict[str, str], bool]:
    """Path, headers by lower-case names, and whether the connection stays.

    :raises ValueError: it is no request.
    """
    request, *lines = head.decode("latin-1").split("\r\n")
    _method, path, version = request.split(" ")
    headers = {}
    for line in lines:
        name, separator, value = line.partition(":")
        if separator:
            headers[name.lower()] = value.strip()
    stays = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return path, headers, stays


async def serve_connection(judge: Judge, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection of a worker of nginx, request after request."""
    try:
        while True:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE)
            path, headers, stays = parse(head[:-4])
            response = await answered(judge, path, headers)
            writer.write(response)
            await writer.drain()
            if not stays:
                return
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.TimeoutError, ConnectionError, ValueError):
        return
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError, OSError):
            await writer.wait_closed()


async def answered(judge: Judge, path: str, headers: Mapping[str, str]) -> bytes:
    """The answer, once the keys are there that it takes; others are answered meanwhile."""
    for _attempt in range(3):
        try:
            return answer(judge, path, headers)
        except NotYet as missing:
            await asyncio.to_thread(missing.key_set.fetch)
    return _refusal(judge, headers.get("x-ops-policy", ""), Reason.NO_KEYS)


def inherited() -> socket.socket | None:
    """The socket that systemd listens on for us (sd_listen_fds(3)); it outlives us, so nobody is refused while we start."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        return None
    return socket.socket(fileno=_FIRST_DESCRIPTOR)


async def run(judge: Judge, listening: socket.socket) -> None:
    """Serve until told to end."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await asyncio.start_unix_server(
        lambda reader, writer: serve_connection(judge, reader, writer), sock=listening, limit=LARGEST, backlog=1024
    )
    LOG.info("answering on %s", listening.getsockname())
    async with server:
        await ended.wait()


def main() -> None:
    """The program of the unit."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    state = os.environ.get("STATE_DIRECTORY")
    listening = inherited()
    if listening is None:
        SOCKET.unlink(missing_ok=True)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listening.bind(str(SOCKET))
    asyncio.run(run(Judge(cache=Path(state) if state else None), listening))
