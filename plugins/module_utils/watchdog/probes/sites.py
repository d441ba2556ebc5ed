# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks at a site as a client does: through nginx on this host, over TLS, with the certificate that is really served."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from dataclasses import dataclass
from datetime import datetime, timezone

from ...contracts.watchdog_settings import SiteSpec
from ...nginx.access_log import PROBE_AGENT

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class SiteReading:
    """What was seen. `latency` in seconds; `expires` in epoch seconds, None when no certificate came."""

    ok: bool
    latency: float = 0.0
    reason: str = ""
    expires: float | None = None

    def days_left(self) -> int | None:
        """Whole days until the certificate expires."""
        return None if self.expires is None else int((self.expires - time.time()) // 86400)


def read(spec: SiteSpec, port: int = 443) -> SiteReading:
    """One request; an answer below 500 is well: what a client may not see (401, 404) is not an outage."""
    began = time.monotonic()
    # Not verified here: whom clients trust is not this host's to say, and a placeholder must not hide an outage. The expiry is judged.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    expires = None
    try:
        with (
            socket.create_connection((LOOPBACK, port), timeout=spec.timeout) as plain,
            context.wrap_socket(plain, server_hostname=spec.domain) as channel,
        ):
            expires = _expiry(channel.getpeercert(binary_form=True) or b"")
            connection = http.client.HTTPConnection(spec.domain, timeout=spec.timeout)
            connection.sock = channel
            connection.request("GET", spec.path, headers={"User-Agent": PROBE_AGENT, "Connection": "close"})
            with connection.getresponse() as answer:
                status = answer.status
    except (OSError, http.client.HTTPException) as error:
        return SiteReading(False, time.monotonic() - began, f"https://{spec.domain}{spec.path}: {error}", expires)
    latency = time.monotonic() - began
    if status >= 500:
        return SiteReading(False, latency, f"https://{spec.domain}{spec.path} answered {status}", expires)
    return SiteReading(True, latency, "", expires)


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
