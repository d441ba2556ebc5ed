# Copyright: (c) 2026, The latentum.ops contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that a release carries, read and typed."""

from __future__ import annotations

import base64
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...compose.sources import no_folder
from ...contracts.carried_files import Carried, CarriedFile, digest_of
from ...schema.nodes import Refused
from ..controller_files import Folder


@dataclass(frozen=True)
class FileEntry:
    """One entry of C(files).

    :param path: as the Compose file has it, normalised, from the folder of the project.
    :param source: from C(compose_folder).
    :param own_source: that is written, and does not follow from the path.
    :param refused: why it cannot be read.
    """

    key: str
    path: str
    source: str
    own_source: bool
    content: bool
    patterns: tuple[str, ...]
    on_host: bool
    carried: Carried | None
    refused: Refused | None = None
    service: str = ""  # that reads it again at the signal
    signal: str = ""

    def covers(self, path: str) -> bool:
        """Whether a path is this one, or below it."""
        return path == self.path or path.startswith(f"{self.path}/") or (self.path == "." and not path.startswith(".."))


def normal(path: str) -> str:
    """A relative path, written in one way."""
    return posixpath.normpath(path)


def with_content(read: Mapping[str, Mapping[str, Any]], project: str, folder: Folder | None) -> dict[str, dict[str, Any]]:
    """What the schema read of C(files), each with what is in it.

    :param project: the folder of the first Compose file, from C(compose_folder).
    """
    entries = {}
    for path, options in read.items():
        source = options["source"] or posixpath.normpath(posixpath.join(project, path))
        entry: dict[str, Any] = {**options, "own_source": bool(options["source"]), "source": source}
        if not options["on_host"] and options["content"] is None:
            try:
                entry["tree"] = folder.tree(source, options["patterns"]) if folder else no_folder(source)
            except Refused as error:
                entry["refused"] = error
        entries[path] = entry
    return entries


def entries_from(read: Mapping[str, Mapping[str, Any]]) -> dict[str, FileEntry]:
    """From what was read, by normalised path."""
    entries = [_entry(path, options) for path, options in read.items()]
    return {entry.path: entry for entry in entries}


def _entry(path: str, options: Mapping[str, Any]) -> FileEntry:
    content = options["content"]
    tree: Sequence[Mapping[str, Any]] = options.get("tree") or ()
    if content is not None:
        tree = [{"path": "", "content": base64.b64encode(str(content).encode()).decode(), "executable": False}]
    files = tuple(CarriedFile(file["content"], file["path"], options["mode"] or _mode(file)) for file in tree)
    name = posixpath.basename(normal(path)) or "files"
    owner, group = options["owner"], options["group"]
    carried = Carried(digest_of(name, files, owner, group), name, files, owner, group) if files else None
    return FileEntry(
        f"files.{path}",
        normal(path),
        options["source"] or "",
        options.get("own_source", False),
        content is not None,
        tuple(options["patterns"]),
        options["on_host"],
        carried,
        options.get("refused"),
        **(options["reload"] or {}),
    )


def _mode(file: Mapping[str, Any]) -> str:
    return "0755" if file["executable"] else "0644"


def entry_for(entries: Mapping[str, FileEntry], path: str) -> FileEntry | None:
    """The entry that brings a path; the closest one."""
    covering = [entry for entry in entries.values() if entry.covers(normal(path))]
    return max(covering, key=lambda entry: len(entry.path), default=None)
