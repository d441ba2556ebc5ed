# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a target holds and gave back, from restic's JSON (documented for scripts, and stable since 0.17)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ..core.times import epoch

Tell = Callable[[float, int], None]  # percent, bytes


@dataclass(frozen=True)
class Snapshot:
    """One backup in a repository.

    :param time: epoch seconds of what it holds.
    :param bytes: of all its files, as they are restored; `files` of them.
    :param added: bytes by which it let the repository grow, compressed.
    :param seconds: that making it took.
    """

    id: str
    time: float
    tags: tuple[str, ...]
    paths: tuple[str, ...]
    host: str
    bytes: int = 0
    added: int = 0
    files: int = 0
    seconds: float = 0.0

    @property
    def short(self) -> str:
        """As people write it."""
        return self.id[:8]


@dataclass(frozen=True)
class Entry:
    """What a snapshot holds in one place; `type` is file, dir, symlink, …; `time` epoch seconds of its last change."""

    path: str
    type: str
    size: int
    time: float


@dataclass(frozen=True)
class Restored:
    """What came back: files and folders; `skipped` files were there before, with the same content."""

    files: int
    bytes: int
    skipped: int
    seconds: float


def pick(snapshots: Iterable[Snapshot], at: float) -> Snapshot | None:
    """The latest that had been taken by this time (epoch seconds); None when all are younger."""
    return max((snapshot for snapshot in snapshots if snapshot.time <= at), key=lambda snapshot: snapshot.time, default=None)


def written_at(stamp: object) -> float:
    """Epoch seconds of a time as restic writes it (RFC 3339 with nanoseconds); 0 for none."""
    return epoch(str(stamp)) if stamp else 0.0


def snapshot_from(raw: Mapping[str, Any]) -> Snapshot:
    """One of `snapshots --json`; restic before 0.17 wrote no summary into them."""
    return Snapshot(
        str(raw["id"]),
        written_at(raw["time"]),
        tuple(raw.get("tags") or ()),
        tuple(raw.get("paths") or ()),
        str(raw.get("hostname", "")),
        **sizes(raw.get("summary") or {}),
    )


def sizes(summary: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a snapshot from a summary."""
    return {
        "bytes": int(summary.get("total_bytes_processed", 0)),
        "added": int(summary.get("data_added_packed", 0)),
        "files": int(summary.get("total_files_processed", 0)),
        "seconds": max(0.0, written_at(summary.get("backup_end")) - written_at(summary.get("backup_start"))),
    }


def entry_from(raw: Mapping[str, Any]) -> Entry:
    """One node of `ls --json`."""
    return Entry(str(raw["path"]), str(raw["type"]), int(raw.get("size", 0)), written_at(raw.get("mtime")))


@dataclass
class Listener:
    """Takes the lines of a run: keeps the summary, and passes on how far it is."""

    tell: Tell | None = None
    summary: Mapping[str, Any] | None = None

    def __call__(self, item: dict[str, Any]) -> None:
        """One line."""
        if item.get("message_type") == "summary":
            self.summary = item
        elif item.get("message_type") == "status" and self.tell is not None:
            self.tell(100.0 * float(item.get("percent_done", 0)), int(item.get("bytes_done", item.get("bytes_restored", 0))))

    def value(self, key: str) -> Any:
        """A value of the summary; 0 without one."""
        return (self.summary or {}).get(key, 0)
