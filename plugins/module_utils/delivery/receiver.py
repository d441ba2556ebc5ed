# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Receiver of calls: an HTTP server that checks who signed, puts what was said into the inbox, and tells what became of it.

It runs as a user of its own, behind nginx, on a socket that systemd hands over. It can read the secrets that sign calls and what is told of
the queue, and write into the inbox; it starts no program, and knows neither Docker nor the rules. Whatever it is made to write is judged by
root (intake.py).

The parser of HTTP is aiohttp's, of Debian: http.server of the standard library is, by its own words, not meant for production, and bounds a
single read where a client that drips needs a bound for the whole; adnanh/webhook starts programs, and knows no queue. aiohttp has no bound
for a head that drips either, so a connection has an end here, whatever it does.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import re
import socket
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from html import escape
from ipaddress import ip_address
from typing import Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from ..contracts.delivery import DeliverySettings, PushSource
from ..core.journal import Level, log
from ..core.masking import line
from . import credentials, payloads, settings, signatures
from .inbox import Inbox
from .request import Malformed, person
from .signatures import Call, Unsigned

BODY = 1 << 20  # bytes; a push of a thousand commits has fewer
HEAD = 8190  # bytes of a line of the head
LIFETIME = 15.0  # seconds from a connection to its end, whatever it does
PATIENCE = 2.0  # seconds for which an answer of the rules is waited for
CONNECTIONS, BODIES = 512, 16  # at one time
FAILURES, WINDOW, ADDRESSES = 20, 60.0, 4096  # calls without a signature that an address has in so many seconds; addresses that are known
_LOOK = 0.05
_SILENT = logging.Logger("receiver", logging.CRITICAL + 1)  # aiohttp's: what is malformed is answered, and no news
_CALL = re.compile(r"/deliver/([a-z0-9][a-z0-9_-]{0,62})/([a-z][a-z0-9_]{0,30})")
_STATUS = re.compile(r"/status/([0-9a-f]{32})")
_APPROVE = re.compile(r"/approve/([0-9a-f]{32})")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Approve a delivery</title><style>body{{font:1rem/1.5 sans-serif;max-width:40rem;margin:3rem auto;padding:0 1rem}}</style>
<h1>Approve a delivery</h1><p>{text}</p>{form}</html>
"""


class Refused(Exception):
    """A call that is answered with a status other than 2xx.

    :param more: what the answer says beside the reason.
    """

    def __init__(self, status: int, reason: str, **more: Any) -> None:
        super().__init__(reason)
        self.status, self.more = status, more


@dataclass
class Failures:
    """Calls without a good signature, by address, in memory: whoever guesses is slowed down here, and banned by fail2ban."""

    known: OrderedDict[str, deque[float]] = field(default_factory=OrderedDict)

    def add(self, address: str, now: float) -> None:
        """One more."""
        times = self.known.setdefault(address, deque(maxlen=FAILURES))
        self.known.move_to_end(address)
        times.append(now)
        while len(self.known) > ADDRESSES:
            self.known.popitem(last=False)

    def too_many(self, address: str, now: float) -> bool:
        """So many in a short time that nothing of it is looked at."""
        times = self.known.get(address, deque())
        return len(times) == FAILURES and now - times[0] < WINDOW


class Receiver:
    """Answers calls.

    :param load: the settings of a stack, None where it has none.
    :param secrets: the values of a secret of a stack.
    """

    def __init__(
        self,
        inbox: Inbox,
        load: Callable[[str], DeliverySettings | None] = settings.load,
        secrets: Callable[[str, str], list[str]] = credentials.read,
        patience: float = PATIENCE,
    ) -> None:
        self.inbox, self.load, self.secrets, self.patience = inbox, load, secrets, patience
        self.failures = Failures()
        self._bodies = asyncio.Semaphore(BODIES)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to a call; never an exception."""
        try:
            answer = await self._routed(request)
        except Refused as refused:
            answer = _json(refused.status, {"reason": str(refused), **refused.more})
        except OSError as error:
            log(f"delivery receiver: the inbox cannot be used: {error}", Level.ERROR)
            answer = _json(503, {"reason": "this host cannot take anything now: call again"})
        except asyncio.CancelledError:
            raise
        except Exception as error:  # whatever one call does, the others go on
            log(f"delivery receiver: a call broke: {line(repr(error), 300)}", Level.ERROR)
            answer = _json(500, {"reason": "the receiver failed; its host has the reason in its journal"})
        answer.headers.update(_HEADERS)
        answer.force_close()
        return answer

    async def _routed(self, request: web.BaseRequest) -> web.Response:
        path = request.raw_path.partition("?")[0]
        routes: tuple[tuple[re.Pattern[str], Mapping[str, Callable[..., Awaitable[web.Response]]]], ...] = (
            (_CALL, {"POST": self._deliver}),
            (_STATUS, {"GET": self._status}),
            (_APPROVE, {"GET": self._ask, "POST": self._approve}),
            (re.compile("/health"), {"GET": self._health}),
        )
        for pattern, methods in routes:
            if match := pattern.fullmatch(path):
                if request.method not in methods:
                    raise Refused(405, f"write {' or '.join(methods)}")
                return await methods[request.method](request, *match.groups())
        raise Refused(404, "there is nothing here")

    async def _health(self, _request: web.BaseRequest) -> web.Response:
        return _json(200, {"state": "ok"})

    # Calls

    async def _deliver(self, request: web.BaseRequest, stack: str, name: str) -> web.Response:
        address, now = _address(request), time.time()
        if self.failures.too_many(address, time.monotonic()):
            raise Refused(429, "too many calls without a good signature: wait a minute")
        source = self._source(stack, name)
        call = Call(_single(request), await self._body(request))
        try:
            identity = signatures.verify(source.provider, call, self.secrets(stack, source.secret), now)
        except Unsigned as error:
            self.failures.add(address, time.monotonic())
            # fail2ban reads this line.
            log(f"delivery receiver: unsigned call from {address} to {name} of {stack}: {error}", Level.WARNING)
            raise Refused(401, "the call is not signed as it must be") from error
        try:
            requests = payloads.read(stack, source, call)
        except payloads.Irrelevant as irrelevant:
            return _json(200, {"state": "ignored", "reason": str(irrelevant)})
        except Malformed as error:
            raise Refused(400, str(error)) from error
        if foreign := [wanted.repository for wanted in requests if wanted.repository not in source.repositories]:
            raise Refused(403, f"repository {foreign[0]} is none of source {name}")
        return await self._put(identity, {"requests": [wanted.to_dict() for wanted in requests], "at": now, "from": address})

    def _source(self, stack: str, name: str) -> PushSource:
        try:
            known = self.load(stack)
        except ValueError as error:
            log(f"delivery receiver: {line(error, 300)}", Level.ERROR)
            raise Refused(503, "this host cannot take anything now: call again") from error
        source = settings.source_of(known, name) if known else None
        if source is None:
            raise Refused(404, "there is nothing here")
        return source

    async def _body(self, request: web.BaseRequest) -> bytes:
        if (request.content_length or 0) > BODY:
            raise Refused(413, f"the body is longer than {BODY} bytes")
        if request.headers.get("Content-Encoding", "identity") != "identity":
            raise Refused(415, "the body must not be compressed")
        async with self._bodies:
            parts, length = [], 0
            async for part in request.content.iter_any():
                length += len(part)
                if length > BODY:
                    raise Refused(413, f"the body is longer than {BODY} bytes")
                parts.append(part)
            return b"".join(parts)

    async def _put(self, identity: str, document: Mapping[str, Any]) -> web.Response:
        known = self.inbox.answer(identity)
        if known or not await asyncio.to_thread(self.inbox.put, identity, document):
            state = (known or {}).get("state", "accepted")
            raise Refused(409, "it came before: a call is carried out once", id=identity, state=state)
        told = await self._told(identity)
        if told is None:
            return _json(202, {"id": identity, "state": "accepted", "status": f"/status/{identity}"})
        status = int(told.get("status") or 202)
        body = {"id": identity, "state": told.get("state"), "reason": told.get("reason") or "", "status": f"/status/{identity}"}
        return _json(status if status in (200, 202, 403, 409, 429) else 202, body)

    async def _told(self, name: str) -> dict[str, Any] | None:
        """What becomes of it, where that is known soon."""
        deadline = time.monotonic() + self.patience
        while (told := self.inbox.answer(name)) is None and time.monotonic() < deadline:
            await asyncio.sleep(_LOOK)
        return told

    async def _status(self, _request: web.BaseRequest, identity: str) -> web.Response:
        told = self.inbox.answer(identity)
        if told is None and self.inbox.waits(identity):
            told = {"id": identity, "state": "accepted", "ended": False}
        if told is None:
            raise Refused(404, "there is nothing here")
        return _json(200, told)

    # Approvals

    async def _ask(self, request: web.BaseRequest, identity: str) -> web.Response:
        """A page with a button: whatever looks into a mail before its reader does follows links, and presses nothing."""
        query, told = _query(request), self.inbox.answer(identity)
        if told is None:
            raise Refused(404, "there is nothing here")
        what = f"{told.get('stack')}: {told.get('kind')} {told.get('ref')} of {told.get('repository')}, by {told.get('who')}"
        images = ", ".join(map(str, (told.get("images") or {}).values()))
        text = "<br>".join(map(escape, (what, images, f"It is {told.get('state')}.")))
        action = escape(f"{identity}?{urlencode(query)}", quote=True)
        form = f'<form method="post" action="{action}"><button>Approve as {escape(query["who"])}</button></form>'
        return _html(200, _PAGE.format(text=text, form=form))

    async def _approve(self, request: web.BaseRequest, identity: str) -> web.Response:
        query = _query(request)
        # The same link has the same name, and what was answered to it before is the answer.
        name = "approve-" + hashlib.sha256(json.dumps([identity, query], sort_keys=True).encode()).hexdigest()[:32]
        await asyncio.to_thread(self.inbox.put, name, {"id": identity, **query, "at": time.time()})
        told = await self._told(name)
        if told is None:
            return _html(202, _PAGE.format(text="This host looks at it.", form=""))
        status = int(told.get("status") or 200)
        return _html(status if status in (200, 401, 403, 404, 409) else 400, _PAGE.format(text=escape(str(told.get("reason"))), form=""))


