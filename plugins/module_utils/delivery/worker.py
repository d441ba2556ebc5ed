# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The daemon of the unit C(latentum-ops-delivery), as root: takes in what has come, begins what may, tells what became of it.

It holds no state: all of it is the queue on disk, and who carries something out holds a lock. So whatever kills it, the next look goes on.
A deployment is a unit of its own (C(latentum-ops-delivery@ID)), which a restart of this one leaves alone.
"""

from __future__ import annotations

import re
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from ..contracts.delivery import DeliverySettings
from ..core import progress
from ..core.journal import Level, log
from ..core.locks import LockBusy
from ..core.masking import clean
from ..core.process import CommandError, run
from ..core.systemd import notify
from ..release.journal import Journal
from ..secretstore.store import Store as SecretStore
from . import credentials, polling, settings, telling
from .entry import Entry, State
from .execution import conclude, ended_before, live
from .intake import Intake
from .queue import Queue
from .reporting import Reporter

PAUSE = 0.3  # seconds between two looks; what comes is judged within one
STARTING = 60.0  # seconds in which whoever was begun must hold its lock
FORGET = 3600.0  # seconds between two looks for what can be forgotten
TAIL = 20  # lines of the log that whoever asks sees
UNIT = "latentum-ops-delivery@{}.service"
_LINE = re.compile(r"\[ *[\d.]+ s(?: +(\d+) %)?\] (.*)")


def start(entry: Entry) -> None:
    """Begin with an entry, in its unit.

    :raises CommandError: systemd does not begin with it.
    """
    run(["systemctl", "start", "--no-block", "--", UNIT.format(entry.id)])


@dataclass
class Worker:
    """One look after the other.

    :param start: begins with an entry, and does not wait for it.
    :param settings: of a stack.
    """

    queue: Queue
    intake: Intake
    settings: Callable[[str], DeliverySettings | None]
    start: Callable[[Entry], None] = start
    _forgotten: float = 0.0
    _told: dict[str, int] = field(default_factory=dict)

    def look(self, now: float) -> None:
        """All that is to be done now."""
        self.intake.look(now)
        for stack in self.queue.stacks():
            with self.queue.locked():
                self.queue.settle(stack, now)
            self._recover(stack, now)
            self._begin(stack, now)
            self._follow(stack)
            self._tell(stack)
        if now - self._forgotten >= FORGET:
            self._forgotten = now
            with self.queue.locked():
                self.queue.forget(now)

    def _begin(self, stack: str, now: float) -> None:
        """The oldest that may go, where nothing of the stack is under way."""
        with self.queue.locked():
            entries = self.queue.entries(stack)
            if any(entry.state is State.RUNNING for entry in entries) or self.queue.is_running(stack):
                return
            ready = [entry for entry in entries if entry.state is State.WAITING and entry.not_before <= now]
            if not ready:
                return
            entry = ready[0]
            entry.state, entry.reason, entry.starts = State.RUNNING, "", entry.starts + 1
            running = live(stack)
            entry.before = ", ".join(f"{service} {running.images.get(service, 'none')}" for service in entry.images)
            self.queue.save(entry, now)
        self._start(entry)

    def _tell(self, stack: str) -> None:
        """Have people told of what ended without a rollout."""
        for done in telling.told(stack, self.queue.entries(stack)):
            with self.queue.locked():
                entry = self.queue.find(done.id)
                entry.noted = True
                self.queue.save(entry, entry.changed)

    def _start(self, entry: Entry) -> None:
        try:
            self.start(entry)
        except CommandError as error:
            log(f"delivery: {entry.stack}: {entry.title} cannot be begun, and is in a minute: {clean(error, 300)}", Level.ERROR)

    def _recover(self, stack: str, now: float) -> None:
        """Somebody was killed: write down what had ended, and begin the rest again."""
        for entry in self.queue.entries(stack):
            if entry.state is not State.RUNNING or self.queue.is_running(stack) or now - entry.changed < STARTING:
                continue
            if result := ended_before(entry):
                conclude(self.queue, entry.id, result, now)
                continue
            with self.queue.locked():
                entry = self.queue.find(entry.id)
                if entry.state is not State.RUNNING or self.queue.is_running(stack):
                    continue
                underway = Journal(stack).underway()
                # What a rollout was left with comes first: it may be in the middle of both releases.
                entry.starts += 1
                entry.reason = f"it was interrupted{' while it was deployed' if underway else ''}, and is begun again"
                self.queue.save(entry, now)
            log(f"delivery: {stack}: {entry.title}: {entry.reason}", Level.WARNING)
            self._start(entry)

    def _follow(self, stack: str) -> None:
        """Tell how far what is under way has come."""
        for entry in self.queue.entries(stack):
            if entry.state is not State.RUNNING:
                continue
            lines, _offset, _ended = progress.follow(stack, entry.attempt, 0, 0.0)
            if self._told.get(entry.id) == len(lines):
                continue
            self._told = {entry.id: len(lines)}
            with self.queue.locked():
                current = self.queue.find(entry.id)
                if current.state is State.RUNNING:
                    self.queue.publish(current, **shown(lines))


def shown(lines: list[str]) -> dict[str, Any]:
    """The step, the percent and the end of the log of what is under way."""
    steps = [match for match in map(_LINE.fullmatch, lines) if match]
    percent = next((int(match[1]) for match in reversed(steps) if match[1]), 0)
    return {"step": steps[-1][2] if steps else "", "percent": percent, "log": [clean(line, 300) for line in lines[-TAIL:]]}


def cautious(stack: str) -> DeliverySettings | None:
    """The settings of a stack; a damaged file lets nothing come."""
    try:
        return settings.load(stack)
    except ValueError as error:
        log(f"delivery: {clean(error, 300)}", Level.ERROR)
        return None


def secret(stack: str, name: str) -> str | None:
    """The value of a secret of a stack."""
    return SecretStore(stack).value(name)


class _Stop:
    """SIGTERM ends the loop between two looks."""

    def __init__(self) -> None:
        self.wanted = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.wanted.set()


def _repeat(stop: threading.Event, pause: float, what: str, look: Callable[[float], object]) -> None:
    """A look again and again; what one of them meets is no reason to end."""
    while not stop.is_set():
        try:
            look(time.time())
        except (OSError, ValueError, LockBusy, CommandError) as error:
            log(f"delivery: {what}: {clean(error, 300)}", Level.ERROR)
        stop.wait(pause)


def serve() -> None:
    """Until SIGTERM."""
    stop, queue = _Stop().wanted, Queue()
    queue.prepare()
    intake = Intake(queue, cautious, live)
    worker = Worker(queue, intake, cautious)
    reporter = Reporter(queue, cautious, secret)
    poller = polling.Poller(queue.folder / "polling", intake.request, polling.ask)

    def poll(now: float) -> None:
        for stack in settings.stacks():
            if known := cautious(stack):
                poller.look(known, now)

    drift = telling.Drift()

    def look_for_drift(now: float) -> None:
        for stack in settings.stacks():
            drift.tell(stack, now)

    # Whoever does not answer delays nobody: reports and polls have threads of their own, and the lock of the queue is never held for them.
    others = [
        (1.0, "reports", reporter.look),
        (5.0, "polls", poll),
        (60.0, "what runs", look_for_drift),
        (2.0, "credentials", lambda _now: credentials.publish(cautious)),
    ]
    credentials.publish(cautious)
    for pause, what, look in others:
        threading.Thread(target=_repeat, args=(stop, pause, what, look), name=what, daemon=True).start()
    notify("READY=1")
    _repeat(stop, PAUSE, "the queue", worker.look)
    notify("STOPPING=1")


def main() -> int:
    """The exit status."""
    try:
        serve()
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"delivery: {clean(error)}\n")
        return 2
    return 0
