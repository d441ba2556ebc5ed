# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The journal of a stack's releases: each step before and after, on disk before it is done.

``journal.jsonl`` is the history that a person reads. ``rollout.json`` is the rollout under way: it exists from before the first
change until after the last, so whoever finds it knows that somebody was killed, where, and which containers were there before.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..core import paths
from ..core.atomic_files import read_text, sync_directory, write_atomic
from ..core.masking import clean
from ..core.versioned_json import known_fields, read_state, write_state
from .store import now

LINES = 2000  # of a history that are kept
LIVE, TAKEN_BACK, PARTLY_TAKEN_BACK = "live", "taken back", "taken back in part"  # steps by which a rollout ends


@dataclass(frozen=True)
class History:
    """What a person reads: one JSON object a line, in a file whose folder is there; the journal of rotations has one as well.

    :param mode: of the file.
    :param gid: its group.
    """

    path: Path
    mode: int
    gid: int

    def append(self, entry: dict[str, Any]) -> None:
        """One line more, without secrets; it is on disk when this returns."""
        cleaned = {name: clean(value) if isinstance(value, str) else value for name, value in entry.items()}
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, self.mode)
        try:
            if os.fstat(descriptor).st_size == 0:
                os.fchown(descriptor, -1, self.gid)
            os.write(descriptor, (json.dumps(cleaned) + "\n").encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def read(self, last: int = 100) -> list[dict[str, Any]]:
        """The last entries, oldest first; a line that a crash has cut off is left out."""
        entries = []
        for line in (read_text(self.path) or "").splitlines()[-last:]:
            try:
                entries.append(json.loads(line))
            except ValueError:
                continue
        return entries

    def trim(self) -> None:
        """Forget what is older than the last lines; not each time one is too many."""
        lines = (read_text(self.path) or "").splitlines(keepends=True)
        if len(lines) > 2 * LINES:
            write_atomic(self.path, "".join(lines[-LINES:]), self.mode, os.geteuid(), self.gid)


@dataclass
class RolloutInProgress:
    """A rollout that has begun and not ended.

    :param attempt: names this run in the journal and for those who follow its progress.
    :param before: the release that was live when it began; None for a first one.
    :param old: per service the ids of the containers that were there before this rollout touched it.
    :param down: services that are being recreated; their old containers are gone.
    :param failing: it is being taken back; nobody finishes it any more.
    """

    attempt: str
    kind: str
    target: str
    before: str | None
    who: str
    since: str = field(default_factory=now)
    step: str = ""
    old: dict[str, list[str]] = field(default_factory=dict)
    down: list[str] = field(default_factory=list)
    failing: bool = False

    def describe(self) -> str:
        """For a person who finds it."""
        return f"{self.kind} of {self.target} by {self.who}, begun {self.since}" + (f", interrupted at: {self.step}" if self.step else "")


class Journal:
    """History and present of one stack."""

    def __init__(self, stack: str) -> None:
        self.folder = paths.RELEASES / stack
        self.lines = self.folder / "journal.jsonl"
        self.state = self.folder / "rollout.json"

    @property
    def _history(self) -> History:
        return History(self.lines, paths.READABLE, paths.watchdog_gid())

    def write(self, **entry: Any) -> None:
        """Append one line, without secrets; it is on disk when this returns."""
        paths.shared_folder(self.folder, paths.PASSED)
        self._history.append({"at": now(), **entry})

    def read(self, last: int = 100) -> list[dict[str, Any]]:
        """The last entries, oldest first."""
        return self._history.read(last)

    def live_since(self, release: str) -> str:
        """When a release went live that has been so since then, ISO 8601; empty where the history does not say."""
        since = ""
        for entry in reversed(self.read(2 * LINES)):
            if entry.get("step") == LIVE:
                if entry.get("release") != release:
                    break
                since = str(entry["at"])
        return since

    def ending(self, attempt: str) -> str:
        """How an attempt ended, by its last such step; empty where nobody has written that down."""
        endings = (LIVE, TAKEN_BACK, PARTLY_TAKEN_BACK)
        steps = (entry.get("step") for entry in reversed(self.read(2 * LINES)) if entry.get("attempt") == attempt)
        return next((str(step) for step in steps if step in endings), "")

    def trim(self) -> None:
        """Forget what is older than the last lines."""
        self._history.trim()

    def underway(self) -> RolloutInProgress | None:
        """The rollout that was begun and not ended."""
        raw = read_state(self.state, None)
        return known_fields(RolloutInProgress, raw) if raw else None

    def keep(self, underway: RolloutInProgress) -> None:
        """Write where a rollout is, before it goes there."""
        paths.shared_folder(self.folder, paths.PASSED)
        write_state(self.state, asdict(underway), paths.READABLE, gid=paths.watchdog_gid())

    def ended(self) -> None:
        """The rollout under way is over."""
        Path(self.state).unlink(missing_ok=True)
        sync_directory(self.folder)
        self.trim()
