# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Delivery of what the spool holds, by a short-lived process (`opsctl alert deliver`): the daemon never waits for a receiver.

Each route is worked at by itself: a receiver that hangs holds up no other. It can be killed at any time.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ...core.locks import LockBusy, file_lock
from ..incidents import Incident
from ..receivers.dispatch import Send, load_libraries, send
from .delivery_route import Outcome, drain, next_due
from .pace import known, load_pace
from .routes import CONFIG, Alerts, Route, load_alerts
from .spool import FOLDER, Item, Spool
from .spool_files import ensure

LIMIT = 90.0  # seconds for all of it
GRACE = 45.0  # seconds more for a message under way; a receiver that takes longer hangs
ORPHANED = 3600.0  # seconds for which a notice waits for a route that is not declared
AGAIN = 10.0  # seconds until the next try where nothing says when


@dataclass
class Summary:
    """What came of it, as plain data for the daemon.

    :param sent: messages by route; :param failed: by route, why it does not work now, as a sentence.
    :param last_sent: by route, epoch seconds of the last message that was accepted.
    :param given_up: sentences about notices that were not accepted for three days, in this run; `dead` counts those kept of all runs.
    :param next: epoch seconds when there is something to do again; None for never, unless something is put.
    :param busy: another deliverer is at work, and nothing was done.
    """

    sent: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    last_sent: dict[str, float] = field(default_factory=dict)
    given_up: list[str] = field(default_factory=list)
    dead: int = 0
    waiting: int = 0
    next: float | None = None
    busy: bool = False
    stuck: bool = False


def deliver(
    spool: Spool,
    alerts: Alerts,
    *,
    sender: Send = send,
    clock: Callable[[], float] = time.time,
    patience: float = 0.0,
    limit: float = LIMIT,
    grace: float = GRACE,
) -> Summary:
    """Send what is due; returns when nothing more can be sent now.

    :param patience: seconds to wait for another deliverer to be done.
    :param limit: seconds after which no further message is begun.
    :raises OSError: the spool can be written neither on disk nor in memory.
    """
    with _alone(spool, patience) as mine:
        if not mine:
            return Summary(waiting=len(spool.waiting()), next=clock() + AGAIN, busy=True)
        spool.sweep(clock())
        waiting = spool.waiting()
        by_route: dict[str, list[Item]] = {}
        for item in waiting:
            by_route.setdefault(item.route, []).append(item)
        outcomes = {key: Outcome() for key in by_route}
        load_libraries(alerts.routes[key].kind for key in by_route if key in alerts.routes)
        threads = {}
        deadline = time.monotonic() + limit
        for key, items in by_route.items():
            route = alerts.routes.get(key)
            if route is None:
                outcomes[key].failed = _no_route(spool, alerts, key, items, clock(), outcomes[key])
                continue
            threads[key] = threading.Thread(
                target=_work, args=(spool, route, items, sender, clock, deadline, outcomes[key]), name=key, daemon=True
            )
            threads[key].start()
        summary = Summary()
        for key, thread in threads.items():
            thread.join(max(0.0, deadline + grace - time.monotonic()))
            if thread.is_alive():
                summary.stuck = outcomes[key].hangs = True
                outcomes[key].failed = "the receiver hangs: no end of the conversation in time"
        _summarise(summary, spool, alerts, outcomes, clock())
        return summary


def _work(
    spool: Spool, route: Route, items: list[Item], sender: Send, clock: Callable[[], float], deadline: float, outcome: Outcome
) -> None:
    """One route; a mistake of ours in it is its failure, not that of the others."""
    try:
        drain(spool, route, items, sender, clock, deadline, outcome)
    except Exception as error:  # whatever it is, it must be told, and the words of an unknown error may hold a secret
        outcome.failed = f"the deliverer failed ({type(error).__name__}): please report it"
        outcome.given_up += spool.retry([item for item in items if item not in outcome.done], clock())


