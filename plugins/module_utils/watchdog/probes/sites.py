# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a site as a client does: through nginx on this host, over TLS, with the certificate that is really served.

Behind a proxy in front (``nginx_behind``) nginx is asked where it listens for that one: the site is looked at without the proxy, which is
somebody else's.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import datetime, timezone

from ...contracts.watchdog_settings import FrontSpec, SiteSpec
from ...nginx.access_log import PROBE_AGENT


@dataclass(frozen=True)
class SiteReading:
    """What was seen. `latency` in seconds; `expires` in epoch seconds, None when no certificate came; `status` 0 when no answer came."""

    ok: bool
    latency: float = 0.0
    reason: str = ""
    expires: float | None = None
    status: int = 0

    def days_left(self) -> int | None:
        """Whole days until the certificate expires."""
        return None if self.expires is None else int((self.expires - time.time()) // 86400)


def read(spec: SiteSpec, front: FrontSpec | None = None) -> SiteReading:
    """One request; an answer below 500 is well: what a client may not see (401, 404) is not an outage.

    :param front: where nginx answers; port 443 of loopback where nothing is said.
    """
    front = front or FrontSpec()
    began = time.monotonic()
    expires = None
    try:
        with socket.create_connection((front.address, front.port), timeout=spec.timeout) as plain:
            if front.proxy_protocol:
                plain.sendall(_proxy_line(plain))
            if not front.tls:
                status = _status(plain, spec)
            else:
                with _unverified().wrap_socket(plain, server_hostname=spec.domain) as channel:
                    expires = _expiry(channel.getpeercert(binary_form=True) or b"")
                    status = _status(channel, spec)
    except (OSError, http.client.HTTPException) as error:
        return SiteReading(False, time.monotonic() - began, f"https://{spec.domain}{spec.path}: {error}", expires)
    latency = time.monotonic() - began
    if status >= 500:
        return SiteReading(False, latency, f"https://{spec.domain}{spec.path} answered {status}", expires, status)
    return SiteReading(True, latency, "", expires, status)


def _unverified() -> ssl.SSLContext:
    """Not verified here: whom clients trust is not this host's to say, and a placeholder must not hide an outage. The expiry is judged."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _status(channel: socket.socket, spec: SiteSpec) -> int:
    connection = http.client.HTTPConnection(spec.domain, timeout=spec.timeout)
    connection.sock = channel
    connection.request("GET", spec.path, headers={"User-Agent": PROBE_AGENT, "Connection": "close"})
    with connection.getresponse() as answer:
        return answer.status


def _proxy_line(channel: socket.socket) -> bytes:
    """The first line of a connection in version 1 of the PROXY protocol (haproxy.org, proxy-protocol.txt, 2.1).

    The client is this host itself, and it asks for port 443: by the port nginx tells HTTPS from HTTP.
    """
    family = "TCP6" if channel.family == socket.AF_INET6 else "TCP4"
    (source, source_port, *_scope), (target, *_rest) = channel.getsockname(), channel.getpeername()
    return f"PROXY {family} {source} {target} {source_port} 443\r\n".encode()


def _expiry(der: bytes) -> float | None:
    """The end of validity, straight from the DER: importing a whole X.509 library would double the daemon's memory.

    Source of the rule: RFC 5280, 4.1: tbsCertificate is [0] version, serialNumber, signature, issuer, validity {notBefore, notAfter}.
    """
    try:
        _tag, certificate, _rest = _tlv(der)
        _tag, fields, _rest = _tlv(certificate)
        tag, _value, after = _tlv(fields)
        for _skipped in range(4 if tag == 0xA0 else 3):
            tag, value, after = _tlv(after)
        _tag, _before, rest = _tlv(value)
        tag, stamp, _rest = _tlv(rest)
        text = stamp.decode()
        # UTCTime has two digits of the year, 50 to 99 meaning 19xx.
        text = text if tag == 0x18 else ("19" if text[:2] >= "50" else "20") + text
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc).timestamp()
    except (IndexError, ValueError):
        return None


def _tlv(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, value and what follows of one DER element."""
    tag, length, start = data[0], data[1], 2
    if length & 0x80:
        size = length & 0x7F
        length, start = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
    return tag, data[start : start + length], data[start + length :]
