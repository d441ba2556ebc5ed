# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Records of logs, and where each stands in the tree: ``DAY/HOST/STACK/SERVICE.CLASS.jsonl``, a JSON object a line.

Each source numbers its records from 1 on. So a record that came twice, or never, is known wherever the numbers are read, as RELP promises
"at least once" only.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

APPLICATION, ACCESS, AUDIT, SYSTEM = CLASSES = ("application", "access", "audit", "system")
HOST_STACK = "_host"  # the stack of what belongs to none; no project of Compose may be called that
PLAIN, CLOSED = ".jsonl", ".jsonl.gz"
BEGIN = b'{"at": "'
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True)
class Place:
    """Where records stand within a day."""

    host: str
    stack: str
    service: str
    kind: str

    def path(self, day: str) -> str:
        """Relative to the tree."""
        return f"{day}/{self.host}/{self.stack}/{self.service}.{self.kind}{PLAIN}"


def place_of(path: str) -> tuple[str, Place] | None:
    """Day and place of a path in the tree; None for what is no file of it."""
    parts = path.split("/")
    name = parts[-1].removesuffix(".gz")
    if len(parts) != 4 or not name.endswith(PLAIN):
        return None
    service, dot, kind = name.removesuffix(PLAIN).partition("#")[0].rpartition(".")
    return (parts[0], Place(parts[1], parts[2], service, kind)) if dot and service and kind in CLASSES else None


def safe(name: str, otherwise: str = "unknown") -> str:
    """A name as a part of a path and as a word of syslog's header (RFC 5424, 6.2): nothing leads out of the tree."""
    fit = _UNFIT.sub("_", name)[:48]
    return fit if fit.strip(".") else otherwise


def encode(at: str, source: str, number: int, stream: str, text: str) -> bytes:
    """A record as a line of the tree.

    :param at: RFC 3339, UTC.
    """
    line = json.dumps({"at": at, "source": source, "number": number, "stream": stream, "text": text}, ensure_ascii=False)
    # No control character is left; half a character is what JSON writes as an escape.
    return (line.replace("\x7f", "\\u007f") + "\n").encode(errors="backslashreplace")


def decode(line: bytes) -> dict[str, Any] | None:
    """A record of the tree; None for what is none.

    Behind half a record, as a power cut leaves it, stands a whole one: that is taken.
    """
    for begin in (0, line.rfind(BEGIN)):
        try:
            record = json.loads(line[begin:]) if begin >= 0 else None
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and isinstance(record.get("text"), str):
            return record
    return None


def number_of(record: dict[str, Any]) -> int:
    """The number of a record; 0 for one that somebody else has written."""
    number = record.get("number")
    return number if isinstance(number, int) else 0


class Counting:
    """Which records of each source were seen: what comes twice is found, and what is missing."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        self.doubled = self.missing = 0

    def first_time(self, source: str, number: int) -> bool:
        """Whether a record is a new one. Sources write in order, and a resumed connection repeats from an earlier record on."""
        if number < 1:
            return True
        last = self.last.get(source)
        if last is not None and number <= last:
            self.doubled += 1
            return False
        if last is not None:
            self.missing += number - last - 1
        self.last[source] = number
        return True
