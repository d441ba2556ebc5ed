# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP to a sink: one connection, a body, an answer. No redirect is followed and no proxy of the environment asked."""

from __future__ import annotations

import base64
import gzip
import http.client
import os
import re
import ssl
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .answers import Answer
from .declared import Sink

TIMEOUT = 30.0  # seconds without a byte
WHOLE = 120.0  # seconds for an answer
LARGEST = 16 << 20  # bytes of an answer
IDLE = 10.0  # seconds after which a connection is opened anew: the other side may have closed it
_AGENT = "latentum-ops-logs"
MISSING = "missing"  # what systemd hands over where a file is not there


class CredentialsError(OSError):
    """What the sink is to be shown is not there, or cannot be; the message names the key of the declaration, and not the value."""


def credential_name(sink: str, key: str) -> str:
    """The name by which systemd hands a file over."""
    return f"{sink}.{key}"


def given(sink: Sink, key: str) -> Path:
    """The file of a key of the declaration, as systemd has handed it over.

    :raises CredentialsError: it was not there when the service started.
    """
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / credential_name(sink.name, key) if folder else Path(sink.files()[key])
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CredentialsError(f"{_named(sink, key)} cannot be read: {error.strerror}") from error
    if content.strip() in (b"", MISSING.encode()):
        raise CredentialsError(f"{_named(sink, key)} was empty, or not there, when the service started")
    return path


def _named(sink: Sink, key: str) -> str:
    """A key with its path, not as the masker reads a secret (``password_file: …``)."""
    return f"{key} ({sink.files()[key]})"


def _secret(sink: Sink, key: str) -> str:
    text = given(sink, key).read_bytes().decode(errors="replace").strip("\r\n")
    if re.search(r"[\x00-\x1f\x7f\ufffd]", text):
        raise CredentialsError(f"{_named(sink, key)} holds more than one line, or no text")
    return text


def authorization(sink: Sink) -> dict[str, str]:
    """Who we are.

    :raises CredentialsError: a file is not there, or holds no word.
    """
    if sink.password_file:
        pair = f"{sink.user}:{_secret(sink, 'password_file')}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
    for key, scheme in (("token_file", "Bearer"), ("api_key_file", "ApiKey")):
        if getattr(sink, key):
            return {"Authorization": f"{scheme} {_secret(sink, key).encode().decode('latin-1')}"}
    return {}


def trust(sink: Sink) -> ssl.SSLContext:
    """Whom we believe: the declared authority, or those of the system; by name, and never without.

    :raises CredentialsError: a file is not there, or is no certificate.
    """
    authority = str(given(sink, "authority")) if sink.authority else None
    key = "authority"
    try:
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=authority)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if sink.certificate:
            key = "certificate"
            context.load_cert_chain(given(sink, "certificate"), given(sink, "key"))
    except ssl.SSLError as error:
        raise CredentialsError(f"{_named(sink, key)} is no PEM file that TLS takes: {error.reason or error}") from error
    return context


class Transport:
    """A connection that is opened when it is needed."""

    def __init__(self, sink: Sink, timeout: float = TIMEOUT) -> None:
        self.sink, self.timeout = sink, timeout
        self._connection: http.client.HTTPConnection | None = None
        self._headers: dict[str, str] = {}
        self._used = 0.0

    def _connect(self) -> http.client.HTTPConnection:
        url = urlsplit(self.sink.url)
        self._headers = authorization(self.sink)
        host = str(url.hostname)
        if url.scheme == "https":
            return http.client.HTTPSConnection(host, url.port or 443, timeout=self.timeout, context=trust(self.sink))
        return http.client.HTTPConnection(host, url.port or 80, timeout=self.timeout)

    def post(self, path: str, content_type: str, body: str, headers: Mapping[str, str]) -> Answer:
        """Send a body, and wait for what becomes of it.

        :raises OSError: no answer; the server may have taken the body all the same.
        """
        if self._connection is not None and time.monotonic() - self._used > IDLE:
            self.close()
        data = gzip.compress(body.encode(), 1, mtime=0)
        try:
            if self._connection is None:
                self._connection = self._connect()
            every = {"Content-Type": content_type, "Content-Encoding": "gzip", "User-Agent": _AGENT, "Accept": "application/json, */*"}
            self._connection.request("POST", self.sink.path + path, data, {**every, **self._headers, **headers})
            with self._connection.getresponse() as response:
                answer = Answer(response.status, _text(response), _after(response.headers))
        except http.client.HTTPException as error:
            self.close()
            raise ConnectionError(f"no answer of HTTP: {type(error).__name__} {str(error)[:200]}".rstrip()) from error
        except OSError:
            self.close()
            raise
        self._used = time.monotonic()
        if response.will_close:
            self.close()
        return answer

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def _text(response: http.client.HTTPResponse) -> str:
    """An answer, within a time and a size."""
    until = time.monotonic() + WHOLE
    parts, size = [], 0
    while part := response.read1(1 << 16):
        parts.append(part)
        size += len(part)
        if size > LARGEST or time.monotonic() > until:
            raise ConnectionError(f"an answer of more than {LARGEST >> 20} MiB or {WHOLE:.0f} seconds")
    data = b"".join(parts)
    if response.headers.get("Content-Encoding") == "gzip":
        raise ConnectionError("a compressed answer that nobody asked for")
    return data.decode(errors="replace")


def _after(headers: Any) -> float:
    """Seconds to wait for (RFC 9110, 10.2.3), five minutes at most."""
    value = str(headers.get("Retry-After") or "")
    return min(float(value), 300.0) if re.fullmatch(r"\d{1,6}", value) else 0.0
