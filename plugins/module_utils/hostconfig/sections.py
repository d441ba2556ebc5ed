# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of sections (``[name]``) that several stacks have a part in: those of this run, and at the end what others need besides."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core.atomic_files import read_text
from . import shares
from .entries import Entry, EntryError

Owners = Mapping[str, Mapping[str, Sequence[str]]]  # path of a file to stack to the names of its sections
_HEADER = re.compile(r"^\[([^\]\n]+)\][ \t]*$", re.MULTILINE)


def sections(content: str) -> dict[str, str]:
    """The sections of a file by name, each from its header to its last line."""
    headers = list(_HEADER.finditer(content))
    ends = [*(header.start() for header in headers[1:]), len(content)]
    return {header[1]: content[header.start() : ends[number]].rstrip() + "\n" for number, header in enumerate(headers)}


def shared(name: str, entries: Sequence[Entry], owners: Owners) -> tuple[list[Entry], list[Entry]]:
    """The files with the sections of other stacks, and the shares that are recorded with them.

    :param name: of the set, and so of the part that is shared.
    :param owners: which stacks of this run which sections are there for; each stack of the run is in it, if with no section.
    :raises EntryError: a file is not in the set.
    """
    if not owners:
        return list(entries), []
    contents = {str(entry.path): entry.content.decode() for entry in entries if entry.state == "file"}
    own: dict[str, dict[str, dict[str, str]]] = {}
    for path, stacks in owners.items():
        if path not in contents:
            raise EntryError(f"sections: {path!r} is not a file of this set: write one of {', '.join(contents) or '(there is none)'}")
        written = sections(contents[path])
        for stack, names in stacks.items():
            # An operator may have left one out.
            own.setdefault(stack, {})[path] = {section: written[section] for section in names if section in written}
    others: dict[str, Any] = {stack: share.get("sections") or {} for stack, share in shares.recorded(name, without=own).items()}
    adopted = _adopted(name, own, contents, others, owners)
    made = [
        replace(entry, content=_completed(contents[str(entry.path)], str(entry.path), [*others.values(), *adopted.values()]).encode())
        if str(entry.path) in owners
        else entry
        for entry in entries
    ]
    return made, shares.entries(name, {stack: {"sections": files} for stack, files in (own | adopted).items()})


def without(name: str, stack: str) -> tuple[list[Entry], list[Entry], list[str]]:
    """The files without the sections that a stack alone needed, its share as it goes with them, and the names of these sections."""
    share = shares.recorded(name).get(stack)
    if share is None:
        return [], [], []
    others = [other.get("sections") or {} for other in shares.recorded(name, without=[stack]).values()]
    entries, names = [], []
    for path, own in (share.get("sections") or {}).items():
        needed = set().union(*(files.get(path, {}) for files in others))
        content = read_text(Path(path)) or ""
        gone = [section for section in sections(content) if section in own and section not in needed]
        for section in gone:
            content = re.sub(rf"\n*^\[{re.escape(section)}\].*?(?=\n*^\[|\Z)", "", content, flags=re.MULTILINE | re.DOTALL)
        if gone:
            status = Path(path).stat()
            content = content.rstrip() + "\n"
            mode = status.st_mode & 0o7777
            entries.append(Entry(Path(path), content=content.encode(), mode=mode, uid=status.st_uid, gid=status.st_gid))
            names += gone
    return entries, [Entry(shares.path_of(stack, name), "absent")], names


def _completed(content: str, path: str, shares_of_others: Iterable[Mapping[str, Mapping[str, str]]]) -> str:
    """The content, and each section of others that it lacks, once."""
    there = set(sections(content))
    missing: dict[str, str] = {}
    for files in shares_of_others:
        for section, text in files.get(path, {}).items():
            if section not in there:
                missing.setdefault(section, text)
    return _in_present_order(path, content + "".join(f"\n{missing[section]}" for section in sorted(missing)))


def _in_present_order(path: str, content: str) -> str:
    """What the file has, where only the order differs: that tells by which inventory it was written last, and is nothing to change."""
    present = read_text(Path(path)) or ""
    return present if (_head(present), sections(present)) == (_head(content), sections(content)) else content


def _head(content: str) -> str:
    """What stands before the first section."""
    first = _HEADER.search(content)
    return content[: first.start()] if first else content


def _adopted(
    name: str, own: Mapping[str, Any], contents: Mapping[str, str], others: Mapping[str, Any], owners: Owners
) -> dict[str, dict[str, dict[str, str]]]:
    """For stacks of the host that have no share yet: the sections that are there and that nobody else is known to need."""
    waiting = shares.unrecorded(name, own)
    if not waiting:
        return {}
    left: dict[str, dict[str, str]] = {}
    for path in owners:
        known = set(sections(contents[path])).union(*(files.get(path, {}) for files in others.values()))
        there = sections(read_text(Path(path)) or "")
        left[path] = {section: text for section, text in there.items() if section not in known}
    return {stack: left if stack == waiting[0] else {} for stack in waiting}
