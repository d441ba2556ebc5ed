# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Search in the tree: records of services over days and hosts, in the order of their times, each once."""

from __future__ import annotations

import gzip
import heapq
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from ..core.times import epoch
from .collector import today
from .records import CLOSED, PLAIN, Counting, Place, decode, number_of, place_of

BILLION = 10**9
REQUEST = re.compile(r"[A-Za-z0-9._-]{8,64}")  # what nginx takes over from a client, or makes itself
LOOK = 0.5  # seconds between two looks while following
_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z")


@dataclass(frozen=True)
class Found:
    """A record.

    :param at: epoch nanoseconds; 0 where it has no time.
    """

    at: int
    place: Place
    source: str
    stream: str
    text: str


def nanoseconds(stamp: str) -> int:
    """Epoch nanoseconds of a record's time; 0 for none."""
    match = _STAMP.fullmatch(stamp)
    if not match:
        return 0
    try:
        return int(epoch(match[1] + "Z")) * BILLION + int((match[2] or "0").ljust(9, "0"))
    except ValueError:
        return 0


def request_pattern(request: str) -> re.Pattern[str]:
    """Lines that hold this id as a word of its own.

    :raises ValueError: nginx gives no such id.
    """
    if not REQUEST.fullmatch(request):
        raise ValueError(
            f"logs: --request {request!r} is no id of a request: write what X-Request-ID of an answer says, 8 to 64 of A-Z a-z 0-9 . _ -"
        )
    return re.compile(rf"(?<![A-Za-z0-9._-]){re.escape(request)}(?![A-Za-z0-9_-]|\.[A-Za-z0-9])")


class Search:
    """What is looked for.

    :param wanted: whether a place is.
    :param since: epoch seconds; 0 for all.
    """

    def __init__(self, tree: Path, wanted: Callable[[Place], bool], since: float = 0.0) -> None:
        self.tree, self.wanted, self.since = tree, wanted, since
        self.troubles: list[str] = []
        self._counting: dict[Place, Counting] = {}
        self._read: dict[str, int] = {}  # bytes of each plain file that were read

    def _files(self) -> dict[Place, list[tuple[str, Path]]]:
        """The files of each place by their days. A record is never in the folder of a day before its own."""
        first = f"{datetime.fromtimestamp(self.since, timezone.utc):%Y-%m-%d}" if self.since else ""
        files: dict[Place, dict[str, tuple[str, Path]]] = {}
        for pattern in (f"[0-9]*/*/*/*{CLOSED}", f"[0-9]*/*/*/*{PLAIN}"):
            for path in self.tree.glob(pattern):
                relative = str(path.relative_to(self.tree))
                found = place_of(relative)
                if found and found[0] >= first and self.wanted(found[1]):
                    # A closed file rather than the plain one that is about to go.
                    files.setdefault(found[1], {}).setdefault(relative.removesuffix(".gz"), (found[0], path))
        return {place: sorted(of_place.values()) for place, of_place in files.items()}

    def places(self) -> list[Place]:
        """What there is."""
        return sorted(self._files(), key=lambda place: (place.host, place.stack, place.service, place.kind))

    def history(self) -> Iterator[Found]:
        """All records until now, in the order of their times."""
        return heapq.merge(*[self._of(place, files) for place, files in self._files().items()], key=lambda found: found.at)

    def _of(self, place: Place, files: Iterable[tuple[str, Path]]) -> Iterator[Found]:
        """The records of a place, each day sorted: replicas write into one file, and each of them is in order."""
        for _day, path in files:
            try:
                yield from sorted(self._records(place, path), key=lambda found: found.at)
            except (OSError, EOFError) as error:
                self.troubles.append(f"{path.relative_to(self.tree)} cannot be read: {error}")

    def _records(self, place: Place, path: Path) -> Iterator[Found]:
        counting = self._counting.setdefault(place, Counting())
        name = str(path.relative_to(self.tree))
        begin = self._read.get(name, 0)
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            file.seek(begin)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # it is being written
                begin += len(line)
                record = decode(line)
                if record is None or not counting.first_time(str(record.get("source")), number_of(record)):
                    continue
                at = nanoseconds(str(record.get("at")))
                if at >= self.since * BILLION:
                    yield Found(at, place, str(record.get("source")), str(record.get("stream")), record["text"])
        self._read[name] = begin

    def follow(self, tick: Callable[[], None]) -> Iterator[Found]:
        """What comes after `history`, of new places and days as well.

        :param tick: called at each look, and may raise.
        """
        while True:
            tick()
            now = today()
            for place, files in self._files().items():
                growing = [(day, path) for day, path in files if path.suffix != ".gz" and (day >= now or self._unread(path))]
                yield from self._of(place, growing)
            time.sleep(LOOK)

    def _unread(self, path: Path) -> bool:
        """Whether a file of an earlier day has grown since it was read: until midnight it was the present one."""
        try:
            return path.stat().st_size > self._read.get(str(path.relative_to(self.tree)), 0)
        except OSError:
            return False
