# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far the journal of a stack was read, so that each line is read once: over restarts, and over a journal that was cut or replaced.

The place is known by the content of the last line read, not by the inode or the size: a journal is trimmed by writing it anew, an inode
is used again, and a file that was emptied may be longer than before by the time somebody looks.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..core.times import epoch
from ..core.versioned_json import known_fields

_HEAD = b'{"at": '  # as the journal begins each line


@dataclass(frozen=True)
class Position:
    """A place in a journal.

    :param offset: bytes that were read.
    :param length: of the last line read, with its end; 0 where none was.
    :param digest: of that line.
    :param at: the time in it (epoch seconds).
    :param since: what is older is passed over (epoch seconds): the place was lost, and only times tell what is new.
    """

    offset: int = 0
    length: int = 0
    digest: str = ""
    at: float = 0.0
    since: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def _counts(number: Any) -> bool:
    """A number that is none below nothing; JSON's true and false are none."""
    return isinstance(number, (int, float)) and not isinstance(number, bool) and number >= 0


def position_from(raw: Any) -> Position:
    """From what `as_dict` gave.

    :raises ValueError: it is something else.
    """
    if not isinstance(raw, dict):
        raise ValueError("no position")
    read = known_fields(Position, raw)
    whole = all(_counts(number) and isinstance(number, int) for number in (read.offset, read.length))
    timed = all(_counts(number) for number in (read.at, read.since))
    if not (whole and timed and isinstance(read.digest, str) and read.length <= read.offset):
        raise ValueError("no position")
    return read


def end_of(journal: Path, since: float) -> Position:
    """Behind the last line that is there.

    :param since: epoch seconds; where there is no line yet, what is older is not new either, should it be put there.
    :raises OSError: it cannot be read.
    """
    _entries, position = read_on(journal, Position(since=since), since)
    return replace(position, since=0.0) if position.length else position


def read_on(journal: Path, position: Position, now: float) -> tuple[list[dict[str, Any]], Position]:
    """The lines that were added, and the place behind them; a line that is being written is left for the next time.

    :param now: epoch seconds.
    :raises OSError: it cannot be read.
    """
    try:
        with journal.open("rb") as file:
            if position.length:
                file.seek(position.offset - position.length)
            there = not position.length or _digest(file.read(position.length)) == position.digest
            if not there:
                file.seek(0)
            content = file.read()
    except (FileNotFoundError, NotADirectoryError):
        there, content = not position.length, b""
    start = position.offset if there else 0
    whole = content[: content.rfind(b"\n") + 1]
    if not there:
        if behind := _behind(whole, position):
            start, whole = behind, whole[behind:]
        else:
            # Emptied, replaced, or cut beyond what was read.
            position = Position(at=position.at, since=min(position.at or now, now))
    return _taken(whole, start, position)


def _taken(whole: bytes, start: int, position: Position) -> tuple[list[dict[str, Any]], Position]:
    lines = whole.splitlines(keepends=True)
    if not lines:
        return [], replace(position, offset=start)
    entries = [entry for line in lines if (entry := _entry(line))]
    since, at = position.since, next((moment for entry in reversed(entries) if (moment := moment_of(entry))), position.at)
    fresh = [entry for entry in entries if not since or (moment_of(entry) or 0.0) >= since]
    last = lines[-1]
    # Times count until they have caught up: a history that is put back comes perhaps in several pieces.
    return fresh, Position(start + len(whole), len(last), _digest(last), at, since if at < since else 0.0)


def _behind(whole: bytes, position: Position) -> int:
    """Where the lines begin that follow the last one read; 0 where that one is not there any more."""
    offset = 0
    for line in whole.splitlines(keepends=True):
        offset += len(line)
        if len(line) == position.length and _digest(line) == position.digest:
            return offset
    return 0


def _entry(line: bytes) -> dict[str, Any] | None:
    """One line; of a line that begins with what a crash has cut off, what was written behind that."""
    for part in (line, line[max(0, line.rfind(_HEAD)) :]):
        try:
            entry = json.loads(part)
        except ValueError:
            continue
        return entry if isinstance(entry, dict) else None
    return None


def moment_of(entry: dict[str, Any]) -> float | None:
    """When a line was written, epoch seconds; None where it does not say."""
    try:
        return epoch(str(entry["at"]))
    except (KeyError, ValueError):
        return None


def _digest(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()[:32]