def _query(request: web.BaseRequest) -> dict[str, str]:
    """The three parts of a link."""
    try:
        pairs = parse_qsl(request.raw_path.partition("?")[2], strict_parsing=True, max_num_fields=5)
    except ValueError as error:
        raise Refused(401, "this link is none of this host") from error
    query = dict(pairs)
    fits = sorted(query) == ["expires", "signature", "who"] and len(pairs) == 3
    if not fits or person(query["who"]) != query["who"] or not re.fullmatch(r"[0-9]{10}", query["expires"]):
        raise Refused(401, "this link is none of this host")
    if not re.fullmatch(r"[0-9a-f]{64}", query["signature"]):
        raise Refused(401, "this link is none of this host")
    return query


def _single(request: web.BaseRequest) -> dict[str, str]:
    """Headers by their names in lower case; which of two would count is for nobody to guess."""
    given = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in request.raw_headers]
    names = [name for name, _value in given]
    return {name: value for name, value in given if names.count(name) == 1}


def _address(request: web.BaseRequest) -> str:
    """Who calls, as nginx says; it alone can connect."""
    given = request.headers.get("X-Real-IP", "")
    try:
        return str(ip_address(given))
    except ValueError:
        return request.remote or "unknown"


def _json(status: int, document: Mapping[str, Any]) -> web.Response:
    return web.Response(status=status, text=json.dumps(document) + "\n", content_type="application/json")


