# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a stack's rotations: where one is, and which values from before are still kept. It holds no value.

``state.json`` is the present: what is under way, written before each step and after it, so that whoever is killed leaves what the next run
goes on with; and what waits for the end of its grace time. ``journal.jsonl`` is the history that a person reads.
"""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.versioned_json import known_fields, read_state, write_state
from ..release.journal import History
from ..release.store import now


class Phase(str, Enum):
    """How far a rotation has come; what is named here is done."""

    BEGUN = "begun"
    PREPARED = "prepared"  # the next value is in the store, beside the present one
    ACCEPTED = "accepted"  # whoever checks it takes both
    SWITCHED = "switched"  # the store has the next one, and the files of its consumers
    ROLLED = "rolled"  # the consumers have it


@dataclass
class Item:
    """One secret of a rotation.

    :param old_login: the role of PostgreSQL that the value before is the password of.
    """

    name: str
    kind: str
    old_login: str = ""
    new_login: str = ""


@dataclass
class Underway:
    """A rotation that has begun and not ended.

    :param back: it is being taken back; nobody finishes it any more.
    :param switched_at: when the store was about to change (epoch seconds); 0 before.
    :param times: when the files of consumers were written before that (nanoseconds), by path.
    """

    attempt: str
    who: str
    since: str = field(default_factory=now)
    phase: str = Phase.BEGUN.value
    items: list[dict[str, Any]] = field(default_factory=list)
    back: bool = False
    reason: str = ""
    switched_at: float = 0.0
    times: dict[str, int] = field(default_factory=dict)

    @property
    def secrets(self) -> list[Item]:
        """The secrets of it."""
        return [known_fields(Item, item) for item in self.items]

    def describe(self) -> str:
        """For a person who finds it."""
        names = ", ".join(item.name for item in self.secrets)
        return f"rotation of {names} by {self.who}, begun {self.since}, {'being taken back' if self.back else self.phase}"


@dataclass
class Pending:
    """The value from before of a secret that was rotated.

    :param login: the role of PostgreSQL that it is the password of.
    :param switched_at: since when nothing begins to use it (epoch seconds).
    :param until: the end of its grace time, likewise.
    :param revoked: nobody takes it any more; it is kept, and no more than that.
    """

    name: str
    kind: str
    login: str = ""
    switched_at: float = 0.0
    until: float = 0.0
    revoked: bool = False


class Journal:
    """History and present of one stack."""

    def __init__(self, stack: str, folder: Path | None = None) -> None:
        self.folder = (folder or paths.ROTATIONS) / stack
        self.lines, self.state = self.folder / "journal.jsonl", self.folder / "state.json"

    @property
    def _history(self) -> History:
        return History(self.lines, 0o600, os.getegid())

    def write(self, **entry: Any) -> None:
        """Append one line, without secrets; it is on disk when this returns."""
        self._made()
        self._history.append({"at": now(), **entry})

    def read(self, last: int = 100) -> list[dict[str, Any]]:
        """The last entries, oldest first."""
        return self._history.read(last)

    def underway(self) -> Underway | None:
        """The rotation that was begun and not ended.

        :raises ValueError: the state is damaged, or of a newer engine.
        """
        raw = read_state(self.state, {}).get("underway")
        return known_fields(Underway, raw) if raw else None

    def pending(self) -> dict[str, Pending]:
        """Values from before that are still kept, by the names of their secrets."""
        kept = read_state(self.state, {}).get("pending") or {}
        return {name: known_fields(Pending, raw) for name, raw in kept.items()}

    def keep(self, underway: Underway | None, pending: dict[str, Pending]) -> None:
        """Write both at once, before anything else is done."""
        self._made()
        data = {"underway": asdict(underway) if underway else None, "pending": {name: asdict(one) for name, one in pending.items()}}
        write_state(self.state, data, 0o600, os.geteuid(), os.getegid())

    def trim(self) -> None:
        """Forget what is older than the last lines."""
        self._history.trim()

    def _made(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
