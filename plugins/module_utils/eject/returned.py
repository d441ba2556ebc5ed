# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An ejected stack that comes back: what the ejection left for whoever goes on by hand is taken away again.

The ejection notes each file that it writes with a hash of its content, beside the history of the stack. A file that is as it was noted
goes; one that somebody has changed since is theirs, and stays. A secret goes when no container mounts it any more, and what makes backups
by hand when the stack has backups of its own again: both are looked at by each later deployment, until nothing is left of the note.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..backup import settings
from ..core.atomic_files import read_text, write_atomic
from ..core.process import run
from ..hostconfig.entries import Change, Entry, find
from ..release.store import Store

HISTORY = "history"  # in the folder of the stack: its releases and their journal
NOTE = "ejected.json"
VERSION = 1
UNITS = (".timer", ".service")  # of backups and jobs by hand


@dataclass
class Return:
    """What went, or would go, and what stays.

    :param theirs: files that somebody has changed since; they are nobody's of ours any more.
    :param waiting: files that go with a later deployment.
    """

    changes: list[Change] = field(default_factory=list)
    theirs: list[Path] = field(default_factory=list)
    waiting: list[Path] = field(default_factory=list)


@dataclass(frozen=True)
class _Left:
    """A file as it was noted."""

    path: Path
    digest: str
    sensitive: bool
    backup: bool

    def unchanged(self) -> bool:
        return self.path.is_file() and not self.path.is_symlink() and _digest(self.path.read_bytes()) == self.digest


def note(folder: Path, directory: Path, entries: Iterable[Entry]) -> None:
    """Write down what the ejection has written, beside what it has noted before.

    :param folder: the releases of the stack, which become its history.
    :param directory: the folder of the stack; its project is written anew by whoever manages it.
    """
    path, project = folder / NOTE, (directory / "compose.yaml", directory / ".env")
    left = [entry for entry in entries if entry.state == "file" and entry.path not in project]
    own = [entry for entry in left if entry.path.is_relative_to(directory) or entry.path.suffix in UNITS]
    files = {**_noted(path), **{str(entry.path): _described(directory, entry) for entry in own}}
    write_atomic(path, json.dumps({"version": VERSION, "files": files}, sort_keys=True) + "\n", 0o600, 0, 0)


def take_away(stack: str, directory: Path, mounted: Collection[str] = (), *, check: bool = False) -> Return:
    """Remove what is as it was noted.

    :param mounted: folders and files of the host that containers mount.
    :raises ValueError: a note is damaged.
    """
    outcome = Return()
    for path in sorted(directory.glob(f"{HISTORY}*/{NOTE}")):
        _settle(stack, directory, path, mounted, outcome, check=check)
    return outcome


def noted(stack: str, directory: Path) -> bool:
    """There is a note of an ejection that is over: while one is under way, what it has written is wanted."""
    return not (Store(stack).folder / NOTE).exists() and any(directory.glob(f"{HISTORY}*/{NOTE}"))


def _settle(stack: str, directory: Path, path: Path, mounted: Collection[str], outcome: Return, *, check: bool) -> None:
    files, going, waiting = _noted(path), [], []
    for left in _left(files):
        if not left.path.exists():
            continue
        if not left.unchanged():
            outcome.theirs.append(left.path)
        elif (left.backup and stack not in settings.stacks()) or _in_use(left.path, mounted):
            waiting.append(left)
        else:
            going.append(left)
    outcome.waiting += [left.path for left in waiting]
    outcome.changes += [Change(Entry(left.path, "absent", sensitive=left.sensitive), find(left.path)) for left in going]
    if check:
        return
    units = [left.path.name for left in going if left.path.suffix in UNITS]
    if units:
        run(["systemctl", "disable", "--now", *(unit for unit in units if unit.endswith(".timer"))], check=False)
    for left in going:
        _erase(left, directory)
    if units:
        run(["systemctl", "daemon-reload"])
    if waiting:
        kept = {str(left.path): files[str(left.path)] for left in waiting}
        write_atomic(path, json.dumps({"version": VERSION, "files": kept}, sort_keys=True) + "\n", 0o600, 0, 0)
    else:
        path.unlink()


def _erase(left: _Left, directory: Path) -> None:
    """A secret is written over before its name goes, as far as the file system writes in place; folders go with their last file."""
    if left.sensitive:
        with left.path.open("r+b") as file:
            file.write(bytes(left.path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
    left.path.unlink()
    for folder in left.path.parents:
        if folder == directory or not folder.is_relative_to(directory):
            return
        with suppress(OSError):  # it holds other files
            folder.rmdir()


def _in_use(path: Path, mounted: Collection[str]) -> bool:
    return any(path == Path(source) or path.is_relative_to(source) for source in mounted if source not in ("", "/"))


def _described(directory: Path, entry: Entry) -> dict[str, object]:
    place = entry.path.parent
    # A unit of a job goes at once: the engine has one of its own again, and both would run it.
    unit = not entry.path.is_relative_to(directory) and "-job-" not in entry.path.name
    backup = place in (directory / "backup", directory / "secrets/backup") or unit
    return {"sha256": _digest(entry.content), "sensitive": entry.sensitive, "backup": backup}


def _left(files: dict[str, dict[str, object]]) -> Iterator[_Left]:
    for path, about in files.items():
        yield _Left(Path(path), str(about.get("sha256")), bool(about.get("sensitive", True)), bool(about.get("backup")))


def _noted(path: Path) -> dict[str, dict[str, object]]:
    text = read_text(path)
    if text is None:
        return {}
    try:
        return {str(file): dict(about) for file, about in json.loads(text)["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged ({error}): remove it; what the ejection left stays then, and is yours") from error


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