def _html(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=text, content_type="text/html", headers={"Content-Security-Policy": _POLICY})


class _Bounded(asyncio.Protocol):
    """A connection with an end, of which there are not too many; all else is the protocol's of aiohttp."""

    def __init__(self, server: Server, inner: web.RequestHandler) -> None:
        self.server, self.inner = server, inner
        self._end: asyncio.TimerHandle | None = None
        self._turned_away = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # a stream always has this kind
        self.server.open += 1
        if self.server.open > self.server.connections:
            self._turned_away = True
            transport.write(b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            transport.close()
            return
        self._end = asyncio.get_running_loop().call_later(self.server.lifetime, transport.abort)
        self.inner.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.server.open -= 1
        if self._end:
            self._end.cancel()
        if not self._turned_away:
            self.inner.connection_lost(error)

    def data_received(self, data: bytes) -> None:
        if not self._turned_away:
            self.inner.data_received(data)

    def eof_received(self) -> bool | None:
        if not self._turned_away:
            self.inner.eof_received()
        return None

    def pause_writing(self) -> None:
        self.inner.pause_writing()

    def resume_writing(self) -> None:
        self.inner.resume_writing()


class Server:
    """The receiver on a socket.

    :param lifetime: seconds that a connection has at the most.
    :param connections: how many there are at the most.
    """

    def __init__(self, receiver: Receiver, lifetime: float = LIFETIME, connections: int = CONNECTIONS) -> None:
        self.receiver, self.lifetime, self.connections, self.open = receiver, lifetime, connections, 0

    async def listen(self, listening: socket.socket) -> asyncio.AbstractServer:
        """Answer whoever connects, from now on."""
        limits: dict[str, Any] = {"keepalive_timeout": 1.0, "lingering_time": 0.5, "max_line_size": HEAD, "max_field_size": HEAD}
        handlers = web.Server(self.receiver.handle, logger=_SILENT, access_log=None, **limits)
        listening.setblocking(False)
        loop, kind = asyncio.get_running_loop(), listening.family
        create = loop.create_unix_server if kind == socket.AF_UNIX else loop.create_server
        return await create(lambda: _Bounded(self, handlers()), sock=listening, backlog=256)