def _no_route(spool: Spool, alerts: Alerts, key: str, items: Sequence[Item], now: float, outcome: Outcome) -> str:
    """What waits for a route that is declared no more: given up after a while, as a file could just be on its way."""
    stack = key.partition("/")[0]
    if stack in alerts.broken:
        return alerts.broken[stack]
    old = [item for item in items if now - item.spooled > ORPHANED]
    spool.give_up(old)
    outcome.given_up += old
    return ""


def _summarise(summary: Summary, spool: Spool, alerts: Alerts, outcomes: dict[str, Outcome], now: float) -> None:
    for key, outcome in outcomes.items():
        if outcome.sent:
            summary.sent[key] = outcome.sent
        summary.given_up += [f"{key}: was not told of {item.incident} ({item.notice['what']})" for item in outcome.given_up]
    for pace in known(spool.files):
        if pace.sent:
            summary.last_sent[pace.route] = pace.sent
        if pace.failed and pace.route in alerts.routes:
            summary.failed[pace.route] = pace.failed
    summary.failed |= {key: outcome.failed for key, outcome in outcomes.items() if outcome.failed}
    left = spool.waiting()
    summary.waiting, summary.dead = len(left), spool.dead()
    times = []
    for key in {item.route for item in left}:
        items, route = [item for item in left if item.route == key], alerts.routes.get(key)
        if route is not None and not outcomes.get(key, Outcome()).hangs:
            times.append(next_due(items, route, load_pace(spool.files, key), now))
        else:
            times.append(max(now + AGAIN, min(item.next for item in items)))
    summary.next = min(times, default=None)


@contextmanager
def _alone(spool: Spool, patience: float) -> Iterator[bool]:
    """Whether this is the only deliverer."""
    # The folder itself: its lock needs no writing, so that it works on a disk that is full or read-only.
    try:
        ensure(spool.folder)
    except OSError:
        ensure(spool.files.spare)
    there = spool.folder if spool.folder.is_dir() else spool.files.spare
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(there, timeout=patience))
        except LockBusy:
            yield False
            return
        yield True


def main(say: Callable[[str], None], folder: Path = FOLDER, config: Path = CONFIG) -> int:
    """`opsctl alert deliver`: says the summary as JSON; exit status 1 while a route does not work."""
    alerts = load_alerts(config)
    summary = deliver(Spool(folder), alerts)
    summary.failed |= alerts.broken
    say(json.dumps(vars(summary)))
    return _leave(summary, 1 if summary.failed else 0)


def test(
    stack: str,
    say: Callable[[str], None],
    folder: Path = FOLDER,
    config: Path = CONFIG,
    ended: Callable[[int], None] = lambda _status: None,
) -> int:
    """`opsctl alert test`: a message by every route of the stack, of all stacks where it is empty, and a line about each.

    What fails is not kept: whoever asked for it reads it here.

    :param ended: called with the exit status when all has been said; a receiver that hangs ends the process after that.
    """
    alerts, spool, now = load_alerts(config), Spool(folder), time.time()
    incident = Incident(f"{stack or 'host'}/test", stack, "test", "info", "asked for by `opsctl alert test`", now, now)
    notice = {"what": "test", "host": socket.gethostname(), "at": now, "incident": incident.as_dict(), "runbook": ""}
    routes = spool.tell(notice, alerts.routes)
    summary = deliver(spool, alerts, patience=LIMIT)
    mine = {item.route: item for item in spool.waiting() if item.incident == incident.id}
    spool.accepted(list(mine.values()))
    for sentence in alerts.broken.values():
        say(sentence)
    for key in sorted(routes):
        say(f"{key}: {'FAILED: ' + summary.failed.get(key, 'another delivery is under way: try again') if key in mine else 'accepted'}")
    if not routes:
        say("no route is declared: write watchdog.alerts in the declaration")
    status = 1 if mine or alerts.broken or not routes else 0
    ended(status)
    return _leave(summary, status)


def _leave(summary: Summary, status: int) -> int:
    """The exit status; a thread that hangs in a receiver must not keep the process."""
    if summary.stuck:
        sys.stdout.flush()
        os._exit(status)
    return status
