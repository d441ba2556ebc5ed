# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and validity of a certificate, with Python's standard library alone: a host that is only looked at has no library for it.

The few parts of DER (X.690) that a certificate (RFC 5280, 4.1) needs; nothing is verified.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from datetime import datetime, timezone

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _UTC_TIME, _VERSION, _EXTENSIONS, _DNS_NAME = 0x30, 0x17, 0xA0, 0xA3, 0x82
_ALTERNATIVE_NAMES = bytes.fromhex("0603551d11")


@dataclass(frozen=True)
class Validity:
    """What a certificate says of itself: its DNS names, and its end in seconds since the epoch."""

    names: tuple[str, ...]
    not_after: int


def validity(text: str) -> Validity | None:
    """The first certificate of a PEM file; None where there is none that can be read."""
    block = _PEM.search(text)
    if not block:
        return None
    try:
        der = ssl.PEM_cert_to_DER_cert(block[0])
        fields = _items(_items(_items(der)[0][1])[0][1])
        fields = fields[1:] if fields[0][0] == _VERSION else fields
        end = _items(fields[3][1])[1]
        extensions = [content for tag, content in fields if tag == _EXTENSIONS]
        return Validity(tuple(_names(extensions[0]) if extensions else ()), _time(*end))
    except (ValueError, IndexError):
        return None


def _items(data: bytes) -> list[tuple[int, bytes]]:
    """The elements of a content: tag and content of each."""
    elements, at = [], 0
    while at + 2 <= len(data):
        tag, length, at = data[at], data[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(data[at : at + size], "big"), at + size
        if at + length > len(data):
            raise ValueError("an element is longer than what holds it")
        elements.append((tag, data[at : at + length]))
        at += length
    return elements


def _time(tag: int, content: bytes) -> int:
    text = content.decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return int(datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc).timestamp())


def _names(extensions: bytes) -> list[str]:
    for _tag, extension in _items(_items(extensions)[0][1]):
        if extension.startswith(_ALTERNATIVE_NAMES):
            octets = _items(extension)[-1][1]
            return [content.decode("ascii", "replace") for tag, content in _items(_items(octets)[0][1]) if tag == _DNS_NAME]
    return []
