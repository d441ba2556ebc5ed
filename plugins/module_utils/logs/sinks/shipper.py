# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shipper of one sink: takes a batch from its queue, sends it, and goes on when each record of it was taken or refused for good.

A record is sent at least once. Loki and the bulk interface know one that came twice; VictoriaLogs does not.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from ..numbers import publish
from ..settings import Settings
from .answers import Answer, Verdict, common, halves
from .bulk import Bulk
from .declared import BULK, LOKI, Sink
from .entries import Entry
from .loki import Loki
from .queue import Batch, Queue
from .rejected import note
from .transport import CredentialsError, Transport
from .victorialogs import VictoriaLogs

SMALLEST = 64 << 10  # bytes of a batch, however slow the server is
FREELY = 32  # requests that look for the record which is to blame, before each costs a pause
PACE = 0.1  # seconds


class Later(OSError):
    """The server takes nothing at present.

    :ivar after: seconds that it asks to wait for.
    :ivar credentials: it is the credentials that it does not take.
    """

    def __init__(self, reason: str, after: float = 0.0, *, credentials: bool = False) -> None:
        super().__init__(reason)
        self.after, self.credentials = after, credentials


class Kind(Protocol):
    """How a kind of server is spoken to."""

    path: str
    content_type: str

    def headers(self) -> dict[str, str]: ...
    def body(self, entries: Sequence[Entry]) -> str: ...
    def judge(self, entries: Sequence[Entry], answer: Answer) -> Verdict: ...


class Sends(Protocol):
    """What a transport does."""

    def post(self, path: str, content_type: str, body: str, headers: Any) -> Answer: ...
    def close(self) -> None: ...


def kind_of(sink: Sink) -> Kind:
    """The kind that a sink declares."""
    if sink.kind == LOKI:
        return Loki(sink)
    return Bulk(sink) if sink.kind in BULK else VictoriaLogs(sink)


class Shipper:
    """What is sent to one sink.

    :param pace: waits between requests.
    """

    def __init__(self, settings: Settings, sink: Sink, transport: Sends | None = None, pace: Callable[[float], Any] = time.sleep) -> None:
        self.settings, self.sink, self.pace = settings, sink, pace
        self.queue = Queue(settings, sink)
        self.kind, self.transport = kind_of(sink), transport or Transport(sink)
        self.limit = sink.batch
        self.answers = True  # whether the last request got one that is of use
        self._batch: Batch | None = None
        self._pieces: deque[tuple[Entry, ...]] = deque()
        self._settled: dict[str, int] = {}
        self._requests = 0
        self.refusal = ""

    def step(self) -> int:
        """Send what is next; how many records were settled.

        :raises Later: the server does not take it now.
        :raises OSError: no answer, or the tree cannot be read.
        """
        waiting = self.queue.waiting()
        if self._batch is None or sum(waiting.values()) > self.sink.queue:
            self._bound(waiting)
        if self._batch is None:
            batch = self.queue.batch(waiting, self.limit)
            if not batch.ends:
                return 0
            self._batch, self._settled, self._requests = batch, {}, 0
            self._pieces = deque([tuple(batch.entries)] if batch.entries else [])
            self._settled["cut"] = sum(entry.cut for entry in batch.entries)
        while self._pieces:
            self._request()
        done, self._batch = self._batch, None
        self.queue.settle(done, self._settled)
        self.limit = min(self.sink.batch, self.limit + self.limit // 10 + 1)
        return len(done.entries) or len(done.ends)

    def _bound(self, waiting: dict[str, int]) -> None:
        """What waits beyond the queue goes, and with it what a batch has of it already."""
        if self.queue.bound(waiting):
            self._batch = None
            self._pieces.clear()
            waiting.clear()
            waiting.update(self.queue.waiting())

    def _request(self) -> None:
        piece = self._pieces[0]
        self._requests += 1
        if self._requests > FREELY:
            self.pace(PACE)
        try:
            answer = self.transport.post(self.kind.path, self.kind.content_type, self.kind.body(piece), self.kind.headers())
        except CredentialsError:
            self._failed()
            raise
        except OSError as error:
            self._failed()
            if isinstance(error, (TimeoutError, ConnectionError)) and not isinstance(error, ConnectionRefusedError):
                # It may have been too much at once: a server that refuses a body before it has read it only breaks off.
                self._smaller()
                self._pieces.popleft()
                self._pieces.extendleft(reversed(_parts(piece)))
            raise
        verdict = common(piece, answer) or self.kind.judge(piece, answer)
        self._pieces.popleft()
        self._pieces.extendleft(reversed([part for part in verdict.pieces if part]))
        self._count("accepted", verdict.accepted)
        if verdict.rejected:
            self._count("rejected", len(verdict.rejected))
            self.refusal = verdict.rejected[-1][1]
            note(self.settings.state / f"sink.{self.sink.name}.rejected.jsonl", verdict.rejected)
        if verdict.slow:
            self._smaller()
        if verdict.later:
            self._pieces.extendleft(reversed(_parts(verdict.later) if verdict.slow else [verdict.later]))
            self._failed()
            raise Later(verdict.reason, answer.after, credentials=verdict.credentials)
        self.answers = True

    def _count(self, name: str, count: int) -> None:
        self._settled[name] = self._settled.get(name, 0) + count

    def _failed(self) -> None:
        self.answers = False
        self.queue.count({"failures": 1})

    def _smaller(self) -> None:
        self.limit = max(SMALLEST, self.limit // 2)

    def report(self) -> None:
        """Numbers for node_exporter's folder of text files."""
        counts = self.queue.counts
        name = "latentum_ops_logs_sink"
        numbers = {
            f"{name}_accepted_total": counts.get("accepted", 0),
            f"{name}_rejected_total": counts.get("rejected", 0),
            f"{name}_dropped_total": self.queue.backlog.dropped,
            f"{name}_cut_total": counts.get("cut", 0),
            f"{name}_failures_total": counts.get("failures", 0),
            f"{name}_waiting_bytes": sum(self.queue.waiting().values()),
            f"{name}_queue_bytes": self.sink.queue,
            f"{name}_up": int(self.answers),
        }
        publish(self.settings.metrics, numbers_file(self.sink.name), numbers, {"sink": self.sink.name})

    def close(self) -> None:
        """Let go of the connection, and keep what was counted."""
        self.transport.close()
        self.queue.save()


def _parts(entries: tuple[Entry, ...]) -> list[tuple[Entry, ...]]:
    """Two pieces of what is large enough for that."""
    large = len(entries) > 1 and sum(len(entry.text) for entry in entries) > SMALLEST
    return list(halves(entries)) if large else [entries]


def numbers_file(sink: str) -> str:
    """The file of the numbers of a sink."""
    return f"latentum_ops_logs_sink_{sink}.prom"
