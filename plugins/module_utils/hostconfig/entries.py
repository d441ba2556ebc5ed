# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a set of files should be, what is there now, and how one becomes the other."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ..core.atomic_files import write_atomic

STATES = ("file", "directory", "link", "absent")
# Directories are made before files, files before the links to them; what goes, goes last.
ORDER = {"directory": 0, "file": 1, "link": 2, "absent": 3}
# An entry as modules take it; documented in plugins/doc_fragments/files.py.
FILE_OPTIONS: dict[str, Any] = {
    "path": {"type": "path", "required": True},
    "state": {"type": "str", "choices": list(STATES), "default": "file"},
    "content": {"type": "str"},
    "template": {"type": "str"},  # like `variables`: the action has made `content` of it
    "variables": {"type": "dict", "default": {}},
    "target": {"type": "str"},
    "mode": {"type": "str"},
    "owner": {"type": "str", "default": "root"},
    "group": {"type": "str", "default": "root"},
    "sensitive": {"type": "bool", "default": False},
    "sensitive_content": {"type": "str", "no_log": True},  # `content` of a sensitive file: the action has moved it here
}


class EntryError(ValueError):
    """An entry cannot be understood; the message names the key, the value, and what to write instead."""


@dataclass(frozen=True)
class Entry:
    """One path as it should be."""

    path: Path
    state: str = "file"
    content: bytes = b""
    mode: int = 0o644
    uid: int = 0
    gid: int = 0
    target: str = ""
    sensitive: bool = False


@dataclass(frozen=True)
class PathState:
    """One path as it is: kind ``absent``, ``file``, ``directory`` or ``link``, with all that is needed to bring it back."""

    path: Path
    kind: str
    content: bytes = b""
    mode: int = 0
    uid: int = 0
    gid: int = 0
    target: str = ""


@dataclass(frozen=True)
class Change:
    """A path that is not as it should be."""

    entry: Entry
    before: PathState = field(repr=False)

    def difference(self) -> dict[str, str]:
        """Before and after for Ansible's diff mode; the content of a sensitive file never appears."""

        def shown(kind: str, content: bytes, target: str, mode: int, owner: tuple[int, int]) -> str:
            if kind in {"absent", ""}:
                return ""
            if kind == "link":
                return f"link to {target}\n"
            head = f"# mode {mode:04o}, owner {owner[0]}:{owner[1]}\n"
            if kind == "directory":
                return head
            return head + ("(content not shown)\n" if self.entry.sensitive else content.decode(errors="replace"))

        entry, before = self.entry, self.before
        if self.entry.sensitive and before.content != entry.content and before.kind == "file":
            after = shown(entry.state, b"", entry.target, entry.mode, (entry.uid, entry.gid)) + "(another content)\n"
        else:
            after = shown(entry.state, entry.content, entry.target, entry.mode, (entry.uid, entry.gid))
        return {
            "before_header": str(entry.path),
            "after_header": str(entry.path),
            "before": shown(before.kind, before.content, before.target, before.mode, (before.uid, before.gid)),
            "after": after,
        }


def parse_entry(raw: Mapping[str, Any]) -> Entry:
    """An entry from a module's or a role's dictionary.

    :raises EntryError: a relative path, a bad mode, an unknown owner or group, a link without a target.
    """
    path = str(raw["path"])
    if not path.startswith("/") or "/../" in f"{path}/":
        raise EntryError(f"files: path {path!r} is not an absolute path without '..': write it from the root, like /etc/{path.strip('./')}")
    state = str(raw.get("state") or "file")
    default = "0755" if state == "directory" else "0644"
    mode = str(raw.get("mode") or default)
    if not re.fullmatch(r"0?[0-7]{3,4}", mode):
        raise EntryError(f'files: mode {mode!r} of {path} is not octal: write a quoted number like "0644"')
    target = str(raw.get("target") or "")
    if state == "link" and not target:
        raise EntryError(f"files: {path} is a link without a target: write target: /where/it/points")
    content = raw.get("content") if raw.get("sensitive_content") is None else raw["sensitive_content"]
    if state == "file" and content is None:
        raise EntryError(f"files: {path} has no content: write content: or state: absent")
    return Entry(
        path=Path(path),
        state=state,
        content=b"" if content is None else str(content).encode(errors="surrogateescape"),
        mode=int(mode, 8),
        uid=identity(path, "owner", str(raw.get("owner") or "root")),
        gid=identity(path, "group", str(raw.get("group") or "root")),
        target=target,
        sensitive=bool(raw.get("sensitive")) or raw.get("sensitive_content") is not None,
    )


def identity(path: str, key: str, name: str) -> int:
    """The number of a user (`key` owner) or group given by name or number.

    :raises EntryError: this host has none of that name.
    """
    if name.isdigit():
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid if key == "owner" else grp.getgrnam(name).gr_gid
    except KeyError as error:
        raise EntryError(f"files: {key} {name!r} of {path} does not exist on this host: write an existing one, or its number") from error


