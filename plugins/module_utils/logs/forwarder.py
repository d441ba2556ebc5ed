# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The forwarder: sends what the collector has appended to the tree to a log host, and remembers how far the log host has confirmed it."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

from ..core.masking import clean
from ..core.systemd import notify
from ..core.versioned_json import read_state, write_state
from .backlog import Backlog
from .collector import collected
from .numbers import publish
from .records import decode, place_of
from .relp import Connection
from .settings import Settings

BATCH = 1 << 20  # bytes
LOOK = 0.5  # seconds
PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds before the next try
SENT = "forwarded.json"
NUMBERS = "latentum_ops_logs_forwarded.prom"
PRIORITY = 134  # local0.info (RFC 5424, 6.2.1)


class Forwarder:
    """What waits, and where it goes.

    :param connect: opens a session.
    """

    def __init__(self, settings: Settings, connect: Callable[[], Connection] | None = None) -> None:
        target = settings.target
        if target is None and connect is None:
            raise ValueError("there is no log host to send to: log_shipping_to names one")
        self.settings = settings
        self._connect = connect or (lambda: Connection(target))  # type: ignore[arg-type]  # checked above
        state = read_state(settings.state / SENT, {}, put_aside=True)
        sent = {str(path): int(at) for path, at in (state.get("sent") or {}).items()}
        self.backlog = Backlog(settings.tree, settings.queue, sent, int(state.get("dropped") or 0))
        self.records = int(state.get("records") or 0)
        self._session: Connection | None = None

    def waiting(self) -> dict[str, int]:
        """Bytes that wait of each file, the oldest day first."""
        return self.backlog.waiting(collected(self.settings))

    @property
    def dropped(self) -> int:
        """Records that were passed over."""
        return self.backlog.dropped

    def bound(self) -> None:
        """Pass over what waits beyond the bound, the oldest first."""
        self.backlog.bound(self.waiting())
        self._save()

    def send(self) -> int:
        """Send a part of each file that has something; how many records were confirmed.

        :raises OSError: the log host is not there, or the session broke: what was not confirmed is sent again.
        """
        count = 0
        for path, left in self.waiting().items():
            data = self.backlog.lines(path, left, BATCH)
            lines = data.split(b"\n")[:-1]
            messages = [message for line in lines if (message := syslog(path, line))]
            if self._session is None:
                self._session = self._connect()
            try:
                self._session.send(messages)
            except OSError:
                self._session.close()
                self._session = None
                raise
            self.backlog.sent[path] = self.backlog.sent.get(path, 0) + len(data)
            self.records += len(lines)
            count += len(lines)
            self._save()
        return count

    def _save(self) -> None:
        there = collected(self.settings)
        self.backlog.sent = {path: at for path, at in self.backlog.sent.items() if path in there}
        state = {"version": 1, "sent": self.backlog.sent, "dropped": self.dropped, "records": self.records}
        write_state(self.settings.state / SENT, state, 0o640, os.getuid(), os.getgid())

    def report(self) -> None:
        """Numbers for node_exporter's folder of text files."""
        numbers = {
            "latentum_ops_logs_forwarded_total": self.records,
            "latentum_ops_logs_dropped_total": self.dropped,
            "latentum_ops_logs_waiting_bytes": sum(self.waiting().values()),
            "latentum_ops_logs_queue_bytes": self.settings.queue,
        }
        publish(self.settings.metrics, NUMBERS, numbers)

    def run(self) -> None:
        """Until SIGTERM."""
        ended: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _frame: ended.append(number))
        notify("READY=1")
        pause, said, reported = PAUSE, "", 0.0
        while not ended:
            try:
                count = self.send()
                pause, said = PAUSE, ""
                wait = 0.0 if count else LOOK
            except OSError as error:
                reason = clean(error)
                if reason != said:
                    sys.stderr.write(f"<4>the log host takes nothing: {reason}; what waits is kept\n")
                    sys.stderr.flush()
                said, wait = reason, pause
                pause = min(2 * pause, LONGEST_PAUSE)
                self.bound()
            if time.monotonic() - reported > 15:
                self.report()
                reported = time.monotonic()
            notify("WATCHDOG=1")
            if wait:
                time.sleep(wait)
        self._save()
        if self._session:
            self._session.close()


def syslog(path: str, line: bytes) -> bytes | None:
    """A record as a message of RFC 5424: host, service, stack and class stand in its header, the record itself is its text."""
    found, record = place_of(path), decode(line)
    if not found or not record:
        return None
    _day, place = found
    at = str(record.get("at") or "")
    stamp, _dot, fraction = at.removesuffix("Z").partition(".")
    when = f"{stamp}.{(fraction or '0')[:6]}Z" if at.endswith("Z") else "-"
    return f"<{PRIORITY}>1 {when} {place.host} {place.service} {place.stack} {place.kind} - ".encode() + line
