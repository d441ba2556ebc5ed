# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One route: which message is next, how fast, and what an outcome means for what waits."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..receivers.dispatch import Send
from ..receivers.transport import SendError
from .digest import digest
from .message import compose
from .pace import Pace, load_pace, save_pace
from .routes import Route
from .spool import Item, Spool, in_order

UNLIMITED = {"pagerduty"}  # its own deduplication and grouping are better than a digest, and a page that waits is none


@dataclass
class Outcome:
    """What came of one route in one run."""

    sent: int = 0
    failed: str = ""
    hangs: bool = False
    done: list[Item] = field(default_factory=list)
    given_up: list[Item] = field(default_factory=list)


def free(route: Route, item: Item) -> bool:
    """Whether a message is not counted: a test was asked for by a human who waits for it."""
    return route.kind in UNLIMITED or item.notice["what"] == "test"


def batch(route: Route, ready: Sequence[Item], tokens: int) -> list[Item]:
    """What goes into the next message; empty when it has to wait for a token.

    As long as there is a token each, every notice is a message. The last token before the bucket is empty takes all that waits.
    """
    for item in ready:
        if free(route, item):
            return [item]
    partly = [item for item in ready if item.left]
    whole = [item for item in ready if not item.left]
    if not ready or tokens < 1:
        return []
    if not whole:
        return partly[:1]
    return whole[:1] if tokens > 1 or len(whole) == 1 else whole


def drain(
    spool: Spool, route: Route, items: Sequence[Item], sender: Send, clock: Callable[[], float], deadline: float, outcome: Outcome
) -> None:
    """Send what can be sent; stops at the first failure that is the receiver's, not the message's.

    :param deadline: of time.monotonic(), after which no further message is begun.
    """
    pace = load_pace(spool.files, route.key)
    left, well = list(items), False
    while left and time.monotonic() < deadline:
        now = clock()
        if pace.held(now):
            break
        chosen = batch(route, in_order(left, now, hurry=well), pace.refill(route, now))
        if not chosen:
            break
        plain = any(item.plain for item in chosen)
        message = compose(chosen[0].notice, now) if len(chosen) == 1 else digest([item.notice for item in chosen], now)
        try:
            sender(route, message, plain, chosen[0].left)
        except SendError as error:
            pace.failed = str(error)
            if error.left:
                well = True
                _partly(spool, route, chosen, error, pace, clock(), outcome)
            elif error.content:
                for item in chosen:
                    item.plain = True
                outcome.given_up += spool.retry(chosen, now, slow=plain)
            else:
                if error.after:
                    pace.hold_for(error.after, now)
                # All that wait: what the receiver does not take now, it would not take a moment later for another message either.
                waiting = [item for item in left if item in chosen or item.due(now) or not (item.plain or item.left)]
                outcome.given_up += spool.retry(waiting, now, slow=error.final)
                break
        else:
            well = True
            spool.accepted(chosen)
            outcome.done += chosen
            left = [item for item in left if item not in chosen]
            _count(route, chosen, pace, clock(), outcome)
            if not any(item.plain or item.left for item in left):
                pace.failed = ""
        left = [item for item in left if item not in outcome.given_up]
        save_pace(spool.files, pace)
    save_pace(spool.files, pace)
    outcome.failed = pace.failed


def _partly(spool: Spool, route: Route, chosen: Sequence[Item], error: SendError, pace: Pace, now: float, outcome: Outcome) -> None:
    """Some receivers have it: from now on it is tried for the others alone."""
    for item in chosen:
        item.left = error.left
    outcome.given_up += spool.retry(chosen, now)
    _count(route, chosen, pace, now, outcome)


def _count(route: Route, chosen: Sequence[Item], pace: Pace, now: float, outcome: Outcome) -> None:
    """A message was accepted."""
    outcome.sent += 1
    pace.sent = now
    if not free(route, chosen[0]):
        pace.tokens = max(0.0, pace.tokens - 1.0)


def next_due(items: Sequence[Item], route: Route, pace: Pace, now: float) -> float:
    """When there is something to do for this route: what is not to be tried yet, a receiver's wish, or the next token."""
    first = max(now, min(item.next for item in items))
    if pace.held(now):
        first = max(first, pace.hold)
    if pace.refill(route, now) < 1 and not any(free(route, item) for item in items):
        first = max(first, pace.next_token(route))
    return first
