# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an answer of a sink means for the records of a request: taken, refused for good, to be sent in smaller pieces, or later.

Nothing is refused for good but what the server says so of: what an operator can put right (credentials, an address, a disk that is full)
makes records wait, and their queue has a bound.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .entries import Entry

# Loki answers 500 to what is larger than its services pass on to each other (grafana/loki 2271, 8154): it never gets smaller by waiting.
_LARGER = re.compile(r"larger than max|message size too large|too large than max|RequestEntityTooLarge", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """An answer.

    :param after: seconds that the server asks to wait for; 0 for none.
    """

    status: int
    text: str
    after: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """What becomes of the records of a request, each of which is in one of these.

    :param rejected: with the reason; they are never sent again.
    :param pieces: sent again at once, each by itself.
    :param later: sent again after a pause, for a `reason`.
    :param slow: the server has too much: batches are to be smaller.
    :param credentials: it is the credentials that it does not take.
    """

    accepted: int = 0
    rejected: tuple[tuple[Entry, str], ...] = ()
    pieces: tuple[tuple[Entry, ...], ...] = ()
    later: tuple[Entry, ...] = ()
    reason: str = ""
    slow: bool = False
    credentials: bool = False


def halves(entries: Sequence[Entry]) -> tuple[tuple[Entry, ...], ...]:
    """Two pieces in order."""
    middle = len(entries) // 2
    return tuple(entries[:middle]), tuple(entries[middle:])


def refused(entries: Sequence[Entry], reason: str) -> Verdict:
    """What one of these records is to blame for: the one by itself, or smaller pieces until it is found."""
    if len(entries) == 1:
        return Verdict(rejected=((entries[0], reason),))
    return Verdict(pieces=halves(entries))


def common(entries: Sequence[Entry], answer: Answer) -> Verdict | None:
    """What is alike for all kinds; None for an answer that the kind has to read (2xx, 400, 422)."""
    reason = describe(answer)
    if answer.status in (400, 422) or 200 <= answer.status < 300:
        return None
    if answer.status == 413 or (answer.status >= 500 and _LARGER.search(answer.text)):
        verdict = refused(entries, reason)
        return Verdict(rejected=verdict.rejected, pieces=verdict.pieces, slow=True)
    later = tuple(entries)
    if answer.status in (401, 403, 407):
        return Verdict(later=later, reason=f"the credentials are not taken: {reason}", credentials=True)
    if answer.status == 429 or answer.status >= 500:
        return Verdict(later=later, reason=reason, slow=True)
    # A redirect is not followed: credentials would go where nobody has declared it.
    return Verdict(later=later, reason=f"url does not lead to this kind of server: {reason}")


def describe(answer: Answer) -> str:
    """Status and words in one line."""
    words = " ".join(answer.text.split())
    return f"{answer.status} {words}"[:300].rstrip()
