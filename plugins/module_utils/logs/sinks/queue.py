# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The queue of a sink: what waits for it in the tree, of this host and, on a log host, of others, a batch at a time.

Records of a stream stay in order: while a day of a place waits, its next day does, since Loki refuses what is an hour older than what it
has. What rsyslog has written twice on a log host is left out by its number.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ...core.versioned_json import read_state, write_state
from ..backlog import Backlog
from ..collector import collected, today
from ..records import PLAIN, Place, decode, number_of, place_of
from ..settings import Settings
from .declared import Sink
from .entries import Entry, entry_from

SHARE = 64 << 10  # bytes of a file that a batch takes at least: none waits for a louder one
MOST = 2000  # records in a batch
SOURCES = 512  # that are remembered of a place
_AROUND = 600  # bytes of a record beside its text


@dataclass
class Batch:
    """Records, and how far the tree was taken when all of them are settled.

    :param numbers: by place and source the last number.
    :param unreadable: lines that were no records.
    """

    entries: list[Entry] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, dict[str, int]] = field(default_factory=dict)
    unreadable: int = 0


class Queue:
    """What waits.

    :raises ValueError: its state is of a newer format.
    """

    def __init__(self, settings: Settings, sink: Sink, day: Callable[[], str] = today) -> None:
        self.settings, self.sink, self.day = settings, sink, day
        self._file = settings.state / f"sink.{sink.name}.json"
        state = read_state(self._file, {}, put_aside=True)
        sent = {str(path): int(at) for path, at in (state.get("sent") or {}).items()}
        self.backlog = Backlog(settings.tree, sink.queue, sent, int((state.get("counts") or {}).get("dropped") or 0))
        self.counts: dict[str, int] = {str(name): int(count) for name, count in (state.get("counts") or {}).items()}
        self._numbers: dict[str, dict[str, int]] = state.get("numbers") or {}
        self._over: set[str] = set()  # days that get nothing any more, and were taken
        self._turn = 0

    def _days(self) -> Iterator[str]:
        """Days that may have something, the oldest first."""
        with os.scandir(self.settings.tree) as there:
            names = sorted(entry.name for entry in there if entry.name[:1].isdigit())
        yield from (name for name in names if name not in self._over)

    def _yesterday(self) -> str:
        return str(date.fromisoformat(self.day()) - timedelta(days=1))

    def sizes(self) -> dict[str, int]:
        """The files that this sink takes, and how much of each is sure.

        :raises OSError: the tree cannot be read.
        """
        sure = collected(self.settings)
        sizes: dict[str, int] = {}
        for day in self._days():
            for path in (self.settings.tree / day).glob(f"*/*/*{PLAIN}"):
                name = str(path.relative_to(self.settings.tree))
                found = place_of(name)
                if not found or found[1].kind not in self.sink.classes or (self.sink.own and found[1].host != self.settings.host):
                    continue
                size = _size(path)
                # Of this host's own files the collector says what is sure; others are cut back by nobody.
                sizes[name] = min(size, sure.get(name, 0)) if found[1].host == self.settings.host else size
        return sizes

    def waiting(self) -> dict[str, int]:
        """Bytes that wait of each file, the oldest day first."""
        sizes = self.sizes()
        for path, at in self.backlog.sent.items():
            if at > sizes.get(path, at):  # a crash of the host has taken its end: what is written there now is new
                self.backlog.sent[path] = sizes[path]
        waiting = self.backlog.waiting(sizes)
        self._over |= {day for day in self._days() if day < self._yesterday()} - {path[:10] for path in waiting}
        return waiting

    def bound(self, waiting: dict[str, int]) -> int:
        """Pass over what waits beyond the declared bytes, and whole days beyond the declared days; how many records."""
        before = self.backlog.dropped
        late = {path: left for path, left in waiting.items() if self.late(path)}
        for path, left in late.items():
            self.backlog.pass_over(path, left, left)
        self.backlog.bound({path: left for path, left in waiting.items() if path not in late})
        dropped = self.backlog.dropped - before
        if dropped or late:
            self.save()
        return dropped

    def late(self, path: str) -> bool:
        """Whether a file is of a day that does not wait any more."""
        return path[:10] < str(date.fromisoformat(self.day()) - timedelta(days=self.sink.queue_days))

    def batch(self, waiting: dict[str, int], limit: int) -> Batch:
        """The next records, of about so many bytes.

        :raises OSError: the tree cannot be read.
        """
        batch = Batch()
        heads: dict[Place, str] = {}
        for path in waiting:
            found = place_of(path)
            if found:
                heads.setdefault(found[1], path)  # the oldest day of a place before its next one
        places = list(heads)
        share = max(limit // len(places), min(SHARE, limit)) if places else 0
        taken = 0
        for turn in range(len(places)):
            place = places[(self._turn + turn) % len(places)]
            if taken >= limit or len(batch.entries) >= MOST:
                self._turn += turn
                break
            taken += self._take(batch, place, heads[place], waiting[heads[place]], min(share, limit))
        else:
            self._turn += 1
        return batch

    def _take(self, batch: Batch, place: Place, path: str, left: int, count: int) -> int:
        """Records of a file; the bytes."""
        data = self.backlog.lines(path, left, count)
        at = self.backlog.sent.get(path, 0)
        if not data:
            if path[:10] < self._yesterday():  # half a record that nobody completes any more
                batch.ends[path] = at + left
                batch.unreadable += 1
            return 0
        key = path[11:]
        numbers = batch.numbers.setdefault(key, dict(self._numbers.get(key) or {}))
        taken = 0
        for line in data.split(b"\n")[:-1]:
            if len(batch.entries) >= MOST:
                break
            taken += len(line) + 1
            record = decode(line)
            if record is None:
                batch.unreadable += 1
            elif _new(numbers, record):
                batch.entries.append(entry_from(path[:10], place, record, self.sink.longest - _AROUND))
        batch.ends[path] = at + taken
        return taken

    def settle(self, batch: Batch, counts: dict[str, int]) -> None:
        """All records of a batch have been taken or refused; this is sure from now on."""
        self.backlog.sent.update(batch.ends)
        for place, numbers in batch.numbers.items():
            self._numbers[place] = dict(list(numbers.items())[-SOURCES:])
        self.count({**counts, "rejected": counts.get("rejected", 0) + batch.unreadable})
        self.save()

    def count(self, counts: dict[str, int]) -> None:
        """Add to what is counted."""
        for name, count in counts.items():
            self.counts[name] = self.counts.get(name, 0) + count

    def save(self) -> None:
        """Write the state."""
        tree = self.settings.tree
        self.backlog.sent = {path: at for path, at in self.backlog.sent.items() if (tree / path).exists()}
        places = {path[11:] for path in self.backlog.sent}
        # A place that is quiet since yesterday is remembered until its files are closed.
        self._numbers = {place: numbers for place, numbers in self._numbers.items() if place in places}
        self.counts["dropped"] = self.backlog.dropped
        state = {"version": 1, "sent": self.backlog.sent, "numbers": self._numbers, "counts": self.counts}
        write_state(self._file, state, 0o640, os.getuid(), os.getgid())


def unsent(settings: Settings, sink: Sink) -> set[str]:
    """Files that a sink still takes from: they are closed later. What waits for longer than is declared holds up nothing."""
    queue = Queue(settings, sink)
    return {path for path in queue.waiting() if not queue.late(path)}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # it was closed just now
        return 0


def _new(numbers: dict[str, int], record: dict[str, Any]) -> bool:
    """Whether a record is there for the first time (RELP may bring it twice)."""
    source, number = str(record.get("source")), number_of(record)
    if number < 1:
        return True
    if number <= numbers.get(source, 0):
        return False
    numbers.pop(source, None)
    numbers[source] = number  # at the end: the longest unheard of go first
    return True
