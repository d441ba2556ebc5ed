# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The service of all sinks: a thread each, so that one that is away, or hangs, keeps none of the others."""

from __future__ import annotations

import signal
import sys
import threading
import time
import traceback

from ...core.masking import clean, line
from ...core.systemd import notify
from ..settings import Settings
from .declared import Sink
from .shipper import Later, Shipper
from .transport import CredentialsError

LOOK = 1.0  # seconds
PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds before the next try
REPORT = 15.0
REFUSED = 300.0  # seconds after which credentials that are not taken are read anew: systemd hands over what is there by then
SILENT = 900.0  # seconds without a sign of a thread, after which systemd's watchdog starts all of it anew


class Runner(threading.Thread):
    """The thread of a sink."""

    def __init__(self, settings: Settings, sink: Sink, ended: threading.Event) -> None:
        super().__init__(name=sink.name, daemon=True)
        self.settings, self.sink, self.ended = settings, sink, ended
        self.beat = time.monotonic()
        self.refused_since: float | None = None
        self._pause, self._told, self._refused = PAUSE, "", 0

    def run(self) -> None:
        """Until the service ends. What nobody has thought of ends one try, and neither the sink nor the others."""
        shipper: Shipper | None = None
        reported = -REPORT
        while not self.ended.is_set():
            self.beat = time.monotonic()
            wait = LOOK
            try:
                if shipper is None:
                    shipper = Shipper(self.settings, self.sink)
                    self._refused = shipper.queue.counts.get("rejected", 0)
                wait = self._turn(shipper)
                if time.monotonic() - reported > REPORT:
                    reported = time.monotonic()
                    shipper.report()
                    self._tell_refused(shipper)
            except Exception as error:  # the other sinks go on, and this one tries again
                wait = self._away(error if isinstance(error, (OSError, ValueError)) else _fault(error))
            self.ended.wait(wait)
        if shipper:
            try:
                shipper.close()
            except (OSError, ValueError) as error:
                _say(f"its state is not written: {error}", self.sink.name)

    def _turn(self, shipper: Shipper) -> float:
        """One step; the seconds until the next."""
        try:
            count = shipper.step()
        except CredentialsError as error:
            return self._away(error, credentials=True)
        except Later as error:
            return max(self._away(error, credentials=error.credentials), error.after)
        except OSError as error:
            return self._away(error)
        if self._told:
            _say("takes records again", self.sink.name, level=5)
        self._pause, self._told, self.refused_since = PAUSE, "", None
        return 0.0 if count else LOOK

    def _away(self, error: BaseException, *, credentials: bool = False) -> float:
        reason = line(error, 300) or type(error).__name__
        if reason != self._told:
            _say(f"takes nothing: {reason}; what waits is kept", self.sink.name)
        self._told = reason
        if credentials:
            self.refused_since = self.refused_since or time.monotonic()
        else:
            self.refused_since = None
        wait, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return wait

    def _tell_refused(self, shipper: Shipper) -> None:
        count = shipper.queue.counts.get("rejected", 0)
        if count > self._refused:
            _say(f"has refused {count - self._refused} records for good, the last: {line(shipper.refusal, 300)}", self.sink.name)
        self._refused = count


def _fault(error: BaseException) -> RuntimeError:
    """Where something went wrong that nobody has thought of, without what it was about."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return RuntimeError(f"a fault of the engine: {type(error).__name__}{where}")


def _say(text: str, sink: str, level: int = 4) -> None:
    sys.stderr.write(f"<{level}>sink {sink}: {clean(text)}\n")
    sys.stderr.flush()


def serve(settings: Settings) -> None:
    """Until SIGTERM.

    :raises ValueError: there is no sink.
    :raises OSError: credentials were not taken for a while; the service is to be started anew with those that are there now.
    """
    if not settings.sinks:
        raise ValueError("there is no sink to send to: log_shipping_sinks names some")
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    runners = [Runner(settings, sink, ended) for sink in settings.sinks]
    for runner in runners:
        runner.start()
    notify("READY=1")
    refused: list[str] = []
    while not ended.wait(1.0):
        now = time.monotonic()
        if all(now - runner.beat < SILENT for runner in runners):
            notify("WATCHDOG=1")
        refused = [runner.sink.name for runner in runners if runner.refused_since and now - runner.refused_since > REFUSED]
        if refused:
            ended.set()
    for runner in runners:
        runner.join(40.0)
    if refused:
        raise OSError(f"credentials of {', '.join(refused)} are not taken: they are read anew")
