# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The chain of digests over the closed days of the tree.

When a day is over its files are compressed, made read-only, and an entry of the chain names the SHA-256 of each; an entry also names the
SHA-256 of the entry before it, and what retention has removed. So a file that was changed, removed or added is found, and so is an entry
that was. Whoever is root can write the whole chain anew: what its last entry is has to be known elsewhere (the journal, another host).
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import count
from pathlib import Path
from typing import Any

from ..core.atomic_files import sync_directory, write_atomic
from .records import CLOSED, PLAIN, Counting, decode, number_of, place_of
from .settings import Kept

DIGESTS = "digests"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One entry of the chain.

    :param previous: SHA-256 of the entry before it; empty of the first.
    :param files: by their paths in the tree what is known of them: sha256, bytes, lines, doubled, missing.
    :param removed: paths that retention has removed.
    :param last: the last number of each source, where counting goes on.
    """

    number: int
    closed: str
    previous: str
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    removed: list[str] = field(default_factory=list)
    last: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Verified:
    """What became of a look over the chain.

    :param head: SHA-256 of the last entry.
    :param problems: each with what it is about.
    """

    entries: int
    files: int
    head: str
    problems: list[str]


def _entry_path(tree: Path, number: int) -> Path:
    return tree / DIGESTS / f"{number:06d}.json"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _entries(tree: Path) -> list[Path]:
    return sorted((tree / DIGESTS).glob("[0-9]*.json"))


def last_entry(tree: Path) -> tuple[Entry | None, str]:
    """The last entry and its SHA-256.

    :raises ValueError: it is damaged; nothing is written behind an entry that cannot be read.
    """
    paths = _entries(tree)
    if not paths:
        return None, ""
    return _read(paths[-1]), _sha256(paths[-1])


def _read(path: Path) -> Entry:
    try:
        raw = json.loads(path.read_bytes())
        return Entry(
            int(raw["number"]),
            str(raw["closed"]),
            str(raw["previous"]),
            {str(name): dict(about) for name, about in raw["files"].items()},
            [str(name) for name in raw["removed"]],
            {str(name): int(number) for name, number in raw["last"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: {error}; look at opsctl log-archive verify") from error


def close(tree: Path, today: str, keep: dict[str, Kept], unsent: Iterable[str] = ()) -> Entry | None:
    """Close the days before today, remove what is older than declared, and write the entry; None where there was nothing to do.

    :param today: ``2026-11-29``.
    :param unsent: files that a log host lacks a part of; they are closed later.
    :raises ValueError: the chain is damaged.
    :raises OSError: the tree cannot be read.
    """
    with os.scandir(tree):  # a pattern finds nothing in what may not be read, and says nothing
        before, digest = last_entry(tree)
    waiting = set(unsent)
    counting = Counting()
    counting.last.update(before.last if before else {})
    chained = {name for path in _entries(tree) for name in _read(path).files}
    files: dict[str, dict[str, Any]] = {}
    plain = []
    for path in sorted(tree.glob(f"[0-9]*/*/*/*{PLAIN}")):
        found = place_of(str(path.relative_to(tree)))
        if found and found[0] < today and str(path.relative_to(tree)) not in waiting:
            files.update(_compress(tree, path, counting, chained))
            plain.append(path)
    removed = sorted(_remove(tree, today, keep))
    entry = None
    if files or removed:
        entry = Entry(
            (before.number if before else 0) + 1,
            f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ}",
            digest,
            files,
            removed,
            {name: number for name, number in counting.last.items() if not before or before.last.get(name) != number},
        )
        (tree / DIGESTS).mkdir(mode=0o750, exist_ok=True)
        content = json.dumps(entry.__dict__, indent=1, sort_keys=True) + "\n"
        write_atomic(_entry_path(tree, entry.number), content, 0o440, os.getuid(), os.getgid())
    for path in plain:
        path.unlink()  # only now: after a crash before this all of it was seen, and nothing is left of it
    return entry


def _closed_name(relative: str, chained: set[str]) -> str:
    """What a file is called once it is closed; what came later than its day was closed gets a number."""
    stem = relative.removesuffix(PLAIN)
    return next(name for turn in count(1) if (name := f"{stem}{f'#{turn}' if turn > 1 else ''}{CLOSED}") not in chained)


def _compress(tree: Path, path: Path, counting: Counting, chained: set[str]) -> dict[str, dict[str, Any]]:
    """A file without what came twice, compressed beside it. The same content always makes the same bytes."""
    relative = str(path.relative_to(tree))
    name = _closed_name(relative, chained)
    closed = tree / name
    within = relative.partition("/")[2].removesuffix(PLAIN)
    doubled, missing, lines = counting.doubled, counting.missing, 0
    partial = closed.with_name(f".{closed.name}.part")
    with path.open("rb") as plain, partial.open("wb") as raw:
        with gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed:
            for line in plain:
                record = decode(line)
                if record and not counting.first_time(f"{within} {record.get('source')}", number_of(record)):
                    continue
                lines += 1
                packed.write(line if line.endswith(b"\n") else line + b"\n")
        raw.flush()
        os.fchmod(raw.fileno(), 0o440)
        os.fsync(raw.fileno())
    if not lines:
        partial.unlink()
        return {}
    partial.replace(closed)
    sync_directory(closed.parent)
    about = {
        "sha256": _sha256(closed),
        "bytes": closed.stat().st_size,
        "lines": lines,
        "doubled": counting.doubled - doubled,
        "missing": counting.missing - missing,
    }
    return {name: about}


def _remove(tree: Path, today: str, keep: dict[str, Kept]) -> Iterator[str]:
    """Closed files beyond their age, and the oldest beyond the size of their class. Nothing else is ever removed."""
    root = tree.resolve()  # what a link leads to is not the tree's
    of_class: dict[str, list[tuple[str, Path]]] = {}
    for path in sorted(tree.glob(f"[0-9]*/*/*/*{CLOSED}")):
        found = place_of(str(path.relative_to(tree)))
        if found and path.resolve() == root / path.relative_to(tree):
            of_class.setdefault(found[1].kind, []).append((found[0], path))
    for kind, files in of_class.items():
        kept = keep.get(kind)
        if kept is None:
            continue
        oldest = f"{datetime.strptime(today, '%Y-%m-%d') - timedelta(days=kept.days):%Y-%m-%d}"
        total = sum(path.stat().st_size for _day, path in files)
        for day, path in files:
            size = path.stat().st_size
            if day < oldest or (kept.size and total > kept.size):
                total -= size
                path.unlink()
                yield str(path.relative_to(tree))
                _without_empty(tree, path.parent)


def _without_empty(tree: Path, folder: Path) -> None:
    while folder != tree:
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def verify(tree: Path, known: str = "") -> Verified:
    """Compare every closed file with the chain, and the chain with itself.

    :param known: SHA-256 of an entry that was noted elsewhere: it has to be in the chain.
    """
    problems: list[str] = []
    expected: dict[str, str] = {}
    removed: set[str] = set()
    digest, seen = "", set()
    paths = _entries(tree)
    for number, path in enumerate(paths, 1):
        if path.name != f"{number:06d}.json":
            problems.append(f"{DIGESTS}/{number:06d}.json is missing from the chain")
            break
        try:
            entry = _read(path)
        except ValueError as error:
            problems.append(str(error))
            break
        if entry.previous != digest:
            problems.append(f"{DIGESTS}/{number - 1:06d}.json was changed: entry {number} knows another one")
        for name, about in entry.files.items():
            expected[name] = str(about.get("sha256"))
            removed.discard(name)
        removed.update(entry.removed)
        digest = _sha256(path)
        seen.add(digest)
    if known and known not in seen:
        problems.append(f"no entry of the chain has the digest {known}: the chain was written anew, or it is of another host")
    there = {str(path.relative_to(tree)) for path in tree.glob(f"[0-9]*/*/*/*{CLOSED}")}
    for name in sorted(set(expected) - removed):
        if name not in there:
            problems.append(f"{name} is gone, and retention has not removed it")
        elif _sha256(tree / name) != expected[name]:
            problems.append(f"{name} was changed after it was closed")
    problems += [f"{name} is in no entry of the chain" for name in sorted(there - (set(expected) - removed))]
    return Verified(len(paths), len(there), digest, problems)
