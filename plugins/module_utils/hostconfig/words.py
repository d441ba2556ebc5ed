# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Directives whose words several stacks have a part in, such as C(PermitOpen) of sshd.

Of several such lines only the first one counts (sshd_config(5)), so one line has the words of this run, and at its end what others need
besides. Without any word there is no line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..core.atomic_files import read_text
from . import shares
from .entries import Entry, EntryError


@dataclass(frozen=True)
class Directive:
    """One directive of a file.

    :param after: the directive whose line it follows.
    :param stacks: the words of each stack of the run, if none.
    """

    directive: str
    after: str
    stacks: Mapping[str, Sequence[str]]

    def words(self, content: str) -> list[str]:
        """What a file says."""
        line = re.search(rf"^{re.escape(self.directive)}[ \t]+(.*)$", content, re.MULTILINE)
        return line[1].split() if line else []

    def put(self, content: str, words: Sequence[str]) -> str:
        """The file with these words.

        :raises EntryError: it lacks the line that this one follows.
        """
        content = re.sub(rf"^{re.escape(self.directive)}[ \t].*\n", "", content, flags=re.MULTILINE)
        if not words:
            return content
        line = f"{self.directive} {' '.join(words)}\n"
        made, found = re.subn(rf"^{re.escape(self.after)}[ \t].*\n", lambda match: match[0] + line, content, count=1, flags=re.MULTILINE)
        if not found:
            raise EntryError(f"words: {self.directive} is to follow {self.after}, which the file has not")
        return made


def shared(name: str, entries: Sequence[Entry], owners: Mapping[str, Mapping[str, Any]]) -> tuple[list[Entry], list[Entry]]:
    """The files with the words of other stacks, and the shares that are recorded with them.

    :param name: of the set, and so of the part that is shared.
    :param owners: path of a file to the fields of its :class:`Directive`.
    :raises EntryError: a file is not in the set.
    """
    made, own = list(entries), dict[str, dict[str, dict[str, Any]]]()
    if not owners:
        return made, []
    for path, fields in owners.items():
        directive = Directive(**fields)
        index = next((number for number, entry in enumerate(made) if str(entry.path) == path and entry.state == "file"), None)
        if index is None:
            raise EntryError(f"words: {path!r} is not a file of this set")
        content = made[index].content.decode()
        written = directive.words(content)
        for stack, words in directive.stacks.items():
            # An operator may have left one out.
            mine = [word for word in words if word in written]
            own.setdefault(stack, {})[path] = {"directive": directive.directive, "after": directive.after, "words": mine}
        others = _of_others(name, path, directive, own, written)
        # In an order that is the same whichever of them runs.
        made[index] = replace(made[index], content=directive.put(content, sorted({*written, *others})).encode())
    adopted = {stack: {path: {**_fields(owners[path]), "words": []} for path in owners} for stack in shares.unrecorded(name, own)}
    if adopted:  # deployed before there were shares: what is there and nobody else is known to need
        first = min(adopted)
        for path in owners:
            adopted[first][path]["words"] = _left(name, path, Directive(**owners[path]), own)
    return made, shares.entries(name, {stack: {"words": files} for stack, files in (own | adopted).items()})


def without(name: str, stack: str) -> tuple[list[Entry], list[Entry], list[str]]:
    """The files without the words that a stack alone needed, its share as it goes with them, and these words."""
    share = shares.recorded(name).get(stack)
    if share is None:
        return [], [], []
    others = [other.get("words") or {} for other in shares.recorded(name, without=[stack]).values()]
    entries, gone = [], list[str]()
    for path, own in (share.get("words") or {}).items():
        needed = set().union(*(files.get(path, {}).get("words", ()) for files in others))
        directive = Directive(own["directive"], own["after"], {})
        content = read_text(Path(path)) or ""
        leaving = [word for word in directive.words(content) if word in own["words"] and word not in needed]
        if leaving:
            status = Path(path).stat()
            content = directive.put(content, [word for word in directive.words(content) if word not in leaving])
            mode = status.st_mode & 0o7777
            entries.append(Entry(Path(path), content=content.encode(), mode=mode, uid=status.st_uid, gid=status.st_gid))
            gone += leaving
    return entries, [Entry(shares.path_of(stack, name), "absent")], gone


def _fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"directive": fields["directive"], "after": fields["after"]}


def _recorded(name: str, path: str, own: Iterable[str]) -> list[str]:
    """The words that are recorded of other stacks."""
    recorded = shares.recorded(name, without=list(own)).values()
    return [word for share in recorded for word in (share.get("words") or {}).get(path, {}).get("words", ())]


def _left(name: str, path: str, directive: Directive, own: Mapping[str, Any]) -> list[str]:
    """The words of the file that is there now, which no stack is known to need."""
    known = {*_recorded(name, path, own), *(word for files in own.values() for word in files[path]["words"])}
    return [word for word in directive.words(read_text(Path(path)) or "") if word not in known]


def _of_others(name: str, path: str, directive: Directive, own: Mapping[str, Any], written: Sequence[str]) -> list[str]:
    recorded = _recorded(name, path, own)
    if shares.unrecorded(name, own):
        recorded += _left(name, path, directive, own)
    return [word for word in recorded if word not in written]
