# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries: records of the tree as they go to a sink, each with what it is found by and no longer than the sink takes."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from ..records import Place, number_of
from ..search import BILLION, nanoseconds

STREAMS = ("stdout", "stderr")  # of a container
_WORST = 6  # bytes that a character takes at most in JSON (a control character)


@dataclass(frozen=True)
class Entry:
    """A record.

    :param day: of its file.
    :param at: epoch nanoseconds; the time of reading where the record has none, since no server takes it without.
    :param cut: its text was cut.
    """

    day: str
    place: Place
    at: int
    source: str
    number: int
    stream: str
    text: str
    cut: bool = False

    def labels(self) -> dict[str, str]:
        """By the names of `declared.LABELS`, with values that are few."""
        place = self.place
        named = {"host": place.host, "stack": place.stack, "service": place.service, "class": place.kind}
        return {**named, "stream": self.stream} if self.stream in STREAMS else named

    @property
    def program(self) -> str:
        """Who has written it, in the journal. Anybody may call himself anything there, and so it is no label."""
        return "" if self.stream in STREAMS else self.stream

    def stamp(self) -> str:
        """Its time as RFC 3339, with nanoseconds."""
        return f"{datetime.fromtimestamp(self.at // BILLION, timezone.utc):%Y-%m-%dT%H:%M:%S}.{self.at % BILLION:09d}Z"

    def identity(self) -> str:
        """What is the same whenever the record is sent again, and of no other record."""
        place = self.place
        parts = [place.host, place.stack, place.service, place.kind, self.source, str(self.number)]
        if self.number < 1:  # of somebody who does not number
            parts += [str(self.at), self.text]
        return hashlib.sha256("\0".join(parts).encode(errors="backslashreplace")).hexdigest()[:40]


def entry_from(day: str, place: Place, record: dict[str, Any], longest: int) -> Entry:
    """A record of the tree.

    :param longest: bytes of the text in JSON.
    """
    at = nanoseconds(str(record.get("at") or "")) or time.time_ns()
    text, cut = fit(whole(record["text"]), longest)
    stream = whole(str(record.get("stream") or ""))[:64]
    return Entry(day, place, at, whole(str(record.get("source") or ""))[:256], number_of(record), stream, text, cut)


def whole(text: str) -> str:
    """A text without halves of characters, which JSON can write and no server reads."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def fit(text: str, longest: int) -> tuple[str, bool]:
    """A text that takes no more bytes in JSON, and whether it was cut."""
    if len(text) * _WORST <= longest or _size(text) <= longest:
        return text, False
    mark = " … [cut: {} of {} characters; the tree has all of them]"
    kept = min(len(text), longest)
    while kept and _size(text[:kept] + mark.format(kept, len(text))) > longest:
        kept = kept * 9 // 10
    return text[:kept] + mark.format(kept, len(text)), True


def _size(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())


def compact(document: object) -> str:
    """JSON in one line."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))
