# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entry of the queue: one request on its way, from what came to what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from typing import Any

from ..core.versioned_json import known_fields
from .request import Request, request_from


class State(str, Enum):
    """Where a request is."""

    APPROVAL = "waiting for approval"
    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled back"
    FAILED = "failed"  # neither the release nor the one before is whole: somebody has to look
    REFUSED = "refused"
    SUPERSEDED = "superseded"
    IGNORED = "ignored"

    @property
    def ended(self) -> bool:
        """Nothing more becomes of it."""
        return self not in (State.APPROVAL, State.WAITING, State.RUNNING)


@dataclass(frozen=True)
class Approval:
    """A person's word, and by which way it came."""

    who: str
    at: float
    way: str


@dataclass
class Entry:
    """One request on its way. Times in epoch seconds.

    :param order: its place among all of the stack; a later one is newer.
    :param images: references by service, as the rules have made them.
    :param status: of HTTP, for whoever waits for the answer to a call.
    :param not_before: it is not carried out before.
    :param expires: of one that waits for approval.
    :param attempt: names its rollout in the journal of the stack; the same when it is tried again after a kill.
    :param starts: how often it was begun.
    :param tries: how often its image was looked for.
    :param live: what runs after it has ended, for people.
    :param noted: its end stands in the journal of the stack, or needs no line there.
    :param reported: by the name of a report: what was told, how often it was tried, and when it is tried again.
    """

    id: str
    order: int
    request: Request
    state: State
    reason: str = ""
    status: int = 202
    created: float = 0.0
    changed: float = 0.0
    images: dict[str, str] = field(default_factory=dict)
    not_before: float = 0.0
    expires: float = 0.0
    approvals: list[Approval] = field(default_factory=list)
    attempt: str = ""
    starts: int = 0
    tries: int = 0
    release: str = ""
    before: str = ""
    live: str = ""
    reported: dict[str, dict[str, Any]] = field(default_factory=dict)
    noted: bool = False

    @property
    def stack(self) -> str:
        """Of which stack."""
        return self.request.stack

    @property
    def title(self) -> str:
        """What it is, for a person: C(tag v1.4.3 of acme/shop)."""
        return f"{self.request.kind} {self.request.ref} of {self.request.repository}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self) | {"state": self.state.value, "request": self.request.to_dict()}

    def covers(self, older: Entry) -> bool:
        """All that an older one would bring, this one brings as well."""
        return set(older.images) <= set(self.images)


def entry_from(raw: Mapping[str, Any]) -> Entry:
    """From plain data.

    :raises ValueError: it is of another form.
    """
    approvals = [known_fields(Approval, one) for one in raw.get("approvals") or ()]
    made = known_fields(Entry, {**raw, "request": request_from(raw["request"]), "state": State(raw["state"]), "approvals": approvals})
    if not isinstance(made.id, str) or not isinstance(made.order, int):
        raise ValueError("an entry without a number")
    return made


def superseded(entries: Sequence[Entry]) -> list[tuple[Entry, Entry]]:
    """Each entry that waits and that a newer one makes needless, with that one.

    One that still needs approval makes none needless that needs none any more: nobody may ever approve it.
    """
    waiting = [entry for entry in sorted(entries, key=lambda entry: entry.order) if entry.state in (State.WAITING, State.APPROVAL)]
    found = []
    for index, older in enumerate(waiting):
        newer = [one for one in waiting[index + 1 :] if one.covers(older) and (one.state is State.WAITING or older.state is State.APPROVAL)]
        if newer:
            found.append((older, newer[-1]))
    return found