def parse_entries(raws: Iterable[Mapping[str, Any]], purge: Sequence[Mapping[str, Any]] = ()) -> list[Entry]:
    """All entries of a set, with an absent one for each file that ``purge`` matches and no entry names.

    :param purge: ``directory``, ``pattern`` (shell pattern of names, default ``*``) and ``recursive`` (default: only what is directly
        in the directory); files and links, never directories.
    :raises EntryError: as parse_entry, or a path that is named twice.
    """
    entries = [parse_entry(raw) for raw in raws]
    named = [entry.path for entry in entries]
    twice = sorted({str(path) for path in named if named.count(path) > 1})
    if twice:
        raise EntryError(f"files: {', '.join(twice)} is named twice: keep one entry")
    entries += purged(purge, named)
    return sorted(entries, key=order)


def order(entry: Entry) -> tuple[int, str]:
    """Sorts entries into the order in which they are written."""
    return ORDER[entry.state], str(entry.path)


def purged(rules: Iterable[Mapping[str, Any]], named: Collection[Path]) -> list[Entry]:
    """An absent entry for each file or link that a rule matches now and ``named`` lacks."""
    entries = []
    for rule in rules:
        directory = Path(rule["directory"])
        pattern = rule.get("pattern") or "*"
        if directory.is_dir():
            for path in sorted(directory.rglob("*") if rule.get("recursive") else directory.iterdir()):
                if fnmatch(path.name, pattern) and path not in named and (path.is_symlink() or path.is_file()):
                    entries.append(Entry(path=path, state="absent"))
    return entries


def find(path: Path) -> PathState:
    """What is at this path now; links are not followed."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return PathState(path, "absent")
    mode, uid, gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
    if stat.S_ISLNK(status.st_mode):
        return PathState(path, "link", mode=mode, uid=uid, gid=gid, target=str(path.readlink()))
    if stat.S_ISDIR(status.st_mode):
        return PathState(path, "directory", mode=mode, uid=uid, gid=gid)
    if not stat.S_ISREG(status.st_mode):
        raise EntryError(f"files: {path} is neither a file, a link nor a directory: remove it or choose another path")
    return PathState(path, "file", content=path.read_bytes(), mode=mode, uid=uid, gid=gid)


def compare(entry: Entry) -> Change | None:
    """The change that this entry needs, None when all is as it should be."""
    current = find(entry.path)
    if entry.state == "absent":
        same = current.kind == "absent"
        if current.kind == "directory":
            raise EntryError(f"files: {entry.path} is a directory and is not removed as a file: remove it yourself")
    elif entry.state == "link":
        same = (current.kind, current.target) == ("link", entry.target)
    else:
        same = (current.kind, current.mode, current.uid, current.gid) == (entry.state, entry.mode, entry.uid, entry.gid)
        same = same and (entry.state == "directory" or current.content == entry.content)
    if not same and current.kind == "directory" and entry.state != "directory":
        raise EntryError(f"files: {entry.path} is a directory and should be a {entry.state}: remove it yourself")
    if entry.state == "directory" and current.kind in {"file", "link"}:
        raise EntryError(
            f"files: {entry.path} is a {current.kind} and should be a directory: remove it yourself, or name what it points to"
        )
    return None if same else Change(entry, current)


def write(entry: Entry) -> None:
    """Make the path what the entry says; each path atomically."""
    path = entry.path
    if entry.state == "absent":
        path.unlink(missing_ok=True)
    elif entry.state == "directory":
        path.mkdir(mode=entry.mode, parents=True, exist_ok=True)
        os.chown(path, entry.uid, entry.gid, follow_symlinks=False)
        path.chmod(entry.mode)
    elif entry.state == "link":
        _link(path, entry.target)
    else:
        write_atomic(path, entry.content, entry.mode, entry.uid, entry.gid)


def restore(before: PathState) -> None:
    """Bring a path back to what it was when it was found."""
    path = before.path
    if before.kind == "absent":
        if path.is_dir() and not path.is_symlink():
            # A folder goes only when it is empty: what others put there since is not ours to remove.
            with contextlib.suppress(OSError):
                path.rmdir()
        else:
            path.unlink(missing_ok=True)
    elif before.kind == "link":
        _link(path, before.target)
    elif before.kind == "directory":
        path.mkdir(exist_ok=True)
        os.chown(path, before.uid, before.gid, follow_symlinks=False)
        path.chmod(before.mode)
    else:
        write_atomic(path, before.content, before.mode, before.uid, before.gid)


def _link(path: Path, target: str) -> None:
    """A symbolic link that replaces what has the name, in one step."""
    fresh = path.with_name(f".{path.name}.link")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.replace(path)
