# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Request of a client of the proxy: a narrow part of HTTP/1.1, read as a whole before anything is done.

No byte of it goes on to the engine: what is let through is asked anew, in the proxy's own words. So there is nothing that two parsers could
read in two ways (RFC 9112, section 11.2), and whatever the client of this collection (containers/api.py) never sends is refused.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

HEAD = 8192  # bytes of the request line and all headers
BODY = 32768  # bytes: the longest declared command is a query of some lines
PATIENCE = 5.0  # seconds from the connection to the last byte
_LINE = re.compile(r"(GET|HEAD|POST) (/[A-Za-z0-9_./-]*)(?:\?([A-Za-z0-9_.~%+&=-]*))? HTTP/1\.1")
_VERSION = re.compile(r"/v1\.\d{2}(?=/)")
_HEADER = re.compile(r"([A-Za-z-]+): ?([ -~]*)")
_LENGTH = re.compile(r"0|[1-9]\d{0,5}")
_ESCAPES = re.compile(r"%(?![0-9A-Fa-f]{2})")
# What http.client sends; with any other header a request is one of somebody else.
_KNOWN = {"host", "accept-encoding", "content-length", "content-type", "connection"}


class Refused(Exception):
    """A request that is not let through.

    :param status: of HTTP.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Request:
    """What a client wants.

    :param path: without the version of the API before it.
    :param query: each name once, values decoded.
    :param body: of JSON; None without one.
    """

    method: str
    path: str
    query: Mapping[str, str]
    body: Any = None


def read(channel: socket.socket, patience: float = PATIENCE) -> Request | None:
    """The one request of a connection; None where the client goes away without any.

    :raises Refused: it is none, too long, or another kind than this collection's client sends.
    :raises OSError: the client is gone.
    """
    deadline = time.monotonic() + patience
    raw = b""
    while b"\r\n\r\n" not in raw:
        part = _receive(channel, deadline)
        if not part:
            if not raw:
                return None
            raise Refused(400, "the request ends in its head")
        raw += part
        if b"\r\n\r\n" not in raw[:HEAD] and len(raw) >= HEAD:
            raise Refused(431, f"the head of the request is longer than {HEAD} bytes")
    head, _blank, body = raw.partition(b"\r\n\r\n")
    method, path, query, length = _parse_head(head)
    while len(body) < length:
        part = _receive(channel, deadline)
        if not part:
            raise Refused(400, "the request ends in its body")
        body += part
    if len(body) > length:
        raise Refused(400, "there is more than one request on the connection")
    return Request(method, path, query, _parse_body(body))


def _receive(channel: socket.socket, deadline: float) -> bytes:
    left = deadline - time.monotonic()
    if left <= 0:
        raise Refused(408, "the request takes too long")
    channel.settimeout(left)
    try:
        return channel.recv(HEAD)
    except TimeoutError:
        raise Refused(408, "the request takes too long") from None


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str], int]:
    """Method, path, query, and the length of the body."""
    try:
        line, *rows = head.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        raise Refused(400, "the head of the request is not ASCII") from None
    match = _LINE.fullmatch(line)
    if match is None:
        raise Refused(400, "the request line is none that is let through")
    method, target, query = match[1], match[2], match[3] or ""
    headers: dict[str, str] = {}
    for row in rows:
        found = _HEADER.fullmatch(row)
        name = found[1].lower() if found else ""
        if found is None or name not in _KNOWN or name in headers:
            raise Refused(400, "a header is malformed, there twice, or none that is let through")
        headers[name] = found[2]
    if "host" not in headers or headers.get("connection") != "close":
        raise Refused(400, "a request has a Host, and `Connection: close`")
    length = headers.get("content-length", "0")
    if _LENGTH.fullmatch(length) is None:
        raise Refused(400, "Content-Length is no number")
    if int(length) > BODY:
        raise Refused(413, f"the body of the request is longer than {BODY} bytes")
    if int(length) and (method != "POST" or headers.get("content-type") != "application/json"):
        raise Refused(400, "only a POST has a body, and that is JSON")
    return method, _plain(target), _parse_query(query), int(length)


def _plain(target: str) -> str:
    """The path without the version; nothing in it may be read as another path."""
    path = _VERSION.sub("", target, count=1) if _VERSION.match(target) else target
    if "//" in path or any(part in (".", "..") for part in path.split("/")):
        raise Refused(400, "the path is not in its plain form")
    return path


def _parse_query(raw: str) -> dict[str, str]:
    query: dict[str, str] = {}
    for part in raw.split("&") if raw else ():
        name, equals, value = part.partition("=")
        if not equals or not name.isalpha() or name in query or _ESCAPES.search(value):
            raise Refused(400, "a query parameter is malformed, or there twice")
        try:
            query[name] = unquote_plus(value, errors="strict")
        except UnicodeDecodeError:
            raise Refused(400, f"the query parameter {name} is not UTF-8") from None
    return query


def _parse_body(body: bytes) -> Any:
    if not body:
        return None
    try:
        return json.loads(body.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not plain JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names are there once: two parsers may choose another one of two."""
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name is there twice")
    return made
