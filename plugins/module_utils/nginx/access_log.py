# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx answered, by upstream address: read from its own access log while it is written.

The log is the truth that clients saw; no counter of the application can be trusted to know its own failures.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

from .sync import MAINTENANCE

ACCESS_LOG = Path("/var/log/nginx/access.json")
PROBE_AGENT = "latentum-ops-watchdog"  # User-Agent of the watchdog's own requests, which it sends over loopback
LOOPBACK = ("127.", "::1")
FLUSHED = 1.2  # seconds after which what was answered is in the log (access_log … flush=1s)
SAMPLES = 5000  # latencies kept for percentiles, the newest


@dataclass
class Figures:
    """Requests to some addresses.

    :param failed: answers from 500 on, or none at all.
    :param seconds: response times.
    """

    requests: int = 0
    failed: int = 0
    seconds: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Share of failed requests, 0 to 1."""
        return self.failed / self.requests if self.requests else 0.0

    def percentile(self, percent: float) -> float:
        """Response time in seconds; 0 without requests."""
        ordered = sorted(self.seconds)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0

    def add(self, failed: bool, seconds: float | None) -> None:
        """One more request."""
        self.requests += 1
        self.failed += failed
        if seconds is not None:
            self.seconds.append(seconds)
            if len(self.seconds) > 2 * SAMPLES:
                del self.seconds[:SAMPLES]

    def __add__(self, other: Figures) -> Figures:
        return Figures(self.requests + other.requests, self.failed + other.failed, self.seconds + other.seconds)


class Tail:
    """The lines that are appended from now on, over rotations of the log; nothing when there is no log."""

    def __init__(self, path: Path = ACCESS_LOG) -> None:
        self.path = path
        self.file: BufferedReader | None = None
        self.rest = b""
        self._open(at_end=True)

    def _open(self, *, at_end: bool) -> None:
        try:
            self.file = self.path.open("rb")
        except OSError:
            self.file = None
            return
        if at_end:
            self.file.seek(0, os.SEEK_END)

    def read(self) -> Iterator[dict[str, Any]]:
        """What was appended since the last look."""
        if self.file is None:
            self._open(at_end=False)
        if self.file is None:
            return
        yield from self._records(self.file.read())
        try:
            rotated = os.fstat(self.file.fileno()).st_ino != self.path.stat().st_ino
        except OSError:
            rotated = False
        if rotated:
            yield from self._records(self.file.read())
            self.file.close()
            self._open(at_end=False)
            if self.file is not None:
                yield from self._records(self.file.read())

    def _records(self, appended: bytes) -> Iterator[dict[str, Any]]:
        *lines, self.rest = (self.rest + appended).split(b"\n")
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if isinstance(record, dict):
                yield record


def attempts(record: dict[str, Any]) -> Iterator[tuple[str, bool, float | None]]:
    """Each upstream that one request was passed to: address, whether it failed, seconds.

    nginx writes ``a:1, b:2`` when a second server was tried, with a status and a time for each
    (ngx_http_upstream_module, "Embedded Variables"); ``-`` where there was no answer.
    """
    addresses, statuses, times = (
        [part.strip() for part in str(record.get(key, "")).replace(" : ", ", ").split(",")]
        for key in ("upstream_address", "upstream_status", "upstream_duration")
    )
    for index, address in enumerate(addresses):
        if not address or address == "-":
            continue
        status = statuses[index] if index < len(statuses) else "-"
        seconds = times[index] if index < len(times) else "-"
        failed = not status.isdigit() or int(status) >= 500
        # A client that left has no status of the upstream: that is nobody's failure.
        if not status.isdigit() and record.get("status") == 499:
            continue
        yield address, failed, float(seconds) if seconds.replace(".", "", 1).isdigit() else None


def probe(record: dict[str, Any]) -> bool:
    """Whether the request is one of the watchdog's; a client that only calls itself so comes from elsewhere.

    Behind a proxy in front nginx may listen on another address of the host, which is then the watchdog's own as well: nobody has passed
    such a request on.
    """
    client = str(record.get("client", ""))
    return record.get("agent") == PROBE_AGENT and (client.startswith(LOOPBACK) or client == record.get("peer"))


class Meter:
    """Counts what the upstreams of a stack answered to clients while it is read.

    :ivar maintenance: requests to which the maintenance page was the answer. They are not in the figures: a service that is recreated is
        closed on purpose, and what came before it would look worse than it was.
    """

    def __init__(self, upstreams: Callable[[str], bool], path: Path = ACCESS_LOG) -> None:
        self.mine = upstreams
        self.tail = Tail(path)
        self.total = Figures()
        self.maintenance = 0
        self.by_address: dict[str, Figures] = defaultdict(Figures)

    def look(self) -> None:
        """Read on."""
        for record in self.tail.read():
            if not self.mine(str(record.get("upstream", ""))) or probe(record):
                continue
            if record.get("upstream_address") == MAINTENANCE:
                self.maintenance += 1
                continue
            status = record.get("status")
            self.total.add(isinstance(status, int) and status >= 500, None)
            for address, failed, seconds in attempts(record):
                self.by_address[address].add(failed, seconds)

    def of(self, addresses: list[str]) -> Figures:
        """The figures of some addresses together."""
        figures = Figures()
        for address in addresses:
            figures += self.by_address.get(address, Figures())
        return figures

    def forget(self, addresses: list[str]) -> None:
        """Begin anew for addresses, which Docker gives to another container later."""
        for address in addresses:
            self.by_address.pop(address, None)
